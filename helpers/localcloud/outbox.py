"""The outbox: how services tell one another what happened, with what it tells of or not at all.

An event is written in the transaction that it tells of, and delivered after the commit to every
subscriber: in order, again after a restart, and to each by a thread and at a position of its own,
so that none waits for another. (Pattern: "Transactional outbox", microservices.io.)
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .errors import no_space
from .events import EVENTS
from .store import Store

log = logging.getLogger(__name__)

_KINDS = {kind.__name__: kind for kind in EVENTS}
_PAUSES = (0.05, 0.5)  # seconds before the second and the third try
_PAGE = 100  # entries that are read at a time
Handler = Callable[[Any], None]


@dataclass(frozen=True)
class SetAside:
    """An event that could not be handled: kept, named by ``status``, and passed over."""

    sequence: int
    subscriber: str  # "" when nobody can read it
    kind: str
    payload: str
    created: float  # seconds since 1970
    reason: str


class Outbox:
    """The events of one cloud, from the transaction that they belong to to their subscribers.

    ``wake`` is called after every commit that has added an event; a process that has no
    subscribers replaces it by what wakes the one that has.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscribers: dict[str, _Subscriber] = {}
        self._lock = threading.Lock()
        self.wake: Callable[[], None] = self._wake

    def add(self, event: object) -> None:
        """Publish one of :data:`events.EVENTS`; within a transaction, only if that commits."""
        kind = type(event)
        if kind not in EVENTS:
            raise TypeError(f"{kind.__name__} is not one of the events of events.py")
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO outbox (kind, payload, created) VALUES (?,?,?)",
                (kind.__name__, json.dumps(asdict(event)), time.time()),  # type: ignore[call-overload]
            )
            self._store.on_commit(self.wake)

    def subscribe(
        self, name: str, handlers: Mapping[type[Any], Handler], *, slow: bool = False
    ) -> None:
        """Call the handler of its class with every event, in order, in a thread of ``name``'s own.

        A handler runs in the transaction that moves the position of its subscriber: what it writes
        is written once for each event. A ``slow`` one, which waits or acts outside the store, runs
        before that transaction: after a kill it may see the event again. A name that is new gets
        whatever still waits. An event whose handler raises three times is set aside.
        """
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO outbox_positions VALUES (?,?,0)",
                [(name, kind.__name__) for kind in handlers],
            )
        subscriber = _Subscriber(self._store, name, handlers, slow)
        with self._lock:
            assert name not in self._subscribers, name
            self._subscribers[name] = subscriber
        subscriber.start()

    def settle(self) -> None:
        """Once everybody has subscribed: let go of what nobody will ever handle.

        Subscribers of another version are forgotten; events that this version does not know are set
        aside.
        """
        with self._lock:
            names = list(self._subscribers)
        with self._store.transaction() as connection:
            marks = ",".join("?" * len(names))
            connection.execute(
                f"DELETE FROM outbox_positions WHERE subscriber NOT IN ({marks})",  # noqa: S608
                names,
            )
            unknown = [
                row
                for row in connection.execute("SELECT * FROM outbox").fetchall()
                if row["kind"] not in _KINDS
            ]
            for row in unknown:
                _set_aside(connection, row, "", f"this version knows no event {row['kind']}")
            connection.execute(
                "DELETE FROM outbox WHERE NOT EXISTS (SELECT 1 FROM outbox_positions AS other WHERE"
                " other.kind=outbox.kind AND other.position<outbox.sequence)"
            )

    def idle(self, timeout: float) -> bool:
        """Wait until everybody has handled everything; False when ``timeout`` s were too few."""
        deadline = time.monotonic() + timeout
        while self.waiting():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def waiting(self) -> int:
        """How many events somebody has still to handle."""
        [row] = self._store.query(f"SELECT count(DISTINCT sequence) AS number {_WAITING}")
        return int(row["number"])

    def set_aside(self) -> list[SetAside]:
        """The events that were set aside, the oldest first."""
        rows = self._store.query("SELECT * FROM outbox_set_aside ORDER BY sequence, subscriber")
        return [SetAside(**row) for row in rows]

    def stop(self, patience: float = 10.0) -> None:
        """Deliver no more: what waits is delivered after the next start.

        A handler that goes on may end within ``patience`` seconds.
        """
        with self._lock:
            subscribers = list(self._subscribers.values())
            self._subscribers.clear()
        deadline = time.monotonic() + patience
        for subscriber in subscribers:
            subscriber.stop()
        for subscriber in subscribers:
            subscriber.join(max(0.0, deadline - time.monotonic()))

    def _wake(self) -> None:
        with self._lock:
            subscribers = list(self._subscribers.values())
        for subscriber in subscribers:
            subscriber.wake()


