"""What bubblewrap starts in a container: a program that becomes the command, and holds its words.

A command line is public (/proc/PID/cmdline), and bubblewrap's stays while the container runs; it
can take options from a file, but not the command. So the command stands in a program that is made
for it, which knows nothing but chdir(2) and execve(2): folder, arguments and environment are its
data. It goes to the working directory when the rest of bubblewrap has let go of its descriptors:
one of them is the /proc of the host, and a path through /proc/PID/fd would lead there. Where a
container has several users, it becomes one of them then (bubblewrap cannot). It is a whole
ELF file (System V ABI; "ELF for the Arm 64-bit Architecture"), in memory, for x86_64 and aarch64.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import capabilities

_BASE = 0x400000  # where the file lies in memory
_HEADERS = 64 + 56  # bytes of the ELF header and its one program header
_CODE = 1024  # bytes that the code may have
_MACHINES = {"x86_64": 62, "aarch64": 183}  # EM_X86_64, EM_AARCH64
_REASON = 64  # bytes of one text of an error
_ERRORS = 134  # errno values of Linux (asm-generic/errno.h)
_HELD = b"/proc/1/fd/3"  # bubblewrap's descriptor of the host's /proc, while it is there
_PATIENCE = 1 << 20  # looks at it
_MFD_EXEC = 0x10  # linux/memfd.h, since Linux 6.3


@dataclass(frozen=True)
class Become:
    """Whom the command is run as: user, group, and the groups that it has besides."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class _IdentityAddresses:
    """User and group, and where the groups are and the words of failures."""

    uid: int
    gid: int
    groups: int
    number: int
    prefix: int
    prefix_size: int


@dataclass(frozen=True)
class _Addresses:
    """Where the data is: folder, candidates for the path, arguments, environment, words of failures."""

    held: int
    identity: _IdentityAddresses | None
    folder: int
    folder_prefix: int
    folder_prefix_size: int
    paths: int
    arguments: int
    environment: int
    prefix: int
    prefix_size: int
    reasons: int


def supported() -> bool:
    """Whether there is one for this kind of machine."""
    return platform.machine() in _MACHINES


def make(
    argv: Sequence[str],
    environment: Mapping[str, str],
    working_dir: str,
    descriptor: int,
    become: Become | None = None,
) -> int:
    """A descriptor of the program; it is to be inherited as ``descriptor``, and run from there.

    It goes to ``working_dir``, looks for the command as execvp(3) does, in the PATH of
    ``environment``, and tells a failure in bubblewrap's words, with exit status 1. ``become`` is whom
    it becomes, which takes CAP_SETUID and CAP_SETGID. Raises OSError.
    """
    name = argv[0]
    search = environment.get("PATH", "/bin:/usr/bin").split(":")
    paths = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in search]
    content = _program(
        [os.fsencode(path) for path in paths if name],
        [os.fsencode(word) for word in argv],
        [os.fsencode(f"{key}={value}") for key, value in environment.items()],
        os.fsencode(working_dir),
        descriptor,
        become,
    )
    try:
        made = os.memfd_create("command", os.MFD_CLOEXEC | _MFD_EXEC)
    except OSError:
        made = os.memfd_create("command")
    with os.fdopen(os.dup(made), "wb") as file:
        file.write(content)
    return made


