"""The limits of containers, their filter of system calls, and what their processes show to others."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.sandboxes import control_group
from helpers.localcloud.containers.sandboxes.container import ContainerSpec, Limits, Mount
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox
from helpers.localcloud.root_folder import FileBelow, RootFolder

from .roots import base_layer


@pytest.fixture
def cloud(any_sandbox: None, cloud: Cloud) -> Cloud:
    return cloud


def sh(cloud: Cloud, script: str, **options: Any) -> tuple[int, str]:
    output: list[bytes] = []
    spec = ContainerSpec((base_layer(),), ("/bin/sh", "-c", script), **options)
    code = Sandbox(cloud).run(spec, output.append, 60)
    return code, b"".join(output).decode(errors="replace")


def kernel_counts() -> bool:
    """Whether the kernel itself bounds the processes of this user's containers."""
    group = control_group.make(10)
    if group is not None:
        group.remove()
    return os.geteuid() != 0 or group is not None


@contextlib.contextmanager
def most_tasks() -> Iterator[Callable[[], int]]:
    """The greatest number of processes and threads that the machine has meanwhile (proc(5))."""
    seen = [0]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            seen.append(int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2]))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield lambda: max(seen)
    finally:
        over.set()
        watcher.join()


def test_a_fork_bomb_ends(cloud: Cloud) -> None:
    before = sum(1 for _ in Path("/proc").iterdir())
    bomb = "f() { f | f & }; f; sleep 60"
    with most_tasks() as most:
        code, text = sh(cloud, bomb, limits=Limits(processes=300))
    assert code == 137
    assert "the container was ended: it had more than 300 processes, its limit" in text
    if kernel_counts():  # else who watches is all that there is
        assert most() < before + 5 * 300 + 500
    deadline = time.monotonic() + 20
    while sum(1 for _ in Path("/proc").iterdir()) > before + 50:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_memory_has_a_limit(cloud: Cloud) -> None:
    script = "x=$(head -c 300000000 /dev/zero | tr '\\0' a); echo ${#x}"
    code, text = sh(cloud, script, limits=Limits(memory=150 << 20))
    assert (code, "it used more than 150 MiB of memory, its limit" in text) == (137, True)
    assert sh(cloud, "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo ${#x}") == (
        0,
        "20000000\n",
    )


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
def test_files_in_memory_count_as_memory(tmp_path: Path, place: str) -> None:
    with_namespaces = Cloud(tmp_path / "home")
    script = f"head -c 300000000 /dev/zero > {place}/big; sleep 2; echo unlimited"
    code, text = sh(with_namespaces, script, limits=Limits(memory=150 << 20))
    with_namespaces.close()
    assert (code, "it used more than 150 MiB of memory, its limit" in text) == (137, True)


