"""The events of webhooks, in the store: what was told, what was answered, what waits."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..store import Store, decoded, readable

KEPT = 100  # events of a webhook that are over, the newest
WAITING = 1000  # that wait: of a receiver that never answers, the oldest are given up
_GIVEN_UP = {
    "content": f"More than {WAITING} events of this webhook wait: its receiver is too slow.",
    "headers": {},
    "reasonPhrase": "Given up",
}


@dataclass(frozen=True)
class Record:
    """One event of one webhook."""

    sequence: int
    id: str
    webhook: str
    content: dict[str, Any]
    request: dict[str, Any] | None  # of the last attempt, as its response
    response: dict[str, Any] | None
    attempts: int
    due: float | None

    def rendered(self) -> dict[str, Any]:
        """As listEvents shows it."""
        return {
            "id": self.id,
            "eventRequestMessage": {"content": self.content, **(self.request or {})},
            "eventResponseMessage": self.response,
        }


class Records:
    """The events of the webhooks of one cloud."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, webhook: str, content: dict[str, Any]) -> str:
        """Have a webhook tell something, soon; the id of the event."""
        key = webhook.lower()
        event = str(uuid.uuid4())
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO webhook_events (id, webhook, content, due) VALUES (?,?,?,?)",
                (event, key, json.dumps({"id": event, **content}), time.time()),
            )
            connection.execute(
                "DELETE FROM webhook_events WHERE webhook=:key AND due IS NULL AND sequence<="
                "(SELECT sequence FROM webhook_events WHERE webhook=:key AND due IS NULL"
                " ORDER BY sequence DESC LIMIT 1 OFFSET :kept)",
                {"key": key, "kept": KEPT - 1},
            )
            connection.execute(
                "UPDATE webhook_events SET due=NULL, response=:response WHERE webhook=:key AND"
                " due IS NOT NULL AND sequence<=(SELECT sequence FROM webhook_events WHERE"
                " webhook=:key AND due IS NOT NULL ORDER BY sequence DESC LIMIT 1 OFFSET :waiting)",
                {"key": key, "response": json.dumps(_GIVEN_UP), "waiting": WAITING},
            )
        return event

    def of(self, webhook: str) -> list[Record]:
        """The newest events of a webhook, the newest first."""
        rows = self._store.query(
            "SELECT * FROM webhook_events WHERE webhook=? ORDER BY sequence DESC LIMIT ?",
            (webhook.lower(), KEPT),
        )
        return _records(rows)

    def waiting(self, now: float, each: int) -> list[tuple[int, str, float]]:
        """Number, webhook and time of what waits, of each webhook the next ones.

        Those that have not been tried come first.
        """
        rows = self._store.query(
            "SELECT sequence, webhook, due FROM (SELECT *, row_number() OVER (PARTITION BY webhook"
            " ORDER BY max(due,?), attempts, sequence) AS place FROM webhook_events"
            " WHERE due IS NOT NULL) WHERE place<=? ORDER BY attempts, sequence",
            (now, each),
        )
        return [(row["sequence"], row["webhook"], row["due"]) for row in rows]

    def get(self, sequence: int) -> Record | None:
        """The event of that number, unless its webhook is gone."""
        rows = self._store.query("SELECT * FROM webhook_events WHERE sequence=?", (sequence,))
        return next(iter(_records(rows)), None)

    def attempted(
        self,
        sequence: int,
        request: dict[str, Any],
        response: dict[str, Any],
        due: float | None,
    ) -> None:
        """Record an attempt; ``due`` is when the next one is."""
        self._store.execute(
            "UPDATE webhook_events SET request=?, response=?, attempts=attempts+1, due=?"
            " WHERE sequence=?",
            (json.dumps(request), json.dumps(response), due, sequence),
        )

    def give_up(self, sequence: int) -> None:
        """Attempt it no more: it cannot be read, or nobody is left to tell it."""
        self._store.execute("UPDATE webhook_events SET due=NULL WHERE sequence=?", (sequence,))


def forget(store: Store, webhook: str) -> None:
    """Drop the events of a webhook that is deleted, also what it had still to tell."""
    store.execute("DELETE FROM webhook_events WHERE webhook=?", (webhook.lower(),))


def _records(rows: Iterable[sqlite3.Row]) -> list[Record]:
    return readable("webhook event", ("sequence",), rows, _record)


def _record(row: sqlite3.Row) -> Record:
    return Record(
        row["sequence"],
        row["id"],
        row["webhook"],
        decoded(row, "content"),
        decoded(row, "request") if row["request"] else None,
        decoded(row, "response") if row["response"] else None,
        row["attempts"],
        row["due"],
    )
