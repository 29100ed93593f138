"""Processes by /proc, and how all below one are ended. For the holder of a network."""

# It is imported with every network that is not forked: no pathlib.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time

STATE, PARENT, SESSION, THREADS, RESIDENT = 0, 1, 3, 17, 21  # columns of /proc/PID/stat
_IPC_RMID = 0  # linux/ipc.h
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes
# CONFIG_PROC_CHILDREN: not every kernel has it, and without it each look is at all processes.
_children_listed = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110


def write_kernel_file(path: str, text: str) -> None:
    """Write to a file of /proc or of control groups, in one call. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def columns(process: int | str, root: str = "/proc") -> list[bytes]:
    """/proc/PID/stat from the state on (proc(5)). Raises OSError when there is no such process."""
    with open(f"{root}/{process}/stat", "rb") as stat:
        # The command's name stands in parentheses and may hold spaces.
        return stat.read().rpartition(b")")[2].split()


def processes_by(column: int) -> dict[int, list[int]]:
    """All process ids by a column of /proc/PID/stat, counted from the state (proc(5))."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                found.setdefault(int(columns(name)[column]), []).append(int(name))
    return found


def children_of(parent: int) -> list[int]:
    """Process ids whose parent is ``parent``; of one that has ended, none."""
    if not _children_listed:
        return processes_by(PARENT).get(parent, [])
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/children", "rb") as children:
                found += map(int, children.read().split())
    return found


def descendants_of(parent: int) -> list[int]:
    """All processes below ``parent``, nearest first."""
    found = [parent]
    known = None if _children_listed else processes_by(PARENT)  # one look: there may be thousands
    for process in found:
        found += children_of(process) if known is None else known.get(process, [])
    return found[1:]


def session_of(leader: int) -> list[int]:
    """Process ids of the session that ``leader`` began."""
    return processes_by(SESSION).get(leader, [])


def send(number: int, processes: list[int]) -> None:
    """Signal processes; those that have ended meanwhile are no matter."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def frozen_tree(process: int, patience: float = 0.5) -> list[int]:
    """A process and all below it, stopped first: what is just being started is not missed.

    A stop takes effect later than it is sent: until then a process may still have a child.
    """
    known: dict[int, None] = {}
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        still = all(map(_stands_still, known))  # before the look: what forks no more hides none
        fresh = [one for one in (process, *descendants_of(process)) if one not in known]
        send(signal.SIGSTOP, fresh)
        known.update(dict.fromkeys(fresh))
        if not fresh and still:
            break
        if not fresh:
            time.sleep(0.001)
    return list(known)[::-1]


def _stands_still(process: int) -> bool:
    """Whether a process is stopped, or has ended (proc(5), /proc/[pid]/stat)."""
    try:
        return columns(process)[STATE] in (b"T", b"t", b"Z", b"X")
    except OSError:
        return True


def end_user(user: int) -> None:
    """Kill all processes of a user at once: none can fork on while kill(-1) is at work (kill(2)).

    A process of that user has to ask; it is the last that is left, and removes what would stay in
    the kernel without any (sysvipc(7)).
    """
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
            _remove_shared(user)
        finally:
            os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)


def _remove_shared(user: int) -> None:
    """Remove the System V memory, queues and semaphores of the user that this process is."""
    libc = ctypes.CDLL(None)
    for kind, remove, more in (
        ("shm", libc.shmctl, (_IPC_RMID, None)),
        ("msg", libc.msgctl, (_IPC_RMID, None)),
        ("sem", libc.semctl, (0, _IPC_RMID)),
    ):
        with contextlib.suppress(OSError), open(f"/proc/sysvipc/{kind}", "rb") as table:
            names, *rows = [line.split() for line in table]
            for row in rows:
                if int(row[names.index(b"cuid")]) == user:
                    remove(int(row[1]), *more)
