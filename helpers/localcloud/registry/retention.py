"""Untagged manifests that the retention policy deletes: when each is due.

Source: learn.microsoft.com, "Set a retention policy for untagged manifests": when a manifest is untagged
the policy is looked at, and its deletion is queued for a certain day. A tag in between cancels that
(Azure/acr issue 520). One that was never tagged is never untagged.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..events import ExpiryRecorded
from ..outbox import Outbox
from ..store import Store
from .policies import DAY

Place = tuple[str, str]  # registry and repository


class Retention:
    """The manifests of all registries that are to be deleted; ``registry`` is a login server's name."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def queue(self, registry: str, repository: str, digests: Sequence[str], days: int) -> None:
        """Have manifests deleted in ``days``, unless they have a tag by then."""
        due = time.time() + days * DAY
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO registry_untagged VALUES (?,?,?,?)",
                [(registry, repository, digest, due) for digest in digests],
            )
        if digests:
            self._outbox.add(ExpiryRecorded(registry))

    def cancel(self, registry: str, repository: str, digest: str) -> None:
        """A manifest has a tag, or is gone."""
        self._store.execute(
            "DELETE FROM registry_untagged WHERE registry=? AND repository=? AND digest=?",
            (registry, repository, digest),
        )

    def due(self, now: float) -> dict[Place, list[str]]:
        """The manifests of each repository that are due at ``now``."""
        found: dict[Place, list[str]] = {}
        for row in self._store.query(
            "SELECT * FROM registry_untagged WHERE due<=? ORDER BY due, digest", (now,)
        ):
            found.setdefault((row["registry"], row["repository"]), []).append(row["digest"])
        return found

    def following(self) -> float | None:
        """When the next one is due."""
        [row] = self._store.query("SELECT min(due) AS first FROM registry_untagged")
        first: float | None = row["first"]
        return first
