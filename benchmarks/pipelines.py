"""From a push to the new site, and what each task that is built on an image costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import requests

from helpers import forks
from helpers.clouds import Connection, connect
from helpers.localcloud import daemon
from helpers.settings import Settings

from .report import Figure, median

COUNTS = (1, 10, 50, 100)
_COLORS = ("Teal", "Navy", "Olive", "Purple", "Gray", "Maroon", "Lime", "Aqua", "Silver", "Green")
_GROUP, _REGISTRY = "downstream-rg", "downstream"
_ENDED = ("Succeeded", "Failed", "Canceled", "Error", "Timeout")
_BASE = """\
version: v1.1.0
steps:
  - build: -t $Registry/base:{{.Values.TAG}} --build-arg WORD={{.Values.WORD}} -f Base .
  - push: ["$Registry/base:{{.Values.TAG}}"]
"""
_TASK = "version: v1.1.0\nsteps:\n  - build: --build-arg TAG={{.Values.TAG}} -t app:1 .\n"


def measure(folder: Path) -> list[Figure]:
    """Five colours through two tasks, five through three, and an update for many tasks at once."""
    environment = dict(os.environ)
    home = folder / "pipelines"
    try:
        connection = connect("local", home=home)
        _notebooks("00", "04", folder)
        colors = iter(_COLORS)
        two = median(lambda: _recolor(connection, next(colors)))
        _notebooks("05", "07", folder)
        three = median(lambda: _recolor(connection, next(colors)))
        each = _downstream(connection)
    finally:
        daemon.down(home)
        os.environ.clear()
        os.environ.update(environment)
    growth = max(each[more] / each[fewer] for fewer, more in combinations(COUNTS, 2))
    costs = ", ".join(f"{count}: {each[count]:.3f} s" for count in COUNTS)
    return [
        Figure("push to site, two tasks", two, "s", 3, "median of 5, as notebook 05 does it"),
        Figure("push to site, three tasks", three, "s", 5, "median of 5, as notebook 08 does it"),
        Figure("growth of the cost per downstream task", growth, "x", 1.2, costs),
    ]


def _notebooks(first: str, last: str, folder: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "helpers", "run", "--from", first, "--to", last),
            *("--output", str(folder / "report")),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the notebooks failed: {done.stdout[-800:]}")


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


def _downstream(connection: Connection) -> dict[int, float]:
    """Seconds for each of so many tasks, from the push of their base image to the last's end."""
    clients = connection.clients
    clients.resources.resource_groups.create_or_update(_GROUP, {"location": "eastus"})
    clients.registries.registries.begin_create(
        _GROUP, _REGISTRY, {"location": "eastus", "sku": {"name": "Premium"}}
    ).result()
    context = _repository(connection)
    found = {}
    for count in COUNTS:
        tag = f"for-{count}"
        _update(connection, context, tag, "first")
        for number in range(count):
            name = f"app-of-{count}-{number}"
            _task(connection, name, context, "acr-task.yaml", {"TAG": tag})
            _start(connection, name)
        _wait(connection, f"app-of-{count}-", count)
        _update(connection, context, tag, "second")
        started = time.perf_counter()
        _wait(connection, f"app-of-{count}-", 2 * count)
        found[count] = (time.perf_counter() - started) / count
        for number in range(count):
            clients.tasks.tasks.delete(_GROUP, _REGISTRY, f"app-of-{count}-{number}")
    return found


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
    while (seen := runs.get(_GROUP, _REGISTRY, run.run_id)).status not in _ENDED:
        time.sleep(0.02)
    if seen.status != "Succeeded":
        raise RuntimeError(f"the base image was not built: {seen.run_error_message}")


def _wait(connection: Connection, prefix: str, count: int) -> None:
    """Until the tasks whose names begin so have had so many runs, all of which succeeded."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        runs = [
            run
            for run in connection.clients.tasks.runs.list(_GROUP, _REGISTRY, top=300)
            if run.task and run.task.startswith(prefix)
        ]
        if any(run.status in _ENDED[1:] for run in runs):
            raise RuntimeError("a downstream run has failed")
        if sum(run.status == "Succeeded" for run in runs) >= count:
            return
        time.sleep(0.1)
    raise RuntimeError(f"not all of {prefix}* have run")
