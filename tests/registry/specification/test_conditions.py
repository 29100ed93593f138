"""What a client has already is not sent again, and parts only of what it has a part of (RFC 9110, 13)."""

from __future__ import annotations

import pytest

from tests.registry.places import MANIFEST, Place

from .contents import blob, error, get, image, named, put

CONTENT = bytes(range(256)) * 8


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_a_client_has_is_not_sent(place: Place, app: str, method: str) -> None:
    blob(place, app, CONTENT)
    digest = put(place, app, image(place, app), "v1")
    paths = (f"{app}/blobs/{named(CONTENT)}", f"{app}/manifests/v1", f"{app}/manifests/{digest}")
    for path in paths:
        etag = get(place, path, Accept=MANIFEST).headers["ETag"]
        for known in (etag, f"W/{etag}", "*", f'"sha256:0", {etag}'):
            headers = {"Accept": MANIFEST, "If-None-Match": known}
            answer = place.http.request(method, place.url(path), headers=headers)
            assert (answer.status_code, answer.content) == (304, b""), known
            assert answer.headers["ETag"] == etag
        headers = {"Accept": MANIFEST, "If-None-Match": '"sha256:0"'}
        assert place.http.request(method, place.url(path), headers=headers).status_code == 200


def test_a_condition_tells_nothing_that_may_not_be_read(place: Place, app: str) -> None:
    blob(place, app, CONTENT)
    answer = place.cloud.http().get(
        place.url(f"{app}/blobs/{named(CONTENT)}"), headers={"If-None-Match": "*"}
    )
    assert answer.status_code == 401
    assert get(place, f"{app}/blobs/{named(b'x')}", **{"If-None-Match": "*"}).status_code == 404


def test_of_another_thing_no_part_is_sent(place: Place, app: str) -> None:
    blob(place, app, CONTENT)
    path = f"{app}/blobs/{named(CONTENT)}"
    etag = f'"{named(CONTENT)}"'
    for condition, status in (
        (etag, 206),
        ('"sha256:0"', 200),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 200),
    ):
        answer = get(place, path, Range="bytes=10-19", **{"If-Range": condition})
        assert answer.status_code == status, condition
        assert answer.content == (CONTENT[10:20] if status == 206 else CONTENT)


@pytest.mark.parametrize("unit", ["lines", "items", "x" * 1000])
def test_of_a_unit_that_nobody_knows_the_whole_is_sent(place: Place, app: str, unit: str) -> None:
    blob(place, app, CONTENT)
    answer = get(place, f"{app}/blobs/{named(CONTENT)}", Range=f"{unit}=1-2")
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_a_name_is_read_once(place: Place, app: str) -> None:
    """``%2561`` is ``%61``, which no name has, and not ``a``."""
    put(place, app, image(place, app), "va")
    assert get(place, f"{app}/manifests/v%61", Accept=MANIFEST).status_code == 200
    assert get(place, f"{app}/manifests/v%2561", Accept=MANIFEST).status_code == 404


def test_what_has_a_get_has_a_head(place: Place, app: str) -> None:
    """RFC 9110, section 9.3.2: the same fields, and no content."""
    digest = put(place, app, image(place, app), "v1")
    for path in ("_catalog", f"{app}/tags/list?n=1", f"{app}/referrers/{digest}"):
        told, head = get(place, path), place.http.head(place.url(path))
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == told.headers["Content-Type"]
    assert place.http.head(place.url("nothing/at-all/tags/list")).status_code == 404
    assert place.cloud.http().head(place.url(f"{app}/tags/list")).status_code == 401


@pytest.mark.parametrize("order", ["name", "timedesc desc", "updated"])
def test_an_order_that_there_is_not(place: Place, app: str, order: str) -> None:
    put(place, app, image(place, app), "v1")
    for listing in ("_tags", "_manifests"):
        url = f"https://{place.server}/acr/v1/{app}/{listing}"
        assert place.http.get(url, params={"orderby": order}).status_code == 400
        assert place.http.get(url, params={"orderby": "None"}).status_code == 200


def test_a_manifest_that_go_does_not_read(place: Place, app: str) -> None:
    data = image(place, app)
    for wrong in (
        b"\xef\xbb\xbf" + data,
        data.replace(b'"schemaVersion": 2', b'"schemaVersion": 2.0'),
    ):
        answer = place.put(app, "wrong", wrong)
        assert (answer.status_code, error(answer)) == (400, "MANIFEST_INVALID")
