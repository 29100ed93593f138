"""Another command in a container that runs: as confined as the container, and ended with it."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helpers.localcloud import user_namespace
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import SandboxError
from helpers.localcloud.containers.networks import Networks
from helpers.localcloud.containers.running import Containers, Record
from helpers.localcloud.containers.sandboxes.container import (
    ContainerSpec,
    ContainerTimeoutError,
    Limits,
)
from tests.containers.roots import base_layer
from tests.containers.running import processes, until

STATUS = (
    "while read -r name rest; do case $name in "
    "Cap*|NoNewPrivs:|Seccomp*|Uid:|Gid:|Groups:) echo $name $rest;; esac; done </proc/self/status"
)
_KEYS = (
    *("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"),
    *("Seccomp_filters", "Uid", "Gid", "Groups"),
)
WAITS = "while :; do sleep 0.1; done"


class Host:
    """Containers of one host, with their words."""

    def __init__(self, cloud: Cloud) -> None:
        self.networks = Networks(cloud, lambda network: None)
        self.left = math.inf
        self.cancelled = False
        self.containers = Containers(cloud, self.networks, len, lambda: self.left)

    def start(self, script: str = WAITS, **options: Any) -> Record:
        """A container that runs detached."""
        record = Record("image", [], remove=False)
        words = ("/bin/sh", "-c", script)
        options.setdefault("network", self.networks.get("bridge"))
        spec = ContainerSpec((base_layer(),), words, **options)
        self.containers.start(spec, record, lambda line: None, detach=True)
        return record

    def execute(self, record: Record, *argv: str, **options: Any) -> tuple[int, list[str]]:
        """What another command says."""
        said: list[str] = []
        options.setdefault("environment", {})
        code = self.containers.execute(
            record, argv, log=said.append, cancelled=lambda: self.cancelled, **options
        )
        return code, said

    def sh(self, record: Record, script: str, **options: Any) -> tuple[int, list[str]]:
        return self.execute(record, "/bin/sh", "-c", script, **options)

    def close(self) -> None:
        self.containers.close()
        self.networks.close()


@pytest.fixture
def host(any_cloud: Cloud) -> Iterator[Host]:
    made = Host(any_cloud)
    yield made
    made.close()


@pytest.fixture
def sandboxed(cloud: Cloud) -> Iterator[Host]:
    made = Host(cloud)
    yield made
    made.close()


def test_it_finds_what_the_container_has(host: Host) -> None:
    script = f"echo written > /made; {WAITS}"
    record = host.start(script, environment={"A": "a", "B": "b"}, working_dir="/usr", hostname="h")
    until(lambda: host.sh(record, "read x </made && echo $x") == (0, ["written"]))
    told = host.sh(record, "echo $A $B $C $PWD $HOSTNAME $HOME; exit 7", environment={"B": "other"})
    assert told == (7, ["a other /usr h /root"])
    assert host.sh(record, "pwd; echo here >/left", working_dir="/bin")[0] == 0
    assert host.sh(record, "read x </left; echo $x; echo wrong >&2") == (0, ["here", "wrong"])
    assert host.sh(record, "kill -9 $$")[0] == 137
    assert record.runs


@pytest.mark.parametrize(
    ("argv", "options", "code", "told"),
    [
        (("never",), {}, 126, 'exec: "never": executable file not found in $PATH: unknown'),
        (("/never",), {}, 126, 'exec: "/never": stat /never: no such file or directory: unknown'),
        (("/etc",), {}, 126, 'exec: "/etc": permission denied: unknown'),
        (
            ("/bin/sh",),
            {"working_dir": "/never"},
            126,
            'chdir to cwd ("/never") set in config.json failed: no such file or directory: unknown',
        ),
        (("/bin/sh",), {"working_dir": "never"}, 126, "Cwd must be an absolute path"),
        (("/bin/sh",), {"user": "never"}, 126, "unable to find user never: no matching entries"),
    ],
)
def test_it_says_what_docker_says(
    host: Host, argv: tuple[str, ...], options: dict[str, str], code: int, told: str
) -> None:
    record = host.start()
    status, said = host.execute(record, *argv, **options)
    assert (status, len(said), told in said[0]) == (code, 1, True), said
    assert record.runs


@pytest.mark.parametrize("user", ["0", "1000:1000"])
@pytest.mark.parametrize("several", [True, False])
def test_it_has_the_rights_of_the_container(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, several: bool, user: str
) -> None:
    if not several:
        monkeypatch.setitem(user_namespace._known, os.getpid(), "nobody has granted any")
    host = Host(cloud)
    try:
        record = host.start(f"{STATUS}; echo end; {WAITS}", user=user)
        until(lambda: "end" in record.output)
        own = [line for line in record.output if line.partition(":")[0] in _KEYS]
        assert len(own) >= 10
        assert host.sh(record, STATUS) == (0, own)
        assert host.sh(record, STATUS, user=user) == (0, own)
    finally:
        host.close()


def test_it_is_in_the_namespaces_of_the_container(sandboxed: Host) -> None:
    names = "cgroup ipc mnt net pid user uts"
    script = f"for one in {names}; do readlink /proc/self/ns/$one; done; readlink /proc/self/exe"
    record = sandboxed.start(f"{script}; echo end; {WAITS}")
    until(lambda: "end" in record.output)
    own = record.output[: record.output.index("end")]
    assert len(own) == 8
    assert sandboxed.sh(record, script) == (0, own)


def test_nothing_of_this_machine_is_open_in_it(sandboxed: Host) -> None:
    record = sandboxed.start()
    code, said = sandboxed.sh(record, "for one in /proc/self/fd/*; do echo ${one##*/}; done")
    assert (code, said) == (0, ["0", "1", "2", "3"])  # the last is the folder that it reads
    # A script whose interpreter is the process itself gets what was executed: no file of the machine.
    sandboxed.sh(record, "printf '#!/proc/self/exe\\n' >/trap; chmod +x /trap")
    sandboxed.execute(record, "/trap", detach=True)
    programs = "for one in /proc/[0-9]*; do readlink $one/exe; done; true"
    until(lambda: "/memfd:command (deleted)" in sandboxed.sh(record, programs)[1])
    seen = [one for one in sandboxed.sh(record, programs)[1] if not one.endswith("/bwrap")]
    assert all(one.startswith(("/memfd:", "/bin/", "/usr/bin/")) for one in seen), seen


def test_it_counts_for_the_limits(host: Host) -> None:
    record = host.start(limits=Limits(processes=20))
    code, _ = host.sh(record, "n=0; while [ $n -lt 40 ]; do sleep 60 & n=$((n + 1)); done; wait")
    assert code == 137
    assert record.over.wait(10)
    assert any("it had more than 20 processes" in line for line in record.output)


@pytest.mark.parametrize("stop", ["stop", "cancel", "time", "close"])
def test_it_ends_with_container_and_run(
    host: Host, stop: str, unused_seconds: Callable[[], str]
) -> None:
    record, seconds = host.start(), unused_seconds()
    ended: list[object] = []

    def execute() -> None:
        try:
            ended.append(host.execute(record, "sleep", seconds)[0])
        except ContainerTimeoutError as error:
            ended.append(str(error))

    host.left = 3.0 if stop == "time" else math.inf
    thread = threading.Thread(target=execute)
    thread.start()
    until(lambda: processes("sleep", seconds))
    if stop == "stop":
        assert record.container is not None
        record.container.kill()
    elif stop == "cancel":
        host.cancelled = True
    elif stop == "close":
        host.containers.close()
    thread.join(20)
    assert ended == ["the time of the command is over" if stop == "time" else 137]
    until(lambda: not processes("sleep", seconds))
    assert record.runs == (stop in ("cancel", "time"))


def test_a_detached_one_goes_on(host: Host, unused_seconds: Callable[[], str]) -> None:
    record, seconds = host.start(), unused_seconds()
    assert host.execute(record, "sleep", seconds, detach=True) == (0, [])
    until(lambda: processes("sleep", seconds))
    assert record.container is not None
    record.container.kill()
    until(lambda: not processes("sleep", seconds))


def test_what_it_leaves_behind_does_not_hold_it_up(host: Host) -> None:
    record = host.start()
    began = time.monotonic()
    assert host.sh(record, "sleep 60 & echo said") == (0, ["said"])
    assert time.monotonic() - began < 30


def test_a_container_that_has_ended_takes_none(host: Host) -> None:
    record = host.start("exit 3")
    assert record.over.wait(10)
    with pytest.raises(SandboxError, match=f"Container {record.id} is not running"):
        host.sh(record, "exit 0")


def test_another_user_needs_several(sandboxed: Host) -> None:
    record = sandboxed.start()
    assert record.container is not None
    code, said = sandboxed.sh(record, STATUS, user="1000")
    if record.container.network.users is None:
        assert (code, "has the user 0 only" in said[0]) == (126, True)
    else:
        assert (code, said[0]) == (0, "Uid: 1000 1000 1000 1000")
        assert "CapEff: 0000000000000000" in said


@pytest.fixture
def unused_seconds() -> Callable[[], str]:
    return lambda: f"1000.{time.monotonic_ns()}"
