"""Small archives (tar, gzipped) in memory: what charts and policies are packed in."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping

from .errors import HelpersError

_LARGEST = 16 << 20  # bytes that an archive may unpack to


class ArchiveError(HelpersError):
    """Something that is no such archive, or too large; the text says what it is, after a name."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of ``files`` by path: the same files give the same bytes, always and everywhere."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(content.getvalue(), mtime=0)


def unpack(content: bytes) -> dict[str, bytes]:
    """The files in an archive, by path; links and folders are left out. Raises :class:`ArchiveError`."""
    files: dict[str, bytes] = {}
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for entry in archive:
                size += entry.size
                if size > _LARGEST:
                    raise ArchiveError(f"unpacks to more than {_LARGEST >> 20} MiB")
                opened = archive.extractfile(entry) if entry.isfile() else None
                if opened is not None:
                    files[entry.name] = opened.read()
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise ArchiveError(f"is no tar.gz: {error}") from None
    return files
