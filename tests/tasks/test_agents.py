"""The agents of runs: whatever a run does, others go on, and it ends when it is to end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud, start
from tests.tasks.running import Registry

# A single call of a function that compares for minutes, and lets no other thread run.
STUCK = "version: v1.1.0\nsteps: []\n{{ $_ := uniq (until 131072) }}"
SHORT = "version: v1.1.0\nsteps:\n  - cmd: bash -c 'echo all is well'\n"
SLEEP = "version: v1.1.0\nsteps:\n  - id: sleeper\n    cmd: bash -c 'echo begun; sleep 321'\n"
# Each variable is twice as long as the one before it: 2^40 times "grow".
GROWING = "FROM scratch\nENV A0=grow\n" + "".join(
    f"ENV A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 41)
)
BUILD = "version: v1.1.0\nsteps:\n  - build: -t grown .\n"


@pytest.fixture
def registry(local_cloud: LocalCloud) -> Iterator[Registry]:
    made = Registry(local_cloud)
    yield made
    made.http.close()


class Process(int):
    """A process id, and when its process began: another one may have the number later."""

    def __new__(cls, pid: int) -> Process:
        made = super().__new__(cls, pid)
        made.began = began(pid)
        return made

    began: str


def began(pid: int) -> str:
    """When the process of that number began, in the kernel's ticks; "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def below(process: int) -> dict[Process, str]:
    """The processes below one, with their names."""
    found: dict[Process, str] = {}
    pending = [process]
    while pending:
        one = pending.pop()
        try:
            for thread in Path(f"/proc/{one}/task").iterdir():
                children = [Process(int(pid)) for pid in (thread / "children").read_text().split()]
                pending += children
                found |= {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in children}
        except OSError:
            continue
    return found


def agent_of(cloud: LocalCloud, run: str, timeout: float = 30) -> Process:
    """The process id of a run's agent, once it is there."""
    deadline = time.monotonic() + timeout
    while True:
        for pid, name in below(cloud.pid).items():
            if name == f"run {run}":
                return pid
        assert time.monotonic() < deadline, below(cloud.pid)
        time.sleep(0.01)


