"""Paths resolved below an opened folder: by Linux (openat2(2), since 5.6), or by a walk."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import stat

# linux/openat2.h
BENEATH, IN_ROOT, NO_SYMLINKS, NO_MAGIC_LINKS = 0x08, 0x10, 0x04, 0x02
LINKS = 40  # how many symbolic links a path may go through, as in Linux (path_resolution(7))
_OPENAT2 = 437  # the same number on every architecture
_TRIES = 100  # of a resolution that somebody disturbs
_PATH = os.O_PATH | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    """struct open_how."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def by_kernel(folder: int, path: str, flags: int, mode: int, how: int) -> int:
    """openat2(2): the descriptor. ``how`` is some of the constants above. Raises OSError."""
    open_how = _How(flags, mode, how)
    for _ in range(_TRIES):
        opened: int = _libc.syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(folder),
            ctypes.c_char_p(os.fsencode(path)),
            ctypes.byref(open_how),
            ctypes.c_size_t(ctypes.sizeof(open_how)),
        )
        if opened >= 0:
            return opened
        code = ctypes.get_errno()
        if code not in (errno.EAGAIN, errno.EINTR):
            raise _error(code, path)
    return by_walk(folder, path, flags, mode, how)


def by_walk(folder: int, path: str, flags: int, mode: int, how: int) -> int:
    """As :func:`by_kernel`, by descriptors: one name after the other, no link by the kernel."""
    walk = _Walk(folder, path, how)
    try:
        return walk.open(flags | os.O_CLOEXEC, mode)
    finally:
        walk.close()


class _Walk:
    """A path on its way down; ``opened`` are the folders from the root on, for ".."."""

    def __init__(self, folder: int, path: str, how: int) -> None:
        self._path = path
        self._how = how
        self._links = 0
        self._opened = [os.open(".", _PATH | os.O_DIRECTORY, dir_fd=folder)]
        self._pending = parts_of(path)

    def open(self, flags: int, mode: int) -> int:
        """What the path leads to. Raises OSError."""
        if self._path.startswith("/") and self._how & BENEATH:
            raise _error(errno.EXDEV, self._path)
        while self._pending:
            part = self._pending.pop()
            if part == "..":
                self._up()
            elif part != ".":  # what is opened is a folder
                last = not self._pending
                opened = self._down(part, last, flags, mode)
                if opened is not None:
                    return opened
        if flags & os.O_CREAT and flags & os.O_EXCL:
            raise _error(errno.EEXIST, self._path)
        return os.open(".", flags & ~os.O_NOFOLLOW, mode, dir_fd=self._opened[-1])

    def close(self) -> None:
        """Close what was opened on the way."""
        for descriptor in self._opened:
            os.close(descriptor)

    def _up(self) -> None:
        if len(self._opened) > 1:
            os.close(self._opened.pop())
        elif self._how & BENEATH:
            raise _error(errno.EXDEV, self._path)

    def _down(self, part: str, last: bool, flags: int, mode: int) -> int | None:
        """Go on to ``part``; the descriptor of the end, when it is one."""
        folder = self._opened[-1]
        try:
            found = os.open(part, _PATH | os.O_NOFOLLOW, dir_fd=folder)
        except FileNotFoundError:
            if not last or not flags & os.O_CREAT:
                raise
            return os.open(part, flags | os.O_NOFOLLOW, mode, dir_fd=folder)
        kind = stat.S_IFMT(os.fstat(found).st_mode)
        if kind == stat.S_IFDIR:
            self._opened.append(found)
            return None
        try:
            if kind == stat.S_IFLNK and not (last and flags & os.O_NOFOLLOW):
                self._follow(os.readlink("", dir_fd=found))
                return None
        finally:
            os.close(found)
        if not last:
            raise _error(errno.ENOTDIR, self._path)
        return os.open(part, flags | os.O_NOFOLLOW, mode, dir_fd=folder)

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > LINKS or self._how & NO_SYMLINKS:
            raise _error(errno.ELOOP, self._path)
        if target.startswith("/"):
            if self._how & BENEATH:
                raise _error(errno.EXDEV, self._path)
            while len(self._opened) > 1:
                os.close(self._opened.pop())
        self._pending += parts_of(target)


def parts_of(path: str) -> list[str]:
    """The names of a path, the first one last; a "." at its end says that a folder is meant."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.endswith(("/", "/.")) and parts:
        parts.append(".")
    return parts[::-1]


def _error(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)


def _supported() -> bool:
    """Whether the kernel has openat2; a container's filter may refuse what it does not know."""
    if platform.system() != "Linux":
        return False
    try:
        os.close(by_kernel(-100, "/", _PATH, 0, 0))  # AT_FDCWD
    except OSError:
        return False
    return True


# Replaceable, so that tests run both ways.
resolve = by_kernel if _supported() else by_walk
