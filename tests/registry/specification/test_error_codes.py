"""Section "Error Codes": each has a request that is answered with it."""

from __future__ import annotations

import json
import os

import pytest
import requests

from tests.registry.places import MANIFEST, Place
from tests.registry.test_acr import acr

from .contents import begin, blob, error, get, image, named, put


def requests_of(place: Place, app: str) -> dict[str, tuple[int, requests.Response]]:
    """For each code of the specification its status, and an answer that should have it."""
    http, other = (
        place.http,
        place.as_user(place.token(app.replace("/", "-"), "repositories/x/content/read")),
    )
    put(place, app, image(place, app), "v1")
    nothing = named(os.urandom(9))
    lacking = json.loads(image(place, app))
    lacking["layers"][0]["digest"] = nothing
    gone = f"{app}/blobs/uploads/00000000-0000-0000-0000-000000000000"
    acr(place, "PATCH", f"{app}/_tags/v1", json={"writeEnabled": False})
    return {
        "BLOB_UNKNOWN": (404, get(place, f"{app}/blobs/{nothing}")),
        "BLOB_UPLOAD_UNKNOWN": (404, http.patch(place.url(gone), data=b"x")),
        "DIGEST_INVALID": (400, http.put(begin(place, app), params={"digest": "sha256:x"})),
        "MANIFEST_BLOB_UNKNOWN": (404, place.put(app, "v2", json.dumps(lacking).encode())),
        "MANIFEST_INVALID": (400, place.put(app, "v2", b"{}", MANIFEST)),
        "MANIFEST_UNKNOWN": (404, get(place, f"{app}/manifests/v2")),
        "NAME_INVALID": (400, get(place, "UPPER/tags/list")),
        "NAME_UNKNOWN": (404, get(place, f"{app}/nowhere/tags/list")),
        "UNAUTHORIZED": (401, other.get(place.url(f"{app}/tags/list"))),
        "UNSUPPORTED": (501, http.patch(place.url(f"{app}/tags/list"))),
        # ACR's own beside it: what is locked, in the words of its documentation.
        "REGISTRY_DISALLOWED_OPERATION": (405, http.delete(place.url(f"{app}/manifests/v1"))),
    }


def test_each_code_has_its_request(place: Place, app: str) -> None:
    for code, (status, answer) in requests_of(place, app).items():
        assert (answer.status_code, error(answer)) == (status, code), code


def test_a_size_that_is_another(place: Place, app: str) -> None:
    """SIZE_INVALID is for who states a length: what does not fit its range is 416 here."""
    url = begin(place, app)
    answer = place.http.patch(url, data=b"four", headers={"Content-Range": "0-4"})
    assert answer.status_code == 416
    assert place.http.get(url).headers["Range"] == "0-0"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_is_no_endpoint_is_not_supported(place: Place, app: str, method: str) -> None:
    blob(place, app, b"x")
    for path in (f"{app}/tags/list", "_catalog", f"{app}/referrers/{named(b'x')}"):
        answer = place.http.request(method, place.url(path))
        assert (answer.status_code, error(answer)) == (501, "UNSUPPORTED"), path
        assert f"{method} /v2/{path}" in answer.text
