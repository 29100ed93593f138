"""The files of a git commit, written below a folder: nothing of them leads out."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dulwich.index import validate_path_element_default
from dulwich.object_store import BaseObjectStore
from dulwich.objects import S_ISGITLINK, Blob, ObjectID, Tree

from ...root_folder import RootFolder

_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TWICE = (errno.EEXIST, errno.ENOTDIR, errno.ELOOP)
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes (limits.h)
_MOST = 1 << 20  # entries: a few trees that name one another can make any number of paths


class CheckoutError(Exception):
    """A tree that git would not check out; the text says what it holds."""


@dataclass(frozen=True)
class Entry:
    """One entry of a commit's trees, at its path from the top."""

    path: str
    mode: int
    sha: ObjectID

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_file(self) -> bool:
        """Whether it is a file, no link."""
        return stat.S_ISREG(self.mode)

    @property
    def is_submodule(self) -> bool:
        """Whether it is a commit of another repository."""
        return S_ISGITLINK(self.mode)


# What a file has on disk, where that is not its blob's content.
Convert = Callable[[Entry], bytes | None]


def check_out(objects: BaseObjectStore, tree: ObjectID, folder: Path) -> None:
    """Write a tree into the empty ``folder``, with git's modes; a submodule is an empty folder.

    Raises :class:`CheckoutError`, KeyError for an object that is missing, OSError.
    """
    with RootFolder(folder) as root:
        write(objects, root, entries_of(objects, tree))


def entries_of(objects: BaseObjectStore, tree: ObjectID) -> list[Entry]:
    """All that a tree holds, a folder before its own entries.

    Raises :class:`CheckoutError` for what git does not allow, KeyError for a tree that is missing.
    """
    found: list[Entry] = []
    pending = [("", tree)]
    while pending:
        place, sha = pending.pop()
        opened = objects[sha]
        if not isinstance(opened, Tree):
            raise CheckoutError(f"{place or sha.decode()} is no tree")
        for entry in opened.iteritems():
            assert entry.path is not None
            assert entry.mode is not None
            assert entry.sha is not None
            if b"/" in entry.path or not validate_path_element_default(entry.path):
                raise CheckoutError(
                    f"it holds the path {f'{place}/' * bool(place)}"
                    f"{entry.path.decode(errors='replace')}, which git does not allow"
                )
            path = f"{place}/{os.fsdecode(entry.path)}" if place else os.fsdecode(entry.path)
            if len(entry.path) > _LONGEST_NAME or len(os.fsencode(path)) > _LONGEST_PATH:
                raise CheckoutError(f"the name of {path[:_LONGEST_NAME]}… is too long for a file")
            if len(found) >= _MOST:
                raise CheckoutError(f"it has more than {_MOST} files and folders")
            found.append(Entry(path, entry.mode, entry.sha))
            if stat.S_ISDIR(entry.mode):
                pending.append((path, entry.sha))
    return found


def write(
    objects: BaseObjectStore,
    root: RootFolder,
    entries: Iterable[Entry],
    convert: Convert = lambda entry: None,  # noqa: ARG005
) -> None:
    """Write entries of one tree below ``root``.

    Raises :class:`CheckoutError`, KeyError for an object that is missing, OSError.
    """
    for entry in entries:
        try:
            _write(objects, root, entry, convert)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise CheckoutError(f"{entry.path} was moved out of the folder meanwhile") from None
            if error.errno not in _TWICE:
                raise
            raise CheckoutError(f"it holds the path {entry.path} twice") from None


def _write(objects: BaseObjectStore, root: RootFolder, entry: Entry, convert: Convert) -> None:
    with root.parent(entry.path, links=False) as (folder, name):
        kind = stat.S_IFMT(entry.mode)
        if kind not in (stat.S_IFREG, stat.S_IFLNK):
            os.mkdir(name, dir_fd=folder)
            return
        blob = objects[entry.sha]
        if not isinstance(blob, Blob):
            raise CheckoutError(f"{entry.path} is no file")
        content = blob.as_raw_string()
        if kind == stat.S_IFLNK:
            if not content or b"\0" in content or len(content) > _LONGEST_PATH:
                raise CheckoutError(f"{entry.path} is a link to nowhere")
            os.symlink(content, os.fsencode(name), dir_fd=folder)
            return
        converted = convert(entry)
        mode = 0o755 if entry.mode & 0o100 else 0o644
        with os.fdopen(os.open(name, _FRESH, mode, dir_fd=folder), "wb") as file:
            file.write(content if converted is None else converted)
            os.fchmod(file.fileno(), mode)
