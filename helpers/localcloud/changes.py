"""What has changed in the cloud, told to everybody who watches it, as soon as it is committed.

Triggers of the state write down every change, whichever process makes it (``migrations.py``). What
is told is what kind of thing has changed where, not what it is now: whoever wants to know asks, as
any client does. So who has missed something has only to look at everything once.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .store import Store

log = logging.getLogger(__name__)

PATH = "/changes"  # of the stream of changes, at the address of the proxy
TOKEN_FILE = "changes.token"  # noqa: S105 - its name, not the secret
LISTENERS = 64
_PAUSE = 0.02  # seconds between two looks: a burst is told in one piece


class Change(NamedTuple):
    """Something was made, has changed, or was deleted.

    ``kind``: ``registry``, ``task``, ``run``, ``tag``, ``container group`` or ``branch``; ``place``
    is an ARM id (of a task and a run: the registry's), a login server, the address of a git
    repository; ``name`` is what it is called there (of a tag: ``repository:tag``).
    """

    kind: str
    place: str
    name: str


class Pending:
    """What has changed and was not taken yet: of more than ``most``, only that everything has."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changes: dict[Change, None] = {}
        self.everything = False

    def __bool__(self) -> bool:
        return self.everything or bool(self._changes)

    def add(self, changes: Sequence[Change] | None) -> None:
        """Keep what has changed; None: everything."""
        if changes is None:
            self.everything = True
        elif not self.everything:
            self._changes.update(dict.fromkeys(changes))
            self.everything = len(self._changes) > self._most
        if self.everything:
            self._changes.clear()

    def take(self) -> list[Change] | None:
        """What was kept, each once; None for everything. Nothing is kept any more."""
        taken = None if self.everything else list(self._changes)
        self._changes.clear()
        self.everything = False
        return taken


class Listener(Protocol):
    """Who is told. Neither method may wait for anything, or raise."""

    def tell(self, changes: Sequence[Change] | None) -> None:
        """Something has changed; None: look at everything."""

    def end(self) -> None:
        """There will be nothing more."""


class Changes:
    """The changes of one cloud. Nothing is read, and no thread is there, while nobody listens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._new: set[Listener] = set()  # those that have still to be told to look at everything
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the cloud stops, and nobody can listen any more."""
        return self._closed

    def wake(self) -> None:
        """Something may have changed."""
        self._woken.set()

    def listen(self, listener: Listener) -> bool:
        """Tell a listener from now on; False when there are too many, or the cloud stops."""
        with self._lock:
            if self._closed or len(self._listeners) >= LISTENERS:
                return False
            self._listeners.add(listener)
            self._new.add(listener)
            self._store.changed = self.wake
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="changes", daemon=True)
                self._thread.start()
        self.wake()
        return True

    def leave(self, listener: Listener) -> None:
        """Tell a listener no more."""
        with self._lock:
            self._listeners.discard(listener)
            self._new.discard(listener)
        self.wake()

    def close(self) -> None:
        """Tell all listeners that there will be nothing more; nobody can listen any more."""
        with self._lock:
            self._closed = True
            listeners = list(self._listeners)
            thread = self._thread
        for listener in listeners:
            listener.end()
        self.wake()
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        position: int | None = None
        while True:
            self._woken.wait()
            self._woken.clear()
            with self._lock:
                if self._closed or not self._listeners:
                    self._store.changed = None
                    self._thread = None
                    return
                new, self._new = self._new, set()
                others = self._listeners - new
            position, changes = self._since(position)
            if changes != []:
                for listener in others:
                    listener.tell(changes)
            for listener in new:
                listener.tell(None)
            time.sleep(_PAUSE)

    def _since(self, position: int | None) -> tuple[int | None, list[Change] | None]:
        """The newest change, and all after ``position``: None when not all of them are there."""
        try:
            if position is None:
                rows = self._store.query("SELECT max(sequence) AS newest FROM changes")
                return int(rows[0]["newest"] or 0), []
            rows = self._store.query(
                "SELECT * FROM changes WHERE sequence>? ORDER BY sequence", (position,)
            )
        except sqlite3.Error as error:
            log.error("the changes cannot be read: %s", error)
            return position, None
        if not rows:
            return position, []
        newest = int(rows[-1]["sequence"])
        if rows[0]["sequence"] > position + 1:  # more than are kept
            return newest, None
        return newest, [Change(row["kind"], row["place"], row["name"]) for row in rows]
