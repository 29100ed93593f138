"""The lab: how soon a change is seen, what watching costs, how soon a fresh kernel shows the cloud."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from helpers.localcloud.run_statuses import FINAL
from helpers.localcloud.timestamps import parse

from .clouds import manager, registry
from .images import push_blob, push_manifest, pusher
from .report import Figure, percentile
from .sides import HERE, Side, Started

RUNS, TAGS = 500, 200  # of the registry that is watched
CHANGES = 30
IDLE = 20.0  # seconds
KERNELS = 3
_PATIENCE = 60.0  # seconds
_NAME = "watchedregistry"
_BENCH = f"https://{_NAME}.azurecr.io/v2/bench"
_STEPS = "version: v1.1.0\nsteps:\n  - cmd: nobody.azurecr.io/nothing:0\n"  # an image that is not

# What a notebook's kernel does; it says what it has seen and when, and what it has used.
_KERNEL = """
import json, sys, time
began = time.perf_counter()
from pathlib import Path
from helpers import connect
from helpers.lab.observer import observe
from helpers.settings import Settings

def say(**what):
    print(json.dumps(what), flush=True)

def told(state):
    [one] = state.registries
    newest = {run.run_id: run.status for run in one.runs[:20]}
    say(at=time.time(), tags=list(one.tags), runs=len(one.runs), newest=newest)

connection = connect("local", home=Path(sys.argv[1]))
cancel = observe(connection, Settings(registry=sys.argv[2])).subscribe(told)
say(first=time.perf_counter() - began)
for _ in sys.stdin:
    say(used=time.process_time())
cancel()
"""


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """One registry with many runs and tags, watched by a process as a notebook's kernel does it."""
    home = folder / "lab"
    with sides[0].cloud(home) as started:
        url = _fill(started)
    _multiply_runs(home / "state.db")
    with sides[0].cloud(home) as started:
        first = []
        for _ in range(KERNELS):
            with _kernel(home) as kernel:
                first.append(kernel.first)
        with _kernel(home) as kernel:
            kernel.wait(lambda: kernel.last["runs"] == RUNS and len(kernel.last["tags"]) == TAGS)
            tags = _tags_seen(started, kernel)
            runs = _ends_seen(started, kernel, url)
            idle = _idle(started, kernel)
    with_note = f"with {RUNS} runs and {TAGS} tags"
    return [
        Figure("a moved tag is seen", statistics.median(tags) * 1000, "ms", 300, with_note),
        Figure("… 95th percentile", percentile(tags, 95) * 1000, "ms", 300),
        Figure("the end of a run is seen", statistics.median(runs) * 1000, "ms", 300, with_note),
        Figure("… 95th percentile", percentile(runs, 95) * 1000, "ms", 300),
        Figure("idle watching", idle * 100, "%", 2, "of a core: kernel and daemon"),
        Figure("first look of a fresh kernel", statistics.median(first), "s", 1, "with imports"),
    ]


class _Kernel:
    """A process that watches."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.last: dict[str, Any] = {}
        self.first = 0.0
        self._used = -1.0
        self._heard = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait(lambda: bool(self.first))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._heard:
                if "at" in message:
                    self.last = message
                self.first = message.get("first", self.first)
                self._used = message.get("used", self._used)
                self._heard.notify_all()

    def wait(self, wanted: Callable[[], bool]) -> None:
        """Wait until what it has said is as wanted."""
        with self._heard:
            if not self._heard.wait_for(wanted, _PATIENCE):
                raise RuntimeError(f"this was seen last: {self.last}")

    def used(self) -> float:
        """Processor seconds of the process until now."""
        assert self._process.stdin is not None
        self._used = -1.0
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.wait(lambda: self._used >= 0)
        return self._used


@contextlib.contextmanager
def _kernel(home: Path) -> Iterator[_Kernel]:
    process = subprocess.Popen(
        [Side().python, "-c", _KERNEL, str(home), _NAME],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _Kernel(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(_PATIENCE)


def _fill(started: Started) -> str:
    """A registry with tags and one run; its address."""
    http, group = manager(started.running)
    group = f"{group.removesuffix('bench')}{_NAME}-rg"
    http.put(group, json={"location": "eastus"}, timeout=60).raise_for_status()
    url = registry(http, group, _NAME)
    push = _pushing(started)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: push(f"t{number}", number), range(TAGS)))
    _schedule(http, url)
    while (
        http.get(f"{url}/runs", timeout=60).json()["value"][0]["properties"]["status"] not in FINAL
    ):
        time.sleep(0.1)
    return url


def _multiply_runs(state: Path) -> None:
    """Copies of the one run: what they are is of no account, how many there are is."""
    with contextlib.closing(sqlite3.connect(state)) as connection:
        for number in range(2, RUNS + 1):
            connection.execute(
                "INSERT INTO runs SELECT lower(registry) || '/runs/x' || :number, registry, :number,"
                " 'x' || :number, status, task, created - 1000 + :number, properties, request"
                " FROM runs WHERE number=1",
                {"number": number},
            )
        connection.commit()


def _pushing(started: Started) -> Callable[[str, int], None]:
    """Pushes a tag of a manifest with that number."""
    http = pusher(started.running, _NAME, "repository:bench:*")
    empty = push_blob(http, _BENCH, b"{}")
    return lambda tag, number: push_manifest(http, _BENCH, tag, empty, number=number)


def _schedule(http: requests.Session, url: str) -> str:
    body = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(_STEPS.encode()).decode(),
        "platform": {"os": "Linux"},
    }
    version = {"api-version": "2019-06-01-preview"}
    answer = http.post(f"{url}/scheduleRun", params=version, json=body, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["properties"]["runId"])


def _tags_seen(started: Started, kernel: _Kernel) -> list[float]:
    """Seconds from the push of a tag to the moment that it was seen."""
    push = _pushing(started)
    found = []
    for number in range(CHANGES):
        tag = f"bench:new{number}"
        pushed = time.time()
        push(f"new{number}", 1000 + number)
        kernel.wait(lambda tag=tag: tag in kernel.last["tags"])  # type: ignore[misc]
        found.append(kernel.last["at"] - pushed)
        time.sleep(0.1)
    return found


def _ends_seen(started: Started, kernel: _Kernel, url: str) -> list[float]:
    """Seconds from the end of a run, as it is recorded, to the moment that it was seen."""
    http, _ = manager(started.running)
    found = []
    for _ in range(CHANGES // 3):
        run = _schedule(http, url)
        kernel.wait(lambda run=run: kernel.last["newest"].get(run) in FINAL)  # type: ignore[misc]
        seen = kernel.last["at"]
        properties = http.get(f"{url}/runs/{run}", timeout=60).json()["properties"]
        found.append(seen - parse(properties["finishTime"]).timestamp())
    return found


def _idle(started: Started, kernel: _Kernel) -> float:
    """The share of a core that kernel and daemon use while nothing happens."""
    time.sleep(2)
    before, began = kernel.used() + started.processor_seconds, time.perf_counter()
    time.sleep(IDLE)
    used = kernel.used() + started.processor_seconds - before
    return used / (time.perf_counter() - began)
