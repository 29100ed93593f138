"""Who may enter which running container: for exec and attach, which come over a WebSocket."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
import weakref
from dataclasses import dataclass, field

from ..cloud import Cloud
from ..containers.sandboxes.container import Container
from .logs import Log

_LIFETIME = 300.0  # seconds in which a session must be begun
_MOST = 200  # sessions that nobody has begun
ROWS, COLUMNS = 24, 80  # of a terminal that nobody has told how large it is


@dataclass(frozen=True)
class Entrance:
    """A container that runs, and its log."""

    container: Container
    log: Log


@dataclass(frozen=True)
class Session:
    """What somebody may do once who knows its path and password: a ``command``, or look on ('')."""

    entrance: Entrance
    command: str
    rows: int
    columns: int
    path: str
    password: str
    opened: float = field(default_factory=time.monotonic)

    def admits(self, password: str) -> bool:
        """Whether that is the password."""
        return hmac.compare_digest(self.password.encode(), password.encode())


class Consoles:
    """The running containers of one cloud, and the sessions in them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], Entrance] = {}
        self._sessions: dict[str, Session] = {}

    def add(self, group_id: str, name: str, container: Container, log: Log) -> None:
        """A container of a group runs."""
        with self._lock:
            self._running[group_id.lower(), name] = Entrance(container, log)

    def remove(self, group_id: str, name: str, container: Container) -> None:
        """It has ended; one that has its place by now stays."""
        with self._lock:
            found = self._running.get((group_id.lower(), name))
            if found is not None and found.container is container:
                del self._running[group_id.lower(), name]

    def find(self, group_id: str, name: str) -> Entrance | None:
        """The running container of that name."""
        with self._lock:
            found = self._running.get((group_id.lower(), name))
        return found if found is not None and found.container.exit_code is None else None

    def open(
        self, entrance: Entrance, command: str = "", rows: int = ROWS, columns: int = COLUMNS
    ) -> Session:
        """A session that can be begun once, within some minutes."""
        kind = "exec" if command else "attach"
        path = f"/{kind}/caas-{secrets.token_hex(16)}/bridge-{secrets.token_hex(8)}"
        session = Session(entrance, command, rows, columns, path, secrets.token_urlsafe(32))
        oldest = time.monotonic() - _LIFETIME
        with self._lock:
            kept = [one for one in self._sessions.values() if one.opened > oldest][1 - _MOST :]
            self._sessions = {one.path: one for one in (*kept, session)}
        return session

    def take(self, path: str) -> Session | None:
        """The session of that path, which nobody else gets."""
        with self._lock:
            found = self._sessions.pop(path, None)
        return found if found is not None and found.opened > time.monotonic() - _LIFETIME else None


_consoles: weakref.WeakKeyDictionary[Cloud, Consoles] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def of(cloud: Cloud) -> Consoles:
    """Those of a cloud, in this process."""
    with _lock:
        return _consoles.setdefault(cloud, Consoles())
