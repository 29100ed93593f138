"""The processes that make a user namespace with several ids, and that work in it.

The bare fork server forks them; where none runs each is a program of its own (see user_namespace). They
import nothing but what is named here. Source: user_namespaces(7), newuidmap(1).
"""

# It starts with containers: no pathlib, no subprocess.
# ruff: noqa: PTH101, PTH123

from __future__ import annotations

import array
import contextlib
import ctypes
import importlib
import json
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Any

CLONE_NEWUSER = 0x10000000  # linux/sched.h
_libc = ctypes.CDLL(None, use_errno=True)
_LONGEST = 4096  # bytes of what newuidmap says


def offer(descriptors: list[int], *, maps: list[str], programs: list[str]) -> int:
    """Make a namespace with ``maps`` (of users, of groups) and send its descriptor, or what failed.

    ``programs`` are newuidmap and newgidmap; without them the maps are written by this process itself.
    """
    with socket.socket(fileno=descriptors[0]) as control:
        try:
            namespace = _make(maps, programs)
        except OSError as error:
            control.sendmsg([(error.strerror or str(error)).encode()])
            return 1
        rights = array.array("i", [namespace])
        control.sendmsg([b"made"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    return 0


def _make(maps: list[str], programs: list[str]) -> int:
    """The descriptor of a new namespace. Raises OSError."""
    told, tell = os.pipe()
    awaited, release = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(release)
        failed = _libc.unshare(CLONE_NEWUSER)
        os.write(tell, bytes([ctypes.get_errno() if failed else 0]))
        os.read(awaited, 1)  # until the other has what it needs, or has ended
        os._exit(0)
    try:
        os.close(tell)
        answer = os.read(told, 1)
        if answer != b"\0":
            code = answer[0] if answer else 0
            raise OSError(code, os.strerror(code))
        for kind, text, program in zip(("uid", "gid"), maps, programs or ("", ""), strict=True):
            if program:
                _map(program, child, text)
            else:
                with open(f"/proc/{child}/{kind}_map", "wb", buffering=0) as file:
                    file.write(text.encode())
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for descriptor in (told, awaited, release):
            os.close(descriptor)
        os.waitpid(child, 0)


def _map(program: str, process: int, text: str) -> None:
    """Have newuidmap or newgidmap write a map. Raises OSError with its words."""
    heard, words = os.pipe()
    try:
        started = os.posix_spawn(
            program,
            [program, str(process), *text.split()],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, words, 2),
                (os.POSIX_SPAWN_DUP2, words, 1),
            ],
        )
        os.close(words)
        words = -1
        said = os.read(heard, _LONGEST).decode(errors="replace").strip()
        _, status = os.waitpid(started, 0)
    finally:
        os.close(heard)
        if words >= 0:
            os.close(words)
    if os.waitstatus_to_exitcode(status) != 0:
        raise OSError(0, said or f"{program} failed")


def enter(namespace: int) -> None:
    """Become the root of a namespace that :func:`offer` made. Raises OSError."""
    if _libc.setns(namespace, CLONE_NEWUSER) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def work(descriptors: list[int], *, function: str, arguments: dict[str, Any]) -> int:
    """Call a function as the root of a namespace; the answer is JSON.

    Descriptors: the namespace, where the answer goes, and those that the function gets.
    """
    namespace, answer, *passed = descriptors
    reply: dict[str, Any]
    try:
        enter(namespace)
        module, _, name = function.partition(":")
        more = {"descriptors": passed} if passed else {}
        reply = {"result": getattr(importlib.import_module(module), name)(**arguments, **more)}
    except (OSError, RecursionError) as error:
        number = error.errno if isinstance(error, OSError) else 0
        reply = {"error": getattr(error, "strerror", None) or str(error), "errno": number or 0}
    with os.fdopen(answer, "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(reply, file)
    return 0


# -- work in a namespace -------------------------------------------------------------------------


def copy(*, source: str, target: str, owners: str, last: int) -> None:
    """Copy a folder into ``target``, with true owners: those of a JSON file, by path. Raises OSError.

    An id beyond the ``last`` that there is becomes that one.
    """
    _copy_in(source, target, f"{source} cannot be copied")
    with open(owners, encoding="utf-8") as file:
        wanted = json.load(file)
    for path, status in below(target):
        owner = wanted.get(path)
        if owner is not None:
            _give(f"{target}/{path}", status, *(min(number, last) for number in owner))


def snapshot(*, target: str, descriptors: list[int]) -> None:
    """Copy the folder of a descriptor into ``target``, all of it for root. Raises OSError."""
    source = f"/proc/{os.getpid()}/fd/{descriptors[0]}"
    _copy_in(source, target, "a folder that containers have written to cannot be copied")
    take_over(folder=target)


def _copy_in(source: str, target: str, problem: str) -> None:
    words = ["cp", "-a", "--reflink=auto", f"{source}/.", target]
    process = os.posix_spawnp(words[0], words, os.environ)
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0:
        raise OSError(0, problem)


def take_over(*, folder: str) -> dict[str, tuple[int, int]]:
    """Give what is below to root, and tell whose the rest was. Raises OSError."""
    found = {}
    for path, status in below(folder):
        if status.st_uid or status.st_gid:
            found[path] = status.st_uid, status.st_gid
            _give(f"{folder}/{path}", status, 0, 0)
    return found


def give(*, folder: str, uid: int, gid: int) -> None:
    """Give a folder, not what is in it, to somebody. Raises OSError."""
    os.chown(folder, uid, gid, follow_symlinks=False)


def sizes(*, folder: str) -> dict[str, int]:
    """How many bytes of the disk each folder below has, as far as they can be read. Raises OSError."""
    found = {}
    for name in os.listdir(folder):  # noqa: PTH208
        known: dict[tuple[int, int], int] = {}  # a file has several names, perhaps
        for place, _, files in os.walk(f"{folder}/{name}"):
            for file in files:
                with contextlib.suppress(OSError):
                    status = os.lstat(f"{place}/{file}")
                    known[status.st_dev, status.st_ino] = status.st_blocks * 512
        found[name] = sum(known.values())
    return found


def below(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """All that a folder holds, links not followed; nobody else may be at work there."""
    pending = [""]
    while pending:
        place = pending.pop()
        with os.scandir(f"{folder}/{place}") as entries:
            for entry in list(entries):
                path = f"{place}/{entry.name}" if place else entry.name
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                yield path, entry.stat(follow_symlinks=False)


def _give(path: str, status: os.stat_result, uid: int, gid: int) -> None:
    os.chown(path, uid, gid, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        os.chmod(path, stat.S_IMODE(status.st_mode))  # chown(2) has cleared them


def main() -> None:
    """Either of them as a program of its own: its name, arguments as JSON, descriptors."""
    name, arguments, *descriptors = sys.argv[1:]
    function: Callable[..., int] = offer if name == "offer" else work
    code = 1
    with contextlib.suppress(OSError):
        code = function(list(map(int, descriptors)), **json.loads(arguments))
    os._exit(code)