def perl_layer(folder: Path) -> Path:
    """A layer with a real program that makes system calls: Perl is on every Debian."""
    perl = Path("/usr/bin/perl")
    if not perl.exists():
        pytest.skip("this machine has no Perl to make system calls with")
    layer = folder / "perl"
    (layer / "usr/bin").mkdir(parents=True)
    (layer / "usr/bin/perl").write_bytes(perl.read_bytes())
    (layer / "usr/bin/perl").chmod(0o755)
    needed = subprocess.run(["ldd", perl], capture_output=True, text=True, check=True).stdout
    for line in needed.splitlines():
        library = next((word for word in line.split() if word.startswith("/")), "")
        if library:
            place = layer / "usr" / library.lstrip("/").removeprefix("usr/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(Path(library).read_bytes())
            place.chmod(0o755)
    return layer


SEGMENTS = """
my $size = 20 << 20;
for (1 .. 15) {
    my $id = shmget(0, $size, 01600) // die "shmget: $!";
    for (my $at = 0; $at < $size; $at += 1 << 20) { shmwrite($id, "x" x (1 << 20), $at, 1 << 20) }
    last if $ARGV[0] eq "one";
}
$| = 1;
print "written\\n";
sleep 5 if $ARGV[0] ne "one";
print "unlimited\\n";
"""


@pytest.mark.parametrize("segments", ["many", "one"])
def test_shared_memory_that_nothing_is_attached_to_counts_as_memory(
    cloud: Cloud, tmp_path: Path, segments: str
) -> None:
    output: list[bytes] = []
    spec = ContainerSpec(
        (base_layer(), perl_layer(tmp_path)),
        ("perl", "-e", SEGMENTS, segments),
        limits=Limits(memory=150 << 20),
    )
    code = Sandbox(cloud).run(spec, output.append, 60)
    text = b"".join(output).decode()
    if segments == "one":
        assert (code, text) == (0, "written\nunlimited\n")
    else:
        assert (code, "it used more than 150 MiB of memory, its limit" in text) == (137, True), text


def test_disk_has_a_limit(cloud: Cloud, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    script = "for n in 1 2 3 4 5 6; do head -c 30000000 /dev/urandom > /workspace/$n; done; sleep 5"
    code, text = sh(
        cloud,
        script,
        upper=tmp_path / "upper",
        mounts=(Mount(workspace, "/workspace"),),
        limits=Limits(disk=100_000_000),
    )
    assert (code, "to disk, its limit" in text) == (137, True)


def test_what_docker_refuses_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """System calls by their numbers, from a real program: Perl is on every Debian."""
    calls = {
        "x86_64": {"keyctl": 250, "add_key": 248, "bpf": 321, "perf_event_open": 298, "setns": 308},
        "aarch64": {
            "keyctl": 219,
            "add_key": 217,
            "bpf": 280,
            "perf_event_open": 241,
            "setns": 268,
        },
    }[os.uname().machine]
    more = {
        "x86_64": {"unshare": 272, "clone": 56, "clone3": 435, "mount": 165, "userfaultfd": 323},
        "aarch64": {"unshare": 97, "clone": 220, "clone3": 435, "mount": 40, "userfaultfd": 282},
    }[os.uname().machine]
    program = "".join(
        f'$! = 0; syscall({number}, {0x10000000}, 0, 0, 0, 0); print "{name} ", $! + 0, "\\n";'
        for name, number in {**calls, **more}.items()
    )
    layer = perl_layer(tmp_path)
    output: list[bytes] = []
    spec = ContainerSpec((base_layer(), layer), ("perl", "-e", program))
    assert Sandbox(cloud).run(spec, output.append, 20) == 0, output
    refused = dict(line.split() for line in b"".join(output).decode().splitlines())
    assert refused.pop("clone3") == "38"  # ENOSYS: programs go on to clone
    assert set(refused.values()) == {"1"}, refused  # EPERM


def test_secrets_are_on_nobody_s_command_line_but_the_container_s(cloud: Cloud) -> None:
    secret = "s3cret-of-the-step"
    output: list[bytes] = []
    words = ("sh", "-c", "set --; echo up; sleep 5; exit 3", secret)
    spec = ContainerSpec((base_layer(),), words, environment={"TOKEN": f"env-{secret}"})
    container = Sandbox(cloud).start(spec, output.append)
    while b"up\n" not in b"".join(output):
        time.sleep(0.01)
    shown, environments = {}, []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes()
            if secret.encode() in line and path.name != str(os.getpid()):
                shown[path.name] = line.split(b"\0")[0]
            if path.name != str(os.getpid()) and secret.encode() in (path / "environ").read_bytes():
                environments.append((path / "comm").read_text().strip())
        except OSError:
            continue
    container.kill()
    assert set(shown.values()) == {b"sh"}, shown
    assert set(environments) <= {"sh", "sleep"}
    if os.geteuid() == 0:
        unreadable = (
            "import glob\n"
            "for path in glob.glob('/proc/[0-9]*/environ'):\n"
            "    try: assert b'env-s3cret' not in open(path, 'rb').read(), path\n"
            "    except OSError: pass\n"
        )
        done = subprocess.run(
            [
                *("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups"),
                *("/usr/bin/python3", "-c", unreadable),
            ],
            check=False,
            capture_output=True,
        )
        assert done.returncode == 0 or not Path("/usr/bin/python3").exists(), done.stderr


def test_the_command_has_its_words_environment_and_nothing_open(cloud: Cloud) -> None:
    output: list[bytes] = []
    script = 'echo "$0|$1|$2|$MINE|$PATH"; echo fd $(ls /proc/self/fd 2>/dev/null)'
    spec = ContainerSpec(
        (base_layer(),), ("sh", "-c", script, "a b", "", "ü\n"), environment={"MINE": "x=y"}
    )
    assert Sandbox(cloud).run(spec, output.append, 20) == 0
    text = b"".join(output).decode()
    assert text.startswith("a b||ü\n|x=y|/usr/local/sbin:")
    assert text.splitlines()[-1] in ("fd 0 1 2 3", "fd")


def test_a_container_that_is_killed_while_it_forks_is_gone(cloud: Cloud) -> None:
    output: list[bytes] = []
    spec = ContainerSpec((base_layer(),), ("sh", "-c", "echo up; f() { f | f & }; f; sleep 60"))
    container = Sandbox(cloud).start(spec, output.append)
    while not output:
        time.sleep(0.01)
    ended = threading.Thread(target=container.kill)
    ended.start()
    ended.join(30)
    assert not ended.is_alive()
    assert container.exit_code == 137


def test_a_folder_below_an_opened_one_counts_as_disk(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "opened/below").mkdir(parents=True)
    mount = Mount(FileBelow(RootFolder(tmp_path / "opened"), "below"), "/below")
    script = "for i in 1 2 3; do head -c 80000000 /dev/zero > /below/$i; done; sleep 20"
    code, text = sh(cloud, script, mounts=(mount,), limits=Limits(disk=100_000_000))
    assert (code, "to disk, its limit" in text) == (137, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_no_shared_memory_outlives_the_user_of_a_container() -> None:
    user = 1_899_999_999
    program = f"""
import ctypes, os
from helpers.localcloud.containers.sandboxes.processes import end_user
libc = ctypes.CDLL(None)
if os.fork() == 0:
    os.setresuid({user}, {user}, {user})
    libc.shmget(0, 4096, 0o1600)  # IPC_PRIVATE, IPC_CREAT
    os._exit(0)
os.wait()
print(open("/proc/sysvipc/shm").read().count("{user}"))
end_user({user})
print(open("/proc/sysvipc/shm").read().count("{user}"))
"""
    made, left = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert int(made) > 0
    assert int(left) == 0
