"""A purge of a thousand tags: a run of acr purge, from its request to its end."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from .clouds import client, manager, registry
from .images import push_blob, push_manifest, pusher
from .report import Figure, compared
from .sides import Side, Started, each

TAGS = 1000
_MANY = "https://purged.azurecr.io/v2/many"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """One purge of tags, then one of the manifests that they leave, for each side."""
    tags, manifests = zip(*each(sides, folder, _measure), strict=True)
    return [
        compared(f"purge of {TAGS} tags", tags, "s", 5, "acr purge in a run"),
        compared(f"purge of {TAGS} manifests", manifests, "s", 10, "… --untagged"),
    ]


def _measure(started: Started) -> tuple[float, float]:
    management, group = manager(started.running)
    address = registry(management, group, "purged")
    http = pusher(started.running, "purged", "repository:many:*")
    empty = push_blob(http, _MANY, b"{}")

    def put(number: int) -> None:
        push_manifest(http, _MANY, f"t{number}", empty, number=number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(TAGS)))
    plain = client(started.running)
    purge = "acr purge --filter many:.* --ago 0d"
    return (
        _run(management, plain, address, purge, "tags"),
        _run(management, plain, address, f"{purge} --untagged", "manifests"),
    )


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