def _program(
    paths: list[bytes],
    argv: list[bytes],
    environment: list[bytes],
    folder: bytes,
    descriptor: int,
    become: Become | None,
) -> bytes:
    data = bytearray()
    begin = _BASE + _HEADERS + _CODE

    def add(content: bytes) -> int:
        data.extend(bytes(-len(data) % 8))
        data.extend(content)
        return begin + len(data) - len(content)

    def pointers(texts: list[bytes]) -> int:
        addresses = [add(text + b"\0") for text in texts]
        return add(struct.pack(f"<{len(addresses) + 1}Q", *addresses, 0))

    prefix = b"bwrap: execvp " + argv[0] + b": "
    folder_prefix = b"bwrap: Can't chdir to " + folder + b": "
    identity = None
    if become is not None:
        groups = (become.gid, *(one for one in become.groups if one != become.gid))
        failed = f"bwrap: Can't become user {become.uid}:{become.gid}: ".encode()
        identity = _IdentityAddresses(
            *(become.uid, become.gid, add(struct.pack(f"<{len(groups)}I", *groups)), len(groups)),
            *(add(failed), len(failed)),
        )
    addresses = _Addresses(
        add(_HELD + b"\0"),
        identity,
        add(folder + b"\0"),
        add(folder_prefix),
        len(folder_prefix),
        pointers(paths),
        pointers(argv),
        pointers(environment),
        add(prefix),
        len(prefix),
        add(b"".join(os.strerror(n).encode()[:_REASON].ljust(_REASON) for n in range(_ERRORS))),
    )
    machine = platform.machine()
    code = (_code_x86_64 if machine == "x86_64" else _code_aarch64)(addresses, descriptor)
    assert len(code) <= _CODE
    size = _HEADERS + _CODE + len(data)
    identification = b"\x7fELF\x02\x01\x01" + bytes(9)  # 64 bit, little endian, System V
    header = identification + struct.pack(
        "<HHIQQQIHHHHHH",
        *(2, _MACHINES[machine], 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)  # read, execute
    return header + segment + code.ljust(_CODE, b"\0") + bytes(data)


def _code_x86_64(at: _Addresses, descriptor: int) -> bytes:
    """Linux's calls: close 3, access 21, sched_yield 24, chdir 80, execve 59, write 1, exit_group 231,
    setgroups 116, setresgid 119, setresuid 117.

    Source: asm/unistd_64.h.
    """

    def word(value: int) -> bytes:
        return struct.pack("<I", value)

    call = b"\x0f\x05"
    attempt = (
        b"\x48\x8b\x3b"  # mov rdi, [rbx]
        b"\x48\x85\xff"  # test rdi, rdi
        b"\x74\x29"  # jz failed
        b"\xbe"
        + word(at.arguments)
        + b"\xba"
        + word(at.environment)
        + b"\xb8"
        + word(59)
        + call
        + b"\xf7\xd8"  # neg eax: errno
        b"\x48\x83\xc3\x08"  # add rbx, 8
        b"\x83\xf8\x02\x74\xdc"  # cmp eax, ENOENT; je attempt
        b"\x83\xf8\x14\x74\xd7"  # cmp eax, ENOTDIR; je attempt
        b"\x41\x89\xc5"  # mov r13d, eax
        b"\x83\xf8\x0d\x74\xcf"  # cmp eax, EACCES; je attempt
    )
    prepare = (
        (b"\x41\xbe" + word(at.prefix) + b"\x41\xbf" + word(at.prefix_size))  # mov r14d, r15d
        + (b"\xbb" + word(at.paths))  # mov ebx
        + (b"\x41\xbd" + word(2))  # mov r13d, ENOENT
    )
    go = prepare + attempt

    def checked(request: bytes, before: bytes) -> bytes:
        """A call whose failure ends everything, before the rest."""
        tested = b"\xf7\xd8\x41\x89\xc5\x85\xc0"  # neg eax; mov r13d, eax; test eax, eax
        return request + call + tested + b"\x0f\x85" + word(len(before)) + before  # jnz failed

    if at.identity is not None:
        who = at.identity
        for number, one in ((117, who.uid), (119, who.gid)):
            given = b"\xb8" + word(number)
            given += b"\xbf" + word(one) + b"\xbe" + word(one) + b"\xba" + word(one)
            go = checked(given, go)
        groups = b"\xb8" + word(116) + b"\xbf" + word(who.number) + b"\xbe" + word(who.groups)
        # Bubblewrap leaves root's bounding set as it is (capabilities(7)): prctl 157, CAPBSET_DROP 24.
        bound = (
            b"\x41\xbc"
            + word(63)
            + b"\xbd"
            + word(capabilities.ALL)  # mov r12d; mov ebp
            + b"\x4c\x0f\xa3\xe5\x72\x17"  # next: bt rbp, r12; jc kept
            + b"\xb8"
            + word(157)
            + b"\xbf"
            + word(24)
            + b"\x44\x89\xe6\x31\xd2\x4d\x31\xd2\x4d\x31\xc0"  # mov esi, r12d; xor edx, r10, r8
            + call
            + b"\x41\xff\xcc\x79\xde"  # kept: dec r12d; jns next
        )
        go = (
            bound
            + b"\x41\xbe"
            + word(who.prefix)
            + b"\x41\xbf"
            + word(who.prefix_size)
            + checked(groups, go)
        )
    go = checked(b"\xb8" + word(80) + b"\xbf" + word(at.folder), go)
    return b"".join(
        (
            b"\xb8" + word(3) + b"\xbf" + word(descriptor) + call,
            b"\x41\xbe" + word(at.folder_prefix) + b"\x41\xbf" + word(at.folder_prefix_size),
            b"\xbd" + word(_PATIENCE),  # mov ebp
            b"\xb8" + word(24) + call,  # wait:
            b"\xb8" + word(21) + b"\xbf" + word(at.held) + b"\x31\xf6" + call,
            b"\x85\xc0\x75\x0f",  # test eax, eax; jnz gone
            b"\xff\xcd\x75\xe3",  # dec ebp; jnz wait
            b"\x41\xbd" + word(11) + b"\xe9" + word(len(go)),  # mov r13d, EAGAIN; jmp failed
            go,  # gone:
            b"\xb8" + word(1) + b"\xbf" + word(2),  # failed:
            b"\x44\x89\xf6\x44\x89\xfa" + call,  # mov esi, r14d; mov edx, r15d
            b"\x44\x89\xee\xc1\xe6\x06",  # mov esi, r13d; shl esi, 6
            b"\x81\xc6" + word(at.reasons),  # add esi
            b"\xb8" + word(1) + b"\xbf" + word(2) + b"\xba" + word(_REASON) + call,
            b"\xb8" + word(231) + b"\xbf" + word(1) + call,
        )
    )


def _code_aarch64(at: _Addresses, descriptor: int) -> bytes:
    """Linux's calls: close 57, faccessat 48, sched_yield 124, chdir 49, execve 221, write 64, …,
    setgroups 159, setresgid 149, setresuid 147.

    Source: asm-generic/unistd.h.
    """
    call = 0xD4000001

    def load(register: int, value: int) -> list[int]:
        low, high = value & 0xFFFF, value >> 16
        return [0x52800000 | low << 5 | register, 0x72A00000 | high << 5 | register]  # movz, movk

    def compare(value: int, back: int) -> list[int]:
        return [0x7100001F | value << 10, 0x54000000 | (-back & 0x7FFFF) << 5]  # cmp w0; b.eq

    attempt = [
        0xF8408660,  # ldr x0, [x19], #8
        0xB4000000 | 16 << 5,  # cbz x0, failed
        *load(1, at.arguments),
        *load(2, at.environment),
        *(load(8, 221)),
        call,
        0x4B0003E0,  # neg w0, w0: errno
        *compare(2, 11),
        *compare(20, 13),
        0x2A0003F4,  # mov w20, w0
        *compare(13, 16),
    ]
    go = [
        *load(21, at.prefix),
        *load(22, at.prefix_size),
        *load(19, at.paths),
        *load(20, 2),
        *attempt,
    ]

    def checked(request: list[int], before: list[int]) -> list[int]:
        """A call whose failure ends everything, before the rest."""
        # neg w0, w0; mov w20, w0; cbnz w0, failed
        tested = [0x4B0003E0, 0x2A0003F4, 0x35000000 | (1 + len(before)) << 5]
        return [*request, call, *tested, *before]

    if at.identity is not None:
        who = at.identity
        for number, one in ((147, who.uid), (149, who.gid)):
            go = checked([*load(8, number), *load(0, one), *load(1, one), *load(2, one)], go)
        go = checked([*load(8, 159), *load(0, who.number), *load(1, who.groups)], go)
        # Bubblewrap leaves root's bounding set as it is (capabilities(7)): prctl 167, CAPBSET_DROP 24.
        bound = [
            *load(24, 63),
            *load(25, capabilities.ALL),
            0x9AD82720,  # next: lsr x0, x25, x24
            0x37000000 | 13 << 5,  # tbnz w0, #0, kept
            *load(8, 167),
            *load(0, 24),
            0x2A1803E1,  # mov w1, w24
            *load(2, 0),
            *load(3, 0),
            *load(4, 0),
            call,
            0x71000718,  # kept: subs w24, w24, #1
            0x54000005 | (-15 & 0x7FFFF) << 5,  # b.pl next
        ]
        go = [*bound, *load(21, who.prefix), *load(22, who.prefix_size), *go]
    go = checked([*load(8, 49), *load(0, at.folder)], go)
    code = [
        *load(8, 57),
        *load(0, descriptor),
        call,
        *load(21, at.folder_prefix),
        *load(22, at.folder_prefix_size),
        *load(23, _PATIENCE),
        *load(8, 124),  # wait:
        call,
        *load(8, 48),
        *load(0, 0),
        *load(1, at.held),
        *load(2, 0),
        call,
        0xB5000000 | 6 << 5,  # cbnz x0, gone
        0x710006F7,  # subs w23, w23, #1
        0x54000001 | (-14 & 0x7FFFF) << 5,  # b.ne wait
        *load(20, 11),
        0x14000000 | (1 + len(go)),  # b failed
        *go,  # gone:
        *load(8, 64),  # failed:
        *load(0, 2),
        0xAA1503E1,  # mov x1, x21
        0xAA1603E2,  # mov x2, x22
        call,
        *load(1, at.reasons),
        0x0B141821,  # add w1, w1, w20, lsl #6
        *load(2, _REASON),
        *load(0, 2),
        call,
        *load(8, 94),
        *load(0, 1),
        call,
    ]
    return struct.pack(f"<{len(code)}I", *code)
