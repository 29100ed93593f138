"""The sandbox: what a container sees, writes, cannot see, and what cannot be executed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import SandboxError
from helpers.localcloud.containers.sandboxes import chroot, initial_layer
from helpers.localcloud.containers.sandboxes.container import (
    ContainerSpec,
    Mount,
)
from helpers.localcloud.containers.sandboxes.output import LONGEST, LineSplitter
from helpers.localcloud.containers.sandboxes.sandbox import Sandbox

from .roots import base_layer
from .running import processes, run, sh, until


def test_the_exit_code_and_the_order_of_stdout_and_stderr(any_cloud: Cloud) -> None:
    assert sh(any_cloud, "echo one; echo two >&2; echo three; exit 7") == (7, "one\ntwo\nthree\n")


def test_signals_that_the_daemon_ignores_are_not_ignored_inside(any_cloud: Cloud) -> None:
    """A shell ignores SIGINT in its background jobs, Python SIGPIPE; both are inherited."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        script = "trap 'echo caught' INT; kill -INT $$; sh -c 'kill -PIPE $$'; echo $?"
        assert sh(any_cloud, script) == (0, f"caught\n{128 + signal.SIGPIPE}\n")
    finally:
        signal.signal(signal.SIGINT, before)


def test_output_of_a_command_that_looks_like_the_sandbox_is_kept(cloud: Cloud) -> None:
    assert sh(cloud, "echo 'bwrap: not me'; exit 3") == (3, "bwrap: not me\n")


def test_it_is_root_in_its_own_namespaces(cloud: Cloud) -> None:
    code, text = sh(
        cloud,
        "id -u; hostname; for n in pid ipc uts net user mnt; do readlink /proc/self/ns/$n; done;"
        "ls /proc | grep -c '^[0-9]'",
        hostname="box",
    )
    assert code == 0
    uid, hostname, *namespaces, processes = text.split()
    assert (uid, hostname) == ("0", "box")
    for name, seen in zip(("pid", "ipc", "uts", "net", "user", "mnt"), namespaces, strict=True):
        assert seen != str(Path(f"/proc/self/ns/{name}").readlink())
    assert int(processes) < 10


