"""COPY and ADD: which files go where, as the entries of one layer."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ...archive import ArchiveError, open_archive
from ...root_folder import FileBelow
from ..images.layers import Entry
from ..images.owners import ROOT, Owners
from ..sandboxes.root_file_system import RootFileSystem, UnknownUserError
from .build_context import BuildContext, ContextError, ImageTree
from .frontend import CLASSIC, Frontend

Source = BuildContext | ImageTree


class Copy:
    """One COPY or ADD onto the root file system that ``lowers`` and ``owners`` give."""

    def __init__(
        self,
        lowers: Sequence[Path],
        working_dir: str,
        owners: Owners,
        *,
        owner: str = "",
        mode: str = "",
        frontend: Frontend = CLASSIC,
    ) -> None:
        self._root = RootFileSystem(lowers) if lowers else None
        self._owners = owners
        self._frontend = frontend
        self._working_dir = working_dir
        self._entries: dict[PurePosixPath, Entry] = {}
        self._chown = bool(owner)
        self._uid, self._gid = self._owner(owner)
        if mode and not re.fullmatch(r"[0-7]{3,4}", mode):
            raise ContextError(f"invalid chmod parameter: '{mode}'. it should be octal string")
        self._mode = int(mode, 8) if mode else None

    @property
    def entries(self) -> list[Entry]:
        """What the layer holds."""
        return list(self._entries.values())

    def _owner(self, owner: str) -> tuple[int, int]:
        if not owner:
            return 0, 0
        user, _, group = owner.partition(":")
        if user.isdigit() and (group.isdigit() or not group):
            return int(user), int(group or user)
        if self._root is None:
            raise ContextError(f"invalid user '{owner}': the image has no /etc/passwd")
        try:
            account = self._root.account(owner)
        except UnknownUserError as error:
            raise ContextError(str(error)) from None
        return account.uid, account.gid

    # -- what is copied ----------------------------------------------------------------------

    def add(
        self,
        source: Source,
        patterns: Sequence[str],
        destination: str,
        *,
        unpack_in: Path | None = None,
    ) -> None:
        """Copy what the patterns name. Raises :class:`ContextError` in Docker's words.

        ``unpack_in`` is a folder for what archives hold; without it they are copied as they are.
        """
        found = [name for pattern in patterns for name in source.find(pattern)]
        if len(found) > 1 and not destination.endswith("/") and destination not in (".", "./"):
            raise ContextError(
                "When using COPY or ADD with more than one source file, the destination must be a "
                "directory and end with a /"
            )
        for name in found:
            path = source.path(name)
            if stat.S_ISDIR(path.stat().st_mode):
                target = self._target(destination)
                self._directory(target)
                for below, item in source.below(name):
                    self._item(source, target / below, item)
            elif unpack_in is not None and _is_archive(path):
                try:
                    self._unpack(path, self._target(destination), unpack_in)
                except (ArchiveError, KeyError) as error:
                    raise ContextError(f"{name} is a damaged archive: {error}") from None
            else:
                self._item(source, self._file_target(destination, name), path)

    def add_text(self, name: str, content: str, destination: str) -> None:
        """A here-document as a file."""
        path = self._file_target(destination, name)
        self._parents(path)
        mode = 0o644 if self._mode is None else self._mode
        self._put(Entry(path, mode, source=content.encode(), uid=self._uid, gid=self._gid))

    def make_directory(self, destination: str) -> None:
        """WORKDIR: a directory, when it is not there yet."""
        self._directory(self._target(destination))

    def _target(self, destination: str) -> PurePosixPath:
        """The destination, absolute, relative to the root, links of the image followed."""
        whole = os.path.normpath(str(PurePosixPath("/", self._working_dir, destination)))
        resolved = self._root.resolve(whole) if self._root else PurePosixPath(whole)
        return resolved.relative_to("/") if str(resolved) != "/" else PurePosixPath()

    def _file_target(self, destination: str, name: str) -> PurePosixPath:
        target = self._target(destination)
        found = self._existing(target)
        into = destination.endswith(("/", "/.")) or destination == "." or not target.parts
        if into or (found is not None and found.is_dir()):
            return target / PurePosixPath(name).name
        return target

    def _existing(self, path: PurePosixPath) -> Path | None:
        if self._root is None:
            return None
        return self._root.find("/" + str(path)) if path.parts else None

    def _item(self, source: Source, path: PurePosixPath, item: FileBelow) -> None:
        status = item.stat()
        if stat.S_ISDIR(status.st_mode):
            mode = source.directory_mode(status) if self._mode is None else self._mode
            self._directory(path, mode)
            return
        self._parents(path)
        mode = stat.S_IMODE(status.st_mode) if self._mode is None else self._mode
        if stat.S_ISLNK(status.st_mode):
            target = item.readlink()
            self._put(Entry(path, 0o777, "link", target=target, uid=self._uid, gid=self._gid))
        elif stat.S_ISREG(status.st_mode):
            self._put(Entry(path, mode, source=item, uid=self._uid, gid=self._gid))
        else:
            raise ContextError(f"{item.name} is neither a file, a directory nor a link")

    def _directory(self, path: PurePosixPath, mode: int = 0o755) -> None:
        if not path.parts or path in self._entries:
            return
        self._parents(path)
        existing = self._existing(path)
        if existing is not None and existing.is_dir():
            self._again(path, existing)
        elif existing is not None:
            raise ContextError(f"cannot copy to non-directory: /{path}")
        else:
            self._put(Entry(path, mode, "directory", uid=self._uid, gid=self._gid))

    def _parents(self, path: PurePosixPath) -> None:
        """Parents: those of the image as they are, new ones for the new owner."""
        for parent in reversed(path.parents):
            if not parent.parts or parent in self._entries:
                continue
            existing = self._existing(parent)
            if existing is not None and existing.is_dir():
                self._again(parent, existing)
            else:
                self._put(Entry(parent, 0o755, "directory", uid=self._uid, gid=self._gid))

    def _again(self, path: PurePosixPath, existing: Path) -> None:
        """A directory of the image: a layer must change neither its mode nor its owner."""
        uid, gid = self._owners.of(path) or ROOT
        self._put(Entry(path, stat.S_IMODE(existing.stat().st_mode), "directory", uid=uid, gid=gid))

    def _put(self, entry: Entry) -> None:
        self._entries[entry.path] = entry

    # -- archives ----------------------------------------------------------------------------

    def _unpack(self, archive: FileBelow, target: PurePosixPath, scratch: Path) -> None:
        """ADD of a local archive: its content with its owners, checked entry by entry."""
        self._directory(target)
        with archive.open() as opened, open_archive(opened) as source:
            for member in source:
                parts = PurePosixPath(member.name).parts
                if ".." in parts or member.name.startswith("/"):
                    raise ContextError(f"{archive.name} writes outside its root: {member.name}")
                path = target / member.name
                if path == target:
                    continue
                self._parents(path)
                mode = member.mode & 0o7777
                uid, gid = (self._uid, self._gid) if self._chown else (member.uid, member.gid)
                if member.isdir():
                    self._put(Entry(path, mode, "directory", uid=uid, gid=gid))
                elif member.issym():
                    self._put(Entry(path, 0o777, "link", target=member.linkname, uid=uid, gid=gid))
                elif member.isreg() or member.islnk():
                    content = source.extractfile(member)
                    assert content is not None
                    # On disk: archives of whole root file systems are larger than memory should be.
                    descriptor, file = tempfile.mkstemp(dir=scratch)
                    with os.fdopen(descriptor, "wb") as unpacked:
                        shutil.copyfileobj(content, unpacked, 1 << 20)
                    self._put(Entry(path, mode, source=Path(file), uid=uid, gid=gid))
                else:
                    raise ContextError(f"{archive.name} holds the special file {member.name}")


def _is_archive(item: FileBelow) -> bool:
    if not stat.S_ISREG(item.stat().st_mode):
        return False
    with item.open() as file:
        return tarfile.is_tarfile(file)
