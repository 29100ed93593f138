"""The state of the local cloud in one SQLite file: ARM resources, and each service's own tables."""

from __future__ import annotations

import functools
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from .migrations import check, migrate

log = logging.getLogger(__name__)

READING = ("GET", "HEAD")  # the methods of requests that only read
# Of the columns that keep the spelling; the others are in lower case.
_COLLATIONS = {"type": " COLLATE NOCASE", "name": " COLLATE NOCASE"}
_FIRST, _MOST = 128, 1024  # rows of a batch
_INDEXES = (("parent",), ("type", "name"), ("resource_group",))  # the best one first


Made = TypeVar("Made")
_set_aside: set[str] = set()  # records that were named in the log


def readable(
    what: str, key: Sequence[str], rows: Iterable[sqlite3.Row], make: Callable[[sqlite3.Row], Made]
) -> list[Made]:
    """What ``make`` makes of each row, without the rows of which it cannot make anything.

    Such a record is set aside: named in the log, once, by the columns of its ``key``, and passed
    over, so that everything else goes on. ``doctor`` names it, too.
    """
    made: list[Made] = []
    for row in rows:
        try:
            made.append(make(row))
        except (ValueError, TypeError, KeyError) as error:
            name = f"{what} {' '.join(str(row[column]) for column in key)}"
            if name not in _set_aside:
                _set_aside.add(name)
                log.error("%s is damaged and was set aside: %s", name, error)
    return made


def decoded(row: sqlite3.Row, column: str) -> dict[str, Any]:
    """The JSON object in a column. Raises ValueError when it holds anything else."""
    value = json.loads(row[column])
    if not isinstance(value, dict):
        raise ValueError(f"{column} is not a JSON object")
    return value


@dataclass
class Resource:
    """One ARM resource: ``body`` is what a GET answers, ``private`` is never shown."""

    id: str
    type: str
    name: str
    resource_group: str
    body: dict[str, Any]
    private: dict[str, Any] = field(default_factory=dict, repr=False)
    parent: str = ""
    created: float = 0.0
    updated: float = 0.0

    @property
    def key(self) -> str:
        """The id in lower case."""
        return self.id.lower()

    @property
    def properties(self) -> dict[str, Any]:
        """``body["properties"]``, created when missing."""
        properties: dict[str, Any] = self.body.setdefault("properties", {})
        return properties


