"""From a push to the new site, and what each task that is built on an image costs."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import requests

from helpers import forks
from helpers.clouds import Connection, connect
from helpers.display import plain
from helpers.localcloud.run_statuses import FINAL
from helpers.settings import Settings

from .report import Figure, compared, in_turn
from .sides import Side, Started

COUNTS = (100, 300, 1000)
_TURNS = 3
_COLORS = ("Teal", "Navy", "Olive", "Purple", "Gray", "Maroon", "Lime", "Aqua", "Silver", "Green")
_GROUP, _REGISTRY = "downstream-rg", "downstream"
_WITHIN = 900.0  # seconds for all downstream tasks of one update
_BASE = """\
version: v1.1.0
steps:
  - build: -t $Registry/base:{{.Values.TAG}} --build-arg WORD={{.Values.WORD}} -f Base .
  - push: ["$Registry/base:{{.Values.TAG}}"]
"""
_TASK = "version: v1.1.0\nsteps:\n  - build: --build-arg TAG={{.Values.TAG}} -t app:1 .\n"


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Five colours through two tasks and five through three, the sides taking turns."""
    with _environment(), contextlib.ExitStack() as stack:
        homes = [folder / f"pipelines{number}" for number in range(len(sides))]
        for side, home in zip(sides, homes, strict=True):
            stack.enter_context(side.cloud(home))
        _notebooks(sides, homes, "00", "04")
        connections = [connect("local", home=home) for home in homes]
        recolor = [partial(_next_color, one, iter(_COLORS)) for one in connections]
        two = in_turn(recolor)
        _notebooks(sides, homes, "05", "07")
        three = in_turn(recolor)
    note = "median of 5, as notebook 0{} does it; {} s on a quiet machine"
    return [
        compared("push to site, two tasks", two, "s", 3, note.format(5, 0.31), most=1.05),
        compared("push to site, three tasks", three, "s", 5, note.format(8, 0.41), most=1.05),
    ]


def measure_downstream(folder: Path, _: Sequence[Side]) -> list[Figure]:
    """Updates of three images that 100, 300 and 1,000 tasks are built on, taking turns.

    The slope is what a task more costs; were it the number of all tasks that counted, it would grow.
    It is one of processor time: what else the machine does meanwhile makes tasks wait, and costs none.
    """
    with _environment(), Side().cloud(folder / "downstream") as started:
        took, used = _downstream(connect("local", home=folder / "downstream"), started)
    few, some, many = COUNTS
    low = (used[some] - used[few]) / (some - few)
    high = (used[many] - used[some]) / (many - some)
    costs = ", ".join(f"{count}: {used[count]:.1f} s" for count in COUNTS)
    note = f"median of {_TURNS}, processor time; {costs}"
    return [
        Figure("time of a downstream task", took[many] / many, "s", note=f"median of {_TURNS}"),
        Figure("growth of the slope, 1,000 tasks", high / low, "x", 1.2, note=note),
    ]


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Whatever connecting does to the environment of this process is undone."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _notebooks(sides: Sequence[Side], homes: Sequence[Path], first: str, last: str) -> None:
    for side, home in zip(sides, homes, strict=True):
        report = str(home.with_suffix(".report"))
        side.helpers(home, "run", "--from", first, "--to", last, "--output", report)


def _next_color(connection: Connection, colors: Iterator[str]) -> None:
    os.environ.update(connection.environment)  # the clients of both clouds are in this process
    _recolor(connection, next(colors))


def _recolor(connection: Connection, color: str) -> None:
    """Push a colour, and wait until the site is in it."""
    settings = Settings()
    forks.set_color(connection, color)
    groups = connection.clients.container_instances.container_groups
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        address: Any = groups.get(settings.instance_group, settings.instance).ip_address
        try:
            page = requests.get(f"http://{address.ip}:{address.ports[0].port}/", timeout=5).text
        except requests.RequestException:
            page = ""  # between two containers
        if f">{color}<" in page:
            return
        time.sleep(0.02)
    raise RuntimeError(f"the site is not {color} after a minute")


