"""Layer archives: unpacked safely into a directory, and made from what a container has changed.

Source: OCI image spec, "Image Layer Filesystem Changeset" (whiteouts); kernel documentation,
"Overlay Filesystem" (character device 0/0, opaque directories).
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...content import ContentStore
from ..errors import LayerError
from ..sandboxes.root_file_system import RootFileSystem

EPOCH = 1577836800  # 2020-01-01: every entry has it, so the same content gives the same digest
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
_OPAQUE_ATTRIBUTES = ("user.overlay.opaque", "trusted.overlay.opaque")
_BLOCK = 1024 * 1024
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Entry:
    """One entry of a layer: a directory, a link, or a file with content from ``source``."""

    path: PurePosixPath  # relative to the root
    mode: int
    kind: str = "file"  # "file" | "directory" | "link" | "hard link" (to an entry before it)
    source: Path | bytes = b""
    target: str = ""
    uid: int = 0
    gid: int = 0


# -- writing -------------------------------------------------------------------------------------


def pack(content: ContentStore, entries: Iterable[Entry]) -> tuple[str, int]:
    """Store a layer of these entries, the later of equal paths wins; digest and size in bytes."""
    by_path = {entry.path: entry for entry in entries}
    with content.writer() as upload:
        sink = _Sink(upload.write)
        with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(by_path, key=lambda one: one.parts):
                _add(archive, by_path[path])
        sink.flush()
        size = upload.size
        return upload.commit(), size


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    member = tarfile.TarInfo(str(entry.path))
    member.mode = entry.mode & 0o7777
    member.uid, member.gid, member.mtime = entry.uid, entry.gid, EPOCH
    if entry.kind == "directory":
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif entry.kind == "link":
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, entry.target, 0o777
        archive.addfile(member)
    elif entry.kind == "hard link":
        member.type, member.linkname = tarfile.LNKTYPE, entry.target
        archive.addfile(member)
    elif isinstance(entry.source, bytes):
        member.size = len(entry.source)
        archive.addfile(member, io.BytesIO(entry.source))
    else:
        with entry.source.open("rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            archive.addfile(member, file)


class _Sink(io.RawIOBase):
    """A file that only passes on what is written, in big blocks."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting = bytearray()
        self._position = 0

    def tell(self) -> int:
        return self._position

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._waiting += view
        self._position += len(view)
        if len(self._waiting) >= _BLOCK:
            self.flush()
        return len(view)

    def flush(self) -> None:
        if self._waiting:
            self._write(bytes(self._waiting))
            self._waiting.clear()

    def close(self) -> None:
        self.flush()
        super().close()


def changes(upper: Path) -> list[Entry]:
    """What a container changed, as entries of a layer, from the upper directory of its overlay.

    Its modes do not stay as they are: an ordinary user could not read what root in there closed.
    """
    found: list[Entry] = []
    known: dict[int, str] = {}  # inode -> the first of its names

    def visit(folder: Path, relative: PurePosixPath) -> None:
        for item in sorted(os.scandir(folder), key=lambda one: one.name):
            path = relative / item.name
            status = item.stat(follow_symlinks=False)
            mode = stat.S_IMODE(status.st_mode)
            if _is_whiteout(Path(item.path)):
                found.append(Entry(path.with_name(WHITEOUT + item.name), 0o644))
            elif item.is_symlink():
                found.append(Entry(path, 0o777, "link", target=str(Path(item.path).readlink())))
            elif item.is_dir(follow_symlinks=False):
                found.append(Entry(path, mode, "directory"))
                Path(item.path).chmod(mode | stat.S_IRWXU)
                if _is_opaque(item.path):
                    found.append(Entry(path / OPAQUE, 0o644))
                visit(Path(item.path), path)
            elif item.is_file(follow_symlinks=False):
                first = known.setdefault(status.st_ino, str(path))
                if first != str(path):
                    found.append(Entry(path, mode, "hard link", target=first))
                    continue
                Path(item.path).chmod(mode | stat.S_IRUSR)
                found.append(Entry(path, mode, source=Path(item.path)))
            # sockets, pipes and devices of a build are no content

    visit(upper, PurePosixPath())
    return found


def _is_opaque(path: str) -> bool:
    for name in _OPAQUE_ATTRIBUTES:
        with contextlib.suppress(OSError):
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
    return False


