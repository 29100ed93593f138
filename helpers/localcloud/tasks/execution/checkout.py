"""The files of a git commit, written below a folder: nothing of them leads out."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from dulwich.index import validate_path_element_default
from dulwich.object_store import BaseObjectStore
from dulwich.objects import Blob, ObjectID, Tree

from ...root_folder import RootFolder

_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TWICE = (errno.EEXIST, errno.ENOTDIR, errno.ELOOP)


class CheckoutError(Exception):
    """A tree that git would not check out; the text says what it holds."""


def check_out(objects: BaseObjectStore, tree: ObjectID, folder: Path) -> None:
    """Write a tree into the empty ``folder``, with git's modes; a submodule is an empty folder.

    Raises :class:`CheckoutError`, KeyError for an object that is missing, OSError.
    """
    with RootFolder(folder) as root:
        pending = [("", tree)]
        while pending:
            place, sha = pending.pop()
            found = objects[sha]
            if not isinstance(found, Tree):
                raise CheckoutError(f"{place or sha.decode()} is no tree")
            for entry in found.iteritems():
                assert entry.path is not None
                assert entry.mode is not None
                assert entry.sha is not None
                if b"/" in entry.path or not validate_path_element_default(entry.path):
                    raise CheckoutError(
                        f"it holds the path {f'{place}/' * bool(place)}"
                        f"{entry.path.decode(errors='replace')}, which git does not allow"
                    )
                path = f"{place}/{os.fsdecode(entry.path)}" if place else os.fsdecode(entry.path)
                try:
                    if _write(objects, root, path, entry.mode, entry.sha):
                        pending.append((path, entry.sha))
                except OSError as error:
                    if error.errno not in _TWICE:
                        raise
                    raise CheckoutError(f"it holds the path {path} twice") from None


def _write(objects: BaseObjectStore, root: RootFolder, path: str, mode: int, sha: ObjectID) -> bool:
    """Write one entry; whether it is a folder whose own entries follow."""
    with root.parent(path, links=False) as (folder, name):
        kind = stat.S_IFMT(mode)
        if kind not in (stat.S_IFREG, stat.S_IFLNK):
            os.mkdir(name, dir_fd=folder)
            return kind == stat.S_IFDIR
        blob = objects[sha]
        if not isinstance(blob, Blob):
            raise CheckoutError(f"{path} is no file")
        content = blob.as_raw_string()
        if kind == stat.S_IFLNK:
            if not content or b"\0" in content:
                raise CheckoutError(f"{path} is a link to nowhere")
            os.symlink(content, os.fsencode(name), dir_fd=folder)
            return False
        descriptor = os.open(name, _FRESH, 0o755 if mode & 0o100 else 0o644, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o755 if mode & 0o100 else 0o644)
        return False
