"""The limits of a container, watched from outside: its processes, its memory, its disk.

Control groups would do it, but an ordinary user has none to give; where root may make one, it keeps a
container from taking all processes of the machine meanwhile. For the holder of a network.
"""

# It is imported with every network that is not forked: no pathlib.
# ruff: noqa: PTH115, PTH116, PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import time
from typing import Any

from . import control_group
from .processes import PAGE, RESIDENT, THREADS, columns

_CLONE_NEWIPC = 0x08000000  # linux/sched.h
# Columns of /proc/sysvipc/shm (sysvipc(7); linux, ipc/shm.c)
_SEGMENT_OWNER, _SEGMENT_RESIDENT, _SEGMENT_SWAPPED = 7, 14, 15
_libc = ctypes.CDLL(None, use_errno=True)
INTERVAL = 0.1  # seconds between two looks
DISK_INTERVAL = 1.0  # seconds at least between two looks at the disk: they count files
_COUNTING = 1.0  # seconds
_HARD = 4  # times the limit of processes that the kernel itself grants, where it counts


class Watch:
    """Looks after one container; ``limits`` are processes, memory and disk (bytes).

    ``root`` is a process inside it, the first of its process namespace, or 0; ``user`` is a user
    that only this container has, or 0. ``disk`` are directories on a disk that it writes to.
    """

    def __init__(self, limits: dict[str, Any], *, user: int = 0) -> None:
        self.root = 0
        self._in_files = self._segments = 0
        self._inside = False  # whether that process has the root directory of the container
        self._user = user
        self._processes = int(limits["processes"])
        self._memory = int(limits["memory"])
        self._disk = int(limits["disk"])
        self._written = [str(path) for path in limits["written"]]
        self._in_memory = bool(limits["in_memory"])  # whether what it writes is
        self._next = time.monotonic() + DISK_INTERVAL
        # A user of its own is counted by the kernel anyway.
        self._group = None if user else control_group.make(_HARD * self._processes)

    def prepare(self) -> None:
        """In the process that becomes the container: what the kernel can limit by itself."""
        hard = _HARD * self._processes
        if self._group is not None:
            with contextlib.suppress(OSError):
                self._group.join()
        if self._user or _counts_by_namespace():
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._disk, self._disk))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def end(self) -> None:
        """Let go of what the container has had of the kernel: it is over."""
        if self._group is not None:
            self._group.remove()

    def exceeded(self) -> str:
        """The limit that the container is beyond, in words; "" when it is within all."""
        place, processes = self._members()
        tasks, resident = 0, 0
        for process in processes:
            with contextlib.suppress(OSError, ValueError, IndexError):
                status = columns(process, place)
                tasks += int(status[THREADS])
                resident += int(status[RESIDENT]) * PAGE
        if tasks > self._processes:
            return f"it had more than {self._processes} processes"
        if time.monotonic() >= self._next:
            self._segments = self._in_segments()
        stored = self._stored() + self._nameless(place, processes) + self._segments
        # Pages that processes share were counted for each: counting them once takes longer.
        if resident + stored > self._memory and (
            sum(_proportional(process, place, bool(self._segments)) for process in processes)
            + stored
            > self._memory
        ):
            return f"it used more than {_size(self._memory)} of memory"
        began = time.monotonic()
        if began >= self._next:
            used = self._used()
            # However many files there are, nearly all of the time is others'.
            self._next = time.monotonic() + max(DISK_INTERVAL, 50 * (time.monotonic() - began))
            if used > self._disk:
                return f"it wrote more than {_size(self._disk)} to disk"
        return ""

    def _members(self) -> tuple[str, list[str]]:
        """Its processes, and the directory that tells of them."""
        if self._user:
            found = []
            for name in os.listdir("/proc"):
                with contextlib.suppress(OSError):
                    if name.isdigit() and os.stat(f"/proc/{name}").st_uid == self._user:
                        found.append(name)
            return "/proc", found
        inside = f"/proc/{self.root}/root"
        place = f"{inside}/proc"
        try:
            if not self._inside:  # while it is being set up, that is the machine's own
                own = os.readlink(f"/proc/{self.root}/ns/pid")
                self._inside = os.readlink(f"{place}/1/ns/pid") == own
            return place, [name for name in os.listdir(place) if name.isdigit() and self._inside]
        except OSError:  # not there yet, or no more
            return place, []

    def _stored(self) -> int:
        """Bytes of its files that are in memory: what it writes to / and /dev/shm."""
        total = 0
        for path in (("",) * self._in_memory + ("/dev",)) * self._inside:
            with contextlib.suppress(OSError):
                status = os.statvfs(f"/proc/{self.root}/root{path}")
                total += (status.f_blocks - status.f_bfree) * status.f_frsize
        return total

    def _nameless(self, place: str, processes: list[str]) -> int:
        """Bytes of files in memory that have no name (memfd_create(2)), looked for now and then."""
        if time.monotonic() < self._next:
            return self._in_files
        found: dict[int, int] = {}
        for process in processes:
            with contextlib.suppress(OSError):
                for descriptor in os.listdir(f"{place}/{process}/fd"):
                    path = f"{place}/{process}/fd/{descriptor}"
                    with contextlib.suppress(OSError):
                        if os.readlink(path).startswith("/memfd:"):
                            status = os.stat(path)
                            found[status.st_ino] = status.st_blocks * 512
        self._in_files = sum(found.values())
        return self._in_files

    def _in_segments(self) -> int:
        """Bytes of its shared memory of System V, which is there whether or not it is attached."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            if not self._user:
                if not self._inside:
                    return 0
                # What that file of /proc shows are the segments of the reader's own namespace.
                namespace = os.open(f"/proc/{self.root}/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if _libc.setns(namespace, _CLONE_NEWIPC) != 0:
                        return 0
                finally:
                    os.close(namespace)
            with open("/proc/sysvipc/shm", "rb") as table:
                rows = [line.split() for line in table.readlines()[1:]]
            return sum(
                int(row[_SEGMENT_RESIDENT]) + int(row[_SEGMENT_SWAPPED])
                for row in rows
                if not self._user or int(row[_SEGMENT_OWNER]) == self._user
            )
        return 0

    def _used(self) -> int:
        """Bytes of its files on disk, at least: counting must not hold the others up."""
        total = 0
        end = time.monotonic() + _COUNTING
        for path in self._written:
            with contextlib.suppress(OSError, RecursionError):
                for _, _, files, folder in os.fwalk(path, follow_symlinks=False):
                    if total > self._disk or time.monotonic() > end:
                        return total
                    for name in files:
                        with contextlib.suppress(OSError):
                            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                            total += status.st_blocks * 512 // max(1, status.st_nlink)
        return total


def _proportional(process: str, place: str, apart: bool) -> int:
    """Bytes of a process, a page that n processes share as one nth (proc(5), smaps_rollup).

    ``apart``: without shared memory of System V, which is counted for itself (proc(5), smaps).
    """
    total, counted = 0, True
    try:
        with open(f"{place}/{process}/{'smaps' if apart else 'smaps_rollup'}", "rb") as mappings:
            for line in mappings:
                if line.startswith(b"Pss:"):
                    total += int(line.split()[1]) * 1024 if counted else 0
                elif apart and b"-" in line.partition(b" ")[0]:
                    counted = b" /SYSV" not in line
    except (OSError, ValueError):  # it has ended, or shows this to nobody
        pass
    return total


def _counts_by_namespace() -> bool:
    """Whether RLIMIT_NPROC counts each user namespace for itself: Linux 5.14."""
    numbers = os.uname().release.split(".")
    with contextlib.suppress(ValueError, IndexError):
        return (int(numbers[0]), int(numbers[1].partition("-")[0])) >= (5, 14)
    return False


def _size(size: int) -> str:
    return f"{size / (1 << 30):g} GiB" if size >= 1 << 30 else f"{size / (1 << 20):g} MiB"