# -- reading -------------------------------------------------------------------------------------


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
    ``owners`` gets the user and group of every path that is not root's.
    Raises :class:`LayerError`, naming the layer, for an archive that is damaged, writes outside
    its root or holds devices.
    """
    complete = True
    place = "its beginning"
    directories: dict[Path, int] = {}
    try:
        with tarfile.open(archive, "r:*") as source:
            for member in source:
                place = repr(member.name)
                complete &= _extract_member(source, member, root, name, directories, onto=onto)
                if owners is not None and (member.uid or member.gid):
                    path = _inside(root, member.name, name).relative_to(root)
                    owners[str(path)] = (member.uid, member.gid)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        if _begins_with(archive, _ZSTANDARD):
            reason = "it is compressed with zstd; push the image with gzip"
        raise LayerError(f"layer {name} is not a readable archive: {reason}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        raise LayerError(f"layer {name} cannot be unpacked at {place}: {reason}") from None
    for path in sorted(directories, key=lambda one: len(one.parts), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.chmod(directories[path])
    return complete


def _extract_member(  # noqa: C901 (one kind of member after the other)
    source: tarfile.TarFile,
    member: tarfile.TarInfo,
    root: Path,
    name: str,
    directories: dict[Path, int],
    *,
    onto: bool,
) -> bool:
    path = _inside(root, member.name, name)
    if path == root:
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    if onto and not os.access(path.parent, os.W_OK | os.X_OK):
        # A lower layer has closed it; it gets its mode back in the end.
        directories.setdefault(path.parent, stat.S_IMODE(path.parent.stat().st_mode))
        path.parent.chmod(stat.S_IRWXU)
    if path.name == OPAQUE:
        return _make_opaque(path.parent, onto=onto)
    if path.name.startswith(WHITEOUT):
        gone = path.name.removeprefix(WHITEOUT)
        if gone in ("", ".", ".."):
            raise LayerError(f"layer {name} deletes outside its root: {member.name!r} is refused")
        return _make_whiteout(path.with_name(gone), onto=onto)
    replaced = _is_whiteout(path)
    if not (member.isdir() and path.is_dir() and not path.is_symlink()):
        _clear(path)
    if member.isdir():
        path.mkdir(exist_ok=True)
        directories[path] = member.mode & 0o7777
        return not replaced or _make_opaque(path, onto=onto)
    if member.issym():
        path.symlink_to(member.linkname)
        return True
    if member.islnk():
        linked = _inside(root, member.linkname, name)
        if linked.is_symlink():
            path.symlink_to(linked.readlink())
            return True
        if not linked.is_file():
            raise LayerError(
                f"layer {name}: {member.name} links to {member.linkname}, which it lacks"
            )
        path.hardlink_to(linked)
        return True
    if not member.isreg():
        raise LayerError(
            f"layer {name} holds the device node or special file {member.name}, which is refused"
        )
    content = source.extractfile(member)
    assert content is not None
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, _BLOCK)
    path.chmod(member.mode & 0o7777)
    os.utime(path, (member.mtime, member.mtime))
    return True


def _inside(root: Path, given: str, name: str) -> Path:
    """Where an entry goes: always below ``root``, links of its parents followed inside it."""
    parts = PurePosixPath(given).parts
    if ".." in parts or given.startswith("/"):
        raise LayerError(f"layer {name} writes outside its root: {given!r} is refused")
    if not parts:
        return root
    parent = RootFileSystem([root]).resolve("/".join(("", *parts[:-1])) or "/")
    return root / parent.relative_to("/") / parts[-1]


def _begins_with(file: Path, mark: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(mark)) == mark


def _is_whiteout(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _clear(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def _make_opaque(folder: Path, *, onto: bool) -> bool:
    if onto:
        for item in folder.iterdir():
            _clear(item)
        return True
    try:
        os.setxattr(folder, _OPAQUE_ATTRIBUTES[0], b"y")
    except OSError:
        return False
    return True


def _make_whiteout(path: Path, *, onto: bool) -> bool:
    if onto:
        _clear(path)
        return True
    if path.is_symlink() or path.exists():  # what the layer itself has is not deleted
        return True
    try:
        os.mknod(path, stat.S_IFCHR, 0)
    except OSError:
        return False
    return True
