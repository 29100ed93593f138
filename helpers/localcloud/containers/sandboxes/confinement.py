"""What a process gives up before it becomes a container. For the holder of a network."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct

from .namespaces import check

PR_SET_KEEPCAPS, PR_CAPBSET_DROP = 8, 24  # linux/prctl.h
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 22, 38, 47, 2
SECCOMP_MODE_FILTER = 2  # linux/seccomp.h
CAPABILITY_VERSION, CAP_NET_BIND_SERVICE = 0x20080522, 10  # linux/capability.h
PR_SET_DUMPABLE, PR_CAP_AMBIENT_CLEAR_ALL = 4, 4
CLONE_NEWNS = 0x00020000  # linux/sched.h
# linux/mount.h, the same numbers on every architecture (asm-generic/unistd.h)
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE, _OPEN_TREE_CLONE = -100, 0x1000, 0x8000, 1
_FROM_AND_TO_DESCRIPTORS, _MOUNT_ATTR_RDONLY = 0x4 | 0x40, 1

_libc = ctypes.CDLL(None, use_errno=True)


def become(user: int) -> None:
    """Become an ordinary user that keeps one capability, NET_BIND_SERVICE (capabilities(7))."""
    kept = 1 << CAP_NET_BIND_SERVICE
    _bound(kept)
    _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if _set(kept) != 0:
        raise OSError(ctypes.get_errno(), "the capabilities cannot be dropped")
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0)


def leave_groups() -> None:
    """Be in no supplementary group; where that is denied, this process has none to lose."""
    with contextlib.suppress(OSError):
        os.setgroups([])


def keep(capabilities: int) -> None:
    """Have these capabilities, a bit for each, and never others. Raises OSError."""
    _bound(capabilities)
    check(_set(capabilities))
    check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    for capability in range(64):
        if capabilities >> capability & 1:
            check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _bound(capabilities: int) -> None:
    """Take all others out of the bounding set."""
    for capability in range(64):
        if not capabilities >> capability & 1:
            _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def _set(capabilities: int) -> int:
    """Make them the effective, permitted and inheritable ones; what capset(2) returns."""
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    low, high = capabilities & 0xFFFFFFFF, capabilities >> 32
    result: int = _libc.capset(header, struct.pack("=6I", low, low, low, high, high, high))
    return result


def hide() -> None:
    """Let nobody look into this process or through it by /proc (prctl(2), PR_SET_DUMPABLE)."""
    check(_libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))


def restrict(program: bytes) -> None:
    """No new privileges, and a filter of system calls (seccomp(2))."""
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "new privileges cannot be refused")
    if not program:
        return
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("size", ctypes.c_ushort), ("code", ctypes.c_void_p))

    whole = Program(len(program) // 8, ctypes.addressof(code))
    if _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(whole), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "system calls cannot be filtered")


def protect_host(writable: list[list[object]]) -> None:
    """Show this process a machine that it cannot change, but for ``writable``.

    Bubblewrap follows links when it mounts, and a run may put one in its way at any moment; a
    container also sees programs and devices of the machine, and may own them. ``writable`` are
    path, device and inode each. Raises OSError, also for a path that leads elsewhere by now.
    """
    check(_libc.unshare(CLONE_NEWNS))
    kept = []
    for path, device, inode in writable:
        place = os.open(str(path), os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        status = os.fstat(place)
        if (status.st_dev, status.st_ino) != (device, inode):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        tree = _system(_OPEN_TREE, place, b"", _AT_EMPTY_PATH | _OPEN_TREE_CLONE | os.O_CLOEXEC)
        kept.append((place, tree))
    with contextlib.suppress(OSError):  # before Linux 5.12
        _set_read_only("/", _AT_RECURSIVE, on=True)
        _set_read_only("/proc", 0, on=False)  # there user namespaces are set up
    for place, tree in kept:
        _system(_MOVE_MOUNT, tree, b"", place, b"", _FROM_AND_TO_DESCRIPTORS)


def _set_read_only(path: str, flags: int, *, on: bool) -> None:
    both = (_MOUNT_ATTR_RDONLY, 0) if on else (0, _MOUNT_ATTR_RDONLY)
    attributes = struct.pack("=4Q", *both, 0, 0)  # struct mount_attr
    _system(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, attributes, len(attributes))


def _system(number: int, *arguments: int | bytes) -> int:
    made = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return check(int(_libc.syscall(ctypes.c_long(number), *made)))
