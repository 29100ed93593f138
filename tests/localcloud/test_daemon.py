"""The daemon starts once, is found again, says why it cannot start, and leaves no process."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.localcloud.errors import DaemonError


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_second_up_finds_the_first_and_down_leaves_no_process(tmp_path: Path) -> None:
    first = daemon.up(tmp_path / "cloud")
    try:
        assert daemon.up(tmp_path / "cloud") == first
    finally:
        assert daemon.down(tmp_path / "cloud")
    assert not alive(first.pid)
    assert daemon.status(tmp_path / "cloud") is None
    assert not daemon.down(tmp_path / "cloud")


def test_two_state_folders_live_side_by_side(tmp_path: Path) -> None:
    homes = [tmp_path / "a", tmp_path / "b"]
    try:
        first, second = (daemon.up(home) for home in homes)
        assert first.pid != second.pid
        assert first.proxy_url != second.proxy_url
        assert first.account.subscription_id != second.account.subscription_id
    finally:
        for home in homes:
            daemon.down(home)


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    home = tmp_path / ("a" * 120) / ("ü b" * 30)
    daemon.up(home)
    assert daemon.down(home)


def test_what_a_killed_daemon_has_said_of_itself_is_not_believed_while_its_lock_is_held(
    tmp_path: Path,
) -> None:
    """A child between fork and exec has the lock of its parent for a moment longer."""
    home = tmp_path / "cloud"
    first = daemon.up(home)
    os.kill(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    with (home / daemon.LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert daemon.status(home) is None
        threading.Timer(0.5, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        second = daemon.up(home)
    try:
        assert second.pid != first.pid
        assert alive(second.pid)
        assert daemon.status(home) == second
    finally:
        daemon.down(home)


def test_a_killed_daemon_comes_back_with_the_same_account_and_address(tmp_path: Path) -> None:
    first = daemon.up(tmp_path / "cloud")
    os.kill(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    assert daemon.status(tmp_path / "cloud") is None
    uploads = tmp_path / "cloud" / "content" / "uploads"
    (uploads / "half").write_bytes(b"of a layer")
    second = daemon.up(tmp_path / "cloud")
    try:
        assert list(uploads.iterdir()) == []
        assert second.account == first.account
        assert second.proxy_url == first.proxy_url
        assert second.pid != first.pid
    finally:
        daemon.down(tmp_path / "cloud")


def test_starts_at_the_same_moment_make_one_daemon(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from helpers.localcloud import daemon;"
        "print(daemon.up(pathlib.Path(sys.argv[1])).pid)"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "cloud")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    try:
        pids = {start.communicate(timeout=60)[0].strip() for start in starts}
        assert len(pids) == 1
    finally:
        daemon.down(tmp_path / "cloud")
    deadline = time.monotonic() + 10
    while alive(int(pids.copy().pop())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(pids.pop()))


def test_a_port_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("LOCALCLOUD_PORT", port)
        with pytest.raises(DaemonError, match=f"Port {port} .* is already in use"):
            daemon.up(tmp_path / "cloud")


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "cloud"):
        with pytest.raises(
            DaemonError, match=r"not writable \(.*/file is a file\). .*LOCALCLOUD_HOME"
        ):
            daemon.up(home)


@pytest.mark.parametrize("port", ["http", "-1", "65536", "80.5"])
def test_what_is_no_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("LOCALCLOUD_PORT", port)
    with pytest.raises(DaemonError, match=f"LOCALCLOUD_PORT={port} is not a port number"):
        daemon.up(tmp_path / "cloud")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("account.json", "{"),
        ("account.json", "{}"),
        ("account.json", "[]"),
        ("state.db", "no database"),
        ("state.db", "no database, and long enough to have a version " * 9),
    ],
)
def test_damaged_state_is_named_with_the_way_out(tmp_path: Path, name: str, content: str) -> None:
    home = tmp_path / "cloud"
    home.mkdir()
    (home / name).write_text(content)
    with pytest.raises(DaemonError, match=r"is damaged: .*python -m helpers reset"):
        daemon.up(home)


def test_a_daemon_whose_address_was_overwritten_is_named(tmp_path: Path) -> None:
    home = tmp_path / "cloud"
    running = daemon.up(home)
    written = (home / "daemon.json").read_text()
    for text in ("{", "[]", '{"pid": 1}'):
        (home / "daemon.json").write_text(text)
        for command in (daemon.status, daemon.up, daemon.down):
            with pytest.raises(DaemonError, match=r"daemon\.json, .* is damaged.*kill"):
                command(home)
    (home / "daemon.json").write_text(written)
    assert daemon.status(home) == running
    assert daemon.down(home)


def test_state_that_cannot_be_written_is_named_and_not_given_up(tmp_path: Path) -> None:
    home = tmp_path / "cloud"
    account = daemon.up(home).account
    daemon.down(home)
    # Where a test runs as root, rights stop nobody: a folder in the place of the journal does.
    (home / "state.db-wal").unlink(missing_ok=True)
    (home / "state.db-wal").mkdir()
    with pytest.raises(DaemonError, match="state folder .* cannot be used") as caught:
        daemon.up(home)
    assert "reset" not in str(caught.value)
    (home / "state.db-wal").rmdir()
    assert daemon.up(home).account == account
    daemon.down(home)


def test_the_daemon_is_sent_to_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy and sign-in the shell has: the daemon is the network, and its own account's."""
    given = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "all_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "*",
        "AZURE_CLIENT_SECRET": "of another cloud",
        "IDENTITY_ENDPOINT": "http://127.0.0.1:9",
        "MSI_SECRET": "of another machine",
        "KEPT": "as it is",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    running = daemon.up(tmp_path / "cloud")
    try:
        entries = Path(f"/proc/{running.pid}/environ").read_bytes().decode().split("\0")
        names = {entry.partition("=")[0] for entry in entries}
        assert names.isdisjoint(set(given) - {"KEPT"})
        assert "KEPT=as it is" in entries
        assert "PATH" in names
    finally:
        daemon.down(tmp_path / "cloud")
