"""Untagged manifests that the retention policy deletes: when each is due.

Source: learn.microsoft.com, "Set a retention policy for untagged manifests": when a manifest is untagged
the policy is looked at and, unless its deleteEnabled is false, its deletion is queued for a certain day. A
tag in between cancels that (Azure/acr issue 520). One that was never tagged is never untagged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from ..events import ExpiryRecorded
from ..outbox import Outbox
from ..store import Store
from .policies import DAY

Place = tuple[str, str]  # registry and repository
_DELETABLE = (
    "iif(json_valid(attributes), coalesce(json_extract(attributes, '$.deleteEnabled'), 1), 1)"
)


class Retention:
    """The manifests of all registries that are to be deleted; ``registry`` is a login server's name."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def queue(self, registry: str, repository: str, digests: Sequence[str], days: int) -> None:
        """Have manifests that may be deleted go in ``days``, unless they have a tag by then."""
        queued = self._store.execute(
            "INSERT OR REPLACE INTO registry_untagged SELECT registry, repository, digest, ?"  # noqa: S608
            " FROM registry_manifests WHERE registry=? AND repository=?"
            f" AND digest IN (SELECT value FROM json_each(?)) AND {_DELETABLE}",
            (time.time() + days * DAY, registry, repository, json.dumps(list(digests))),
        )
        if queued and not days:  # who looks every hour sees any other in time
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
