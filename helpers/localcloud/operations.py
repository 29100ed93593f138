"""Long-running operations: what takes longer than a moment, kept in the store until it has ended.

One that was going on when the daemon was killed is carried on by the next, or ends as Failed.
"""

from __future__ import annotations

import functools
import json
import sqlite3
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from .errors import CloudError
from .store import Store, decoded, readable

IN_PROGRESS, SUCCEEDED, FAILED = "InProgress", "Succeeded", "Failed"
KEPT = 24 * 3600.0  # seconds that one which has ended can be asked for


@dataclass(frozen=True)
class Operation:
    """One long-running operation; ``request`` is what carrying it out needs, and is never shown."""

    id: str
    kind: str  # importImage, containerGroups/stop, …
    resource_id: str
    request: dict[str, Any] = field(repr=False)
    status: str = IN_PROGRESS
    error: CloudError | None = None
    started: float = 0.0  # seconds since 1970
    ended: float | None = None


class Operations:
    """The operations of one cloud. ``wake`` is called with each after the commit that began it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._endings: dict[str, list[Future[None]]] = defaultdict(list)
        self.wake: Callable[[Operation], None] | None = None

    def begin(
        self, kind: str, resource_id: str, request: dict[str, Any] | None = None
    ) -> Operation:
        """Record that an operation goes on; within a transaction, only if that commits."""
        now = time.time()
        operation = Operation(str(uuid.uuid4()), kind, resource_id, request or {}, started=now)
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM operations WHERE ended<?", (now - KEPT,))
            connection.execute(
                "INSERT INTO operations (id, kind, resource_id, request, status, started)"
                " VALUES (?,?,?,?,?,?)",
                (
                    operation.id,
                    kind,
                    resource_id,
                    json.dumps(operation.request),
                    operation.status,
                    now,
                ),
            )
            if self.wake is not None:
                self._store.on_commit(functools.partial(self.wake, operation))
        return operation

    def end(self, operation_id: str, error: CloudError | None = None) -> bool:
        """Record how it ended, with the transaction around; False when it had ended before."""
        told = {"status": error.status, **error.body()} if error else None
        with self._store.transaction() as connection:
            changed = connection.execute(
                "UPDATE operations SET status=?, error=?, ended=?, request='{}'"
                " WHERE id=? AND status=?",
                (
                    FAILED if error else SUCCEEDED,
                    json.dumps(told) if told else None,
                    time.time(),
                    operation_id,
                    IN_PROGRESS,
                ),
            ).rowcount
            self._store.on_commit(functools.partial(self._tell, operation_id))
        return bool(changed)

    def get(self, operation_id: str) -> Operation | None:
        """The operation of that id, or None: there was none, or it ended more than a day ago."""
        rows = self._store.query("SELECT * FROM operations WHERE id=?", (operation_id,))
        return next(iter(_operations(rows)), None)

    def going_on(self) -> list[Operation]:
        """Those that have not ended, the oldest first."""
        rows = self._store.query(
            "SELECT * FROM operations WHERE status=? ORDER BY started", (IN_PROGRESS,)
        )
        return _operations(rows)

    # -- waiting -------------------------------------------------------------------------------

    def ending(self, operation_id: str) -> Future[None]:
        """Done as soon as it has ended, in this process. Give it back with :meth:`release`."""
        coming: Future[None] = Future()
        with self._lock:
            self._endings[operation_id].append(coming)
        found = self.get(operation_id)
        if found is None or found.status != IN_PROGRESS:
            self._tell(operation_id)
        return coming

    def release(self, operation_id: str, coming: Future[None]) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            waiting = self._endings.get(operation_id, [])
            if coming in waiting:
                waiting.remove(coming)
            if not waiting:
                self._endings.pop(operation_id, None)

    def _tell(self, operation_id: str) -> None:
        with self._lock:
            waiting = self._endings.pop(operation_id, [])
        for coming in waiting:
            coming.set_result(None)


def _operations(rows: Iterable[sqlite3.Row]) -> list[Operation]:
    return readable("operation", ("id",), rows, _operation)


def _operation(row: sqlite3.Row) -> Operation:
    told = json.loads(row["error"]) if row["error"] else None
    return Operation(
        id=row["id"],
        kind=row["kind"],
        resource_id=row["resource_id"],
        request=decoded(row, "request"),
        status=row["status"],
        error=_error(told) if told else None,
        started=row["started"],
        ended=row["ended"],
    )


def _error(told: dict[str, Any]) -> CloudError:
    more = {name: told[name] for name in ("target", "details") if name in told}
    additional_info = told.get("additionalInfo", ())
    return CloudError(
        told["status"], told["code"], told["message"], additional_info=additional_info, **more
    )
