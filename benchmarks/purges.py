"""A purge of a thousand tags: a run of acr purge, from its request to its end."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from .clouds import client, manager, registry
from .report import Figure, compared
from .sides import Side, Started

TAGS = 1000
_SERVER = "https://purged.azurecr.io"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY = b"{}"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """One purge of tags, then one of the manifests that they leave, for each side."""
    found = []
    for number, side in enumerate(sides):
        with side.cloud(folder / f"purge{number}") as started:
            found.append(_measure(started))
    tags, manifests = zip(*found, strict=True)
    return [
        compared(f"purge of {TAGS} tags", tags, "s", 5, "acr purge in a run"),
        compared(f"purge of {TAGS} manifests", manifests, "s", 10, "… --untagged"),
    ]


def _measure(started: Started) -> tuple[float, float]:
    management, group = manager(started.running)
    address = registry(management, group, "purged")
    user = (started.running.account.client_id, started.running.account.client_secret)
    http = client(started.running)
    scopes = [("service", "purged.azurecr.io"), ("scope", "repository:many:*")]
    answer = http.get(f"{_SERVER}/oauth2/token", params=scopes, auth=user, timeout=60)
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    digest = "sha256:" + hashlib.sha256(_EMPTY).hexdigest()
    url = f"{_SERVER}/v2/many/blobs/uploads/?digest={digest}"
    http.post(url, data=_EMPTY, timeout=60).raise_for_status()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _put(http, digest, number), range(TAGS)))
    plain = client(started.running)
    purge = "acr purge --filter many:.* --ago 0d"
    return (
        _run(management, plain, address, purge, "tags"),
        _run(management, plain, address, f"{purge} --untagged", "manifests"),
    )


def _put(http: requests.Session, config: str, number: int) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "layers": [],
        "annotations": {"number": str(number)},
    }
    answer = http.put(
        f"{_SERVER}/v2/many/manifests/t{number}",
        data=json.dumps(manifest).encode(),
        headers={"Content-Type": _MANIFEST},
        timeout=60,
    )
    answer.raise_for_status()


def _run(
    http: requests.Session, plain: requests.Session, address: str, command: str, what: str
) -> float:
    """Seconds from the request of a run to its end; ``what`` was deleted."""
    task = f"version: v1.1.0\nsteps:\n  - cmd: {command}\n"
    content = base64.b64encode(task.encode()).decode()
    version = {"api-version": "2025-03-01-preview"}
    body = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": content,
        "platform": {"os": "Linux"},
    }
    begun = time.monotonic()
    answer = http.post(f"{address}/scheduleRun", params=version, json=body, timeout=60)
    answer.raise_for_status()
    run = answer.json()["properties"]["runId"]
    while True:
        status = http.get(f"{address}/runs/{run}", params=version, timeout=60).json()
        if status["properties"]["status"] not in ("Queued", "Started", "Running"):
            break
        time.sleep(0.05)
    taken = time.monotonic() - begun
    link = http.post(f"{address}/runs/{run}/listLogSasUrl", params=version, timeout=60)
    log = plain.get(link.json()["logLink"], timeout=60).text
    if f"Number of deleted {what}: {TAGS}" not in log:
        raise RuntimeError(f"the purge did something else:\n{log[-2000:]}")
    return taken
