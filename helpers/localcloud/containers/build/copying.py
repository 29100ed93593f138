"""COPY and ADD: which files go where, as the entries of one layer."""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ...archive import ArchiveError, open_archive
from ...root_folder import FileBelow
from ..images.layers import Entry
from ..images.owners import ROOT, Owner, Owners
from ..sandboxes.account import UnknownUserError
from ..sandboxes.root_file_system import RootFileSystem
from .build_context import BuildContext, ContextError, Excluded, ImageTree, clean
from .chosen_owner import chosen_owner, kernel_identity
from .frontend import CLASSIC, Frontend
from .paths import absolute, climbs

Source = BuildContext | ImageTree
_FILES = ("passwd", "group")


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
        self.check_mode(mode, frontend)
        self._root = RootFileSystem(lowers) if lowers else None
        self._owners = owners
        self._frontend = frontend
        self._classic = not frontend.buildkit
        self._working_dir = working_dir
        self._entries: dict[PurePosixPath, Entry] = {}
        self._keep = False  # the owners of what is copied
        self._chown = bool(owner)
        self._uid, self._gid = self._owner(owner)
        # BuildKit takes no setuid, setgid or sticky bit from it, and none that is no mode.
        bits = 0o777 if frontend.buildkit else 0o7777
        self._mode = int(mode, 8) & bits if re.fullmatch("[0-7]+", mode) else None

    @staticmethod
    def check_mode(mode: str, frontend: Frontend) -> None:
        """Raise :class:`ContextError` for a ``--chmod`` that is no mode and told to be none."""
        if frontend.buildkit and not frontend.has(1, 10):
            return
        known = r"[0-7]{1,5}" if frontend.buildkit else r"[0-7]{3,4}"
        if mode and not (re.fullmatch(known, mode) and int(mode, 8) <= 0o7777):
            raise ContextError(
                f"invalid chmod parameter: '{mode}'. it should be octal string and between 0 and "
                "07777"
            )

    @property
    def entries(self) -> list[Entry]:
        """What the layer holds."""
        return list(self._entries.values())

    def _owner(self, owner: str) -> Owner:
        if not owner:
            return ROOT
        if self._classic:
            text = {name: self._root.read(f"/etc/{name}") if self._root else "" for name in _FILES}
            return chosen_owner(owner, text["passwd"], text["group"])
        return self._buildkit_owner(owner)

    def _buildkit_owner(self, owner: str) -> tuple[int, int]:
        """To BuildKit an unknown user is root, and an unknown group the user's."""
        user, colon, group = owner.partition(":")
        uid, gid = self._account(user)
        if colon and group.isascii() and group.isdigit():
            gid = kernel_identity(int(group[:20]))
        elif colon and not group:
            gid = 0
        elif colon and self._root is not None:
            with contextlib.suppress(UnknownUserError):
                gid = self._root.account(f"0:{group}").gid
        return uid, gid

    def _account(self, user: str) -> tuple[int, int]:
        if user.isascii() and user.isdigit():
            number = kernel_identity(int(user[:20]))
            return number, number
        if self._root is None and user:
            raise ContextError(
                f"invalid user index: -1: there is no /etc/passwd for {user}: scratch has "
                "none, and --link sees none. Write a number"
            )
        try:
            account = self._root.account(user) if self._root is not None and user else None
        except UnknownUserError:
            account = None
        return (account.uid, account.gid) if account else (0, 0)

    # -- what is copied ----------------------------------------------------------------------

    def add(
        self,
        source: Source,
        patterns: Sequence[str],
        destination: str,
        *,
        unpack_in: Path | None = None,
        parents: bool = False,
        exclude: Sequence[str] = (),
    ) -> None:
        """Copy what the patterns name. Raises :class:`ContextError` in Docker's words.

        ``unpack_in`` is a folder for what archives hold; without it they are copied as they are.
        ``parents`` keeps the folders above what is copied, ``exclude`` are patterns to leave out.
        """
        buildkit = self._frontend.buildkit
        command = "COPY" if unpack_in is None else "ADD"
        found, paths = self._found(source, patterns, command)
        if len(found) > 1 and not destination.endswith("/") and not buildkit:
            raise ContextError(
                f"When using {command} with more than one source file, the destination must be a "
                "directory and end with a /"
            )
        # Without --chown the classic builder leaves what it takes from an image to its owners.
        self._keep = self._classic and not self._chown and isinstance(source, ImageTree)
        left_out = Excluded(exclude)
        for name, path in zip(found, paths, strict=True):
            above = PurePosixPath(name).parent if parents else PurePosixPath()
            if above.parts:
                self._with_parents(source, destination, above)
            goal = f"{destination.rstrip('/')}/{above}/" if above.parts else destination
            if stat.S_ISDIR(path.stat().st_mode):
                target = self._target(goal if not parents else f"{goal.rstrip('/')}/{path.name}")
                self._top(target, ROOT if self._keep else None)
                for below, item in source.below(name):
                    # No archive, and so no context, has a socket.
                    if not left_out.has(below) and not stat.S_ISSOCK(item.stat().st_mode):
                        self._item(source, target / below, item)
            elif left_out.has(path.name):
                continue
            elif unpack_in is not None and _is_archive(path):
                try:
                    self._unpack(path, self._target(destination), unpack_in)
                except (ArchiveError, KeyError) as error:
                    raise ContextError(f"{name} is a damaged archive: {error}") from None
            else:
                self._item(source, self._file_target(goal, name), path)

    def _found(
        self, source: Source, patterns: Sequence[str], command: str
    ) -> tuple[list[str], list[FileBelow]]:
        """The names that the patterns have in the source, and what they are."""
        buildkit = self._frontend.buildkit
        try:
            found = [
                name for one in patterns for name in source.find(one, empty=True, buildkit=buildkit)
            ]
            if not found and not buildkit:
                raise ContextError(
                    f"no source files were specified: nothing matches {' '.join(patterns)}"
                )
            paths = [source.path(name) for name in found]
        except ContextError as error:
            raise error if buildkit else ContextError(f"{command} failed: {error}") from None
        for path in paths if buildkit else ():
            if stat.S_ISLNK(path.stat().st_mode):
                missing = path.readlink().lstrip("/")
                raise ContextError(f'"/{missing}" not found: not found')
        return found, paths

    def _with_parents(self, source: Source, destination: str, above: PurePosixPath) -> None:
        """The folders above a source of ``COPY --parents``, with their modes."""
        for folder in [*reversed(above.parents), above][1:]:
            target = self._target(f"{destination.rstrip('/')}/{folder}")
            mode = stat.S_IMODE(source.path(str(folder)).stat().st_mode)
            self._directory(target, mode if self._mode is None else self._mode)

    def add_text(self, name: str, content: str, destination: str) -> None:
        """A here-document as a file."""
        path = self._file_target(destination, name)
        self._parents(path)
        plain = 0o664 if self._frontend.buildkit and not self._frontend.has(1, 6) else 0o644
        mode = plain if self._mode is None else self._mode
        self._put(Entry(path, mode, source=content.encode(), uid=self._uid, gid=self._gid))

    def add_tree(self, source: Source, wanted: str) -> None:
        """Copy one file or folder, as it is, to the root (a bind mount)."""
        name = clean(wanted, buildkit=True)  # no pattern: a * in it is a star
        path = source.path(name)
        if stat.S_ISDIR(path.stat().st_mode):
            for below, item in source.below(name):
                self._item(source, PurePosixPath(below), item)
        else:
            self._item(source, PurePosixPath(), path)

    def write(self, target: Path) -> None:
        """Write what was copied to ``target``, which is not there yet: a folder, or one file."""
        if PurePosixPath() not in self._entries:
            target.mkdir(mode=0o755)
        for path in sorted(self._entries, key=lambda one: one.parts):
            entry = self._entries[path]
            place = target / path
            if entry.kind == "directory":
                place.mkdir()
            elif entry.kind == "link":
                place.symlink_to(entry.target)
            elif isinstance(entry.source, bytes):
                place.write_bytes(entry.source)
            else:
                with _opened(entry.source) as file, place.open("xb") as copy:
                    shutil.copyfileobj(file, copy, 1 << 20)
        for path in sorted(self._entries, key=lambda one: one.parts, reverse=True):
            if self._entries[path].kind != "link":
                (target / path).chmod(self._entries[path].mode)

    def make_directory(self, destination: str) -> None:
        """WORKDIR: a directory, when it is not there yet."""
        self._directory(self._target(destination))

    def _target(self, destination: str) -> PurePosixPath:
        """The destination, absolute, relative to the root, links of the image followed."""
        if self._classic and destination.startswith("/") and climbs(destination):
            raise ContextError(
                f"failed to copy files: evalSymlinksInScope: {destination} is not in the root of the "
                "image"
            )
        whole = absolute(self._working_dir, destination)
        resolved = self._root.resolve(whole) if self._root else PurePosixPath(whole)
        return resolved.relative_to("/") if str(resolved) != "/" else PurePosixPath()

    def _file_target(self, destination: str, name: str) -> PurePosixPath:
        target = self._target(destination)
        made = None if self._classic else self._entries.get(target)
        found = self._existing(target) if made is None else None
        into = destination.endswith("/") or not target.parts
        if not self._classic:
            into = into or destination.endswith("/.") or destination == "."
        is_folder = found.is_dir() if found is not None else made and made.kind == "directory"
        if into or is_folder:
            return target / PurePosixPath(name).name
        return target

    def _existing(self, path: PurePosixPath) -> Path | None:
        if self._root is None:
            return None
        return self._root.find("/" + str(path)) if path.parts else None

    def _item(self, source: Source, path: PurePosixPath, item: FileBelow) -> None:
        status = item.stat()
        uid, gid = self._uid, self._gid
        if self._keep and isinstance(source, ImageTree):
            uid, gid = source.owner(item)
        mode = stat.S_IMODE(status.st_mode) if self._mode is None else self._mode
        if stat.S_ISDIR(status.st_mode):
            if self._classic:  # as tar: what is no directory makes way, one there is changed
                self._parents(path)
                self._put(Entry(path, mode, "directory", uid=uid, gid=gid))
            else:
                self._nested(path, mode)
            return
        self._parents(path)
        if not self._classic and self._kind(path) == "directory":
            raise ContextError(f"cannot replace to directory /{path} with file")
        if stat.S_ISLNK(status.st_mode):
            self._put(Entry(path, 0o777, "link", target=item.readlink(), uid=uid, gid=gid))
        elif stat.S_ISREG(status.st_mode):
            if self._classic and not self._keep:
                mode = _changed_owner(mode)
            self._put(Entry(path, mode, source=item, uid=uid, gid=gid))
        else:
            raise ContextError(f"{item.name} is neither a file, a directory nor a link")

    def _top(self, path: PurePosixPath, owner: Owner | None) -> None:
        """The directory that the content of another goes into."""
        if self._classic:  # its parents are made by tar, for nobody in particular
            for parent in reversed(path.parents):
                self._directory(parent, owner=ROOT)
        self._directory(path, owner=owner)

    def _kind(self, path: PurePosixPath) -> str:
        """What is there now, as the kind of an entry; "" for nothing."""
        made = self._entries.get(path)
        if made is not None or self._root is None:
            return made.kind if made else ""
        found = self._root.entry(PurePosixPath("/", path))
        if found is None:
            return ""
        if found.is_symlink():
            return "link"
        return "directory" if found.is_dir() else "file"

    def _nested(self, path: PurePosixPath, mode: int) -> None:
        """A directory inside of what is copied: BuildKit gives also one that is there its mode."""
        self._parents(path)
        if self._kind(path) not in ("", "directory"):
            raise ContextError(f"cannot copy to non-directory: /{path}")
        self._put(Entry(path, mode, "directory", uid=self._uid, gid=self._gid))

    def _directory(
        self, path: PurePosixPath, mode: int = 0o755, *, owner: Owner | None = None
    ) -> None:
        made = self._entries.get(path)
        if not path.parts or (made is not None and (self._classic or made.kind == "directory")):
            return
        self._parents(path)
        existing = self._existing(path)
        if made is not None and self._frontend.buildkit:
            raise ContextError(f"cannot copy to non-directory: /{path}")
        if existing is not None and existing.is_dir():
            self._again(path, existing)
        elif existing is not None:
            raise ContextError(
                f"failed to copy files: failed to copy directory: mkdir /{path}: not a directory"
                if self._classic
                else f"cannot copy to non-directory: /{path}"
            )
        else:
            uid, gid = owner or (self._uid, self._gid)
            self._put(Entry(path, mode, "directory", uid=uid, gid=gid))

    def _parents(self, path: PurePosixPath) -> None:
        """Parents: those of the image as they are, new ones for the new owner."""
        for parent in reversed(path.parents):
            if not parent.parts or parent in self._entries:
                continue
            existing = self._existing(parent)
            if existing is not None and existing.is_dir():
                self._again(parent, existing)
            elif existing is not None:
                raise ContextError(
                    ("failed to copy files: failed to copy file: " if self._classic else "")
                    + f"mkdir /{parent}: not a directory"
                )
            else:
                uid, gid = ROOT if self._keep else (self._uid, self._gid)
                self._put(Entry(parent, 0o755, "directory", uid=uid, gid=gid))

    def _again(self, path: PurePosixPath, existing: Path) -> None:
        """A directory of the image: a layer must change neither its mode nor its owner."""
        uid, gid = self._owners.of(path) or ROOT
        self._put(Entry(path, stat.S_IMODE(existing.stat().st_mode), "directory", uid=uid, gid=gid))

    def _put(self, entry: Entry) -> None:
        self._entries[entry.path] = entry

    # -- archives ----------------------------------------------------------------------------

    def _unpack(self, archive: FileBelow, target: PurePosixPath, scratch: Path) -> None:
        """ADD of a local archive: its content with its owners, checked entry by entry."""
        self._top(target, ROOT if self._classic else None)
        with archive.open() as opened, open_archive(opened) as source:
            for member in source:
                parts = PurePosixPath(member.name).parts
                if ".." in parts:
                    raise ContextError(f"{archive.name} writes outside its root: {member.name}")
                path = target / member.name.lstrip("/")
                if path == target:
                    continue
                if self._classic:
                    self._top(path.parent, ROOT)
                else:
                    self._parents(path)
                mode = member.mode & 0o7777
                uid, gid = member.uid, member.gid
                if self._chown and self._frontend.has(1, 17):
                    uid, gid = self._uid, self._gid
                if member.isdir():
                    self._put(Entry(path, mode, "directory", uid=uid, gid=gid))
                elif member.issym():
                    self._put(Entry(path, 0o777, "link", target=member.linkname, uid=uid, gid=gid))
                elif member.islnk():
                    given = Entry(path, mode, uid=uid, gid=gid)
                    self._linked(archive, path, target / member.linkname.lstrip("/"), given)
                elif member.isreg():
                    content = source.extractfile(member)
                    assert content is not None
                    # On disk: archives of whole root file systems are larger than memory should be.
                    descriptor, file = tempfile.mkstemp(dir=scratch)
                    with os.fdopen(descriptor, "wb") as unpacked:
                        shutil.copyfileobj(content, unpacked, 1 << 20)
                    self._put(Entry(path, mode, source=Path(file), uid=uid, gid=gid))
                else:
                    raise ContextError(f"{archive.name} holds the special file {member.name}")

    def _linked(
        self, archive: FileBelow, path: PurePosixPath, target: PurePosixPath, given: Entry
    ) -> None:
        """Another name of a file that the archive had before: its mode and owner are both's."""
        first = self._entries.get(target)
        if first is None or first.kind != "file":
            raise ContextError(
                f"{archive.name} is a damaged archive: the link {path} has no target {target}"
            )
        first = replace(first, mode=given.mode, uid=given.uid, gid=given.gid)
        self._put(first)
        self._put(replace(first, path=path))


def _changed_owner(mode: int) -> int:
    """The mode of a file whose owner has been changed: see chown(2)."""
    return mode & ~(stat.S_ISUID | (stat.S_ISGID if mode & stat.S_IXGRP else 0))


def _opened(source: FileBelow | Path) -> BinaryIO:
    return source.open("rb") if isinstance(source, Path) else source.open()


def _is_archive(item: FileBelow) -> bool:
    """Whether it begins as an archive with something in it; anything else is an ordinary file."""
    if not stat.S_ISREG(item.stat().st_mode):
        return False
    try:
        with item.open() as file, tarfile.open(fileobj=file) as archive:
            return archive.next() is not None
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError):
        return False
