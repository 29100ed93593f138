"""What one client waits while others keep the cloud busy."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from helpers.localcloud import daemon

from .clouds import client, token
from .report import Figure

TASKS = 200
VERSION = {"api-version": "2025-03-01-preview"}


def measure(folder: Path) -> list[Figure]:
    """GETs of a resource group while 200 tasks with source triggers are made at once."""
    running = daemon.up(folder / "load")
    try:
        http = client(running)
        http.headers["Authorization"] = f"Bearer {token(running, http)}"
        group = _group(running, http)
        idle = _answers(http, group, _times(100))
        with _putting(running, group) as going_on:
            started = time.perf_counter()
            busy = _answers(http, group, going_on)
            took = time.perf_counter() - started
            outcome = going_on.outcome
        tasks = f"{_registry(group)}/tasks"
        made = len(http.get(tasks, params=VERSION, timeout=30).json()["value"])
    finally:
        daemon.down(folder / "load")
    note = f"{len(busy)} GETs; without: {_p99(idle) * 1000:.0f} ms; the PUTs took {took:.1f} s"
    return [
        Figure(f"GET p99 during {TASKS} PUTs of tasks", _p99(busy) * 1000, "ms", 100, note),
        Figure("… of these PUTs not answered with 201", TASKS - min(made, outcome), "", 0),
    ]


def _group(running: daemon.Running, http: requests.Session) -> str:
    place = f"https://management.azure.com/subscriptions/{running.account.subscription_id}"
    group = f"{place}/resourceGroups/bench"
    http.put(group, json={"location": "eastus"}, params=VERSION, timeout=30).raise_for_status()
    body = {"location": "eastus", "sku": {"name": "Basic"}}
    http.put(_registry(group), json=body, params=VERSION, timeout=30).raise_for_status()
    http.post(
        "https://api.github.com/user/repos",
        json={"name": "source"},
        headers={"Authorization": f"token {running.account.github_token}"},
        timeout=30,
    ).raise_for_status()
    return group


def _registry(group: str) -> str:
    return f"{group}/providers/Microsoft.ContainerRegistry/registries/benchmarks"


def _answers(http: requests.Session, url: str, going_on: Callable[[], bool]) -> list[float]:
    """How long each GET took, in seconds."""
    found = []
    while going_on():
        started = time.perf_counter()
        http.get(url, params=VERSION, timeout=60).raise_for_status()
        found.append(time.perf_counter() - started)
        time.sleep(0.005)
    return found


def _times(number: int) -> Callable[[], bool]:
    left = iter(range(number))
    return lambda: next(left, None) is not None


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


class _GoingOn:
    """Whether the process that makes the tasks still runs, and how many it made."""

    outcome = 0

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        process.stdout.readline()  # it begins

    def __call__(self) -> bool:
        if self._process.poll() is None:
            return True
        assert self._process.stdout is not None
        self.outcome = int(self._process.stdout.read() or 0)
        return False


@contextmanager
def _putting(running: daemon.Running, group: str) -> Iterator[_GoingOn]:
    """Another process that makes the tasks, so that its threads do not slow the one that measures."""
    command = [sys.executable, "-m", "benchmarks.loads", running.home, _registry(group)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _GoingOn(process)
        finally:
            process.kill()


def put_tasks(home: Path, registry: str) -> int:
    """Make the tasks, all at once; how many were answered with 201."""
    running = daemon.status(home)
    assert running is not None
    account = running.account
    bearer = f"Bearer {token(running, client(running))}"
    body = _task(f"https://github.com/{account.github_owner}/source.git#main", account.github_token)

    def put(number: int) -> int:
        with client(running) as http:
            answer = http.put(
                f"{registry}/tasks/task-{number}",
                json=body,
                params=VERSION,
                headers={"Authorization": bearer},
                timeout=120,
            )
            return answer.status_code

    print("begins", flush=True)
    with ThreadPoolExecutor(TASKS) as pool:
        return sum(status == 201 for status in pool.map(put, range(TASKS)))


def _task(url: str, secret: str) -> dict[str, Any]:
    source = {
        "sourceControlType": "Github",
        "repositoryUrl": url,
        "branch": "main",
        "sourceControlAuthProperties": {"tokenType": "PAT", "token": secret},
    }
    step = {"type": "FileTask", "taskFilePath": "acr-task.yaml", "contextPath": url}
    trigger = {"name": "push", "sourceTriggerEvents": ["commit"], "sourceRepository": source}
    return {
        "location": "eastus",
        "properties": {
            "platform": {"os": "linux"},
            "step": step,
            "trigger": {"sourceTriggers": [trigger]},
        },
    }


if __name__ == "__main__":
    sys.stdout.write(str(put_tasks(Path(sys.argv[1]), sys.argv[2])))
