"""Assembles image layers from this machine's own programs: reproducible tar archives."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import struct
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ...content import ContentStore, Writer
from ..errors import SandboxError

EPOCH = 1577836800  # 2020-01-01T00:00:00Z: every file's time, so that equal input is an equal layer
# System folders first: what conda or pyenv puts in front may need libraries of its own.
SEARCH_PATH = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"
MERGED = (
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
)  # links to usr/…, as in merged-/usr systems
_LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$")
_MISSING = re.compile(r"^\s+(\S+) => not found$")
CHUNK = 1 << 20  # bytes
_PT_INTERP = 3  # the type of a program header, elf(5)


def program(name: str) -> Path | None:
    """The program ``name`` of this machine's system folders."""
    found = shutil.which(name, path=SEARCH_PATH)
    return Path(found) if found else None


def libraries(programs: Iterable[Path], *, complete: bool = True) -> set[Path]:
    """The shared libraries and the loader that ``programs`` need, as their loaders list them (ld.so(8)).

    ldd(1) asks them, too, in a sixfold time. Raises :class:`SandboxError` naming a library that this
    machine lacks, where they have to be ``complete``.
    """
    usual = _loader(Path("/bin/sh"))  # of what is a library itself
    found = set()
    for one in programs:
        loader = _loader(one) or usual
        if loader is None or not Path(loader).exists():
            continue
        listing = subprocess.run(
            [loader, "--list", one],
            capture_output=True,
            text=True,
            check=False,  # a static program is an error to it
            env={"LC_ALL": "C", "PATH": SEARCH_PATH},
        ).stdout
        for line in listing.splitlines():
            missing = _MISSING.match(line)
            if missing and complete:
                raise SandboxError(
                    f"this machine lacks the shared library {missing[1]} that a program of the "
                    "stand-in image needs; install it with the system's package manager"
                )
            library = _LIBRARY.match(line)
            if library:
                found.add(Path(library[1]))
    return found


def _loader(program: Path) -> str | None:
    """What a program names as its loader (elf(5), PT_INTERP); None for one that needs none."""
    with program.open("rb") as file:
        head = file.read(64)
        if head[:4] != b"\x7fELF":
            return None
        order = "<" if head[5] == 1 else ">"
        wide = head[4] == 2  # 64 bits
        word = f"{order}Q" if wide else f"{order}I"
        [table] = struct.unpack_from(word, head, 32 if wide else 28)
        size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
        for number in range(count):
            file.seek(table + number * size)
            entry = file.read(size)
            if struct.unpack_from(f"{order}I", entry)[0] == _PT_INTERP:
                [place] = struct.unpack_from(word, entry, 8 if wide else 4)
                [length] = struct.unpack_from(word, entry, 32 if wide else 16)
                file.seek(place)
                return os.fsdecode(file.read(length).rstrip(b"\0"))
    return None


