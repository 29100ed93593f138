"""A bound on a container's processes that the kernel keeps: a control group, where root may make one.

What root forks counts for no RLIMIT_NPROC (getrlimit(2)), and between two looks of whoever watches, a
fork bomb takes all the numbers that the machine has. Source: kernel documentation, "Process Number
Controller" (cgroup v1 and v2).
"""

# It is imported with every network that is not forked: no pathlib.
# ruff: noqa: PTH102, PTH106, PTH110, PTH123, PTH208

from __future__ import annotations

import contextlib
import os
import time

from .processes import write_kernel_file

_PREFIX = "localcloud-"
_V1 = "/sys/fs/cgroup/pids"
_V2 = "/sys/fs/cgroup"
_PATIENCE = 0.5  # seconds
_number = 0  # of the groups that this process has made
_made: list[str] = []  # those that are still there


class ControlGroup:
    """A group of processes with at most so many members, threads included."""

    def __init__(self, path: str) -> None:
        self._path = path

    def join(self) -> None:
        """Put this process into it. Raises OSError."""
        write_kernel_file(f"{self._path}/cgroup.procs", "0")

    def remove(self) -> None:
        """Remove it; one whose members are still ending is left to :func:`remove_all`."""
        with contextlib.suppress(OSError):
            os.rmdir(self._path)
            _made.remove(self._path)


def make(members: int) -> ControlGroup | None:
    """A group of at most ``members``; None where this process may make none."""
    global _number  # noqa: PLW0603 - of the process
    place = _place()
    if not place or os.geteuid() != 0:
        return None
    _sweep(place)
    _number += 1
    path = f"{place}/{_PREFIX}{os.getpid()}-{_number}"
    try:
        os.mkdir(path, 0o755)
        write_kernel_file(f"{path}/pids.max", str(members))
    except OSError:  # it belongs to the machine's root, and this one is none
        with contextlib.suppress(OSError):
            os.rmdir(path)
        return None
    _made.append(path)
    return ControlGroup(path)


def remove_all() -> None:
    """Remove what this process has made, when all of its containers have been killed."""
    end = time.monotonic() + _PATIENCE
    while _made:
        for path in list(_made):
            ControlGroup(path).remove()
        if time.monotonic() > end:
            return  # whoever makes the next one does it: see _sweep
        time.sleep(0.01)


def _place() -> str:
    """Where the controller of process numbers can be used; "" when nowhere."""
    if os.path.exists(f"{_V1}/cgroup.procs"):
        return _V1
    with contextlib.suppress(OSError), open(f"{_V2}/cgroup.subtree_control") as file:
        if "pids" in file.read().split():
            return _V2
    return ""


def _sweep(place: str) -> None:
    """Remove the groups of processes that were killed before they could."""
    with contextlib.suppress(OSError):
        for name in os.listdir(place):
            maker = name.removeprefix(_PREFIX).partition("-")[0]
            if name.startswith(_PREFIX) and not os.path.exists(f"/proc/{maker}"):
                with contextlib.suppress(OSError):
                    os.rmdir(f"{place}/{name}")
