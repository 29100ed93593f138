"""How containers end: by themselves, by a signal, out of time, with the daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.sandboxes.container import (
    ContainerSpec,
    ContainerTimeoutError,
    signal_of,
)
from helpers.localcloud.containers.sandboxes.network import Network
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox

from .roots import base_layer
from .running import processes, sh, until


def test_a_time_limit_ends_the_whole_tree(any_cloud: Cloud) -> None:
    began = time.monotonic()
    with pytest.raises(ContainerTimeoutError, match=r"within 0\.5 s"):
        sh(any_cloud, "sleep 30 & sleep 30 & wait", timeout=0.5)
    assert time.monotonic() - began < 10
    assert list((any_cloud.home / "sandbox").iterdir()) == []


def test_very_many_processes_end_at_once(any_cloud: Cloud) -> None:
    script = "n=0; while [ $n -lt 400 ]; do sleep 30 & n=$((n+1)); done; echo up; wait"
    output: list[bytes] = []
    container = Sandbox(any_cloud).start(
        ContainerSpec((base_layer(),), ("sh", "-c", script)), output.append
    )
    until(lambda: b"up\n" in output, 30)
    began = time.monotonic()
    assert container.kill() == 137
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            ("TERM", 15),
            ("SIGQUIT", 3),
            ("sigint", 2),
            ("9", 9),
            ("SIGRTMIN+3", signal.SIGRTMIN + 3),
            ("RTMAX-1", signal.SIGRTMAX - 1),
        ),
        *(
            ("NOPE", None),
            ("0", None),
            ("99", None),
            ("", None),
            ("SIG_DFL", None),
            ("TERM+1", None),
        ),
        ("SIGRTMIN+99", None),
    ],
)
def test_signals_as_images_name_them(text: str, number: int | None) -> None:
    assert signal_of(text) == number


def test_stop_is_polite_first(cloud: Cloud) -> None:
    output: list[bytes] = []
    spec = ContainerSpec(
        (base_layer(),),
        ("sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"),
    )
    container = Sandbox(cloud).start(spec, output.append)
    until(lambda: b"up\n" in output)
    assert container.stop(grace=5) == 5
    assert b"".join(output) == b"up\nbye\n"


def test_stop_kills_what_does_not_listen(any_cloud: Cloud) -> None:
    output: list[bytes] = []
    spec = ContainerSpec(
        (base_layer(),), ("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    )
    container = Sandbox(any_cloud).start(spec, output.append)
    until(lambda: b"up\n" in output)
    assert container.wait(0.05) is None
    assert container.stop(grace=0.2) == 137
    assert container.wait() == 137


def test_a_container_whose_output_is_refused_ends(cloud: Cloud) -> None:
    def refuse(data: bytes) -> None:
        raise OSError("disk full")

    spec = ContainerSpec((base_layer(),), ("sh", "-c", "echo out; exec sleep 3600.5"))
    assert Sandbox(cloud).run(spec, refuse, 20) == 137
    until(lambda: not processes("3600.5"))


def test_many_at_once(cloud: Cloud) -> None:
    with Network.create(cloud) as network:
        started = []
        for number in range(8):
            output: list[bytes] = []
            spec = ContainerSpec(
                (base_layer(),), ("sh", "-c", f"echo {number}; exit {number}"), network=network
            )
            started.append((Sandbox(cloud).start(spec, output.append), output))
        for number, (container, output) in enumerate(started):
            assert container.wait(20) == number
            assert b"".join(output) == f"{number}\n".encode()


def test_containers_die_with_the_daemon(tmp_path: Path) -> None:
    """SIGKILL to the process that started them leaves none behind."""
    marker = f"3{os.getpid()}"
    program = textwrap.dedent(
        """
        import sys, time, pathlib
        from helpers.localcloud.cloud import Cloud
        from helpers.localcloud.containers.sandboxes.sandbox import ContainerSpec, Sandbox
        cloud = Cloud(pathlib.Path(sys.argv[1]))
        spec = ContainerSpec((pathlib.Path(sys.argv[2]),), ("sleep", sys.argv[3]))
        Sandbox(cloud).start(spec, print)
        print("started", flush=True)
        time.sleep(60)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "other"), str(base_layer()), marker],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"started\n"
        until(lambda: bool(processes("sleep", marker)))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    until(lambda: not processes(marker))
