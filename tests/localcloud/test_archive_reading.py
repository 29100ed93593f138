"""Archives that somebody has sent: what is whole is read, what is not is told in words."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable

import pytest

from helpers.localcloud.archive import ArchiveError, content, open_archive

BIG = bytes(range(256)) * 8192  # 2 MiB


def tar(**files: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    with open_archive(io.BytesIO(data)) as archive:
        return {one.name: b"".join(content(archive, one)) for one in archive}


def plain(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("compress", [plain, gzip.compress, bz2.compress, lzma.compress])
def test_a_whole_archive_is_read(compress: Callable[[bytes], bytes]) -> None:
    files = {"small": b"content", "big": BIG, "empty": b""}
    assert read(compress(tar(**files))) == files


def test_holes_of_a_sparse_file_are_zeros() -> None:
    """GNU's format 1.0: the map is before the data (tar's manual, "Sparse Formats")."""
    sparse = b"1\n4096\n4\n".ljust(512, b"\0") + b"data"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("GNUSparseFile.0/sparse")
        member.size = len(sparse)
        member.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "sparse",
            "GNU.sparse.realsize": "8192",
        }
        archive.addfile(member, io.BytesIO(sparse))
    assert read(file.getvalue()) == {"sparse": bytes(4096) + b"data" + bytes(4092)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04" + bytes(600), "it is a zip archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "it is compressed with zstd"),
        (b"no archive at all" * 100, "it is no tar archive"),
        (tar(big=BIG)[:1_000_000], "cut short"),
        (tar(small=b"x")[:1024], "its end is missing"),
        (gzip.compress(tar(big=BIG))[:-20], "it is cut short"),
        (gzip.compress(tar(small=b"x"))[:-8] + bytes(8), "its checksum is wrong"),
        (b"BZh9" + b"\xff" * 600, "its compressed data cannot be read"),
        (b"\xfd7zXZ\x00" + b"\xff" * 600, "its compressed data cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",  # its time is now
)
def test_what_is_not_whole_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(ArchiveError, match=reason):
        read(data)


def test_an_archive_is_checked_though_nobody_reads_its_members() -> None:
    whole = tar(small=b"x", big=BIG)
    with open_archive(io.BytesIO(whole)) as archive:
        assert archive.fileobj is not None
    with pytest.raises(ArchiveError, match="cut short"), open_archive(io.BytesIO(whole[:9_000])):
        pass