_WAITING = (
    "FROM outbox JOIN outbox_positions USING (kind) WHERE outbox.sequence>outbox_positions.position"
)


class _Subscriber:
    """One subscriber's thread: sleeps until it is woken, then handles what waits for it."""

    def __init__(
        self, store: Store, name: str, handlers: Mapping[type[Any], Handler], slow: bool
    ) -> None:
        self._store = store
        self._name = name
        self._handlers = {kind.__name__: handler for kind, handler in handlers.items()}
        self._slow = slow
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"outbox {name}", daemon=True)

    def start(self) -> None:
        self.wake()  # for what waits already
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()

    def join(self, timeout: float) -> None:
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _work(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            try:
                self._drain()
            except Exception:  # of the store itself: of a disk that is full, for example
                log.exception("the outbox of %s cannot be read", self._name)
                self._woken.set()
                self._stopping.wait(1.0)
            if self._stopping.is_set():
                return

    def _drain(self) -> None:
        while rows := self._waiting():
            for row in rows:
                if self._stopping.is_set():
                    return
                self._deliver(row)

    def _waiting(self) -> list[sqlite3.Row]:
        return self._store.query(
            f"SELECT outbox.* {_WAITING} AND subscriber=? ORDER BY sequence LIMIT {_PAGE}",
            (self._name,),
        )

    def _deliver(self, row: sqlite3.Row) -> None:
        """Handle one entry, or set it aside."""
        try:
            event = _KINDS[row["kind"]](**json.loads(row["payload"]))
        except (TypeError, ValueError) as error:
            self._pass_over(row, f"it cannot be read: {error}")
            return
        pauses = list(_PAUSES)
        while True:
            try:
                self._handle(row, event)
            except Exception as error:
                passing = _passing(error)
                if not passing and not pauses:
                    log.exception("%s: event %d, %r", self._name, row["sequence"], event)
                    self._pass_over(row, f"its handler failed: {type(error).__name__}: {error}")
                    return
                if passing:
                    log.warning("%s waits with event %d: %s", self._name, row["sequence"], error)
                if self._stopping.wait(1.0 if passing else pauses.pop(0)):
                    return
            else:
                return

    def _handle(self, row: sqlite3.Row, event: object) -> None:
        handler = self._handlers[row["kind"]]
        if self._slow:
            handler(event)
        with self._store.transaction() as connection:
            if self._advance(connection, row) and not self._slow:
                handler(event)

    def _pass_over(self, row: sqlite3.Row, reason: str) -> None:
        with self._store.transaction() as connection:
            if self._advance(connection, row):
                _set_aside(connection, row, self._name, reason)

    def _advance(self, connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
        """Move the position, and drop an entry that everybody has handled; False if it was moved."""
        moved = connection.execute(
            "UPDATE outbox_positions SET position=:sequence WHERE subscriber=:name AND kind=:kind"
            " AND position<:sequence",
            {"sequence": row["sequence"], "name": self._name, "kind": row["kind"]},
        ).rowcount
        if moved:
            connection.execute(
                "DELETE FROM outbox WHERE sequence=:sequence AND NOT EXISTS (SELECT 1 FROM"
                " outbox_positions WHERE kind=:kind AND position<:sequence)",
                {"sequence": row["sequence"], "kind": row["kind"]},
            )
        return bool(moved)


def _set_aside(
    connection: sqlite3.Connection, row: sqlite3.Row, subscriber: str, reason: str
) -> None:
    log.error(
        "event %d (%s)%s was set aside, everything else goes on: %s",
        row["sequence"],
        row["kind"],
        f" of {subscriber}" if subscriber else "",
        reason,
    )
    connection.execute(
        "INSERT OR REPLACE INTO outbox_set_aside VALUES (?,?,?,?,?,?)",
        (row["sequence"], subscriber, row["kind"], row["payload"], row["created"], reason),
    )


def _passing(error: Exception) -> bool:
    """Whether an error is the disk's or the state's, not the event's: then it is tried for ever."""
    if no_space(error) is not None:
        return True
    return isinstance(error, sqlite3.OperationalError) and any(
        word in str(error) for word in ("locked", "busy", "disk I/O")
    )
