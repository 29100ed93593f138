"""Layer archives, made of entries: also of what a container has changed. See extraction.

Source: OCI image spec, "Image Layer Filesystem Changeset" (whiteouts); kernel documentation,
"Overlay Filesystem" (character device 0/0, opaque directories).
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...content import ContentStore
from ...root_folder import FileBelow, RootFolder, change_mode
from ..sandboxes.overlay import is_opaque, is_whiteout

EPOCH = 1577836800  # 2020-01-01: every entry has it, so the same content gives the same digest
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One entry of a layer: a directory, a link, or a file with content from ``source``."""

    path: PurePosixPath  # relative to the root
    mode: int
    kind: str = "file"  # "file" | "directory" | "link" | "hard link" (to an entry before it)
    source: FileBelow | Path | bytes = b""
    target: str = ""
    uid: int = 0
    gid: int = 0


# -- writing -------------------------------------------------------------------------------------


def pack(content: ContentStore, entries: Iterable[Entry]) -> tuple[str, int]:
    """Store a layer of these entries, the later of equal paths wins; digest and size in bytes."""
    by_path = {entry.path: entry for entry in entries}
    with content.writer() as upload:
        sink = _Sink(upload.write)
        try:
            with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
                for path in sorted(by_path, key=lambda one: one.parts):
                    _add(archive, by_path[path])
            sink.flush()
        finally:
            sink.drop()
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
        # What is there now: a file that has become a link, or shorter, is an error.
        with (
            entry.source.open()
            if isinstance(entry.source, FileBelow)
            else entry.source.open("rb") as file
        ):
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

    def drop(self) -> None:
        """Forget what waits: it would be written when this is closed, long after a failure."""
        self._waiting.clear()


def changes(upper: Path) -> list[Entry]:
    """What a container changed, as entries of a layer, from the upper directory of its overlay.

    Its modes do not stay as they are: an ordinary user could not read what root in there closed.
    """
    root = RootFolder(upper)
    found: list[tuple[PurePosixPath, os.stat_result, bool]] = []
    pending = [PurePosixPath()]
    while pending:
        folder = pending.pop()
        descriptor = root.open(str(folder), os.O_RDONLY | os.O_DIRECTORY, links=False)
        try:
            opaque = bool(folder.parts) and is_opaque(descriptor)
            if opaque:
                found.append((folder / OPAQUE, os.fstat(descriptor), False))
            for name in os.listdir(descriptor):  # noqa: PTH208 - of a descriptor
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                found.append((folder / name, status, True))
                if stat.S_ISDIR(status.st_mode):
                    change_mode(descriptor, name, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
                    pending.append(folder / name)
                elif stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IRUSR:
                    change_mode(descriptor, name, stat.S_IMODE(status.st_mode) | stat.S_IRUSR)
        finally:
            os.close(descriptor)
    entries = []
    known: dict[int, PurePosixPath] = {}  # inode -> the first of its names, as they are packed
    for path, status, real in sorted(found, key=lambda one: one[0].parts):
        entry = _changed(root, path, status, known) if real else Entry(path, 0o644)
        if entry is not None:
            entries.append(entry)
    return entries


def _changed(
    root: RootFolder, path: PurePosixPath, status: os.stat_result, known: dict[int, PurePosixPath]
) -> Entry | None:
    """One entry of an upper directory; None for sockets, pipes and devices: they are no content."""
    mode = stat.S_IMODE(status.st_mode)
    if is_whiteout(status):
        return Entry(path.with_name(WHITEOUT + path.name), 0o644)
    if stat.S_ISLNK(status.st_mode):
        return Entry(path, 0o777, "link", target=root.readlink(str(path)))
    if stat.S_ISDIR(status.st_mode):
        return Entry(path, mode, "directory")
    if not stat.S_ISREG(status.st_mode):
        return None
    first = known.setdefault(status.st_ino, path)
    if first != path:
        return Entry(path, mode, "hard link", target=str(first))
    return Entry(path, mode, source=FileBelow(root, str(path)))
