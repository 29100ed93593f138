"""How the SDK's clients reach a local cloud, and what they say when that is not there any more."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport

from .errors import HelpersError
from .localcloud import daemon
from .localcloud.errors import CloudError, DaemonError

_ANSWERS_WITHIN = 10.0  # seconds, for a few bytes over loopback
_SILENT = 60.0  # seconds without a byte, after which it is asked whether it still answers


class CloudLostError(HelpersError):
    """The local cloud was stopped or reset meanwhile; the message says what to do."""


def check(home: Path, subscription_id: str) -> None:
    """Raise :class:`CloudLostError` unless the local cloud of ``home`` is there, the same, and answers."""
    running, found = None, ""
    with suppress(DaemonError, CloudError, OSError):
        running = daemon.status(home)
        found = running.account.subscription_id if running is not None else ""
    if running is not None and found == subscription_id:
        _check_that_it_answers(running)
        return
    if running is None and (home / "account.json").exists():
        raise CloudLostError(
            f"The local cloud in {home} does not run any more: it was stopped. Nothing is lost. "
            "Start it again, and then run this once more: python -m helpers up"
        )
    moved = " If you moved that folder, tell where it is now: LOCALCLOUD_HOME=<folder>."
    raise CloudLostError(
        f"The local cloud in {home} was reset meanwhile: everything in it is gone. Restart the "
        "kernel and run the notebook from its first cell: it starts the cloud and makes what it "
        f"needs.{'' if home.exists() else moved}"
    )


def _check_that_it_answers(running: daemon.Running) -> None:
    """Its proxy answers whatever it is asked; that of a process which stands still does not."""
    if _stands_still(running) or not _answers(running):
        raise CloudLostError(
            f"The local cloud in {running.home} does not answer: its process {running.pid} stands "
            f"still. Let it go on with kill -CONT {running.pid}, or stop it: python -m helpers down. "
            "Then run this once more."
        )


def _answers(running: daemon.Running) -> bool:
    proxy = urlsplit(running.proxy_url)
    address = (proxy.hostname or "", proxy.port or 0)
    try:
        with socket.create_connection(address, timeout=_ANSWERS_WITHIN) as connection:
            connection.sendall(b"OPTIONS * HTTP/1.1\r\n\r\n")
            return bool(connection.recv(1))
    except OSError:
        return False


def _stands_still(running: daemon.Running) -> bool:
    """Whether its process is stopped. Where there is no /proc, nobody knows."""
    return daemon.process_state(running.pid) in ("T", "t")


class LocalTransport(RequestsTransport):  # type: ignore[misc]
    """The SDK's own transport, but that a cloud which is gone is told as such."""

    def __init__(self, home: Path, subscription_id: str) -> None:
        super().__init__(read_timeout=_SILENT)
        self._home = home
        self._subscription_id = subscription_id

    def send(self, request: Any, **options: Any) -> Any:
        """Send it. Raises :class:`CloudLostError`, and what the SDK's own transport raises."""
        with suppress(DaemonError):
            running = daemon.status(self._home)
            if running is not None and _stands_still(running):  # it would be waited for in vain
                check(self._home, self._subscription_id)
        try:
            response = super().send(request, **options)
        except (
            ServiceRequestError,
            ServiceResponseError,
            OSError,
        ):  # requests knows no CA file of a cloud that was reset
            check(self._home, self._subscription_id)
            raise
        if response.status_code == 401:  # also: a challenge, before a client has a token
            check(self._home, self._subscription_id)
        return response
