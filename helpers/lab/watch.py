"""The threads of an observer: what has changed is noted while it comes, and read one piece a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from ..clouds import Connection
from ..errors import HelpersError
from ..localcloud.changes import Change, Pending
from ..settings import Settings
from .sight import Sight
from .state import CloudState
from .stream import UNANSWERED, Stream, trouble

log = logging.getLogger(__name__)

POLL = 3.0  # seconds from one look at Azure to the next, which takes a while itself
_RETRY = 2.0  # seconds after which what could not be read is read again
_MOST = 500  # changes that are noted while others are read; with more, everything is read
_LEAVE = 2.0  # seconds that a request which is not answered may keep who does not watch any more


class Watch:
    """Looks at a cloud until it is closed, and tells each time what it has seen.

    ``told`` is called with this object, and either a state or, for a cloud that cannot be seen, the
    reason: a sentence with the next step.
    """

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        told: Callable[[Watch, CloudState | str], None],
    ) -> None:
        self.first = threading.Event()  # set by whoever is told, when that is done
        self._connection = connection
        self._sight = Sight(connection, settings)
        self._told = told
        self._noted = threading.Condition()
        self._waiting = Pending(_MOST)
        self._waiting.everything = not connection.is_local  # there the stream begins with that
        self._lost = ""  # why the stream is broken
        self._closed = False
        self._look_at: float | None = None  # when everything is looked at without being told to
        self._stream: Stream | None = None
        self._home = Path(connection.environment.get("LOCALCLOUD_HOME", ""))
        if connection.is_local:
            self._stream = Stream(self._home, connection.subscription_id, self._hear, self._miss)
        self._thread = threading.Thread(target=self._work, name="observer", daemon=True)
        self._thread.start()

    def close(self, *, wait: bool) -> None:
        """Look no more; ``wait`` until its threads have ended, unless this is one of them."""
        with self._noted:
            self._closed = True
            self._noted.notify_all()
        if self._stream is not None:
            self._stream.close()
        if not wait or threading.current_thread() is self._thread:
            return
        if self._stream is not None:
            self._stream.join(_LEAVE)
        self._thread.join(_LEAVE)

    # -- what the stream tells ----------------------------------------------------------------

    def _hear(self, changes: Sequence[Change] | None) -> None:
        with self._noted:
            if changes is None:
                self._lost = ""
            self._waiting.add(changes)
            self._noted.notify_all()

    def _miss(self, reason: str) -> None:
        with self._noted:
            self._lost = reason
        self._told(self, reason)

    # -- what is looked at --------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._noted:
                self._noted.wait_for(self._is_due, self._pause())
                if self._closed:
                    return
                if self._is_all_due():
                    self._waiting.add(None)
                changes = self._waiting.take()
            try:
                self._look(changes)
            except Exception:  # whatever else goes on
                log.exception("the cloud cannot be looked at")
                self._look_at = time.monotonic() + _RETRY

    def _is_due(self) -> bool:
        return self._closed or bool(self._waiting)

    def _is_all_due(self) -> bool:
        return self._look_at is not None and time.monotonic() >= self._look_at

    def _pause(self) -> float | None:
        """Seconds until something is looked at without being told to."""
        all_in = None if self._look_at is None else max(0.0, self._look_at - time.monotonic())
        pauses = [one for one in (all_in, self._sight.pause) if one is not None]
        return min(pauses, default=None)

    def _look(self, changes: Sequence[Change] | None) -> None:
        """Look at what has changed, None for everything, at the site when nothing has."""
        self._look_at = time.monotonic() + POLL if not self._connection.is_local else None
        if changes == []:
            self._try(self._sight.look_at_site)
        else:
            self._try(lambda: self._sight.look(changes))
        if self._sight.is_partial:
            self._try(self._sight.complete)

    def _try(self, look: Callable[[], None]) -> None:
        from azure.core.exceptions import AzureError

        try:
            look()
        except (AzureError, HelpersError, OSError) as error:
            problem = why(self._connection, error)
            self._look_at = self._look_at or time.monotonic() + _RETRY
        else:
            problem = ""
        with self._noted:
            if self._lost:  # whatever was seen: when the stream is there again all is looked at
                problem, self._look_at = self._lost, None
        now = datetime.now(timezone.utc)
        seen = CloudState(self._sight.registries, self._sight.site, now)
        self._told(self, problem or seen)


def said(connection: Connection, error: Exception) -> str:
    """What is told of something that was asked for and failed: an error of ours says it itself."""
    return str(error) if isinstance(error, HelpersError) else why(connection, error)


def why(connection: Connection, error: Exception) -> str:
    """Why the cloud cannot be seen, and what to do, in one sentence."""
    from azure.core.exceptions import (
        ClientAuthenticationError,
        ServiceRequestError,
        ServiceResponseError,
    )

    if connection.is_local:
        home = Path(connection.environment["LOCALCLOUD_HOME"])
        found = trouble(home, connection.subscription_id)
        if found:
            return found
        if isinstance(error, (ServiceRequestError, ServiceResponseError, OSError)):
            return UNANSWERED
    elif isinstance(error, ClientAuthenticationError):
        return "Azure knows nobody here any more: sign in again with az login."
    elif isinstance(error, (ServiceRequestError, ServiceResponseError, OSError)):
        return "Azure does not answer: see to this machine's network, and this goes on by itself."
    text = str(error).strip() or type(error).__name__
    return (
        f"The cloud cannot be seen ({text.splitlines()[0].rstrip('.')}): if that stays so, run the "
        "notebook from its first cell."
    )
