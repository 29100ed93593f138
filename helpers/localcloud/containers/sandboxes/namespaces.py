"""The user and network namespaces of containers, as they are made. For the holder of a network."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct

from .processes import write_kernel_file

CLONE_NEWUSER = 0x10000000  # linux/sched.h
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914  # linux/sockios.h
IFF_UP_RUNNING = 0x1 | 0x40  # linux/if.h

_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespaces(users: int | None = None) -> None:
    """Move this process into a user and a network namespace of its own, with ``lo`` up.

    ``users`` is a user namespace with several ids to enter instead. Raises OSError when the kernel
    refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    if users is not None:
        check(_libc.setns(users, CLONE_NEWUSER))
        check(_libc.unshare(CLONE_NEWNET))
    else:
        check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET))
        write_kernel_file("/proc/self/setgroups", "deny")  # before gid_map: user_namespaces(7)
        write_kernel_file("/proc/self/uid_map", f"0 {uid} 1")
        write_kernel_file("/proc/self/gid_map", f"0 {gid} 1")
    bring_loopback_up()
    # Docker does the same: a server in a container may listen on port 80 whoever it runs as.
    with contextlib.suppress(OSError):
        write_kernel_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")


def check(result: int) -> int:
    """What a call of the C library has returned; raises OSError when it has failed."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def bring_loopback_up() -> None:
    """Let a new network namespace reach itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", IFF_UP_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def listener(address: str, port: int) -> socket.socket:
    """A TCP socket that listens in the namespace of this process. Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(128)
    except BaseException:
        made.close()
        raise
    return made


def map_ids(process: int, maps: list[str]) -> None:
    """Give the user namespace that a process has just made its users and groups.

    Without them bubblewrap has no ids, and says so.
    """
    for kind, text in zip(("uid", "gid"), maps, strict=True):
        with contextlib.suppress(OSError):
            write_kernel_file(f"/proc/{process}/{kind}_map", text)
