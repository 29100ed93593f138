"""Section "Push": blobs in one request, in two, in chunks, as a stream, mounted, and given up."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.registry.places import Place

from .contents import ALGORITHMS, begin, blob, error, get, location, named

pytestmark = pytest.mark.parametrize("algorithm", ALGORITHMS)


def created(place: Place, repository: str, answer: requests.Response, digest: str) -> bytes:
    """The content of a blob that was pushed just now, from where the answer says it is."""
    assert answer.status_code == 201, answer.text
    assert answer.headers["Docker-Content-Digest"] == digest
    assert location(place, answer) == place.url(f"{repository}/blobs/{digest}")
    return place.http.get(location(place, answer)).content


def test_in_one_request(place: Place, app: str, algorithm: str) -> None:
    data = os.urandom(5000)
    digest = named(data, algorithm)
    url = place.url(f"{app}/blobs/uploads/")
    assert created(place, app, place.http.post(url, params={"digest": digest}, data=data), digest)


def test_in_two_requests(place: Place, app: str, algorithm: str) -> None:
    data = os.urandom(5000)
    digest = named(data, algorithm)
    answer = place.http.put(begin(place, app), params={"digest": digest}, data=data)
    assert created(place, app, answer, digest) == data


@pytest.mark.parametrize("last", ["in the PUT", "before the PUT"])
def test_in_chunks_of_any_size(place: Place, app: str, algorithm: str, last: str) -> None:
    """No OCI-Chunk-Min-Length is asked for: a chunk may have one byte."""
    data = os.urandom(5000)
    digest = named(data, algorithm)
    begun = place.http.post(place.url(f"{app}/blobs/uploads/"))
    assert "OCI-Chunk-Min-Length" not in begun.headers
    url, done = location(place, begun), 0
    for end in (1, 1000, 4999, 5000)[: 3 if last == "in the PUT" else 4]:
        stated = {"Content-Range": f"{done}-{end - 1}"}
        answer = place.http.patch(url, data=data[done:end], headers=stated)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{end - 1}")
        url, done = location(place, answer), end
        status = place.http.get(url)
        assert (status.status_code, status.headers["Range"]) == (204, f"0-{end - 1}")
        url = location(place, status)
    headers = {"Content-Range": f"{done}-4999"} if done < 5000 else {}
    answer = place.http.put(url, params={"digest": digest}, data=data[done:], headers=headers)
    assert created(place, app, answer, digest) == data


def test_a_chunk_out_of_order_leaves_the_upload_as_it_is(
    place: Place, app: str, algorithm: str
) -> None:
    data = os.urandom(3000)
    digest = named(data, algorithm)
    url = begin(place, app)
    late = {"Content-Range": "1000-1999"}
    first = place.http.patch(url, data=data[1000:2000], headers=late)
    assert (first.status_code, first.headers["Range"]) == (416, "0-0")
    first = place.http.put(url, params={"digest": digest}, data=data[1000:2000], headers=late)
    assert first.status_code == 416
    done = place.http.patch(url, data=data[:1000], headers={"Content-Range": "0-999"})
    assert done.status_code == 202
    last = {"Content-Range": "2000-2999"}
    for method in ("PATCH", "PUT"):
        answer = place.http.request(
            method, url, params={"digest": digest}, data=data[2000:], headers=last
        )
        assert (answer.status_code, answer.headers["Range"]) == (416, "0-999")
        assert location(place, answer) == url
    assert place.http.patch(url, data=data[1000:2000], headers=late).status_code == 202
    answer = place.http.put(url, params={"digest": digest}, data=data[2000:], headers=last)
    assert created(place, app, answer, digest) == data


def test_as_a_stream(place: Place, app: str, algorithm: str) -> None:
    data = os.urandom(2_500_000)
    digest = named(data, algorithm)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(data), 300_000):
            yield data[start : start + 300_000]

    answer = place.http.patch(begin(place, app), data=pieces())
    assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{len(data) - 1}")
    answer = place.http.put(location(place, answer), params={"digest": digest})
    assert created(place, app, answer, digest) == data


def test_a_wrong_digest_stores_nothing(place: Place, app: str, algorithm: str) -> None:
    data, other = os.urandom(500), named(b"another", algorithm)
    ways = {
        "one": place.http.post(
            place.url(f"{app}/blobs/uploads/"), params={"digest": other}, data=data
        ),
        "two": place.http.put(begin(place, app), params={"digest": other}, data=data),
    }
    url = begin(place, app)
    assert place.http.patch(url, data=data).status_code == 202
    ways["chunks"] = place.http.put(url, params={"digest": other})
    for way, answer in ways.items():
        assert (answer.status_code, error(answer)) == (400, "DIGEST_INVALID"), way
    for digest in (other, named(data, algorithm)):
        assert get(place, f"{app}/blobs/{digest}").status_code == 404


def test_an_upload_needs_a_digest_to_end(place: Place, app: str, algorithm: str) -> None:
    data = os.urandom(100)
    url = begin(place, app)
    answer = place.http.put(url, data=data)
    assert (answer.status_code, error(answer)) == (400, "DIGEST_INVALID")
    answer = place.http.put(url, params={"digest": named(data, algorithm)}, data=data)
    assert answer.status_code == 201


def test_an_upload_that_was_given_up_is_unknown(place: Place, app: str, algorithm: str) -> None:
    data = os.urandom(100)
    url = begin(place, app)
    assert place.http.patch(url, data=data).status_code == 202
    assert place.http.delete(url).status_code == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        query = {"digest": named(data, algorithm)}
        answer = place.http.request(method, url, params=query, data=data)
        assert (answer.status_code, error(answer)) == (404, "BLOB_UPLOAD_UNKNOWN"), method
    assert get(place, f"{app}/blobs/{named(data, algorithm)}").status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_upload_goes_on_after_a_broken_connection(
    place: Place, app: str, algorithm: str, method: str
) -> None:
    data = os.urandom(3_500_000)
    digest = named(data, algorithm)
    url = begin(place, app)

    def breaks() -> Iterator[bytes]:
        yield data[:3_000_000]
        time.sleep(0.5)  # what is on its way when it breaks is lost
        raise ConnectionError("unplugged")

    client = place.as_user(place.http.auth)  # type: ignore[arg-type]
    with pytest.raises(requests.ConnectionError):
        client.request(method, url, params={"digest": digest}, data=breaks())
    client.close()
    for _ in range(100):
        status = place.http.get(url)
        assert status.status_code == 204
        there = int(status.headers["Range"].removeprefix("0-")) + 1
        headers = {"Content-Range": f"{there}-{len(data) - 1}"}
        answer = place.http.put(url, params={"digest": digest}, data=data[there:], headers=headers)
        if there > 1 and answer.status_code != 416:  # until the registry has noticed
            break
        time.sleep(0.1)
    assert 1 < there <= 3_000_000
    assert created(place, app, answer, digest) == data


def test_one_request_that_breaks_off_leaves_nothing(place: Place, app: str, algorithm: str) -> None:
    uploads = place.cloud.home / "content" / "uploads"
    before = set(uploads.iterdir())
    digest = named(b"never", algorithm)

    def breaks() -> Iterator[bytes]:
        yield bytes(3_000_000)
        raise ConnectionError("unplugged")

    client = place.as_user(place.http.auth)  # type: ignore[arg-type]
    with pytest.raises(requests.ConnectionError):
        client.post(place.url(f"{app}/blobs/uploads/"), params={"digest": digest}, data=breaks())
    client.close()
    for _ in range(100):
        if set(uploads.iterdir()) <= before:
            break
        time.sleep(0.1)
    assert set(uploads.iterdir()) <= before


def test_mounted_from_another_repository(place: Place, app: str, algorithm: str) -> None:
    data = os.urandom(100)
    digest = named(data, algorithm)
    blob(place, f"{app}/source", data, algorithm)
    query = {"mount": digest, "from": f"{app}/source"}
    answer = place.http.post(place.url(f"{app}/blobs/uploads/"), params=query)
    assert created(place, app, answer, digest) == data


@pytest.mark.parametrize("source", ["there", "missing", ""])
def test_what_cannot_be_mounted_is_uploaded(
    place: Place, app: str, algorithm: str, source: str
) -> None:
    """Without ``from``, or without the blob there, an upload begins: 202 and where it is."""
    data = os.urandom(100)
    digest = named(data, algorithm)
    blob(place, f"{app}/elsewhere", data, algorithm)
    blob(place, f"{app}/there", b"something else", algorithm)
    query = {"mount": digest} | ({"from": f"{app}/{source}"} if source else {})
    url = begin(place, app, **query)
    assert get(place, f"{app}/blobs/{digest}").status_code == 404
    answer = place.http.put(url, params={"digest": digest}, data=data)
    assert created(place, app, answer, digest) == data


def test_two_clients_race_for_one_upload(place: Place, app: str, algorithm: str) -> None:
    """The same chunk twice at once: one is taken. The end twice at once: one is the end."""
    data = os.urandom(400_000)
    digest = named(data, algorithm)
    clients = [place.as_user(place.http.auth) for _ in range(4)]  # type: ignore[arg-type]
    url = begin(place, app)
    with ThreadPoolExecutor(len(clients)) as pool:

        def chunk(client: requests.Session) -> int:
            stated = {"Content-Range": "0-199999"}
            return client.patch(url, data=data[:200_000], headers=stated).status_code

        def end(client: requests.Session) -> int:
            stated = {"Content-Range": "200000-399999"}
            query = {"digest": digest}
            return client.put(url, params=query, data=data[200_000:], headers=stated).status_code

        assert sorted(pool.map(chunk, clients)) == [202, 416, 416, 416]
        assert sorted(pool.map(end, clients)) == [201, 404, 404, 404]
    assert get(place, f"{app}/blobs/{digest}").content == data