def busy(process: int, timeout: float = 30) -> None:
    """Wait until a process has taken a second of the processor."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        columns = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        if int(columns[11]) + int(columns[12]) > os.sysconf("SC_CLK_TCK"):
            return
        time.sleep(0.05)
    raise AssertionError(f"process {process} does nothing")


def gone(processes: Collection[Process], timeout: float = 15) -> bool:
    deadline = time.monotonic() + timeout
    while any(
        pid.began and pid.began == began(pid) and Path(f"/proc/{pid}/root").exists()
        for pid in processes
    ):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_run_that_is_stuck_makes_nobody_wait_and_is_canceled_at_once(registry: Registry) -> None:
    run = registry.text(STUCK)
    agent = agent_of(registry.cloud, run)
    busy(agent)
    slowest = 0.0
    for _ in range(50):
        started = time.monotonic()
        assert registry.call("GET", "/runs").status_code == 200
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 2
    assert registry.wait(registry.text(SHORT)).status == "Succeeded"
    started = time.monotonic()
    assert registry.call("POST", f"/runs/{run}/cancel").status_code == 200
    ended = registry.wait(run, 20)
    assert time.monotonic() - started < 5
    assert (ended.status, ended.complete) == ("Canceled", "canceled")
    assert ended.lines[-2].startswith(f"Run ID: {run} was canceled after ")
    assert gone([agent])


def test_a_run_that_takes_too_much_ends_with_the_limits_name(registry: Registry) -> None:
    source = registry.upload({"Dockerfile": GROWING})
    stuck, growing = registry.text(STUCK), registry.text(BUILD, sourceLocation=source)
    for run, message in (
        (stuck, "Rendering and reading the task file took longer than 15 seconds"),
        (growing, "The run needed more memory than its limit of 1024 MiB"),
    ):
        ended = registry.wait(run)
        assert (ended.status, ended.complete) == ("Failed", "failed")
        assert message in ended.properties["runErrorMessage"]
        assert message in ended.log
    assert registry.wait(registry.text(SHORT)).status == "Succeeded"


def test_a_run_that_is_stuck_ends_at_its_timeout(registry: Registry) -> None:
    blocked = [registry.text(SLEEP) for _ in range(2)]
    run = registry.text(STUCK)
    cloud = Cloud(registry.cloud.home, provision=False)
    changed = cloud.store.execute(
        "UPDATE runs SET request=json_set(request, '$.timeout', 2) WHERE run_id=? AND registry=?",
        (run, registry.id),
    )
    cloud.close()
    assert changed == 1
    for one in blocked:
        registry.call("POST", f"/runs/{one}/cancel")
    ended = registry.wait(run, 30)
    assert (ended.status, ended.complete) == ("Timeout", "timedout")
    assert "did not end within its timeout of 2 seconds" in ended.log


def test_the_run_of_an_agent_that_was_killed_fails_and_others_go_on(registry: Registry) -> None:
    before = below(registry.cloud.pid)  # containers of groups, in a cloud that tests share
    run = registry.text(SLEEP)
    registry.wait_for(run, "begun")
    agent = agent_of(registry.cloud, run)
    processes = {pid: name for pid, name in below(registry.cloud.pid).items() if pid not in before}
    assert "sleep" in processes.values()
    os.kill(agent, signal.SIGKILL)
    ended = registry.wait(run, 30)
    assert (ended.status, ended.complete) == ("Failed", "failed")
    assert "The agent of the run was ended from outside by SIGKILL" in ended.log
    assert registry.wait(registry.text(SHORT)).status == "Succeeded"
    assert gone([pid for pid, name in processes.items() if name in ("sleep", "bwrap")])
    deadline = time.monotonic() + 10
    while any((registry.cloud.home / "runs").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list((registry.cloud.home / "runs").iterdir()) == []


def standing_by(cloud: LocalCloud, besides: int = 0, timeout: float = 30) -> Process:
    """The process id of the only agent that stands by, once there is another than that."""
    deadline = time.monotonic() + timeout
    while True:
        found = [pid for pid, name in below(cloud.pid).items() if name == "standby"]
        if len(found) == 1 and found != [besides]:
            return found[0]
        assert time.monotonic() < deadline, below(cloud.pid)
        time.sleep(0.01)


def test_an_agent_stands_by_and_is_replaced_when_it_is_taken_or_dies(tmp_path: Path) -> None:
    cloud = start(tmp_path / "cloud")
    try:
        assert "standby" not in below(cloud.pid).values()
        registry = Registry(cloud)
        assert registry.wait(registry.text(SHORT)).status == "Succeeded"
        first = standing_by(cloud)
        run = registry.text(SLEEP)
        registry.wait_for(run, "begun")
        assert agent_of(cloud, run) == first
        second = standing_by(cloud, first)
        os.kill(second, signal.SIGKILL)
        assert gone([second])
        assert registry.wait(registry.text(SHORT)).status == "Succeeded"
        third = standing_by(cloud, second)
        assert daemon.down(cloud.home)
        assert gone([first, third])
    finally:
        daemon.down(cloud.home)


def test_a_fork_server_that_was_killed_is_replaced(tmp_path: Path) -> None:
    cloud = start(tmp_path / "cloud")
    try:
        registry = Registry(cloud)
        assert registry.wait(registry.text(SHORT)).status == "Succeeded"
        run = registry.text(SLEEP)
        registry.wait_for(run, "begun")
        processes = below(cloud.pid)
        [server] = [pid for pid, name in processes.items() if name == "fork server"]
        os.kill(server, signal.SIGKILL)
        ended = registry.wait(run, 30)
        assert ended.status == "Failed"
        assert "ended from outside by SIGKILL" in ended.log
        assert gone(processes), processes
        assert registry.wait(registry.text(SHORT)).status == "Succeeded"
        assert "Traceback" not in (cloud.home / "daemon.log").read_text()
        processes = below(cloud.pid)
        assert "fork server" in processes.values()
        os.kill(cloud.pid, signal.SIGKILL)
        assert gone(processes), processes
    finally:
        daemon.down(cloud.home)


def test_a_killed_daemon_leaves_nothing_and_takes_no_run_up_again(tmp_path: Path) -> None:
    cloud = start(tmp_path / "cloud")
    try:
        registry = Registry(cloud)
        stuck, sleeper = registry.text(STUCK), registry.text(SLEEP)
        busy(agent_of(cloud, stuck))
        registry.wait_for(sleeper, "begun")
        processes = below(cloud.pid)
        assert {f"run {stuck}", f"run {sleeper}", "network", "sleep"} <= {*processes.values()}
        os.kill(cloud.pid, signal.SIGKILL)
        assert gone(processes), processes
        registry.cloud = start(cloud.home)
        for run in (stuck, sleeper):
            ended = registry.wait(run, 5)
            assert ended.status == "Failed"
            assert "was stopped while the run was going on" in ended.log
        assert registry.wait(registry.text(SHORT)).status == "Succeeded"
        left = [pid for pid, name in below(registry.cloud.pid).items() if name.startswith("run ")]
        assert gone(left)  # the one that has just ended may be on its way still
    finally:
        daemon.down(cloud.home)


def test_a_cloud_with_a_run_that_is_stuck_stops(tmp_path: Path) -> None:
    cloud = start(tmp_path / "cloud")
    try:
        registry = Registry(cloud)
        run = registry.text(STUCK)
        busy(agent_of(cloud, run))
        processes = below(cloud.pid)
        started = time.monotonic()
        assert daemon.down(cloud.home)
        assert time.monotonic() - started < 8
        assert gone(processes)
        registry.cloud = start(cloud.home)
        assert registry.wait(run, 5).status == "Failed"
    finally:
        daemon.down(cloud.home)
