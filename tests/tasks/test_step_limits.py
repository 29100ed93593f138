"""What a step's containers may use, in a running local cloud: the run fails, others go on."""

from __future__ import annotations

import time

from .running import Registry

BASH = "version: v1.1.0\nsteps:\n  - id: step\n    cmd: bash -c '{}'\n"


def test_a_fork_bomb_is_its_step_s_failure_and_makes_nobody_wait(registry: Registry) -> None:
    began = time.monotonic()
    run = registry.text(BASH.replace("{}", "f() { f | f & }; f; sleep 600"))
    waits = [time.monotonic() - began]
    status = "Queued"
    while status in ("Queued", "Running"):
        began = time.monotonic()
        status = registry.get(run)["status"]
        waits.append(time.monotonic() - began)
    ended = registry.wait(run)
    assert ended.status == "Failed"
    assert "the container was ended: it had more than 1024 processes, its limit" in ended.log
    assert "exit status 137" in ended.log or "exited with code 137" in ended.log, ended.log
    assert max(waits) < 10, sorted(waits)[-5:]


def test_a_step_that_fills_the_memory_fails(registry: Registry) -> None:
    ended = registry.wait(
        registry.text(BASH.replace("{}", "head -c 4000000000 /dev/zero > /tmp/x; echo on"))
    )
    assert ended.status == "Failed"
    assert "the container was ended: it used more than 2 GiB of memory, its limit" in ended.log
