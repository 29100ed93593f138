"""Archives as they are read: every compression, members with holes, and what is damaged."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import tarfile
from collections.abc import Callable

import pytest

from helpers.localcloud.archive import ArchiveError, content, open_archive


def plain(*members: tuple[str, bytes], **pax: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.pax_headers = {name.replace("_", "."): value for name, value in pax.items()}
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    with open_archive(io.BytesIO(data)) as archive:
        return {one.name: b"".join(content(archive, one)) for one in archive}


@pytest.mark.parametrize("compress", [bytes, bz2.compress, lzma.compress])
def test_an_archive_of_any_compression_is_read(compress: Callable[[bytes], bytes]) -> None:
    assert read(compress(plain(("a", b"one"), ("b", b"")))) == {"a": b"one", "b": b""}


def test_the_holes_of_a_sparse_member_are_zeros() -> None:
    sparse = plain(("holes", b"abcde"), GNU_sparse_map="0,3,10,2", GNU_sparse_size="12")
    assert read(sparse) == {"holes": b"abc" + bytes(7) + b"de"}


def test_an_archive_left_before_its_last_member_is_checked_to_its_end() -> None:
    whole = plain(("a", b"one"), ("b", b"two"))
    with open_archive(io.BytesIO(whole)) as archive:
        first = archive.next()
        assert first is not None
        assert first.name == "a"
    with (
        pytest.raises(ArchiveError, match="its end is missing"),
        open_archive(io.BytesIO(whole[: 4 * tarfile.BLOCKSIZE])) as archive,
    ):
        archive.next()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (plain(("a", b"x" * 5000))[:2000], "it is cut short"),
        (b"BZh9" + b"damaged" * 100, "it is damaged: its compressed data cannot be read"),
        (bz2.compress(plain(("a", b"x")))[:-10], "it is cut short"),
        (
            b"\xfd7zXZ\x00" + b"damaged" * 100,
            "it is damaged: its compressed data cannot be read",
        ),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "it is compressed with zstd, not with gzip"),
    ],
)
def test_what_is_damaged_or_unknown_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(ArchiveError, match=f"^{re.escape(reason)}$"):
        read(data)


def test_an_error_of_the_disk_is_not_taken_for_damage() -> None:
    with (
        pytest.raises(OSError, match="No space left"),
        open_archive(io.BytesIO(plain(("a", b"x")))),
    ):
        raise OSError(28, "No space left on device")
