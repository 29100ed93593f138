"""Tar archives that somebody has sent: read whole and checked to their end, or told why not."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

BLOCK = 1 << 20  # bytes
# RFC 8878: a frame of data, or one that is skipped.
_ZSTANDARD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class ArchiveError(Exception):
    """An archive that cannot be read; the text is the reason, a sentence that begins with "it"."""


class _Remembering(io.RawIOBase):
    """Reads from a file, and remembers what was read last: tarfile takes any end for the end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        # Content is read in blocks; tarfile reads a long name or a pax header at once.
        if size > BLOCK + tarfile.BLOCKSIZE:
            raise ArchiveError("it has a header of more than 1 MiB")
        self.last = self._file.read(size)
        return self.last

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextlib.contextmanager
def open_archive(file: BinaryIO, *, zstandard: bool = False) -> Iterator[tarfile.TarFile]:
    """A tar archive, plain or compressed with gzip, bzip2 or xz, for reading its members in order.

    ``zstandard``: also one that is compressed with that, as layers may be (OCI image spec 1.1,
    layer.md). Leaving it without an error checks that it was whole: its end (POSIX pax, two empty blocks) and
    the checksum of its compression. Raises :class:`ArchiveError`, inside and on leaving.
    """
    begin = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    try:
        with contextlib.ExitStack() as opened:
            stream = _Remembering(opened.enter_context(_decompressed(file, begin, zstandard)))
            archive = opened.enter_context(tarfile.open(fileobj=stream, mode="r:"))
            yield archive
            if not archive._loaded:  # type: ignore[attr-defined]
                for _ in archive:
                    pass
            if len(stream.last) != tarfile.BLOCKSIZE or any(stream.last):
                raise ArchiveError("it is damaged or cut short: its end is missing")
            while stream.read(BLOCK):
                pass
    except _DAMAGED as error:
        raise ArchiveError(_reason(error)) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise ArchiveError("it is damaged: its compressed data cannot be read") from None


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    """What a regular file of an archive holds, in big pieces. Raises :class:`ArchiveError`."""
    if member.issparse():
        file = archive.extractfile(member)
        assert file is not None
        while data := file.read(BLOCK):
            yield data
        return
    stream = archive.fileobj  # extractfile copies every byte several times
    assert stream is not None
    stream.seek(member.offset_data)
    left = member.size
    while left:
        data = stream.read(min(left, BLOCK))
        if not data:
            raise ArchiveError("it is cut short")
        left -= len(data)
        yield data


def _decompressed(
    file: BinaryIO, begin: bytes, zstandard: bool
) -> contextlib.AbstractContextManager[BinaryIO]:
    if not begin:
        raise ArchiveError("it is empty")
    if begin.startswith(_ZIP):
        raise ArchiveError("it is a zip archive, not a .tar.gz")
    if zstandard and _ZSTANDARD.match(begin):
        return _of_zstandard(file)
    if _ZSTANDARD.match(begin):
        raise ArchiveError("it is compressed with zstd, not with gzip")
    if begin.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if begin.startswith(b"BZh"):
        return bz2.BZ2File(file)  # type: ignore[return-value]
    if begin.startswith((b"\xfd7zXZ", b"\x5d\x00\x00\x80")):
        return lzma.LZMAFile(file)  # type: ignore[return-value]
    return contextlib.nullcontext(file)


@contextlib.contextmanager
def _of_zstandard(file: BinaryIO) -> Iterator[BinaryIO]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    try:
        with zstd.ZstdFile(file) as opened:
            yield cast(BinaryIO, opened)
    except zstd.ZstdError:
        raise ArchiveError("it is damaged: its compressed data cannot be read") from None


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError) or "end of data" in str(error):
        return "it is cut short"
    if isinstance(error, gzip.BadGzipFile) and "CRC" in str(error):
        return "it is damaged: its checksum is wrong"
    if isinstance(error, (zlib.error, lzma.LZMAError, gzip.BadGzipFile)):
        return "it is damaged: its compressed data cannot be read"
    return "it is no tar archive"
