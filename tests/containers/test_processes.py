"""Processes by /proc: who is below whom, stopped and signalled, and what a container may use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.containers.sandboxes import processes
from helpers.localcloud.containers.sandboxes.watch import Watch
from helpers.tutorial import ROOT

OTHER = 64321  # a user that nobody is
TREE = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()"


def until(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def tree() -> Iterator[tuple[int, int]]:
    """A process in a session of its own, and its child."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", TREE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        yield parent.pid, child
        os.killpg(parent.pid, signal.SIGKILL)


@pytest.fixture(params=[True, False], ids=["children", "all"])
def listed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels with the lists of children, and those without."""
    if request.param and not processes._children_listed:
        return  # this kernel has none: both are the same
    monkeypatch.setattr(processes, "_children_listed", request.param)


@pytest.mark.usefixtures("listed")
def test_who_is_below_whom(tree: tuple[int, int]) -> None:
    parent, child = tree
    assert processes.children_of(parent) == [child]
    assert parent in processes.children_of(os.getpid())
    below = processes.descendants_of(os.getpid())
    assert below.index(parent) < below.index(child)
    assert processes.children_of(child) == []


def test_a_session_has_those_that_its_leader_started(tree: tuple[int, int]) -> None:
    assert sorted(processes.session_of(tree[0])) == sorted(tree)
    assert processes.session_of(tree[1]) == []


@pytest.mark.usefixtures("listed")
def test_a_tree_is_stopped_before_it_is_ended(tree: tuple[int, int]) -> None:
    parent, child = tree
    assert processes.frozen_tree(parent, 30) == [child, parent]  # the nearest last
    for one in tree:
        assert processes.columns(one)[processes.STATE] == b"T"
    processes.send(signal.SIGCONT, [parent, child])
    assert until(lambda: processes.columns(parent)[processes.STATE] == b"S")
    processes.send(signal.SIGKILL, [child, parent])
    assert until(lambda: processes.columns(parent)[processes.STATE] == b"Z")


def test_one_that_has_ended_is_no_matter() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    processes.send(signal.SIGKILL, [ended.pid])
    assert processes.children_of(ended.pid) == []
    assert processes._stands_still(ended.pid)
    with pytest.raises(OSError, match=r"\[Errno (2|3)\]"):
        processes.columns(ended.pid)


# -- limits --------------------------------------------------------------------------------------


def limits(written: Path | None = None, **changed: Any) -> dict[str, Any]:
    wide = {"processes": 100_000, "memory": 1 << 50, "disk": 1 << 50, "in_memory": False}
    return {**wide, "written": [written] if written else [], **changed}


@pytest.fixture
def user() -> Iterator[int]:
    """A user that has a process: of root's choice, or who runs the tests."""
    chosen = OTHER if os.geteuid() == 0 else os.geteuid()
    options: dict[str, Any] = {"user": chosen} if os.geteuid() == 0 else {}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["cat"], **pipes, **options) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"here\n")
        process.stdin.flush()
        # A program that has only begun has no memory yet.
        assert process.stdout.readline() == b"here\n"
        yield chosen
        process.kill()


def test_a_user_s_processes_and_memory_are_counted(user: int) -> None:
    assert Watch(limits(), user=user).exceeded() == ""
    found = Watch(limits(processes=0), user=user).exceeded()
    assert found == "it had more than 0 processes"
    found = Watch(limits(memory=1 << 10), user=user).exceeded()
    assert found.startswith("it used more than ")
    assert found.endswith(" of memory")


def test_what_is_written_is_counted_when_it_is_time(user: int, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(b"x" * 100_000)
    (tmp_path / "folder/again").hardlink_to(tmp_path / "folder/file")
    watch = Watch(limits(tmp_path, disk=50_000), user=user)
    assert watch.exceeded() == ""  # not yet
    watch._next = 0
    assert watch.exceeded().startswith("it wrote more than ")
    wide = Watch(limits(tmp_path, disk=150_000), user=user)
    wide._next = 0
    assert wide.exceeded() == ""  # a file of two names counts once
    gone = Watch(limits(tmp_path / "gone", disk=0), user=user)
    gone._next = 0
    assert gone.exceeded() == ""


def test_files_without_a_name_are_memory() -> None:
    watch = Watch(limits(), user=os.geteuid())
    descriptor = os.memfd_create("nameless")
    try:
        os.write(descriptor, b"x" * (1 << 20))
        own = [str(os.getpid())]
        assert watch._nameless("/proc", own) == 0  # not yet
        watch._next = 0
        assert watch._nameless("/proc", own) >= 1 << 20
        assert watch._nameless("/proc", ["0"]) == 0
    finally:
        os.close(descriptor)


def test_a_container_that_is_gone_uses_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    watch = Watch(limits(processes=0, memory=0, in_memory=True))
    watch.root = ended.pid
    assert watch.exceeded() == ""


PREPARE = """
import resource, sys
from helpers.localcloud.containers.sandboxes.watch import Watch
limits = {"processes": 5000, "memory": 1 << 40, "disk": 1 << 30, "written": [], "in_memory": False}
Watch(limits, user=int(sys.argv[1])).prepare()
for limit in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
    print(*resource.getrlimit(limit))
"""


def test_the_kernel_limits_what_it_can() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, str(OTHER)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tasks, size, core = done.stdout.splitlines()
    soft, hard = tasks.split()
    assert soft == hard
    assert int(hard) >= 5000
    assert (size, core) == (f"{1 << 30} {1 << 30}", "0 0")
