"""Sixty runs queued at once in three registries: what each costs, and how many end in a second."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from .clouds import manager, registry
from .report import Figure, compared
from .sides import Side, Started

RUNS, REGISTRIES = 60, 3
_ENDED = ("Succeeded", "Failed", "Canceled", "Error", "Timeout")
_WITHIN = 300.0  # seconds
_TASK = """\
version: v1.1.0
steps:
  - cmd: docker.io/library/node:15-alpine sh -c "echo {{.Run.ID}}"
    entryPoint: ""
"""


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Two rounds for each side, taking turns; the better one of each counts."""
    cost: list[list[float]] = [[] for _ in sides]
    rate: list[list[float]] = [[] for _ in sides]
    for turn in range(2):
        for number, side in enumerate(sides):
            with side.cloud(folder / f"load{number}-{turn}") as started:
                used, took = _measure(started)
            cost[number].append(used / RUNS * 1000)
            rate[number].append(took / RUNS)
    note = f"{RUNS} runs queued at once in {REGISTRIES} registries, all processes"
    return [
        compared("processor time of a run", [min(one) for one in cost], "ms", note=note, most=0.65),
        compared("… time of a run (1 / throughput)", [min(one) for one in rate], "s", most=1.05),
    ]


def _measure(started: Started) -> tuple[float, float]:
    """Processor seconds and seconds of all the runs; one of each registry went before."""
    http, group = manager(started.running)
    urls = [registry(http, group, f"loaded{number}") for number in range(REGISTRIES)]
    for url in urls:
        _schedule(http, url)
    _wait(http, urls, REGISTRIES)
    time.sleep(1)
    used, began = started.processor_seconds, time.perf_counter()
    for number in range(RUNS):
        _schedule(http, urls[number % REGISTRIES])
    _wait(http, urls, RUNS + REGISTRIES)
    took = time.perf_counter() - began
    time.sleep(1)  # what a run leaves to do is its own, too
    return started.processor_seconds - used, took


def _schedule(http: requests.Session, url: str) -> None:
    body = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(_TASK.encode()).decode(),
        "values": [],
        "platform": {"os": "Linux"},
    }
    version = {"api-version": "2019-06-01-preview"}
    http.post(f"{url}/scheduleRun", params=version, json=body, timeout=60).raise_for_status()


def _wait(http: requests.Session, urls: Sequence[str], count: int) -> None:
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        statuses = [
            run["properties"]["status"]
            for url in urls
            for run in http.get(f"{url}/runs", params={"$top": "100"}, timeout=60).json()["value"]
        ]
        if set(statuses) & set(_ENDED[1:]):
            raise RuntimeError(f"a run has failed: {statuses}")
        if statuses.count("Succeeded") >= count:
            return
        time.sleep(0.2)
    raise RuntimeError(f"the runs have not ended within {_WITHIN:.0f} s")
