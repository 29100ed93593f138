"""What registries have soft-deleted: rows that are kept as they were, until they are restored or over.

Whether its time is over, the policy's days tell when somebody asks, not those when it was deleted. What
is over is shown to nobody; it is removed when there is time (:mod:`.expiry`).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import CloudError
from ..reference import AZURE
from ..store import Store, decoded, readable
from .entries import PLACES, Kind
from .locks import disallowed
from .policies import DAY, policies_of


@dataclass(frozen=True)
class Deleted:
    """A repository, a manifest or a tag that was soft-deleted; ``sequence`` is the order of that."""

    sequence: int
    kind: Kind
    registry: str
    repository: str
    name: str
    digest: str
    deleted: float  # seconds since 1970
    record: dict[str, Any]  # the columns of its row

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        return float(self.record["created"])


class SoftDelete:
    """The soft-deleted content of all registries; ``registry`` is a login server's name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, kind: Kind, registry: str, repository: str, names: Sequence[str]) -> None:
        """Keep the rows of what is about to be deleted, or, of tags, to be moved."""
        table, column = PLACES[kind]
        now = time.time()
        with self._store.transaction() as connection:
            rows = connection.execute(
                f"SELECT * FROM {table} WHERE registry=? AND repository=?"  # noqa: S608
                f" AND {column} IN (SELECT value FROM json_each(?)) ORDER BY {column}",
                (registry, repository, json.dumps(list(names))),
            ).fetchall()
            connection.executemany(
                "INSERT OR REPLACE INTO registry_deleted"
                " (registry, repository, kind, name, digest, record, deleted)"
                " VALUES (?,?,?,?,?,?,?)",
                [
                    (
                        registry,
                        repository,
                        kind,
                        row[column],
                        "" if kind == "repository" else row["digest"],
                        json.dumps(dict(row)),
                        now,
                    )
                    for row in rows
                ],
            )

    def listed(
        self,
        kind: Kind,
        registry: str,
        repository: str | None,
        *,
        after: int | None,
        count: int,
        newest_first: bool = False,
    ) -> list[Deleted]:
        """What was deleted, in that order: ``count`` after a sequence number."""
        # A plus keeps SQLite from the index of times: a page is read in its order.
        conditions = ["registry=?", f"kind='{kind}'", "+deleted>?"]
        values: list[object] = [registry, self._since(registry)]
        if repository is not None:
            conditions.append("repository=?")
            values.append(repository)
        if after is not None:
            conditions.append(f"sequence{'<' if newest_first else '>'}?")
            values.append(after)
        return _deleted(
            self._store.query(
                f"SELECT * FROM registry_deleted WHERE {' AND '.join(conditions)}"  # noqa: S608
                f" ORDER BY sequence {'DESC' if newest_first else ''} LIMIT ?",
                [*values, count],
            )
        )

    def find(
        self, kind: Kind, registry: str, repository: str, name: str, digest: str = ""
    ) -> Deleted | None:
        """One that can be restored still, or None."""
        found = self._kept(kind, registry, repository, name, digest)
        if found is None:  # so it is nearly always: nobody asks what the policy is
            return None
        return found if found.deleted > self._since(registry) else None

    def _kept(
        self, kind: Kind, registry: str, repository: str, name: str, digest: str
    ) -> Deleted | None:
        # The kind is no parameter: SQLite would prepare the statement anew for each value of one that
        # an index is for, which takes longer than to look it up.
        rows = self._store.query(
            f"SELECT * FROM registry_deleted WHERE kind='{kind}' AND registry=? AND repository=?"  # noqa: S608
            " AND name=? AND digest=?",
            (registry, repository, name, digest),
        )
        return next(iter(_deleted(rows)), None)

    def check_push(self, registry: str, repository: str, digest: str) -> None:
        """Raise 405 where that manifest is soft-deleted: it is restored, not pushed or imported.

        If its time is over, it may be pushed, and cannot be restored any more, whatever days come.
        """
        found = self._kept("manifest", registry, repository, digest, digest)
        if found is None:
            return
        if found.deleted <= self._since(registry):
            self.forget(found)
            return
        raise disallowed(
            f"The manifest {repository}@{digest} is soft-deleted: it cannot be pushed or imported. "
            f"Restore it: az acr manifest restore --registry {registry.removesuffix(AZURE)} --name "
            f"{repository} --digest {digest}"
        )

    def put_back(self, one: Deleted) -> None:
        """Make the row again that something had. Raises 409 where it cannot be read any more."""
        table, _ = PLACES[one.kind]
        columns = ", ".join(one.record)
        marks = ",".join("?" * len(one.record))
        with self._store.transaction() as connection:
            try:
                connection.execute(
                    f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608
                    list(one.record.values()),
                )
            except (sqlite3.OperationalError, sqlite3.IntegrityError) as error:
                raise CloudError(
                    409, "UNSUPPORTED", f"{one.kind} {one.name} cannot be restored: {error}"
                ) from None
        self.forget(one)

    def put_back_repository(self, registry: str, repository: str) -> None:
        """Make a soft-deleted repository again, as it was, with nothing in it; if it was one."""
        found = self.find("repository", registry, repository, repository)
        if found is not None:
            self.put_back(found)

    def forget(self, one: Deleted) -> None:
        """Keep it no more."""
        self._store.execute("DELETE FROM registry_deleted WHERE sequence=?", (one.sequence,))

    def forget_tags(self, registry: str, repository: str, digests: Sequence[str]) -> None:
        """Keep no tag of manifests that are gone for good: they could not be restored."""
        self._store.execute(
            "DELETE FROM registry_deleted WHERE registry=? AND repository=? AND kind='tag'"
            " AND digest IN (SELECT value FROM json_each(?))",
            (registry, repository, json.dumps(list(digests))),
        )

    def purge(self, now: float) -> tuple[int, float | None]:
        """Remove what is over at ``now``: how much that was.

        And when the next is over, by the days of today, or None.
        """
        removed = 0
        following: list[float] = []
        for registry, first in self._store.query(
            "SELECT registry, min(deleted) FROM registry_deleted GROUP BY registry"
        ):
            days = policies_of(self._store, registry).kept_days
            last = now - days * DAY
            if first <= last:
                removed += self._store.execute(
                    "DELETE FROM registry_deleted WHERE registry=? AND deleted<=?", (registry, last)
                )
                [[first]] = self._store.query(  # noqa: PLW2901 - of those that are left
                    "SELECT min(deleted) FROM registry_deleted WHERE registry=?", (registry,)
                )
            if first is not None:
                following.append(first + days * DAY)
        return removed, min(following, default=None)

    def _since(self, registry: str) -> float:
        return time.time() - policies_of(self._store, registry).kept_days * DAY


def _deleted(rows: Iterable[sqlite3.Row]) -> list[Deleted]:
    key = ("kind", "registry", "repository", "name")
    return readable("soft-deleted", key, rows, _one)


def _one(row: sqlite3.Row) -> Deleted:
    record = decoded(row, "record")
    float(record["created"])
    return Deleted(
        row["sequence"],
        row["kind"],
        row["registry"],
        row["repository"],
        row["name"],
        row["digest"],
        row["deleted"],
        record,
    )
