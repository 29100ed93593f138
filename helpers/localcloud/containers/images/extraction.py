"""Layers unpacked: an archive becomes a directory for overlay, and nothing of it leaves that.

Source: OCI image spec, "Image Layer Filesystem Changeset" (whiteouts); kernel documentation,
"Overlay Filesystem" (character device 0/0, opaque directories).
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from pathlib import Path, PurePosixPath

from ...archive import ArchiveError, content, open_archive
from ...errors import words_of
from ...root_folder import RootFolder, change_mode, remove
from ..errors import LayerError
from ..sandboxes.overlay import OPAQUE_ATTRIBUTES, is_whiteout
from .layers import OPAQUE, WHITEOUT

LARGEST = 10 << 30  # bytes that a layer may unpack to: as much as a container may write
_FOLDER = os.O_PATH | os.O_DIRECTORY
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def extract(
    archive: Path,
    root: Path,
    name: str,
    *,
    onto: bool = False,
    owners: dict[str, tuple[int, int]] | None = None,
) -> bool:
    """Unpack a layer into ``root``; ``onto`` applies it to what lower layers left there.

    Without ``onto`` deletions become overlay's whiteouts; False when this user cannot make them.
    ``owners`` gets the user and group of every path that is not root's; it may hold those of lower
    layers.
    Raises :class:`LayerError`, naming the layer, for an archive that is damaged, too large, writes
    outside its root or holds devices.
    """
    place, total = "its beginning", 0
    with RootFolder(root) as folder, archive.open("rb") as file:
        extraction = _Extraction(folder, name, onto=onto)
        try:
            with open_archive(file, zstandard=True) as source:
                for member in source:
                    place = repr(member.name)
                    total += member.size
                    if total > LARGEST:
                        raise LayerError(f"layer {name} unpacks to more than {LARGEST >> 30} GiB")
                    path = extraction.member(source, member)
                    if owners is not None and (member.uid or member.gid):
                        owners[path] = (member.uid, member.gid)
                    elif owners is not None:
                        owners.pop(path, None)  # a lower layer's, or an earlier member's
            extraction.finish()
        except (ArchiveError, OverflowError) as error:
            raise LayerError(f"layer {name} is not a readable archive: {error}") from None
        except (OSError, ValueError) as error:
            raise LayerError(
                f"layer {name} cannot be unpacked at {place}: {words_of(error)}"
            ) from None
        finally:
            extraction.close()
    return extraction.complete


class _Extraction:
    """One layer on its way into its root; links in its paths are followed inside it."""

    def __init__(self, root: RootFolder, name: str, *, onto: bool) -> None:
        self.complete = True
        self._root = root
        self._name = name
        self._onto = onto
        self._modes: dict[str, int] = {}  # of directories, by path without links: they come last
        self._place = _path_of(root.descriptor)
        self._parent: tuple[str, int, str] | None = None  # as given, opened, without links

    def member(self, source: tarfile.TarFile, member: tarfile.TarInfo) -> str:
        """Unpack one member; returns its path without links, relative. Raises OSError, LayerError."""
        parent, name = self._split(member.name)
        if not name:
            return ""
        folder, real = self._open(parent)
        path = f"{real}/{name}" if real else name
        if name == OPAQUE:
            self._make_opaque(folder)
            return path
        if name.startswith(WHITEOUT):
            self._delete(folder, name.removeprefix(WHITEOUT), member)
            return path
        there = _status(folder, name)
        known = there is not None and stat.S_ISDIR(there.st_mode)
        if there is not None and not (member.isdir() and known):
            remove(folder, name)
        if member.isdir():
            if not known:
                os.mkdir(name, dir_fd=folder)
            self._modes[path] = member.mode & 0o7777
            if there is not None and is_whiteout(there):
                with self._root.folder(path, links=False) as fresh:
                    self._make_opaque(fresh.descriptor)
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=folder)
        elif member.islnk():
            self._link(folder, name, member)
        elif member.isreg():
            with os.fdopen(os.open(name, _FRESH, 0o600, dir_fd=folder), "wb") as file:
                for data in content(source, member):
                    file.write(data)
                file.flush()
                os.fchmod(file.fileno(), member.mode & 0o7777)
                os.utime(file.fileno(), (member.mtime, member.mtime))
        else:
            raise LayerError(
                f"layer {self._name} holds the device node or special file {member.name}, which "
                "is refused"
            )
        return path

    def finish(self) -> None:
        """Give directories their modes, the deepest first: one may close the way to another."""
        self._forget()
        for path in sorted(self._modes, key=lambda one: one.count("/"), reverse=True):
            parent, _, name = path.rpartition("/")
            try:
                folder = self._root.open(parent, _FOLDER, links=False)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    continue  # a later member has replaced it
                raise
            try:
                there = _status(folder, name)
                if there is not None and stat.S_ISDIR(there.st_mode):
                    change_mode(folder, name, self._modes[path])
            finally:
                os.close(folder)

    def close(self) -> None:
        """Close what is open."""
        self._forget()

    # -- places ----------------------------------------------------------------------------------

    def _split(self, given: str) -> tuple[str, str]:
        """Parent and name; ("", "") for the root itself. Raises :class:`LayerError`."""
        parts = PurePosixPath(given).parts
        if ".." in parts or given.startswith("/"):
            raise LayerError(f"layer {self._name} writes outside its root: {given!r} is refused")
        return "/".join(parts[:-1]), parts[-1] if parts else ""

    def _open(self, parent: str) -> tuple[int, str]:
        """The folder ``parent``, made where it is missing, and its path without links."""
        if self._parent is not None and self._parent[0] == parent:
            return self._parent[1:]
        self._forget()
        try:
            folder = self._root.open(parent, _FOLDER)
        except FileNotFoundError:
            self._root.make_folders(parent)
            folder = self._root.open(parent, _FOLDER)
        real = _path_of(folder)[len(self._place) :].strip("/")
        self._parent = (parent, folder, real)
        if self._onto and not os.access(f"/proc/self/fd/{folder}", os.W_OK | os.X_OK):
            # A lower layer has closed it; it gets its mode back in the end.
            way = Path(f"/proc/self/fd/{folder}")
            self._modes.setdefault(real, stat.S_IMODE(os.fstat(folder).st_mode))
            way.chmod(stat.S_IRWXU)
        return folder, real

    def _forget(self) -> None:
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None

    # -- kinds of members ------------------------------------------------------------------------

    def _link(self, folder: int, name: str, member: tarfile.TarInfo) -> None:
        parent, linked = self._split(member.linkname)
        missing = LayerError(
            f"layer {self._name}: {member.name} links to {member.linkname}, which it lacks"
        )
        try:
            origin = self._root.open(parent, _FOLDER)
        except OSError:
            raise missing from None
        try:
            there = _status(origin, linked) if linked else None
            if there is not None and stat.S_ISLNK(there.st_mode):
                os.symlink(os.readlink(linked, dir_fd=origin), name, dir_fd=folder)
            elif there is not None and stat.S_ISREG(there.st_mode):
                os.link(linked, name, src_dir_fd=origin, dst_dir_fd=folder, follow_symlinks=False)
            else:
                raise missing
        finally:
            os.close(origin)

    def _make_opaque(self, folder: int) -> None:
        if self._onto:
            readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
            try:
                for name in os.listdir(readable):  # noqa: PTH208 - of a descriptor
                    remove(readable, name)
            finally:
                os.close(readable)
            return
        try:
            os.setxattr(f"/proc/self/fd/{folder}", OPAQUE_ATTRIBUTES[0], b"y")
        except OSError:
            self.complete = False

    def _delete(self, folder: int, name: str, member: tarfile.TarInfo) -> None:
        if name in ("", ".", ".."):
            raise LayerError(
                f"layer {self._name} deletes outside its root: {member.name!r} is refused"
            )
        if self._onto:
            remove(folder, name)
        elif _status(folder, name) is None:  # what the layer itself has is not deleted
            try:
                os.mknod(name, stat.S_IFCHR, 0, dir_fd=folder)
            except OSError:
                self.complete = False


def _status(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())
