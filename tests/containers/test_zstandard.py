"""Layers that are compressed with zstandard: unpacked whole, or refused in one sentence."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import pytest

from helpers.localcloud.containers.errors import BuildError
from helpers.localcloud.containers.images.extraction import extract
from tests.containers.test_layers import VICTIM, archive

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SKIPPED = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"  # RFC 8878: a frame that is no content


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (SKIPPED, b""), (b"", SKIPPED)])
def test_a_layer_may_be_compressed_with_zstandard(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    whole = archive(tmp_path / "layer.tar", *VICTIM, ("z", tarfile.REGTYPE, {})).read_bytes()
    half = len(whole) // 2  # several frames are one content
    frames = zstd.compress(whole[:half]) + zstd.compress(whole[half:])
    path = tmp_path / "layer.tar.zst"
    path.write_bytes(before + frames + after)
    (tmp_path / "root").mkdir()
    assert extract(path, tmp_path / "root", "name")
    assert (tmp_path / "root/z").exists()
    for damaged, message in (
        (frames[:-7], "it is cut short"),
        (frames[:4] + b"\xff" * 600, "it is damaged: its compressed data cannot be read"),
        (zstd.compress(whole[:1024]), "its end is missing"),
        (zstd.compress(b"text" * 500), "it is no tar archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "it is"),
    ):
        path.write_bytes(damaged)
        (tmp_path / "again").mkdir(exist_ok=True)
        with pytest.raises(BuildError, match=f"name is not a readable archive: .*{message}"):
            extract(path, tmp_path / "again", "name")
