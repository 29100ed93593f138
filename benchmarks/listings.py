"""Long listings: 1,500 manifests, and pages of 100 of 50,000 tags, repositories and applications.

And how soon a blob is deleted that none of the 1,500 manifests of its repository has.
"""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import requests

from .clouds import client, manager, registry, token
from .images import push_blob, push_manifest, pusher
from .report import Figure, compared, median, seconds
from .sides import Side, Started, each

MANIFESTS, MANY = 1500, 50_000
_FILLED = """
WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i+1 FROM numbers WHERE i<?)
INSERT INTO {table} (registry, repository, created, updated, attributes{more})
    SELECT one.registry, {repository}, one.created+i/1000.0, one.updated+i/1000.0, '{{}}'{values}
    FROM numbers JOIN {table} AS one WHERE one.repository='many'{where}
"""
_TAGS = _FILLED.format(
    table="registry_tags",
    more=", tag, digest",
    repository="one.repository",
    values=", printf('t%05d', i), one.digest",
    where=" AND one.tag='m0'",
)
_REPOSITORIES = _FILLED.format(
    table="registry_repositories", more="", repository="printf('r%05d', i)", values="", where=""
)
_APPLICATIONS = """
WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i+1 FROM numbers WHERE i<?)
INSERT INTO applications
    SELECT printf('o%05d', i), printf('a%05d', i), printf('n%05d', i), '{}', i FROM numbers
"""
_GRAPH = "https://graph.microsoft.com"
_SERVER = "https://listings.azurecr.io"
_MANY = f"{_SERVER}/v2/many"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """One listing of all manifests, and the medians of fifteen pages each, for each side."""
    manifests, blobs, *pages = zip(*each(sides, folder, _measure), strict=True)
    names = ("tags", "tags with attributes", "tags by time", "repositories", "applications")
    return [
        compared(f"listing {MANIFESTS} manifests", manifests, "s", 1),
        compared(f"DELETE of a blob, {MANIFESTS} manifests", blobs, "ms", 20, "median of 15"),
        *(
            compared(f"a page of 100 of {MANY} {name}", page, "ms", 20, "median of 15")
            for name, page in zip(names, pages, strict=True)
        ),
    ]


def _measure(started: Started) -> tuple[float, ...]:
    http, group = manager(started.running)
    registry(http, group, "listings")
    scopes = ("repository:many:*", "registry:catalog:*")
    http = pusher(started.running, "listings", *scopes)
    empty = push_blob(http, _MANY, b"{}")

    def put(number: int) -> None:
        push_manifest(http, _MANY, f"m{number}", empty, [empty], number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(MANIFESTS)))
    [listing] = seconds(lambda: _list(http), 1)
    deleted = _deletions(http)
    _fill(Path(started.running.home))
    return (
        listing,
        deleted,
        _page(http, "/v2/many/tags/list", "t"),
        _page(http, "/acr/v1/many/_tags", "t"),
        _page(http, "/acr/v1/many/_tags?orderby=timedesc", "t"),
        _page(http, "/v2/_catalog", "r"),
        _graph_page(started),
    )


def _deletions(http: requests.Session) -> float:
    """Milliseconds of the deletion of a blob."""
    blobs = [push_blob(http, _MANY, b"%d" % number)["digest"] for number in range(15)]

    def delete() -> None:
        http.delete(f"{_MANY}/blobs/{blobs.pop()}", timeout=60).raise_for_status()

    return median(delete, 15) * 1000


def _fill(home: Path) -> None:
    """So many tags and repositories, beside those that are there: one by one they take minutes."""
    with closing(sqlite3.connect(home / "state.db", timeout=60)) as connection, connection:
        for statement in (_TAGS, _REPOSITORIES, _APPLICATIONS):
            connection.execute(statement, (MANY - 1,))


def _page(http: requests.Session, path: str, letter: str) -> float:
    """Milliseconds of a page at the beginning, in the middle and near the end of a listing."""

    def get(last: str) -> None:
        query = f"n=100&last={last}" if last else "n=100"
        url = f"{_SERVER}{path}{'&' if '?' in path else '?'}{query}"
        answer = http.get(url, timeout=60)
        answer.raise_for_status()
        [entries] = [one for one in answer.json().values() if isinstance(one, list)]
        if len(entries) != 100:
            raise RuntimeError(f"{len(entries)} entries in a page of {path}")

    places = ("", f"{letter}25000", f"{letter}49800")
    pages = [one for last in places for one in seconds(partial(get, last), 5)]
    return statistics.median(pages) * 1000


def _graph_page(started: Started) -> float:
    """Milliseconds of a page of applications at the beginning, in the middle and near the end."""
    http = client(started.running)
    http.headers["Authorization"] = f"Bearer {token(started.running, http, _GRAPH)}"

    def get(after: str) -> None:
        query = {"$skiptoken": after} if after else {}
        answer = http.get(f"{_GRAPH}/v1.0/applications", params=query, timeout=60)
        answer.raise_for_status()
        if len(answer.json()["value"]) != 100:
            raise RuntimeError(f"{len(answer.json()['value'])} applications in a page")

    pages = [one for after in ("", "o25000", "o49800") for one in seconds(partial(get, after), 5)]
    return statistics.median(pages) * 1000


def _list(http: requests.Session) -> None:
    answer = http.get(f"{_SERVER}/acr/v1/many/_manifests", timeout=600)
    answer.raise_for_status()
    count = len(answer.json()["manifests"])
    if count != MANIFESTS:
        raise RuntimeError(f"{count} manifests instead of {MANIFESTS}")
