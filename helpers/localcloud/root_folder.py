"""File work below an opened folder: links are followed inside it, and nothing leads out.

What a run or an image gives is opened here, never by a path that somebody may change meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from . import resolution, user_namespace
from .resolution import BENEATH, IN_ROOT, LINKS, NO_MAGIC_LINKS, NO_SYMLINKS, parts_of

_PATH = os.O_PATH | os.O_CLOEXEC


@dataclass(frozen=True)
class FileBelow:
    """Something below an opened folder, at a path that goes through no link."""

    folder: RootFolder
    path: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.path).name

    def stat(self) -> os.stat_result:
        """What it is, a link not followed. Raises OSError."""
        return self.folder.stat(self.path, links=False)

    def readlink(self) -> str:
        """The target of a symbolic link. Raises OSError."""
        return self.folder.readlink(self.path)

    def open(self) -> BinaryIO:
        """Open a regular file for reading. Raises OSError, ELOOP where a link has come there."""
        return self.folder.reader(self.path, links=False)


class RootFolder:
    """An opened folder. Paths are relative to it, also those that begin with a slash.

    Links are followed inside it, as after chroot(2); with ``links=False`` none is, in no part of a
    path (OSError, ELOOP). The last part of a path that is made, changed or removed is never
    followed. Thread-safe; the descriptor is closed with the object.
    """

    def __init__(self, folder: Path | int) -> None:
        """Open ``folder``, itself no link, or take over an open descriptor. Raises OSError."""
        flags = _PATH | os.O_DIRECTORY | os.O_NOFOLLOW
        self.descriptor = folder if isinstance(folder, int) else os.open(folder, flags)
        self._close = weakref.finalize(self, os.close, self.descriptor)

    def close(self) -> None:
        """Close it; may be called twice."""
        self._close()

    def __enter__(self) -> RootFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- opening ---------------------------------------------------------------------------------

    def open(
        self, path: str, flags: int = os.O_RDONLY, mode: int = 0, *, links: bool = True
    ) -> int:
        """A descriptor of what ``path`` leads to. Raises OSError."""
        resolve = IN_ROOT | NO_MAGIC_LINKS if links else IN_ROOT | NO_SYMLINKS
        if not links:
            flags |= os.O_NOFOLLOW
        return resolution.resolve(self.descriptor, path or ".", flags | os.O_CLOEXEC, mode, resolve)

    def folder(self, path: str, *, links: bool = True, strict: bool = False) -> RootFolder:
        """The folder below; ``strict`` refuses a path that would lead out (OSError, EXDEV)."""
        if not strict:
            return RootFolder(self.open(path, _PATH | os.O_DIRECTORY, links=links))
        flags = _PATH | os.O_DIRECTORY
        return RootFolder(
            resolution.resolve(self.descriptor, path or ".", flags, 0, BENEATH | NO_MAGIC_LINKS)
        )

    def reader(self, path: str, *, links: bool = True) -> BinaryIO:
        """A regular file, opened for reading. Raises OSError (EINVAL for anything else)."""
        descriptor = self.open(path, os.O_RDONLY | os.O_NONBLOCK, links=links)  # of a pipe: at once
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        return os.fdopen(descriptor, "rb")

    def read(self, path: str) -> bytes:
        """The content of a file, links followed. Raises OSError."""
        with self.reader(path) as file:
            return file.read()

    @contextlib.contextmanager
    def parent(self, path: str, *, links: bool = True) -> Iterator[tuple[int, str]]:
        """A descriptor of the folder that holds ``path``, and the name in it. Raises OSError."""
        head, _, name = path.rstrip("/").rpartition("/")
        if name in ("", ".", ".."):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        descriptor = self.open(head, _PATH | os.O_DIRECTORY, links=links)
        try:
            yield descriptor, name
        finally:
            os.close(descriptor)

    # -- looking ---------------------------------------------------------------------------------

    def stat(self, path: str = ".", *, links: bool = True) -> os.stat_result:
        """What ``path`` leads to; with ``links=False`` what it is itself. Raises OSError."""
        descriptor = self.open(path, _PATH, links=links)
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def readlink(self, path: str) -> str:
        """The target of a symbolic link; no part of its path may be one. Raises OSError."""
        descriptor = self.open(path, _PATH, links=False)
        try:
            return os.readlink("", dir_fd=descriptor)
        finally:
            os.close(descriptor)

    def real(self, path: str, *, strict: bool = False) -> str:
        """``path`` without links, relative; "." for the folder itself. Raises OSError.

        ``strict`` refuses what would lead out (EXDEV). By a walk: what is found may be another
        thing a moment later, but never outside.
        """
        return self._real(path, None, strict=strict)

    def _real(self, path: str, mode: int | None, *, strict: bool = False) -> str:
        """As :meth:`real`; folders that are missing are made when there is a ``mode`` for them."""
        outside = OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
        pending = parts_of(path)
        real: list[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == ".":
                continue
            if part == "..":
                if strict and not real:
                    raise outside
                del real[-1:]
                continue
            here = "/".join((*real, part))
            target = self._target(here, mode)
            if target is None:
                real.append(part)
                continue
            links += 1
            if links > LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                if strict:
                    raise outside
                real.clear()
            pending += parts_of(target)
        return "/".join(real) or "."

    def _target(self, path: str, mode: int | None) -> str | None:
        """Where a link leads to, None for what is no link."""
        with self.parent(path, links=False) as (folder, name):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                if mode is None:
                    raise
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, mode, dir_fd=folder)
                return None
            return os.readlink(name, dir_fd=folder) if stat.S_ISLNK(status.st_mode) else None

    def names(self, path: str = ".", *, links: bool = True) -> list[str]:
        """What a folder holds, sorted. Raises OSError."""
        descriptor = self.open(path, os.O_RDONLY | os.O_DIRECTORY, links=links)
        try:
            return sorted(os.listdir(descriptor))  # noqa: PTH208 - of a descriptor
        finally:
            os.close(descriptor)

    def exists(self, path: str) -> bool:
        """Whether ``path`` leads to something."""
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def is_folder(self, path: str, *, links: bool = True) -> bool:
        """Whether ``path`` leads to a folder."""
        try:
            return stat.S_ISDIR(self.stat(path, links=links).st_mode)
        except OSError:
            return False

    def is_file(self, path: str) -> bool:
        """Whether ``path`` leads to a regular file."""
        try:
            return stat.S_ISREG(self.stat(path).st_mode)
        except OSError:
            return False

    # -- changing --------------------------------------------------------------------------------

    def make_folders(self, path: str, mode: int = 0o777) -> None:
        """Make a folder and those above it that are missing, links followed. Raises OSError."""
        real = self._real(path, mode)
        if not self.is_folder(real, links=False):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """A new file in the place of what is there. Raises OSError."""
        with self.parent(path) as (folder, name):
            remove(folder, name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode)

    def remove(self, path: str) -> None:
        """Remove a file, a link or a folder with all that it holds, if it is there."""
        try:
            with self.parent(path) as (folder, name):
                remove(folder, name)
        except (FileNotFoundError, NotADirectoryError):
            return


def change_mode(folder: int, name: str, mode: int) -> None:
    """Change the mode of ``name`` in an opened folder unless it is a link. Raises OSError."""
    descriptor = os.open(name, _PATH | os.O_NOFOLLOW, dir_fd=folder)
    try:
        if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
            _change(descriptor, mode)
    finally:
        os.close(descriptor)


def _change(descriptor: int, mode: int) -> None:
    # fchmod(2) refuses a descriptor of O_PATH, and opening for reading may not be allowed.
    Path(f"/proc/self/fd/{descriptor}").chmod(mode)


def open_closed(folder: int, name: str) -> int:
    """Open a folder for reading, not following a link, whatever mode it was given."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except PermissionError:
        change_mode(folder, name, stat.S_IRWXU)
        return os.open(name, flags, dir_fd=folder)
    status = os.fstat(descriptor)
    if status.st_mode & stat.S_IRWXU != stat.S_IRWXU and os.geteuid() != 0:
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
    return descriptor


