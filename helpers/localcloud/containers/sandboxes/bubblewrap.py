"""The options of bubblewrap for one container (bwrap(1))."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from ..errors import SandboxError
from .account import Account
from .capabilities import begun_with
from .mounts import OpenedMount
from .namespace_holder import PASSED, TOLD

# As in Docker (moby, oci/defaults): where the local cloud runs as root, the kernel takes the root
# of a container for its own root, and would let it set the host's kernel.core_pattern.
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
# As in Docker (there too), empty for a container: it tells of the whole machine.
_MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys"),
    *("/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list"),
    "/proc/timer_stats",
)
# What bubblewrap makes in /dev leads on to /proc, and from there to the host while it sets up.
_LINKS = ("/dev/core", "/dev/fd", "/dev/ptmx", "/dev/stderr", "/dev/stdin", "/dev/stdout")
# One page holds the options of mount(2); bubblewrap adds a prefix to each path.
OVERLAY_OPTIONS = 4096


class Descriptors:
    """Descriptors that bubblewrap inherits, and the numbers that its options name them by."""

    def __init__(self) -> None:
        self.passed: list[int] = []

    def add(self, descriptor: int) -> str:
        """Pass one on; its number as an option has it."""
        self.passed.append(descriptor)
        return str(PASSED + len(self.passed) - 1)


def namespaces(
    account: Account, hostname: str, *, several: bool, dropped: frozenset[str]
) -> list[str]:
    """Namespaces of its own, its user and its capabilities, but for those that are ``dropped``.

    With ``several`` users bubblewrap is started in a user namespace of the container already, as its
    root; what it starts becomes another user by itself, and so loses the capabilities.
    """
    options = [
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts"),
        *("--die-with-parent", "--new-session", "--hostname", hostname),
        *("--info-fd", str(TOLD)),
        # The holder of the network is root in its namespace: bubblewrap would hand all of it on.
        *("--cap-drop", "ALL"),
    ]
    if not several:
        options += ["--unshare-user", "--uid", str(account.uid), "--gid", str(account.gid)]
    for capability in begun_with(account.uid, dropped, several=several):
        options += ["--cap-add", capability]
    return options


def root(lowers: Sequence[Path], upper: Path | None, work: Path | None) -> list[str]:
    """The root file system: layers, and what is written on top. Raises :class:`SandboxError`."""
    options = []
    for lower in lowers:
        options += ["--overlay-src", str(lower.absolute())]
    if upper is None:
        options += ["--tmp-overlay", "/"]
    else:
        assert work is not None
        options += ["--overlay", str(upper.absolute()), str(work.absolute()), "/"]
    length = sum(len(option) + 12 for option in map(str, (*lowers, upper, work)))
    if length > OVERLAY_OPTIONS:
        raise SandboxError(
            f"the image has too many layers ({len(lowers) - 1}) for one overlay mount: the "
            f"paths of its layers need {length} bytes of {OVERLAY_OPTIONS}; use a state folder "
            "with a shorter path (LOCALCLOUD_HOME), or fewer layers"
        )
    options += ["--dev", "/dev", "--proc", "/proc"]
    for path in READ_ONLY:
        options += ["--ro-bind-try", path, path]
    return [*options, *_masks()]


@lru_cache(maxsize=1)
def _masks() -> tuple[str, ...]:
    """Options that hide what tells of the machine: Docker's list, and what its root alone may read."""
    options: list[str] = []
    for path in sorted(Path("/proc").glob("[!0-9]*")):
        status = path.lstat()
        name = str(path)
        if stat.S_ISREG(status.st_mode):
            # Docker's root has no such name in the kernel; where the local cloud runs as root, ours has.
            if name in _MASKED or (name not in READ_ONLY and not status.st_mode & stat.S_IROTH):
                options += ["--dev-bind", os.devnull, name]
        elif name in _MASKED:
            options += ["--tmpfs", name, "--remount-ro", name]
    return tuple(options)


def mounted(mounts: Sequence[OpenedMount], memory: int, passed: Descriptors) -> list[str]:
    """Options for what is mounted; file systems in memory while all have no more bytes than ``memory``.

    Raises :class:`SandboxError`.
    """
    options = []
    in_memory = sum(mount.size for mount in mounts) <= memory
    for mount in mounts:
        target = checked_target(mount.target)
        if mount.size and in_memory:
            options += ["--perms", "0755", "--size", str(mount.size), "--tmpfs", target]
            options += ["--remount-ro", target] if mount.read_only else []
        else:
            kind = "--ro-bind-fd" if mount.read_only else "--bind-fd"
            options += [kind, passed.add(mount.descriptor), target]
    return options


def checked_target(path: str) -> str:
    """``path``, a place in the container that is free of the image's links, to mount there.

    Raises :class:`SandboxError` below /proc, whose links lead to the host while bubblewrap is at
    work (/proc/self/root, /proc/self/fd), as runc refuses it, and at what links there in /dev.
    """
    parts = PurePosixPath(path)
    for place in ("/proc", *_LINKS):
        if parts.is_relative_to(place):
            raise SandboxError(f"{path} cannot be mounted or used because it is inside {place}")
    return path
