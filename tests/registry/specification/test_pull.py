"""Section "Pull": manifests and blobs, whole, in part, and whether they are there."""

from __future__ import annotations

import os

import pytest

from tests.registry.places import INDEX, MANIFEST, Place

from .contents import ALGORITHMS, blob, described, error, get, image, index, named, put


def test_the_api_is_supported(place: Place) -> None:  # "Determining Support"
    for path in ("", "/"):
        answer = place.http.get(f"https://{place.server}/v2{path}")
        assert answer.status_code == 200
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


@pytest.mark.parametrize("kind", [MANIFEST, INDEX])
def test_a_manifest_is_pulled_by_tag_and_by_digest(place: Place, app: str, kind: str) -> None:
    data = image(place, app)
    if kind == INDEX:
        put(place, app, data)
        data = index([described(data, MANIFEST)])
    pushed = put(place, app, data, "v1.0_a-B")
    for reference in ("v1.0_a-B", pushed):
        whole = get(place, f"{app}/manifests/{reference}", Accept=kind)
        assert (whole.status_code, whole.content) == (200, data)
        assert whole.headers["Content-Type"] == kind
        assert whole.headers["Docker-Content-Digest"] == pushed
        head = place.http.head(whole.url, headers={"Accept": kind})
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(data))
        for name in ("Content-Type", "Docker-Content-Digest"):
            assert head.headers[name] == whole.headers[name]


def test_what_is_not_there_is_not_found(place: Place, app: str) -> None:
    put(place, app, image(place, app), "v1")
    nothing = named(os.urandom(8))
    for repository in (app, f"{app}/nowhere"):
        for path in (f"manifests/{nothing}", "manifests/v2", f"blobs/{nothing}"):
            url = place.url(f"{repository}/{path}")
            code = "BLOB_UNKNOWN" if path.startswith("blobs") else "MANIFEST_UNKNOWN"
            answer = place.http.get(url)
            assert (answer.status_code, error(answer)) == (404, code)
            assert place.http.head(url).status_code == 404


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", [b"", b"{}", os.urandom(3_000_000)], ids=["empty", "{}", "3 MB"])
def test_a_blob_is_pulled_whole(place: Place, app: str, data: bytes, algorithm: str) -> None:
    blob(place, app, data, algorithm)
    whole = get(place, f"{app}/blobs/{named(data, algorithm)}")
    assert (whole.status_code, whole.content) == (200, data)
    head = place.http.head(whole.url)
    assert (head.status_code, head.content) == (200, b"")
    for answer in (whole, head):
        assert answer.headers["Content-Length"] == str(len(data))
        assert answer.headers["Docker-Content-Digest"] == named(data, algorithm)


CONTENT = bytes(range(256)) * 8
PARTS = [
    ("bytes=500-1499", 206, CONTENT[500:1500], "500-1499"),
    ("bytes=500-", 206, CONTENT[500:], "500-2047"),
    ("bytes=-500", 206, CONTENT[-500:], "1548-2047"),
    ("bytes=2000-5000", 206, CONTENT[2000:], "2000-2047"),
    ("bytes=0-0", 206, CONTENT[:1], "0-0"),
    ("bytes=-5000", 206, CONTENT, "0-2047"),
    ("bytes=2047-99999999999999999999", 206, CONTENT[-1:], "2047-2047"),
    ("bytes=500-0", 416, b"", ""),
    ("bytes=2048-", 416, b"", ""),
    ("bytes=5000-10000", 416, b"", ""),
    ("bytes=99999999999999999999-", 416, b"", ""),
    ("bytes=-0", 416, b"", ""),
]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_blob_is_pulled_in_part(place: Place, app: str, algorithm: str) -> None:
    blob(place, app, CONTENT, algorithm)
    path = f"{app}/blobs/{named(CONTENT, algorithm)}"
    for wanted, status, content, stated in PARTS:
        answer = get(place, path, Range=wanted)
        assert answer.status_code == status, wanted
        if status == 416:
            assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}", wanted
            assert error(answer) == "RANGE_INVALID"
        else:
            assert answer.content == content, wanted
            assert answer.headers["Content-Range"] == f"bytes {stated}/{len(CONTENT)}", wanted
            assert answer.headers["Content-Length"] == str(len(content)), wanted


@pytest.mark.parametrize(
    "wanted",
    ["lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "1-2", "bytes=1-2,5-6", "x" * 9000],
)
def test_a_range_that_is_none_gives_no_other_bytes(place: Place, app: str, wanted: str) -> None:
    """RFC 9110, section 14.2: it is ignored, or refused; several at once need not be served."""
    blob(place, app, CONTENT)
    answer = get(place, f"{app}/blobs/{named(CONTENT)}", Range=wanted)
    assert (answer.status_code, answer.content) == (200, CONTENT) or answer.status_code == 416


def test_a_blob_that_only_the_disk_has_is_pulled(place: Place, app: str) -> None:
    data = os.urandom(3_000_000)
    blob(place, app, data)
    name = named(data).removeprefix("sha256:")
    path = place.cloud.home / "content" / "sha256" / name[:2] / name
    with path.open("rb") as file:  # which the kernel forgets: it was written to the disk
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert get(place, f"{app}/blobs/{named(data)}").content == data
    answer = get(place, f"{app}/blobs/{named(data)}", Range="bytes=1000000-1999999")
    assert answer.content == data[1_000_000:2_000_000]
