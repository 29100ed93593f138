"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
import stat
import threading
from pathlib import Path

import pytest

from helpers.localcloud import atomic


def test_mode_content_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "key"
    mask = os.umask(0)
    try:
        atomic.write(path, "é", durable=True)
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == ("é".encode(), 0o600)
        atomic.write(path, b"new", mode=0o644)
    finally:
        os.umask(mask)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o644)
    assert list(tmp_path.iterdir()) == [path]


def test_readers_and_writers_at_once_see_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = [bytes([number]) * 100_000 for number in range(4)]
    atomic.write(path, whole[0])
    seen: list[bytes] = []

    def write(data: bytes) -> None:
        for _ in range(30):
            atomic.write(path, data)
            seen.append(path.read_bytes())

    threads = [threading.Thread(target=write, args=(data,)) for data in whole]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 120
    assert set(seen) <= set(whole)
    assert list(tmp_path.iterdir()) == [path]


def test_no_file_takes_the_place_of_a_device_or_a_pipe(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    for path in (pipe, link):
        with pytest.raises(OSError, match="It is a device, a pipe or a socket"):
            atomic.write(path, "x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    for nameless in (Path(), Path("/")):
        with pytest.raises(IsADirectoryError):
            atomic.write(nameless, "x")
    assert sorted(tmp_path.iterdir()) == [link, pipe]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            atomic.write(path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