class Store:
    """SQLite in WAL mode: a few connections that threads share, short transactions, killed without loss.

    ``synchronous=NORMAL`` keeps every committed transaction when the process is killed; only a
    power cut may lose the last ones (SQLite documentation, PRAGMA synchronous).
    """

    def __init__(self, path: Path, *, checked: bool = False) -> None:
        """Open, or make, the state at ``path``; one of an older version becomes one of this.

        One that is ``checked`` was opened by a process of this version, which has it open still.

        Raises :class:`CloudError` for one of a newer version.
        """
        self.path = path
        self._local = threading.local()  # the connection that a thread uses now
        self._free: list[sqlite3.Connection] = []
        self._closed = False
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # to write: SQLite's own waiting is to sleep and to ask again
        # Called after a commit that others may want to see, as long as somebody wants to.
        self.changed: Callable[[], None] | None = None
        self._last_change = 0
        if not checked:
            check(path)
            path.touch(mode=0o600, exist_ok=True)
        with self._connection() as connection:
            migrate(connection)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The connection that this thread uses already, else one that no other uses.

        Not one for each thread: every run has threads of its own, and a connection is two files.
        """
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            yield connection
            return
        with self._lock:
            connection = self._free.pop() if self._free else None
        self._local.connection = connection = connection or self._connect()
        try:
            yield connection
        finally:
            self._local.connection = None
            with self._lock:
                if self._closed:
                    connection.close()
                else:
                    self._free.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=30, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a SELECT."""
        with self._connection() as connection:
            return connection.execute(sql, parameters).fetchall()

    def batches(
        self, sql: str, place: Sequence[Any], columns: Sequence[str]
    ) -> Iterator[list[sqlite3.Row]]:
        """The rows of a SELECT that come after a place in its order, read as they are asked for.

        The parameters of ``sql`` are the ``place`` and how many rows to read; the ``columns`` of a row
        tell its place.
        """
        count = _FIRST
        while rows := self.query(sql, (*place, count)):
            yield rows
            place = [rows[-1][column] for column in columns]
            count = min(2 * count, _MOST)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one writing statement in its own transaction; returns the number of rows changed."""
        with self.transaction() as connection:
            return connection.execute(sql, parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction; commits on leaving, rolls back on an exception.

        Re-entrant in a thread: an inner transaction is part of the outer one. SQLite has one
        writer: nothing in it waits for anything else.
        """
        with self._connection() as connection:
            inner = connection.in_transaction
            if inner:
                yield connection
                return
            actions: list[Callable[[], None]] = []
            self._local.actions = actions
            with self._turn:
                # IMMEDIATE: what is read in it still holds when it writes.
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:  # not where SQLite itself has rolled back
                        connection.execute("ROLLBACK")
                    raise
            _act(functools.partial(self._tell, connection))
        for action in actions:
            _act(action)

    def _tell(self, connection: sqlite3.Connection) -> None:
        """Call :attr:`changed` if the table of changes has grown, by whomever, since the last time."""
        changed = self.changed
        if changed is None:
            return
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name='changes'").fetchone()
        before, self._last_change = self._last_change, row["seq"] if row else 0
        if before != self._last_change:
            changed()

    def on_commit(self, action: Callable[[], None]) -> None:
        """Call ``action`` after this thread's transaction has committed, in the order of asking.

        After a rollback it is not called; outside a transaction it is called at once. What it
        raises is logged: whatever has committed stays true.
        """
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and connection.in_transaction:
            self._local.actions.append(action)
        else:
            _act(action)

    @contextmanager
    def operation(self, method: str, *, outside: str = "") -> Iterator[None]:
        """What answers one request: one transaction, unless its ``method`` only reads.

        Entered when the request's body has been read; a refusal that is raised rolls back.
        ``outside`` is the reason of an operation that is none: what it waits for, or that it writes
        nothing. What that records, it records in transactions of its own.
        """
        if method in READING or outside:
            yield
            return
        with self.transaction():
            yield

    # -- resources ---------------------------------------------------------------------------

    def put(self, resource: Resource) -> Resource:
        """Insert or replace a resource; sets ``updated``, and ``created`` when it is new."""
        resource.updated = time.time()
        resource.created = resource.created or resource.updated
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO resources VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET"
                " body=excluded.body, private=excluded.private, updated=excluded.updated",
                (
                    resource.key,
                    resource.id,
                    resource.type,
                    resource.name,
                    resource.resource_group.lower(),
                    resource.parent.lower(),
                    json.dumps(resource.body),
                    json.dumps(resource.private),
                    resource.created,
                    resource.updated,
                ),
            )
        return resource

    def get(self, resource_id: str) -> Resource | None:
        """The resource of that ARM id (any case), or None."""
        rows = self.query("SELECT * FROM resources WHERE key=?", (resource_id.lower(),))
        return next(iter(_resources(rows)), None)

    def find(
        self,
        *,
        type: str | None = None,
        name: str | None = None,
        resource_group: str | None = None,
        parent: str | None = None,
        after: tuple[float, str] | None = None,
        most: int | None = None,
    ) -> list[Resource]:
        """Resources that match every given field (any case), in the order of their creation.

        The first ``most`` of them, of those after one by when it was created and its key.
        """
        fields = {"type": type, "name": name, "resource_group": resource_group, "parent": parent}
        given = {column: value for column, value in fields.items() if value is not None}
        # SQLite knows nothing of how many there are of each: a plus keeps it from the column's index.
        best = next((one for one in _INDEXES if one[0] in given), ())
        conditions = [
            f"{'' if column in best else '+'}{column}=?{_COLLATIONS.get(column, '')}"
            for column in given
        ]
        values = [
            value if column in _COLLATIONS else value.lower() for column, value in given.items()
        ]
        if after is not None:
            conditions.append("(created, key)>(?,?)")
        return self.select(" AND ".join(conditions) or "1", [*values, *(after or ())], most=most)

    def select(
        self, where: str, parameters: Sequence[Any] = (), *, most: int | None = None
    ) -> list[Resource]:
        """Resources that an SQL condition holds for, in the order of their creation: the first ``most``."""
        rows = self.query(
            f"SELECT * FROM resources WHERE {where} ORDER BY created, key LIMIT ?",  # noqa: S608
            (*parameters, -1 if most is None else most),
        )
        return _resources(rows)

    def remove(self, resource_id: str) -> list[Resource]:
        """Delete a resource and everything below its id; returns what was deleted."""
        key = resource_id.lower()
        with self.transaction() as connection:
            below = (key, key + "/", key + "0")  # '0' is the character after '/'
            where = "key=? OR (key>=? AND key<?)"
            rows = connection.execute(
                f"SELECT * FROM resources WHERE {where} ORDER BY key DESC",  # noqa: S608
                below,
            ).fetchall()
            connection.execute(f"DELETE FROM resources WHERE {where}", below)  # noqa: S608
        return _resources(rows)

    def close(self) -> None:
        """Close every connection, those in use as soon as they are free."""
        with self._lock:
            self._closed = True
            while self._free:
                self._free.pop().close()


def _act(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        log.exception("after a commit")


def _resources(rows: Iterable[sqlite3.Row]) -> list[Resource]:
    return readable("resource", ("id",), rows, _resource)


def _resource(row: sqlite3.Row) -> Resource:
    return Resource(
        id=row["id"],
        type=row["type"],
        name=row["name"],
        resource_group=row["resource_group"],
        body=decoded(row, "body"),
        private=decoded(row, "private"),
        parent=row["parent"],
        created=row["created"],
        updated=row["updated"],
    )
