"""What containers of a group have written: kept on disk, bounded, with the time of every line."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from .. import atomic, timestamps
from ..cloud import Cloud

# Azure shows the last 4 MB (learn.microsoft.com, "Retrieve container logs and events").
KEPT = 4 << 20  # bytes
STAMP = len("2026-01-01T00:00:00.000000Z ")


def _folder(cloud: Cloud, group_id: str) -> Path:
    name = hashlib.sha256(group_id.lower().encode()).hexdigest()[:24]
    return cloud.folder("container_instances") / name


def read(
    cloud: Cloud,
    group_id: str,
    container: str,
    *,
    tail: int | None = None,
    timestamps: bool = False,
) -> str:
    """The log of a container, its last ``tail`` lines; '' before it has written anything."""
    try:
        data = (_folder(cloud, group_id) / f"{container}.log").read_bytes()
    except FileNotFoundError:
        return ""
    lines = _lines(data)
    if tail is not None:
        lines = lines[len(lines) - min(tail, len(lines)) :]
    if not timestamps:
        lines = [line[STAMP:] for line in lines]
    return b"".join(lines).decode(errors="replace")


def _stamp() -> bytes:
    return f"{timestamps.microseconds()} ".encode()


def _lines(data: bytes) -> list[bytes]:
    """Lines with their ends; a carriage return, as progress bars use it, is none."""
    *lines, last = data.split(b"\n")
    return [line + b"\n" for line in lines] + ([last] if last else [])


def forget(cloud: Cloud, group_id: str) -> None:
    """Delete the logs of a group."""
    shutil.rmtree(_folder(cloud, group_id), ignore_errors=True)


class Log:
    """The log of one container; thread-safe."""

    def __init__(self, cloud: Cloud, group_id: str, container: str) -> None:
        folder = _folder(cloud, group_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"{container}.log"
        self._lock = threading.Lock()
        self._open_line = False
        self._followers: list[Callable[[bytes], None]] = []

    def follow(self, follower: Callable[[bytes], None]) -> Callable[[], None]:
        """Hand what is written from now on to ``follower``; call what is returned to end that."""
        with self._lock:
            self._followers.append(follower)

        def end() -> None:
            with self._lock:
                self._followers.remove(follower)

        return end

    def clear(self) -> None:
        """Begin anew, as when a container is made anew."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            self._open_line = False

    def append(self, data: bytes) -> None:
        """Add what the container has written."""
        stamp = _stamp()
        pieces = _lines(data.replace(b"\r\n", b"\n"))
        with self._lock:
            first = b"" if self._open_line else stamp
            text = first + stamp.join(pieces)
            self._open_line = not text.endswith(b"\n")
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(text)
                size = file.tell()
            if size > 2 * KEPT:
                self._trim()
            for follower in self._followers:
                follower(data)

    def _trim(self) -> None:
        data = self._path.read_bytes()[-KEPT:]
        begin = data.find(b"\n") + 1
        atomic.write(self._path, data[begin:] if begin else _stamp() + data)
