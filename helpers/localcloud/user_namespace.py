"""The ids that containers may have on this machine: those of /etc/subuid and /etc/subgid, in one namespace.

Inside it 0 is the user that the local cloud runs as, and 1 and so on are ids that belong to nobody else. The
namespace is made when it is first needed and then kept by its descriptor: making one takes two programs
(newuidmap(1)), entering it nothing. What a container has left to such ids, its daemon cannot read or remove
itself: :meth:`UserNamespace.call` works there. Source: subuid(5), user_namespaces(7).
"""

from __future__ import annotations

import array
import contextlib
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import fork_server, user_namespace_process

# What a daemon that is root takes for its containers, unless /etc/subuid gives root a range. Below it are
# the numbers that chroots take.
ROOT_RANGE = (2_100_000_000, 65_536)
MOST = 65_537  # ids, the daemon's own with them: what any image has, and not more of the machine
_SUBUID, _SUBGID = Path("/etc/subuid"), Path("/etc/subgid")
_FOLDERS = "/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin"
_PATIENCE = 10.0  # seconds
_lock = threading.Lock()
_known: dict[int, UserNamespace | str] = {}  # by process: a forked one has other descriptors
_PROGRAM = f"""
import sys, types
for name in {[__name__.partition(".")[0], __name__.rpartition(".")[0]]}:
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [{str(Path(__file__).parents[2])!r} + "/" + name.replace(".", "/")]
from {user_namespace_process.__name__} import main
main()
"""


class NoIdentitiesError(Exception):
    """Containers can have one id only; the message says why, and what an administrator can do."""


@dataclass(frozen=True)
class Range:
    """``count`` ids: ``first`` and so on in the namespace are ``outside`` and so on of this machine."""

    first: int
    outside: int
    count: int


@dataclass(frozen=True)
class Identities:
    """The users and groups of a namespace, from 0 on without gaps."""

    users: tuple[Range, ...]
    groups: tuple[Range, ...]

    @property
    def count(self) -> int:
        """How many there are of either."""
        return min(sum(one.count for one in ranges) for ranges in (self.users, self.groups))

    @property
    def key(self) -> str:
        """A name for files whose owners are true under these."""
        return hashlib.sha256("/".join(self.maps()).encode()).hexdigest()[:12]

    def maps(self) -> list[str]:
        """The maps of users and of groups, as uid_map and gid_map have them (user_namespaces(7))."""
        return [
            "\n".join(f"{one.first} {one.outside} {one.count}" for one in ranges)
            for ranges in (self.users, self.groups)
        ]

    def of_container(self, uid: int, gid: int) -> list[str]:
        """The maps of a container's own namespace inside this one, in which ``uid``, ``gid`` exist.

        A number that is not there has the place of the last one.
        """
        return [
            self._of_container(ranges, number)
            for ranges, number in ((self.users, uid), (self.groups, gid))
        ]

    def groups_of_container(self, gid: int, groups: tuple[int, ...]) -> tuple[int, ...]:
        """Further groups beside ``gid`` by the numbers that exist there: as :meth:`of_container`."""
        last = self.count - 1
        return tuple(dict.fromkeys(one if one < last else max(last, gid) for one in groups))

    def _of_container(self, ranges: tuple[Range, ...], number: int) -> str:
        last = self.count - 1
        kept = self.count if number <= last else last
        # One line of a map lies within one of those above it (user_namespaces(7)).
        lines = [
            f"{one.first} {one.first} {min(one.count, kept - one.first)}"
            for one in ranges
            if one.first < kept
        ]
        if number > last:
            lines.append(f"{number} {last} 1")
        return "\n".join(lines)


class UserNamespace:
    """One that was made: its ``identities``, and its ``descriptor``. Thread-safe."""

    def __init__(self, identities: Identities, descriptor: int) -> None:
        self.identities = identities
        self.descriptor = descriptor

    def call(self, function: str, arguments: dict[str, Any], *descriptors: int) -> Any:
        """What ``function`` (``package.module:name``) returns in a process that is root there.

        It gets ``arguments`` by name, and ``descriptors`` where there are any. Raises OSError.
        """
        heard, answer = os.pipe()
        try:
            process = _start(
                "work",
                {"function": function, "arguments": arguments},
                [self.descriptor, answer, *descriptors],
            )
        except BaseException:
            os.close(heard)
            raise
        finally:
            os.close(answer)
        with os.fdopen(heard, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
        process.end()
        if not text:
            raise OSError(0, "the process that works for containers has ended")
        reply = json.loads(text)
        if "error" in reply:
            raise OSError(reply["errno"], reply["error"])
        return reply["result"]


def current() -> UserNamespace:
    """The one of this process, made now if need be. Raises :class:`NoIdentitiesError`."""
    with _lock:
        found = _known.get(os.getpid())
        if found is None:
            try:
                found = _made()
            except NoIdentitiesError as error:
                found = str(error)
            _known[os.getpid()] = found
    if isinstance(found, str):
        raise NoIdentitiesError(found)
    return found


def available() -> UserNamespace | None:
    """As :func:`current`; None where there is none."""
    with contextlib.suppress(NoIdentitiesError):
        return current()
    return None


def _made() -> UserNamespace:
    identities, programs = granted()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_PATIENCE)
    with ours:
        with theirs:
            process = _start(
                "offer", {"maps": identities.maps(), "programs": programs}, [theirs.fileno()]
            )
        integers = array.array("i", [0])
        try:
            words, ancillary, _, _ = ours.recvmsg(4096, socket.CMSG_SPACE(integers.itemsize))
        except OSError as error:
            words, ancillary = str(error).encode(), []
        process.end()
    for _, _, content in ancillary:
        integers.frombytes(content[: integers.itemsize])
        return UserNamespace(identities, integers[-1])
    raise NoIdentitiesError(words.decode(errors="replace") or "the kernel refuses it")


