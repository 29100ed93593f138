"""Listings of a registry, page by page: each page reads its own rows, whatever there is besides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import CloudError
from ..store import Store
from .entries import Entry, entries_of

_LISTED = "iif(json_valid(attributes), coalesce(json_extract(attributes, '$.listEnabled'), 1), 1)"


@dataclass(frozen=True)
class Window:
    """The part of a listing that is asked for: ``count`` entries (None: all) after ``last``."""

    last: str = ""
    count: int | None = None
    order: Literal["", "timeasc", "timedesc"] = ""
    time: float | None = None  # that of ``last``, which may be gone, where the order is of time


@dataclass(frozen=True)
class Page:
    """The entries of a window, and whether there are more behind them."""

    entries: list[Entry]
    more: bool


class Listings:
    """Repositories, tags and manifests in order; ``registry`` is a login server's name."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def repositories(self, registry: str, window: Window) -> Page:
        """Repositories that are listed, by name."""
        where = {"registry": registry}
        return self._page("registry_repositories", "repository", where, window, listed=True)

    def tags(
        self,
        registry: str,
        repository: str,
        window: Window,
        *,
        digest: str | None = None,
        listed: bool = False,
    ) -> Page:
        """Tags by name or by time, of one manifest when ``digest`` is given.

        ``listed``: without those whose lock hides them.
        """
        where = {"registry": registry, "repository": repository}
        where |= {"digest": digest} if digest is not None else {}
        return self._page("registry_tags", "tag", where, window, listed=listed)

    def manifests(self, registry: str, repository: str, window: Window) -> Page:
        """Manifests that are listed, by digest or by time."""
        where = {"registry": registry, "repository": repository}
        return self._page("registry_manifests", "digest", where, window, listed=True)

    def _page(
        self,
        table: str,
        column: str,
        where: dict[str, str],
        window: Window,
        *,
        listed: bool = False,
    ) -> Page:
        conditions = [f"{name}=?" for name in where] + ([_LISTED] if listed else [])
        values: list[object] = [*where.values()]
        order = column
        if window.order:
            down = window.order == "timedesc"
            order = f"updated DESC, {column} DESC" if down else f"updated, {column}"
            if window.last:
                last = self._time(table, column, where, window)
                conditions.append(f"(updated, {column}) {'<' if down else '>'} (?, ?)")
                values += [last, window.last]
        elif window.last:
            conditions.append(f"{column}>?")
            values.append(window.last)
        limit = -1 if window.count is None else min(window.count + 1, 2**62)
        rows = self._store.query(
            f"SELECT * FROM {table} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?",  # noqa: S608
            [*values, limit],
        )
        shown = rows if window.count is None else rows[: window.count]
        return Page(entries_of(shown, column), len(rows) > len(shown))

    def _time(self, table: str, column: str, where: dict[str, str], window: Window) -> float:
        if window.time is not None:
            return window.time
        conditions = " AND ".join(f"{one}=?" for one in [*where, column])
        rows = self._store.query(
            f"SELECT updated FROM {table} WHERE {conditions}",  # noqa: S608
            [*where.values(), window.last],
        )
        if not rows:  # to begin anew would never end
            raise CloudError(
                400,
                "UNSUPPORTED",
                f"there is no {column} {window.last!r} (any more) to go on after: in an order of "
                "time, take the address of the Link header as it is",
            )
        return float(rows[0]["updated"])

    def tagged(self, registry: str, repository: str, digests: Sequence[str]) -> list[Entry]:
        """The tags of these manifests, by name."""
        rows = self._store.query(
            "SELECT * FROM registry_tags WHERE registry=? AND repository=?"
            " AND digest IN (SELECT value FROM json_each(?)) ORDER BY tag",
            [registry, repository, json.dumps(list(digests))],
        )
        return entries_of(rows, "tag")

    def tags_of(
        self, registry: str, repository: str, digests: Sequence[str]
    ) -> dict[str, list[str]]:
        """The names of the tags of each manifest, in order."""
        found: dict[str, list[str]] = {digest: [] for digest in digests}
        for tag in self.tagged(registry, repository, digests):
            found[tag.digest].append(tag.name)
        return found

    def counts(self, registry: str, repository: str) -> tuple[int, int]:
        """How many manifests and how many tags a repository has."""
        rows = self._store.query(
            "SELECT (SELECT count(*) FROM registry_manifests WHERE registry=? AND repository=?) AS m,"
            " (SELECT count(*) FROM registry_tags WHERE registry=? AND repository=?) AS t",
            (registry, repository) * 2,
        )
        return rows[0]["m"], rows[0]["t"]

    def graph(self, registry: str, repository: str, digest: str) -> list[Entry]:
        """A manifest, those whose subject it is, theirs, and so on; nothing when there is none."""
        rows = self._store.query(
            "WITH RECURSIVE graph (digest) AS (SELECT ? UNION SELECT one.digest"
            " FROM registry_manifests AS one JOIN graph ON one.subject=graph.digest"
            " WHERE one.registry=? AND one.repository=?)"
            " SELECT * FROM registry_manifests WHERE registry=? AND repository=?"
            " AND digest IN (SELECT digest FROM graph)",
            (digest, *(registry, repository) * 2),
        )
        found = entries_of(rows, "digest")
        return found if any(one.digest == digest for one in found) else []

    def referrers(
        self, registry: str, repository: str, subject: str, after: tuple[float, str], count: int
    ) -> list[Entry]:
        """Manifests whose subject is that digest, oldest first: ``count`` after a time and digest."""
        rows = self._store.query(
            "SELECT * FROM registry_manifests WHERE registry=? AND repository=? AND subject=?"
            " AND (created, digest) > (?, ?) ORDER BY created, digest LIMIT ?",
            (registry, repository, subject, *after, count),
        )
        return entries_of(rows, "digest")
