"""Content under its digest: written in blocks, gone back to a mark, of both algorithms."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from helpers.localcloud.content import ContentStore, DigestMismatchError, digest_of

_MEGABYTE = 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_blocks_become_content_whatever_was_taken_back(store: ContentStore, algorithm: str) -> None:
    data = os.urandom(20 * _MEGABYTE)
    digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
    with store.writer() as upload:
        upload.write(data[: 9 * _MEGABYTE], bytearray(data[9 * _MEGABYTE : 10 * _MEGABYTE]))
        mark = upload.mark()
        upload.write(os.urandom(9 * _MEGABYTE))  # more than what is stored ahead
        upload.rewind(mark)
        upload.rest()
        upload.write(memoryview(data)[10 * _MEGABYTE :], b"")
        assert upload.size == len(data)
        assert upload.commit(digest) == digest
    assert store.check(digest) == len(data)
    assert store.read(digest) == data
    assert list(store.digests()) == [digest]
    assert list(store.uploads.iterdir()) == []


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_content_of_another_digest_is_not_stored(store: ContentStore, algorithm: str) -> None:
    with pytest.raises(DigestMismatchError, match=f"the content's digest is {algorithm}:"):
        store.put(b"one", digest_of(b"another", algorithm))
    assert list(store.digests()) == []
    assert list(store.uploads.iterdir()) == []


def test_the_same_content_is_stored_under_each_of_its_digests(store: ContentStore) -> None:
    made = [store.put(b"same", digest_of(b"same", one)) for one in ("sha256", "sha512") * 2]
    assert sorted(store.digests()) == sorted(set(made))
    aside = store.set_aside(made[1])
    assert aside.read_bytes() == b"same"
    assert list(store.digests()) == [made[0]]


@pytest.mark.parametrize("digest", ["", "sha256:", "sha1:" + "0" * 40, "sha256:" + "0" * 128])
def test_what_is_no_digest_has_no_place(store: ContentStore, digest: str) -> None:
    with pytest.raises(ValueError, match="is not a digest of the form sha256:"):
        store.path(digest)