@dataclass
class Layer:
    """The entries of one layer, to be written in the order of their paths."""

    _entries: dict[str, tuple[tarfile.TarInfo, Path | bytes | None]] = field(default_factory=dict)

    def directory(self, path: str, mode: int = 0o755) -> None:
        """An empty directory; its parents come with it."""
        self._add(path, tarfile.DIRTYPE, mode)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._add(path, tarfile.SYMTYPE, 0o777).linkname = target

    def text(self, path: str, content: str, mode: int = 0o644) -> None:
        """A file with that content."""
        data = content.encode()
        entry = self._add(path, tarfile.REGTYPE, mode, data)
        entry.size = len(data)

    def file(self, path: str, source: Path) -> None:
        """A copy of a file of this machine, with its permission to execute."""
        status = source.stat()
        mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        self._add(path, tarfile.REGTYPE, mode, source).size = status.st_size

    def tree(
        self, path: str, source: Path, skipped: tuple[str, ...] = (), *, times: bool = False
    ) -> None:
        """A copy of a folder without the subfolders named ``skipped``; links stay links.

        With ``times`` files keep theirs: what Python has compiled is of a source of that time.
        """
        for folder, folders, files in os.walk(source):
            folders[:] = sorted(name for name in folders if name not in skipped)
            inside = PurePosixPath(path, Path(folder).relative_to(source).as_posix())
            for name in sorted(files):
                item = Path(folder) / name
                if item.is_symlink():
                    self.link(str(inside / name), str(item.readlink()))
                elif item.is_file():
                    self.file(str(inside / name), item)
                    if times:
                        entry, _ = self._entries[str(inside / name)]
                        entry.mtime = int(item.stat().st_mtime)

    def programs(self, names: Iterable[str], needed: Iterable[str] = ()) -> list[Path]:
        """Add programs with their libraries; returns the sources.

        Raises :class:`SandboxError` when one of the ``needed`` is not installed; other ``names``
        are left out.
        """
        sources: dict[str, Path] = {}
        for name in (*needed, *names):
            found = program(name)
            if found is None:
                if name in needed:
                    raise SandboxError(
                        f"this machine has no program {name!r} in {SEARCH_PATH}, which the "
                        "stand-in image needs; install it with the system's package manager"
                    )
                continue
            sources[name] = found.resolve()
        for name, source in sources.items():
            if source.name.startswith("busybox"):  # one program under many names
                self.file(f"usr/bin/{source.name}", source)
                if name != source.name:
                    self.link(f"usr/bin/{name}", source.name)
            else:
                self.file(f"usr/bin/{name}", source)
        self.libraries(sources.values())
        return sorted({*sources.values()})

    def libraries(self, programs: Iterable[Path]) -> None:
        """Add the shared libraries of ``programs`` where their loader looks for them."""
        for library in sorted(libraries(programs)):
            parts = library.parts[1:]
            path = library.relative_to("/").as_posix()
            self.file(f"usr/{path}" if parts[0] in MERGED else path, library.resolve())

    def merged_usr(self) -> None:
        """/bin, /lib and so on as links into /usr, and the directories that they name."""
        for name in MERGED:
            self.directory(f"usr/{name}")
            self.link(name, f"usr/{name}")

    def _add(
        self, path: str, kind: bytes, mode: int, content: Path | bytes | None = None
    ) -> tarfile.TarInfo:
        name = path.strip("/")
        for parent in list(PurePosixPath(name).parents)[:-1]:
            if str(parent) not in self._entries:
                self._add(str(parent), tarfile.DIRTYPE, 0o755)
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.mtime = kind, mode, EPOCH
        self._entries[name] = (entry, content)
        return entry

    @property
    def sources(self) -> list[Path]:
        """The files of this machine that the layer copies."""
        return sorted({item for _, item in self._entries.values() if isinstance(item, Path)})

    def fingerprint(self) -> str:
        """Changes when the layer would: from the metadata of its sources, without reading them."""
        known = hashlib.sha256()
        for name in sorted(self._entries):
            entry, content = self._entries[name]
            mark: object = content
            if isinstance(content, Path):
                status = content.stat()
                mark = (str(content), status.st_size, status.st_mtime_ns)
            known.update(repr((name, entry.type, entry.mode, entry.linkname, mark)).encode())
        return known.hexdigest()

    def write(self, content: ContentStore) -> tuple[str, int]:
        """Store the layer's archive; returns its digest and size. It is its own diff id."""
        with content.writer() as upload:
            archive = _Archive(upload)
            for name in sorted(self._entries):
                archive.add(*self._entries[name])
            archive.end()
            size = upload.size
            return upload.commit(), size


class _Archive:
    """Writes a tar archive in big pieces; tarfile's own stream copies every byte several times."""

    def __init__(self, upload: Writer) -> None:
        self._upload = upload
        self._pending = bytearray()

    def add(self, entry: tarfile.TarInfo, content: Path | bytes | None) -> None:
        """Add an entry with its content. Raises :class:`SandboxError` when its file has changed."""
        self._pending += entry.tobuf(tarfile.PAX_FORMAT)
        if isinstance(content, Path):
            self._copy(content, entry.size)
        elif content is not None:
            self._pending += content
        self._pending += bytes(-entry.size % tarfile.BLOCKSIZE)
        if len(self._pending) >= CHUNK:
            self._flush()

    def _copy(self, source: Path, size: int) -> None:
        copied = 0
        with source.open("rb", buffering=0) as file:
            while data := file.read(CHUNK):
                copied += len(data)
                if len(data) + len(self._pending) >= CHUNK:
                    self._flush()
                    self._upload.write(data)
                else:
                    self._pending += data
        if copied != size:
            raise SandboxError(f"{source} changed while an image was assembled from it; try again")

    def _flush(self) -> None:
        self._upload.write(self._pending)
        self._pending.clear()

    def end(self) -> None:
        """Two empty blocks end an archive (POSIX pax)."""
        self._pending += bytes(2 * tarfile.BLOCKSIZE)
        self._flush()