def test_nothing_of_the_host_is_there(any_cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the host")
    code, text = sh(any_cloud, f"cat {tmp_path}/secret; ls {any_cloud.home}; env", environment={})
    assert "of the host" not in text
    assert "No such file" in text
    assert "PYTEST" not in text
    assert code == 0


def test_the_kernel_s_settings_are_out_of_reach(cloud: Cloud) -> None:
    setting = "/proc/sys/kernel/core_pattern"
    # The value that is there already: a sandbox that is broken shall not break the machine, too.
    code, text = sh(cloud, f'value=$(cat {setting}); echo "$value" > {setting}')
    assert code != 0
    assert "Read-only file system" in text or "Permission denied" in text


def test_what_tells_of_the_whole_machine_is_empty(cloud: Cloud) -> None:
    """Docker's masked paths, and whatever the machine shows to its root alone."""
    known = {"/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/slabinfo", "/proc/kmsg"}
    of_root = {
        str(path)
        for path in Path("/proc").glob("[a-z]*")
        if path.is_file() and not path.lstat().st_mode & 0o004 and path.name != "sysrq-trigger"
    }
    hidden = sorted(path for path in {*known, *of_root} if Path(path).exists())
    script = f"for path in {' '.join(hidden)}; do timeout 2 head -c 20 $path | wc -c; done"
    assert sh(cloud, f"({script}) 2>&1; ls /proc/acpi /proc/scsi 2>/dev/null || true") == (
        0,
        "0\n" * len(hidden) + ("/proc/acpi:\n" if Path("/proc/acpi").exists() else ""),
    )


def test_a_container_has_docker_s_capabilities_at_most(cloud: Cloud) -> None:
    granted = {}
    for user in ("", "1000"):
        code, text = sh(cloud, "grep Cap /proc/self/status", user=user)
        assert code == 0
        granted[user] = {
            line.split()[0]: int(line.split()[1], 16)
            for line in text.splitlines()
            if line.startswith("Cap")
        }
    default = 0xA80425FB  # moby, oci/caps
    for name in ("CapEff:", "CapBnd:"):
        assert granted[""][name]
        assert granted[""][name] & ~default == 0
    assert granted["1000"]["CapEff:"] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_a_container_in_a_chroot_is_a_user_of_its_own_without_capabilities(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    containers, outputs = [], []
    for _ in range(2):
        output: list[bytes] = []
        spec = ContainerSpec((base_layer(),), ("sh", "-c", "id -u; touch /mine; sleep 30 & wait"))
        containers.append(Sandbox(cloud).start(spec, output.append))
        outputs.append(output)
        until(lambda output=output: b"\n" in b"".join(output))
    users = [int(b"".join(output)) for output in outputs]
    assert len({0, *users}) == 3
    status = Path(f"/proc/{containers[0].pid}/status").read_text()
    fields = {line.split(":")[0]: line.split()[1:] for line in status.splitlines()}
    net_bind_service = f"{1 << 10:016x}"
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert fields[name] == [net_bind_service]
    assert fields["Uid"] == [str(users[0])] * 4
    assert fields["Gid"] == [str(users[0])] * 4
    assert (fields["Groups"], fields["NoNewPrivs"], fields["Seccomp"]) == ([], ["1"], ["2"])
    for container in containers:
        container.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_a_container_in_a_chroot_signals_and_outlives_nobody(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    with subprocess.Popen(["sleep", "60"]) as victim:
        script = f"kill -9 {victim.pid}; kill -9 {os.getpid()}; (setsid sleep 4321 &) ; echo done"
        code, text = sh(cloud, script)
        assert (code, text.count("not permitted"), "done" in text) == (0, 2, True)
        assert victim.poll() is None
        victim.kill()
    assert not processes("sleep", "4321")


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_a_link_in_place_of_a_mount_brings_nothing_of_the_host(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    host, work, home = (tmp_path / name for name in ("host", "work", "acb-home"))
    for folder in (host / "home", work, home):
        folder.mkdir(parents=True)
    (host / "secret").write_text("of the host")
    (host / "home/secret").write_text("of the host")
    mounts = (Mount(work, "/workspace"), Mount(home, "/acb/home"))
    script = f"rm -r /workspace /acb && ln -s {host} /workspace && ln -s {host} /acb"
    assert sh(cloud, script, mounts=mounts)[0] == 0
    assert [*work.iterdir(), *home.iterdir()] == []
    assert (host / "home/secret").read_text() == "of the host"


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_in_a_chroot_files_of_a_large_layer_are_shared_and_never_changed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    monkeypatch.setattr(chroot, "LARGE", 1000)
    layer = tmp_path / "layer"
    (layer / "opt").mkdir(parents=True)
    for name in ("kept", "replaced", "removed"):
        (layer / "opt" / name).write_text(name * 1000)
    (layer / "opt/closed").write_text("of the owner\n")
    (layer / "opt/closed").chmod(0o600)
    (layer / "opt/link").symlink_to("closed")
    before = {path.name: path.lstat() for path in (layer / "opt").iterdir()}
    upper = tmp_path / "upper"
    script = (
        "cd /opt; stat -c %h kept closed; cat closed; echo more >> closed; rm link;"
        "echo x >> kept || chmod 777 kept || chown $(id -u) kept || ln kept other || echo refused;"
        "rm removed; echo new > fresh; mv fresh replaced; echo free > added"
    )
    output: list[bytes] = []
    spec = ContainerSpec((base_layer(), layer), ("sh", "-c", script), upper=upper)
    code = Sandbox(cloud).run(spec, output.append, 30)
    lines = b"".join(output).decode().splitlines()
    assert (code, lines[:3]) == (0, ["2", "1", "of the owner"])
    assert "refused" in lines
    after = {path.name: path.lstat() for path in (layer / "opt").iterdir()}
    assert {
        name: (one.st_uid, one.st_mode, one.st_size, one.st_nlink) for name, one in after.items()
    } == {
        name: (one.st_uid, one.st_mode, one.st_size, one.st_nlink) for name, one in before.items()
    }
    assert {path.name for path in (upper / "opt").iterdir()} == {
        *("added", "closed", "link", "removed", "replaced")
    }
    assert (upper / "opt/replaced").read_text() == "new\n"
    # The same again, on what has been written.
    output.clear()
    again = replace(spec, argv=("sh", "-c", "cat /opt/closed /opt/replaced; echo y >> /opt/added"))
    assert Sandbox(cloud).run(again, output.append, 30) == 0
    assert b"".join(output) == b"of the owner\nmore\nnew\n"
    assert (upper / "opt/added").read_text() == "free\ny\n"


def test_further_names_of_a_file_stay_names_of_it(any_cloud: Cloud, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    script = "mkdir -p /a/b; echo 1 > /z; ln /z /a/one; ln /z /a/b/two; echo 1 > /a/other"
    assert sh(any_cloud, script, upper=upper)[0] == 0
    inodes = {name: (upper / name).stat().st_ino for name in ("z", "a/one", "a/b/two", "a/other")}
    assert len({inodes["z"], inodes["a/one"], inodes["a/b/two"]}) == 1
    assert inodes["a/other"] != inodes["z"]
    assert (upper / "a/b/two").read_text() == "1\n"


def test_environment_working_directory_and_name_resolution(any_cloud: Cloud) -> None:
    code, text = sh(
        any_cloud,
        'echo "$GREETING|$HOME|$PWD"; cat /etc/hosts /etc/resolv.conf /etc/hostname',
        environment={"GREETING": "good 'day'\nto you"},
        working_dir="/new/place",
        hostname="box",
    )
    assert code == 0
    assert text.startswith("good 'day'\nto you|/root|/new/place\n")
    assert "127.0.0.1\tbox" in text
    assert "nameserver" in text


def test_containers_share_the_layer_of_their_mount_points_but_not_their_names(
    any_cloud: Cloud,
) -> None:
    script = "cat /etc/hostname && echo other > /etc/hostname && cat /etc/hostname"
    for name in ("first", "second"):
        code, text = sh(any_cloud, script, hostname=name)
        assert (code, text) == (0, f"{name}\nother\n")
    assert len(list((any_cloud.home / "initial-layers").iterdir())) == 1
    assert sh(any_cloud, "pwd", working_dir="/another/place") == (0, "/another/place\n")
    assert len(list((any_cloud.home / "initial-layers").iterdir())) == 2


def test_not_all_layers_of_mount_points_are_kept(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial_layer, "KEPT", 2)
    for number in range(4):
        assert sh(cloud, "pwd", working_dir=f"/place/{number}") == (0, f"/place/{number}\n")
    assert len(list((cloud.home / "initial-layers").iterdir())) == 2


def test_a_directory_that_nobody_may_write_to_keeps_its_mode(
    any_cloud: Cloud, tmp_path: Path
) -> None:
    layer = tmp_path / "image"
    (layer / "closed").mkdir(parents=True)
    (layer / "closed").chmod(0o555)
    script = "stat -c %a /closed /closed/inner"
    text = sh(any_cloud, script, lowers=(layer,), working_dir="/closed/inner")
    assert text == (0, "555\n755\n")


def test_secrets_do_not_stand_on_a_command_line(cloud: Cloud) -> None:
    spec = ContainerSpec(
        (base_layer(),), ("sleep", "20"), {"PASSWORD": "do-not-look-8472"}, proxy=False
    )
    container = Sandbox(cloud).start(spec, lambda _: None)
    try:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert b"do-not-look-8472" not in process.read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
    finally:
        container.kill()


def test_what_is_written_is_kept_in_upper_and_only_that(any_cloud: Cloud, tmp_path: Path) -> None:
    upper = tmp_path / "layer" / "upper"
    lower = tmp_path / "lower"
    (lower / "data").mkdir(parents=True)
    (lower / "data" / "old").write_text("old")
    (lower / "data" / "same").write_text("same")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    script = "rm /data/old; mkdir -p /made/here; echo hi > /made/here/file; chmod 750 /made"
    code, text = sh(
        any_cloud,
        script,
        lowers=(lower,),
        upper=upper,
        working_dir="/somewhere/else",
        mounts=(Mount(mounted, "/mnt/host", read_only=True),),
    )
    assert (code, text) == (0, "")
    found = sorted(str(p.relative_to(upper)) for p in upper.rglob("*"))
    assert found == ["data", "data/old", "made", "made/here", "made/here/file"]
    status = (upper / "data" / "old").lstat()
    assert stat.S_ISCHR(status.st_mode)
    assert status.st_rdev == 0
    assert stat.S_IMODE((upper / "made").stat().st_mode) == 0o750
    assert {p.name for p in upper.parent.iterdir()} <= {"upper", "upper.users"}
    assert (lower / "data" / "old").read_text() == "old"
    assert sh(any_cloud, "cat /made/here/file; ls /data", lowers=(lower, upper))[1] == "hi\nsame\n"


def test_without_upper_nothing_is_kept(any_cloud: Cloud) -> None:
    assert sh(any_cloud, "echo x > /x; cat /x") == (0, "x\n")
    assert sh(any_cloud, "test -e /x")[0] == 1


def test_mounts_are_shared_and_read_only_ones_are_not_written(
    any_cloud: Cloud, tmp_path: Path
) -> None:
    shared, fixed = tmp_path / "shared", tmp_path / "fixed"
    for folder in (shared, fixed):
        folder.mkdir()
        (folder / "in").write_text("from the host\n")
    mounts = (Mount(shared, "/workspace"), Mount(fixed, "/fixed", read_only=True))
    code, text = sh(
        any_cloud,
        "cat /workspace/in /fixed/in; echo back > /workspace/out; echo no > /fixed/out",
        mounts=mounts,
    )
    assert text.startswith("from the host\nfrom the host\n")
    assert (shared / "out").read_text() == "back\n"
    assert not (fixed / "out").exists()
    assert code in (0, 1, 2)  # chroot writes into its copy


def test_a_mount_below_a_link_lands_where_the_image_links_to(cloud: Cloud, tmp_path: Path) -> None:
    lower, data, outside = tmp_path / "lower", tmp_path / "data", tmp_path / "outside"
    for folder in (lower / "real", data, outside):
        folder.mkdir(parents=True)
    (lower / "link").symlink_to(outside)  # as an absolute link of the image: inside the root
    (data / "file").write_text("here\n")
    assert sh(
        cloud, "cat /link/data/file", lowers=(lower,), mounts=(Mount(data, "/link/data"),)
    ) == (0, "here\n")
    assert list(outside.iterdir()) == []


def test_a_missing_mount_is_named(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"does not exist: .*nowhere"):
        run(cloud, "true", mounts=(Mount(tmp_path / "nowhere", "/x"),))
    assert list((cloud.home / "sandbox").iterdir()) == []


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("./script", 126, 'exec: "./script": permission denied'),
        ("no-such-command", 127, 'exec: "no-such-command": executable file not found in $PATH'),
        ("/no/such", 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
    ],
)
def test_a_command_that_cannot_be_executed(
    any_cloud: Cloud, tmp_path: Path, command: str, code: int, words: str
) -> None:
    lower = tmp_path / "lower"
    lower.mkdir()
    (lower / "script").write_text("#!/bin/sh\n")
    ended, text = run(any_cloud, command, lowers=(lower,))
    assert ended == code
    assert text.startswith("docker: Error response from daemon: ")
    assert words in text


def test_an_image_for_another_machine_does_not_start(cloud: Cloud) -> None:
    assert run(cloud, "true", platform="linux/s390x") == (255, "exec true: exec format error\n")
    for platform in ("", "linux/amd64"):
        assert run(cloud, "true", platform=platform) == (0, "")
    assert list((cloud.home / "sandbox").iterdir()) == []


def test_no_command_at_all(cloud: Cloud) -> None:
    with pytest.raises(SandboxError, match="No command specified"):
        run(cloud)


def test_an_unknown_user(cloud: Cloud) -> None:
    code, text = sh(cloud, "true", user="nobody-knows")
    assert code == 125
    assert "unable to find user nobody-knows: no matching entries in passwd file" in text


def test_a_line_without_an_end_is_handed_on_in_pieces() -> None:
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    for _ in range(100):
        splitter.write(b"x" * 5000)
    assert max(map(len, lines)) == LONGEST
    splitter.write(b"\nnext\r\nlast")
    splitter.close()
    assert "".join(lines[:-2]) == "x" * 500_000
    assert lines[-2:] == ["next", "last"]