def remove(folder: int, name: str) -> None:
    """Remove ``name`` in an opened folder, if it is there, with all that it holds.

    However deep it is: each folder is moved up before it is emptied, and one is open at a time.
    Raises OSError for what cannot be removed.
    """
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise
    else:
        return
    top = open_closed(folder, name)
    try:
        pending = _empty(top, top)
        while pending:
            inner = pending.pop()
            descriptor = open_closed(top, inner)
            try:
                pending += _empty(descriptor, top)
            finally:
                os.close(descriptor)
            os.rmdir(inner, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=folder)


def _empty(folder: int, top: int) -> list[str]:
    """Remove the files of ``folder``; its folders go into ``top`` under new names, returned."""
    moved = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        fresh = secrets.token_hex(8)
        try:
            os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=top)
        except PermissionError:  # moving a folder changes its ".."
            change_mode(folder, name, stat.S_IRWXU)
            os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=top)
        moved.append(fresh)
    return moved


def link_tree(source: Path, target: Path) -> None:
    """Give the folder ``target`` all that ``source`` has, files as hard links, folders with their modes.

    For folders that nobody changes. Raises OSError.
    """
    pending = [(source, target)]
    modes: list[tuple[Path, int]] = []
    while pending:
        folder, made = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                place = made / entry.name
                if entry.is_dir(follow_symlinks=False):
                    place.mkdir(mode=stat.S_IRWXU)
                    modes.append((place, stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)))
                    pending.append((folder / entry.name, place))
                else:
                    os.link(entry.path, place, follow_symlinks=False)
    for place, mode in reversed(modes):  # the deepest first: one may close the way to another
        place.chmod(mode)


def remove_tree(folder: Path) -> None:
    """Remove a folder if it is there, also what a container made unwritable or gave to others in it."""
    _remove_tree(folder)
    if os.geteuid() != 0 and os.path.lexists(folder):
        users = user_namespace.available()
        if users is not None:
            with contextlib.suppress(OSError):
                users.call(f"{__name__}:remove_as_root", {"folder": str(folder.absolute())})


def remove_as_root(folder: str) -> None:
    """As :func:`remove_tree`, in the namespace that the files of containers belong to."""
    _remove_tree(Path(folder))


def _remove_tree(folder: Path) -> None:
    try:
        parent = os.open(folder.parent, _PATH | os.O_DIRECTORY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            remove(parent, folder.name)
    finally:
        os.close(parent)