def _downstream(
    connection: Connection, started: Started
) -> tuple[dict[int, float], dict[int, float]]:
    """From the update of an image that so many tasks are built on to the last one's end.

    In seconds, and in seconds of processor time of all the cloud's processes.
    """
    clients = connection.clients
    clients.resources.resource_groups.create_or_update(_GROUP, {"location": "eastus"})
    clients.registries.registries.begin_create(
        _GROUP, _REGISTRY, {"location": "eastus", "sku": {"name": "Premium"}}
    ).result()
    context = _repository(connection)
    for count in COUNTS:
        _update(connection, context, f"for-{count}", "first")
        for number in range(count):
            name = f"app-of-{count}-{number}"
            _task(connection, name, context, "acr-task.yaml", {"TAG": f"for-{count}"})
            _start(connection, name)
        _wait(connection)
    took: dict[int, list[float]] = {count: [] for count in COUNTS}
    used: dict[int, list[float]] = {count: [] for count in COUNTS}
    for turn in range(_TURNS):
        for count in COUNTS:
            _update(connection, context, f"for-{count}", f"turn-{turn}")
            began, before = time.perf_counter(), started.processor_seconds
            _wait(connection)
            took[count].append(time.perf_counter() - began)
            time.sleep(1)  # the last ones' processes end
            used[count].append(started.processor_seconds - before)
    _check(connection)
    return (
        {count: statistics.median(seconds) for count, seconds in took.items()},
        {count: statistics.median(seconds) for count, seconds in used.items()},
    )


def _repository(connection: Connection) -> str:
    fork = forks.Fork(connection.github_owner, "downstream")
    headers = {"Authorization": f"Bearer {connection.git_token}"}
    requests.post(
        f"{forks.API}/user/repos", json={"name": fork.name}, headers=headers, timeout=30
    ).raise_for_status()
    checkout = forks.Checkout(connection, fork)
    checkout.write("Base", "FROM docker.io/node:15-alpine\nARG WORD\nENV WORD=$WORD\n")
    checkout.write("base.yaml", _BASE)
    server = f"{_REGISTRY}.azurecr.io"
    checkout.write("Dockerfile", f"ARG TAG\nFROM {server}/base:$TAG\nRUN echo $WORD > /word\n")
    checkout.write("acr-task.yaml", _TASK)
    checkout.commit("Add everything")
    checkout.push()
    return fork.context


def _task(
    connection: Connection, name: str, context: str, file: str, values: dict[str, str]
) -> None:
    step = {
        "type": "FileTask",
        "taskFilePath": file,
        "contextPath": context,
        "contextAccessToken": connection.git_token,
        "values": [{"name": key, "value": value} for key, value in values.items()],
    }
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime"}}
    body = {
        "location": "eastus",
        "properties": {"platform": {"os": "Linux"}, "step": step, "trigger": trigger},
    }
    connection.clients.tasks.tasks.create(_GROUP, _REGISTRY, name, body)


def _start(connection: Connection, name: str) -> Any:
    tasks = connection.clients.tasks
    task = tasks.tasks.get(_GROUP, _REGISTRY, name)
    request = {"type": "TaskRunRequest", "taskId": task.id}
    return tasks.registries.schedule_run(_GROUP, _REGISTRY, request)


def _update(connection: Connection, context: str, tag: str, word: str) -> None:
    """Push another base image, and wait until that run has ended."""
    _task(connection, "base-image", context, "base.yaml", {"TAG": tag, "WORD": word})
    run = _start(connection, "base-image")
    runs = connection.clients.tasks.runs
    while (seen := runs.get(_GROUP, _REGISTRY, run.run_id)).status not in FINAL:
        time.sleep(0.02)
    if seen.status != "Succeeded":
        raise RuntimeError(f"the base image was not built: {seen.run_error_message}")


def _wait(connection: Connection) -> None:
    """Until nothing of the registry is queued or runs."""
    runs = connection.clients.tasks.runs
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        if not any(
            next(iter(runs.list(_GROUP, _REGISTRY, filter=f"Status eq '{status}'", top=1)), None)
            for status in ("Queued", "Running")
        ):
            return
        time.sleep(0.1)
    raise RuntimeError(f"not all tasks have run within {_WITHIN:.0f} s")


def _check(connection: Connection) -> None:
    """Every task has run once for each update, and succeeded."""
    found = [
        run
        for run in connection.clients.tasks.runs.list(_GROUP, _REGISTRY)
        if run.task and run.task.startswith("app-of-")
    ]
    wanted = sum(COUNTS) * (1 + _TURNS)
    good = sum(plain(run.status) == "Succeeded" for run in found)
    if good != wanted or len(found) != wanted:
        raise RuntimeError(f"{len(found)} runs, {good} of them good, instead of {wanted}")
