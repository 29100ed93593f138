"""Long listings of a registry: 1,500 manifests, and pages of 100 of 50,000 tags and repositories."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import requests

from .clouds import client, manager, registry
from .report import Figure, compared, seconds
from .sides import Side, Started

MANIFESTS, MANY = 1500, 50_000
_FILLED = """
WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i+1 FROM numbers WHERE i<?)
INSERT INTO {table} (registry, repository, created, updated, attributes{more})
    SELECT one.registry, {repository}, one.created+i/1000.0, one.updated+i/1000.0, '{{}}'{values}
    FROM numbers JOIN {table} AS one WHERE one.repository='many'{where}
"""
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_SERVER = "https://listings.azurecr.io"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """One listing of all manifests, and the medians of fifteen pages each, for each side."""
    found = []
    for number, side in enumerate(sides):
        with side.cloud(folder / f"listing{number}") as started:
            found.append(_measure(started))
    manifests, *pages = zip(*found, strict=True)
    names = ("tags", "tags with attributes", "tags by time", "repositories")
    return [
        compared(f"listing {MANIFESTS} manifests", manifests, "s", 1),
        *(
            compared(f"a page of 100 of {MANY} {name}", page, "ms", 20, "median of 15")
            for name, page in zip(names, pages, strict=True)
        ),
    ]


def _measure(started: Started) -> tuple[float, ...]:
    http, group = manager(started.running)
    registry(http, group, "listings")
    user = (started.running.account.client_id, started.running.account.client_secret)
    http = client(started.running)
    scopes = [
        ("service", "listings.azurecr.io"),
        ("scope", "repository:many:*"),
        ("scope", "registry:catalog:*"),
    ]
    answer = http.get(f"{_SERVER}/oauth2/token", params=scopes, auth=user, timeout=60)
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    empty = _push_blob(http, b"{}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _put(http, empty, number, f"m{number}"), range(MANIFESTS)))
    [listing] = seconds(lambda: _list(http), 1)
    _fill(Path(started.running.home))
    return (
        listing,
        _page(http, "/v2/many/tags/list", "t"),
        _page(http, "/acr/v1/many/_tags", "t"),
        _page(http, "/acr/v1/many/_tags?orderby=timedesc", "t"),
        _page(http, "/v2/_catalog", "r"),
    )


def _fill(home: Path) -> None:
    """So many tags and repositories, beside those that are there: one by one they take minutes."""
    with closing(sqlite3.connect(home / "state.db", timeout=60)) as connection, connection:
        connection.execute(
            _FILLED.format(
                table="registry_tags",
                more=", tag, digest",
                repository="one.repository",
                values=", printf('t%05d', i), one.digest",
                where=" AND one.tag='m0'",
            ),
            (MANY - 1,),
        )
        connection.execute(
            _FILLED.format(
                table="registry_repositories",
                more="",
                repository="printf('r%05d', i)",
                values="",
                where="",
            ),
            (MANY - 1,),
        )


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


def _list(http: requests.Session) -> None:
    answer = http.get(f"{_SERVER}/acr/v1/many/_manifests", timeout=600)
    answer.raise_for_status()
    count = len(answer.json()["manifests"])
    if count != MANIFESTS:
        raise RuntimeError(f"{count} manifests instead of {MANIFESTS}")


def _push_blob(http: requests.Session, data: bytes) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    url = f"{_SERVER}/v2/many/blobs/uploads/"
    http.post(url, params={"digest": digest}, data=data, timeout=60).raise_for_status()
    return {"digest": digest, "size": len(data), "mediaType": "application/octet-stream"}


def _put(http: requests.Session, blob: dict[str, Any], number: int, tag: str) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": blob,
        "layers": [blob],
        "annotations": {"number": str(number)},
    }
    http.put(
        f"{_SERVER}/v2/many/manifests/{tag}",
        data=json.dumps(manifest).encode(),
        headers={"Content-Type": _MANIFEST},
        timeout=60,
    ).raise_for_status()
