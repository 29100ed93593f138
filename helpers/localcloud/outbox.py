"""Events that must not be lost: written with what they tell of, and kept until they are handled."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

from .events import BranchPushed, ManifestPushed
from .store import Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, payload TEXT NOT NULL, created REAL NOT NULL
);
"""
_KINDS = {kind.__name__: kind for kind in (BranchPushed, ManifestPushed)}
Kept = BranchPushed | ManifestPushed


@dataclass(frozen=True)
class Entry:
    """An event that waits to be handled; ``created`` in seconds since 1970."""

    sequence: int
    event: Kept
    created: float


class Outbox:
    """The waiting events, in the order in which they happened."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.schema(_SCHEMA)

    def add(self, event: Kept) -> None:
        """Keep an event; within a transaction, only if that commits."""
        self._store.execute(
            "INSERT INTO outbox (kind, payload, created) VALUES (?,?,?)",
            (type(event).__name__, json.dumps(asdict(event)), time.time()),
        )

    def first(self) -> Entry | None:
        """The oldest event that waits, or None."""
        rows = self._store.query("SELECT * FROM outbox ORDER BY sequence LIMIT 1")
        if not rows:
            return None
        row = rows[0]
        event = _KINDS[row["kind"]](**json.loads(row["payload"]))
        return Entry(row["sequence"], event, row["created"])

    def done(self, entry: Entry) -> None:
        """Forget an event that was handled; in the transaction that records what came of it."""
        self._store.execute("DELETE FROM outbox WHERE sequence=?", (entry.sequence,))
