"""Long listings of a registry: 1,500 manifests, and a page of 100 of 5,000 tags."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import requests

from .clouds import client, manager, registry
from .report import Figure, compared, seconds
from .sides import Side, Started

MANIFESTS, TAGS = 1500, 5000
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_SERVER = "https://listings.azurecr.io"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """One listing of all manifests, and the median of fifteen pages of tags, for each side."""
    found = []
    for number, side in enumerate(sides):
        with side.cloud(folder / f"listing{number}") as started:
            found.append(_measure(started))
    manifests, pages = zip(*found, strict=True)
    return [
        compared(f"listing {MANIFESTS} manifests", manifests, "s", 1),
        compared(f"a page of 100 of {TAGS} tags", pages, "ms", 20, "median of 15"),
    ]


def _measure(started: Started) -> tuple[float, float]:
    http, group = manager(started.running)
    registry(http, group, "listings")
    user = (started.running.account.client_id, started.running.account.client_secret)
    http = client(started.running)
    scopes = [("service", "listings.azurecr.io"), ("scope", "repository:many:*")]
    answer = http.get(f"{_SERVER}/oauth2/token", params=scopes, auth=user, timeout=60)
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    empty = _push_blob(http, b"{}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _put(http, empty, number, f"m{number}"), range(MANIFESTS)))
        list(pool.map(lambda number: _put(http, empty, 0, f"t{number:04}"), range(TAGS)))
    [listing] = seconds(lambda: _list(http), 1)
    url = f"{_SERVER}/v2/many/tags/list"

    def page(last: str) -> None:
        query = f"?n=100&last={last}" if last else "?n=100"
        http.get(url + query, timeout=60).raise_for_status()

    pages = [one for last in ("", "t2500", "t4800") for one in seconds(partial(page, last), 5)]
    return listing, statistics.median(pages) * 1000


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