def granted() -> tuple[Identities, list[str]]:
    """What this user may have, and the programs that write its maps ([]: it may itself).

    Raises :class:`NoIdentitiesError`.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    ranges = [_ranges(file, name, uid) for file in (_SUBUID, _SUBGID)]
    if uid == 0:
        if not all(ranges):
            _check_free(*ROOT_RANGE)
            ranges = [[ROOT_RANGE], [ROOT_RANGE]]
        programs: list[str] = []
    else:
        found = [shutil.which(f"new{kind}map", path=_FOLDERS) for kind in ("uid", "gid")]
        programs = [one for one in found if one]
        if len(programs) != 2:
            raise NoIdentitiesError(
                "newuidmap and newgidmap are not installed (Debian, Ubuntu: the package uidmap; "
                "Fedora: shadow-utils)"
            )
        if not all(ranges):
            raise NoIdentitiesError(
                f"/etc/subuid and /etc/subgid give {name} no ids of its own (as administrator: usermod "
                f"--add-subuids 100000-165535 --add-subgids 100000-165535 {name})"
            )
    users, groups = (_joined(own, found) for own, found in zip((uid, gid), ranges, strict=True))
    return Identities(users, groups), programs


def _ranges(file: Path, name: str, uid: int) -> list[tuple[int, int]]:
    """First id and number of ids of each line for this user (subuid(5))."""
    found = []
    for words in _lines(file):
        if len(words) == 3 and words[0] in (name, str(uid)):
            with contextlib.suppress(ValueError):
                found.append((int(words[1]), int(words[2])))
    return [(first, count) for first, count in found if first > 0 and count > 0]


def _lines(file: Path) -> list[list[str]]:
    """The fields of each line of /etc/subuid or /etc/subgid; none where it cannot be read."""
    try:
        return [line.split(":") for line in file.read_text(errors="replace").splitlines()]
    except OSError:
        return []


def _joined(own: int, ranges: list[tuple[int, int]]) -> tuple[Range, ...]:
    joined = [Range(0, own, 1)]
    for outside, count in ranges:
        first = joined[-1].first + joined[-1].count
        if first < MOST:
            joined.append(Range(first, outside, min(count, MOST - first)))
    return tuple(joined)


def _check_free(first: int, count: int) -> None:
    """Raises :class:`NoIdentitiesError` where somebody on this machine has one of these ids."""
    taken = [(entry.pw_uid, 1, entry.pw_name) for entry in pwd.getpwall()]
    for words in (*_lines(_SUBUID), *_lines(_SUBGID)):
        with contextlib.suppress(ValueError, IndexError):
            taken.append((int(words[1]), int(words[2]), words[0]))
    for start, size, name in taken:
        if start < first + count and first < start + size:
            raise NoIdentitiesError(
                f"the ids from {first} on, which containers would have, are {name}'s (as administrator: "
                "give root others in /etc/subuid and /etc/subgid)"
            )


class _Process:
    def __init__(self, started: fork_server.Child | subprocess.Popen[bytes]) -> None:
        self._started = started

    def end(self) -> None:
        """Wait for its end."""
        self._started.wait()
        if isinstance(self._started, fork_server.Child):
            self._started.close()


def _start(name: str, arguments: dict[str, Any], descriptors: list[int]) -> _Process:
    """Start one of the functions of user_namespace_process. Raises OSError."""
    server = fork_server.current()
    if server is not None:
        try:
            return _Process(
                server.fork(
                    f"{user_namespace_process.__name__}:{name}",
                    arguments,
                    descriptors,
                    name="user namespace",
                    bare=True,
                )
            )
        except fork_server.ForkError as error:
            raise OSError(0, str(error)) from None
    words = [sys.executable, "-I", "-S", "-c", _PROGRAM, name, json.dumps(arguments)]
    return _Process(
        subprocess.Popen(
            [*words, *map(str, descriptors)],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env={},
        )
    )
