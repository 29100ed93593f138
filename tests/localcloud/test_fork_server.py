"""The fork server: what a forked process begins with, how its end is told, what outlives whom."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

HERE = [sys.executable, "-W", "error", "-m", "tests.localcloud.forked"]


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What children of a server told, forked in a process where every warning is an error."""
    done = subprocess.run(
        [*HERE, "answers"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    found["errors"] = done.stderr
    return found


def _is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _gone(process: int, patience: float = 10.0) -> bool:
    deadline = time.monotonic() + patience
    while _is_there(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _is_there(process)


def test_a_child_is_called_with_its_arguments_and_descriptors(answers: dict[str, Any]) -> None:
    assert answers["told"]["word"] == "Grüße"
    assert answers["status"] == 7


def test_a_child_begins_as_the_only_thread_with_default_signals(answers: dict[str, Any]) -> None:
    told = answers["told"]
    assert told["threads"] == 1
    assert told["mask"] == 0
    assert told["child"]
    assert told["umask"] == 0o077
    assert told["name"] == "describer"


def test_a_child_has_no_descriptors_but_its_own(answers: dict[str, Any]) -> None:
    """Input, output, error, its connection, what it was given, and the look at them."""
    assert answers["told"]["descriptors"] == 6
    assert answers["told"]["input"] == os.devnull


def test_how_a_child_ends_is_told(answers: dict[str, Any]) -> None:
    assert answers["early"] is None
    assert answers["killed"] == answers["spun"] == -signal.SIGKILL
    assert answers["failed"] == answers["unknown"] == 1
    assert "it failed here" in answers["errors"]
    assert answers["peak"] > 1 << 20


def test_a_child_can_have_others_forked(answers: dict[str, Any]) -> None:
    assert answers["again"] == 8


def test_the_server_ends_with_its_last_user(answers: dict[str, Any]) -> None:
    assert _gone(answers["process"])


def test_nothing_outlives_a_killed_daemon_but_what_sees_to_it_itself() -> None:
    daemon = subprocess.Popen([*HERE, "holds"], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    with daemon.stdout:
        server, bound, free = json.loads(daemon.stdout.readline())
    try:
        assert _is_there(bound)
        daemon.kill()
        daemon.wait()
        assert _gone(server)
        assert _gone(bound)
        assert _is_there(free)
    finally:
        os.kill(free, signal.SIGKILL)


def test_a_server_that_was_killed_is_started_again() -> None:
    done = subprocess.run(
        [*HERE, "survives"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["statuses"] == [9, 1, -signal.SIGKILL, 7, 8]
    assert len(set(found["servers"])) == 3
    assert all(_gone(one) for one in found["servers"])
    first, second, _ = found["servers"]
    for one in (first, second):
        assert f"the fork server (process {one}) has died" in done.stderr
    # One that is not the daemon's own starts none, and what cannot be prepared hinders nobody.
    assert found["orphaned"] == "the fork server has ended"
    assert "preparing helpers.localcloud.nothing" in done.stderr


def test_what_needs_little_is_forked_from_an_interpreter_that_has_little() -> None:
    """Also after that one was killed; its children die with it, if they do not say otherwise."""
    done = subprocess.run([*HERE, "bare"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    first, second, usual = found["told"]
    assert len({one["server"] for one in (first, second, usual)}) == 3
    assert usual["server"] == found["server"]
    for one in (first, second):
        assert one["memory"] < usual["memory"] / 1.5
        assert not one["init"]
        assert not one["connected"]
        assert one["status"] == -signal.SIGKILL
    assert usual["init"]
    assert usual["connected"]
    assert all(_gone(one["server"]) and _gone(one["process"]) for one in found["told"])


def test_the_daemon_has_a_server_without_a_thread(local_cloud: Any) -> None:
    children = Path(f"/proc/{local_cloud.pid}/task/{local_cloud.pid}/children").read_text().split()
    names = {Path(f"/proc/{one}/comm").read_text().strip(): one for one in children}
    server = Path("/proc", names["fork server"])
    deadline = time.monotonic() + 20  # until it is prepared
    while len(list((server / "task").iterdir())) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(list((server / "task").iterdir())) == 1
