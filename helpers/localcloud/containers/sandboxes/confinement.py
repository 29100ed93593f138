"""What a process in a chroot gives up before it becomes the command. For the holder of a network."""

from __future__ import annotations

import ctypes
import os
import struct

PR_SET_KEEPCAPS, PR_CAPBSET_DROP = 8, 24  # linux/prctl.h
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 22, 38, 47, 2
SECCOMP_MODE_FILTER = 2  # linux/seccomp.h
CAPABILITY_VERSION, CAP_NET_BIND_SERVICE = 0x20080522, 10  # linux/capability.h

_libc = ctypes.CDLL(None, use_errno=True)


def become(user: int) -> None:
    """Become an ordinary user that keeps one capability, NET_BIND_SERVICE (capabilities(7))."""
    for capability in range(64):
        if capability != CAP_NET_BIND_SERVICE:
            _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    kept = 1 << CAP_NET_BIND_SERVICE
    data = struct.pack("=6I", kept, kept, kept, 0, 0, 0)
    if _libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "the capabilities cannot be dropped")
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0)


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
