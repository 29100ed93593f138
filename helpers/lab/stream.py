"""Listen to the changes of a local cloud: its daemon tells them, and is found again when it is gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import requests

from ..localcloud import daemon
from ..localcloud.changes import PATH, TOKEN_FILE, Change
from ..localcloud.cloud import Account
from ..localcloud.errors import CloudError, DaemonError

SILENCE = 5.0  # seconds without a word after which a daemon stands still: it says one every second
_RETRY = 0.5  # seconds before a daemon that is gone is looked for again

Heard = Callable[[Sequence[Change] | None], None]


class Stream:
    """A thread that tells ``heard`` what has changed, None for everything; and ``lost`` why it cannot.

    It begins with everything, and begins anew with it whenever the daemon is found again.
    """

    def __init__(
        self, home: Path, subscription_id: str, heard: Heard, lost: Callable[[str], None]
    ) -> None:
        self._home = home
        self._subscription_id = subscription_id
        self._heard = heard
        self._lost = lost
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._answer: requests.Response | None = None
        self._thread = threading.Thread(target=self._work, name="observer stream", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it at once."""
        with self._lock:
            self._closed.set()
            if self._answer is not None:
                # It has ended by itself, or has still no connection.
                with suppress(RuntimeError, ValueError, OSError):
                    self._answer.raw.shutdown()

    def join(self, timeout: float) -> None:
        """Wait until its thread has ended, unless it is this one."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _work(self) -> None:
        while not self._closed.is_set():
            refusal = ""
            try:
                with requests.Session() as session:
                    session.trust_env = False  # loopback is no matter for a proxy
                    refusal = self._listen(session)
            except (requests.RequestException, DaemonError, OSError, ValueError):
                pass  # why is looked into below
            if not self._closed.is_set():
                reason = trouble(self._home, self._subscription_id)
                self._lost(reason or refusal or UNANSWERED)
                self._closed.wait(_RETRY)

    def _listen(self, session: requests.Session) -> str:
        """Listen until the stream ends; why it was refused. When it breaks something is raised."""
        running = daemon.status(self._home)
        if running is None:
            return ""
        token = (self._home / TOKEN_FILE).read_text()
        with session.get(
            f"{running.proxy_url}{PATH}",
            headers={"Authorization": f"Bearer {token}"},
            stream=True,
            timeout=SILENCE,
        ) as answer:
            if answer.status_code == 503:  # in words that are for the reader
                return answer.text.strip()
            answer.raise_for_status()
            with self._lock:
                if self._closed.is_set():
                    return ""
                self._answer = answer
            try:
                for line in answer.iter_lines():
                    if line:
                        changes = json.loads(line)["changes"]
                        if changes is not None:
                            changes = [
                                Change(one["kind"], one["place"], one["name"]) for one in changes
                            ]
                        self._heard(changes)
            finally:
                with self._lock:
                    self._answer = None
        return ""


UNANSWERED = (
    "The local cloud does not answer: if this does not go on by itself, restart it with python -m "
    "helpers down and python -m helpers up."
)


def trouble(home: Path, subscription_id: str) -> str:
    """Why a local cloud is not there, and what to do, in one sentence; '' when it is."""
    try:
        running = daemon.status(home)
        account = home / "account.json"
        found = Account.load(account).subscription_id if account.exists() else ""
    except (DaemonError, CloudError, OSError) as error:
        return str(error)
    if found != subscription_id:
        return (
            "The local cloud was reset, and what is shown is gone: restart the kernel and run the "
            "notebook from its first cell."
        )
    if running is None:
        return (
            "The local cloud does not run: start it with python -m helpers up, and this goes on by "
            "itself."
        )
    return ""
