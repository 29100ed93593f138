"""The filter of system calls that a container runs under, assembled for the kernel.

It refuses what Docker's default profile refuses a container without further capabilities (moby,
profiles/seccomp/default.json), and so nested user namespaces. Source of its form: seccomp(2),
linux/filter.h, linux/seccomp.h. Numbers: asm/unistd_64.h (x86_64), asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import errno
import platform
import struct
from functools import lru_cache

_LOAD, _EQUAL, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little endian
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
_X32 = 0x40000000  # calls of x32 have this bit
_NEWEST = 463  # calls after this one are unknown here, and so refused as a kernel refuses them
# CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET: linux/sched.h
_NAMESPACES = 0x7E020000
_PERSONALITIES = (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)  # as in moby's profile
_AF_VSOCK = 40

_CLONE, _CLONE3, _PERSONALITY, _SOCKET = {
    "x86_64": (56, 435, 135, 41),
    "aarch64": (220, 435, 92, 198),
}.get(platform.machine(), (0, 0, 0, 0))

# fsopen, fsconfig, fsmount, fspick, move_mount, open_tree, mount_setattr, io_uring_setup, _enter,
# _register, pidfd_getfd, process_madvise, quotactl_fd, set_mempolicy_home_node
_BOTH = (430, 431, 432, 433, 429, 428, 442, 425, 426, 427, 438, 440, 443, 450)
_REFUSED = {
    "x86_64": (
        *(163, 248, 321, 305, 227),  # acct, add_key, bpf, clock_adjtime, clock_settime
        *(174, 176, 300, 313, 177),  # create_module, delete_module, fanotify_init, finit_module, …
        *(239, 175, 173, 172, 312),  # get_mempolicy, init_module, ioperm, iopl, kcmp
        *(320, 246, 250, 212, 237),  # kexec_file_load, kexec_load, keyctl, lookup_dcookie, mbind
        *(
            256,
            165,
            279,
            180,
            304,
        ),  # migrate_pages, mount, move_pages, nfsservctl, open_by_handle_at
        *(298, 155, 178, 179, 169),  # perf_event_open, pivot_root, query_module, quotactl, reboot
        *(249, 238, 171, 170, 308),  # request_key, set_mempolicy, setdomainname, sethostname, setns
        *(164, 168, 167, 139, 156),  # settimeofday, swapoff, swapon, sysfs, _sysctl
        *(103, 166, 272, 134, 323),  # syslog, umount2, unshare, uselib, userfaultfd
        *(136, 153, 236),  # ustat, vhangup, vserver
    ),
    "aarch64": (
        *(89, 217, 280, 266, 112),  # acct, add_key, bpf, clock_adjtime, clock_settime
        *(106, 262, 273, 236, 105),  # delete_module, fanotify_init, finit_module, get_mempolicy, …
        *(272, 294, 104, 219, 18),  # kcmp, kexec_file_load, kexec_load, keyctl, lookup_dcookie
        *(235, 238, 40, 239, 42),  # mbind, migrate_pages, mount, move_pages, nfsservctl
        *(
            265,
            241,
            41,
            60,
            142,
        ),  # open_by_handle_at, perf_event_open, pivot_root, quotactl, reboot
        *(218, 237, 162, 161, 268),  # request_key, set_mempolicy, setdomainname, sethostname, setns
        *(170, 225, 224, 116, 39),  # settimeofday, swapoff, swapon, syslog, umount2
        *(97, 282, 58),  # unshare, userfaultfd, vhangup
    ),
}


def supported() -> bool:
    """Whether there is one for this kind of machine."""
    return platform.machine() in _REFUSED


@lru_cache(maxsize=1)
def program() -> bytes:
    """The filter: an array of struct sock_filter, as bubblewrap and seccomp(2) take it."""
    machine = platform.machine()
    refused, unknown = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        code += [(_GREATER_EQUAL, 0, 1, _X32), (_RETURN, 0, 0, unknown)]
    code += [
        # Its flags are in memory, which a filter cannot read: programs go on to clone(2).
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, unknown),
        (_GREATER_EQUAL, 0, 1, _NEWEST + 1),
        (_RETURN, 0, 0, unknown),
        (_EQUAL, 0, 4, _CLONE),
        (_LOAD, 0, 0, _ARGUMENT),
        (_ANY_BIT, 0, 1, _NAMESPACES),
        (_RETURN, 0, 0, refused),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 4, _SOCKET),
        (_LOAD, 0, 0, _ARGUMENT),
        (_EQUAL, 0, 1, _AF_VSOCK),
        (_RETURN, 0, 0, refused),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 2 * len(_PERSONALITIES) + 2, _PERSONALITY),
        (_LOAD, 0, 0, _ARGUMENT),
    ]
    for value in _PERSONALITIES:
        code += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    code += [(_RETURN, 0, 0, refused)]
    for number in sorted({*_BOTH, *_REFUSED[machine]}):
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refused)]
    code += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
