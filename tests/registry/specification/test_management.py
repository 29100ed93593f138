"""Section "Content Management": tags, manifests and blobs are deleted, at once."""

from __future__ import annotations

import json

import pytest

from tests.registry.places import MANIFEST, Place

from .contents import ALGORITHMS, blob, described, error, get, image, index, named, put


def test_a_tag_goes_and_its_manifest_stays(place: Place, app: str) -> None:
    data = image(place, app)
    for tag in ("v1", "v2"):
        put(place, app, data, tag)
    url = place.url(f"{app}/manifests/v1")
    assert place.http.delete(url).status_code == 202
    for answer in (place.http.get(url), place.http.delete(url)):
        assert (answer.status_code, error(answer)) == (404, "MANIFEST_UNKNOWN")
    for reference in ("v2", named(data)):
        assert get(place, f"{app}/manifests/{reference}").content == data
    assert get(place, f"{app}/tags/list").json()["tags"] == ["v2"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_manifest_goes_with_its_tags(place: Place, app: str, algorithm: str) -> None:
    data = image(place, app, algorithm=algorithm)
    digest = named(data, algorithm)
    put(place, app, data, digest, MANIFEST)
    tags = ["v1", "v2"] if algorithm == "sha256" else []  # a tag names a manifest by sha256
    for tag in tags:
        put(place, app, data, tag)
    url = place.url(f"{app}/manifests/{digest}")
    assert place.http.delete(url).status_code == 202
    for reference in (digest, *tags):
        assert get(place, f"{app}/manifests/{reference}").status_code == 404
        assert place.http.head(place.url(f"{app}/manifests/{reference}")).status_code == 404
    answer = place.http.delete(url)
    assert (answer.status_code, error(answer)) == (404, "MANIFEST_UNKNOWN")
    assert get(place, f"{app}/tags/list").status_code == 404  # it was the repository's last one
    put(place, app, data, digest, MANIFEST)  # its blobs are there still
    assert get(place, f"{app}/manifests/{digest}").content == data


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_blob_goes_when_no_manifest_names_it(place: Place, app: str, algorithm: str) -> None:
    data = image(place, app, algorithm=algorithm)
    put(place, app, data, named(data, algorithm), MANIFEST)
    layer = json.loads(data)["layers"][0]["digest"]
    url = place.url(f"{app}/blobs/{layer}")
    answer = place.http.delete(url)
    assert (answer.status_code, error(answer)) == (405, "REGISTRY_DISALLOWED_OPERATION")
    place.http.delete(place.url(f"{app}/manifests/{named(data, algorithm)}"))
    assert place.http.delete(url).status_code == 202
    assert place.http.head(url).status_code == 404
    for answer in (place.http.get(url), place.http.delete(url)):
        assert (answer.status_code, error(answer)) == (404, "BLOB_UNKNOWN")
    answer = place.put(app, named(data, algorithm), data)
    assert (answer.status_code, error(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")


def test_what_is_deleted_here_stays_elsewhere(place: Place, app: str) -> None:
    for repository in (app, f"{app}/other"):
        blob(place, repository, b"shared")
    assert place.http.delete(place.url(f"{app}/blobs/{named(b'shared')}")).status_code == 202
    assert get(place, f"{app}/other/blobs/{named(b'shared')}").content == b"shared"


def test_a_manifest_of_an_index_that_stays(place: Place, app: str) -> None:
    """An index whose platform was deleted says so to who pulls that; the index itself is whole."""
    data = image(place, app)
    put(place, app, data)
    listed = index([described(data, MANIFEST)])
    put(place, app, listed, "all")
    assert place.http.delete(place.url(f"{app}/manifests/{named(data)}")).status_code == 202
    assert get(place, f"{app}/manifests/all").content == listed
    assert get(place, f"{app}/manifests/{named(data)}").status_code == 404


def test_there_is_nothing_to_delete(place: Place, app: str) -> None:
    for path, code in (
        (f"{app}/manifests/v1", "MANIFEST_UNKNOWN"),
        (f"{app}/manifests/{named(b'none')}", "MANIFEST_UNKNOWN"),
        (f"{app}/blobs/{named(b'none')}", "BLOB_UNKNOWN"),
        (f"{app}/blobs/uploads/00000000-0000-0000-0000-000000000000", "BLOB_UPLOAD_UNKNOWN"),
    ):
        answer = place.http.delete(place.url(path))
        assert (answer.status_code, error(answer)) == (404, code), path
