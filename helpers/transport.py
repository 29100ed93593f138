"""How the SDK's clients reach a local cloud, and what they say when that is not there any more."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport

from .errors import HelpersError
from .localcloud import daemon
from .localcloud.errors import CloudError


class CloudLostError(HelpersError):
    """The local cloud was stopped or reset meanwhile; the message says what to do."""


def check(home: Path, subscription_id: str) -> None:
    """Raise :class:`CloudLostError` unless the local cloud of ``home`` has that subscription still."""
    running, found = None, ""
    with suppress(daemon.DaemonError, CloudError, OSError):
        running = daemon.status(home)
        found = running.account.subscription_id if running is not None else ""
    if found == subscription_id:
        return
    if running is None and (home / "account.json").exists():
        raise CloudLostError(
            f"The local cloud in {home} does not run any more: it was stopped. Nothing is lost. "
            "Start it again, and then run this once more: python -m helpers up"
        )
    raise CloudLostError(
        f"The local cloud in {home} was reset meanwhile: everything in it is gone. Restart the "
        "kernel and run the notebook from its first cell: it starts the cloud and makes what it needs."
    )


class LocalTransport(RequestsTransport):  # type: ignore[misc]
    """The SDK's own transport, but that a cloud which is gone is told as such."""

    def __init__(self, home: Path, subscription_id: str) -> None:
        super().__init__()
        self._home = home
        self._subscription_id = subscription_id

    def send(self, request: Any, **options: Any) -> Any:
        """Send it. Raises :class:`CloudLostError`, and what the SDK's own transport raises."""
        try:
            response = super().send(request, **options)
        except (
            ServiceRequestError,
            OSError,
        ):  # requests knows no CA file of a cloud that was reset
            check(self._home, self._subscription_id)
            raise
        if response.status_code == 401:  # also: a challenge, before a client has a token
            check(self._home, self._subscription_id)
        return response
