"""Section "Push": manifests of every kind, and those that are refused."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest

from tests.registry.places import INDEX, MANIFEST, Place

from .contents import (
    EMPTY,
    FOREIGN,
    blob,
    described,
    error,
    get,
    image,
    index,
    location,
    named,
    put,
)

LIMIT = 4 * 1024 * 1024  # bytes


def test_under_a_tag_and_under_its_digest(place: Place, app: str) -> None:
    data = image(place, app)
    for reference in ("v1", named(data)):
        answer = place.put(app, reference, data)
        assert answer.status_code == 201
        assert answer.headers["Docker-Content-Digest"] == named(data)
        assert place.http.get(location(place, answer)).content == data
        assert "OCI-Subject" not in answer.headers
    for kind in (MANIFEST.upper(), f"{MANIFEST}; charset=utf-8"):  # RFC 9110, section 8.3.1
        assert place.put(app, "v1", data, kind).status_code == 201
        assert get(place, f"{app}/manifests/v1").headers["Content-Type"] == MANIFEST


def test_its_blobs_come_first(place: Place, app: str) -> None:
    data = image(place, f"{app}/other")
    for reference in ("v1", named(data)):
        answer = place.put(app, reference, data)
        assert (answer.status_code, error(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    listed = index([described(data, MANIFEST)])
    answer = place.put(app, "v1", listed, INDEX)
    assert (answer.status_code, error(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert get(place, f"{app}/manifests/v1").status_code == 404


def kinds(place: Place, app: str) -> dict[str, bytes]:
    """Manifests that the image specification allows."""
    plain = json.loads(image(place, app))
    blob(place, app, b"{}")
    empty = described(b"{}", EMPTY)
    platforms = [
        {**described(data, MANIFEST), "platform": {"os": "linux", "architecture": architecture}}
        for architecture in ("amd64", "arm64")
        for data in [image(place, app)]
        if put(place, app, data)
    ]
    listed = index(platforms)
    put(place, app, listed)
    foreign = {
        "mediaType": FOREIGN,
        "digest": named(os.urandom(9)),
        "size": 123456,
        "urls": ["https://store.example.com/layer"],
    }
    made: dict[str, Any] = {
        "without media type": {k: v for k, v in plain.items() if k != "mediaType"},
        "artifact": {**plain, "artifactType": "application/example", "config": empty},
        "artifact of nothing": {
            **plain,
            "artifactType": "application/example",
            "config": empty,
            "layers": [empty],
        },
        "without layers": {**plain, "layers": []},
        "layers elsewhere": {**plain, "layers": [foreign, *plain["layers"]]},
        "inlined": {**plain, "config": {**empty, "data": base64.b64encode(b"{}").decode()}},
        "unknown fields": {**plain, "org.example": {"deep": [1, {"x": None}]}},
        "annotations": {**plain, "annotations": {"org.example": "a", "": "ö"}},
        "null for nothing": {
            **plain,
            **dict.fromkeys(("mediaType", "artifactType", "annotations", "subject")),
            "config": {**plain["config"], "size": None, "urls": None, "annotations": None},
        },
        "subject missing": {**plain, "subject": described(os.urandom(9), MANIFEST)},
    }
    indexes: dict[str, Any] = {
        "index": json.loads(listed),
        "index of indexes": json.loads(index([described(listed, INDEX), *platforms])),
        "empty index": json.loads(index([])),
        "index as artifact": json.loads(index(platforms, artifactType="application/example")),
        "index with unknown fields": json.loads(index(platforms, more={"a": [1.5]})),
    }
    return {name: json.dumps(one).encode() for name, one in {**made, **indexes}.items()}


def test_of_every_kind(place: Place, app: str) -> None:
    for name, data in kinds(place, app).items():
        kind = INDEX if "index" in name else MANIFEST
        for reference in (name.replace(" ", "-"), named(data)):
            answer = place.put(app, reference, data, kind)
            assert answer.status_code == 201, (name, answer.text)
            pulled = get(place, f"{app}/manifests/{reference}")
            assert pulled.content == data, name
            assert pulled.headers["Content-Type"] == kind, name
        subject = (json.loads(data).get("subject") or {}).get("digest")
        assert answer.headers.get("OCI-Subject") == subject, name
    shown = place.http.get(f"https://{place.server}/acr/v1/{app}/_manifests?n=100")
    assert shown.status_code == 200
    assert len(shown.json()["manifests"]) >= len(kinds(place, app))


@pytest.mark.parametrize("reference", ["v1", "digest"])
def test_of_four_mebibytes_and_not_of_more(place: Place, app: str, reference: str) -> None:
    plain = json.loads(image(place, app))
    for size, status in ((LIMIT, 201), (LIMIT + 1, 413), (5 * 1000 * 1000, 413)):
        plain["annotations"] = {"filled": ""}
        short = len(json.dumps(plain))
        plain["annotations"]["filled"] = "x" * (size - short)
        data = json.dumps(plain).encode()
        assert len(data) == size
        answer = place.put(app, named(data) if reference == "digest" else reference, data)
        assert answer.status_code == status
        if status == 413:
            assert error(answer) == "MANIFEST_INVALID"
        else:
            assert get(place, f"{app}/manifests/{named(data)}").content == data


@pytest.mark.parametrize(
    ("change", "kind", "status"),
    [
        ({"schemaVersion": 1}, MANIFEST, 400),
        ({"mediaType": INDEX}, MANIFEST, 400),
        ({"config": None}, MANIFEST, 400),
        ({"layers": None}, MANIFEST, 400),
        ({"layers": {}}, MANIFEST, 400),
        ({"layers": [{}]}, MANIFEST, 400),
        ({"layers": [{"digest": "latest", "size": 1, "mediaType": "a/b"}]}, MANIFEST, 400),
        ({"subject": {"digest": "sha256:1"}}, MANIFEST, 400),
        ({"annotations": {"a": 1}}, MANIFEST, 400),
        ({}, INDEX, 400),
        ({}, "application/json", 415),
        ({}, "", 415),
    ],
)
def test_that_is_none_is_refused(
    place: Place, app: str, change: dict[str, Any], kind: str, status: int
) -> None:
    data = json.dumps({**json.loads(image(place, app)), **change}).encode()
    answer = place.put(app, "v1", data, kind)
    assert (answer.status_code, error(answer)) == (status, "MANIFEST_INVALID")
    [missing] = [name for name, value in change.items() if value is None] or [""]
    assert missing in answer.text
    assert get(place, f"{app}/manifests/v1").status_code == 404


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000])
def test_that_is_no_json_is_refused(place: Place, app: str, data: bytes) -> None:
    answer = place.put(app, "v1", data)
    assert (answer.status_code, error(answer)) == (400, "MANIFEST_INVALID")


def test_under_what_is_no_reference_is_refused(place: Place, app: str) -> None:
    data = image(place, app)
    for reference, code in (
        (".v1", "TAG_INVALID"),
        ("-v1", "TAG_INVALID"),
        ("v" * 129, "TAG_INVALID"),
        ("v 1", "TAG_INVALID"),
        ("ö", "TAG_INVALID"),
        ("sha256:" + "0" * 64, "DIGEST_INVALID"),
        ("sha256:baddigeststring", "DIGEST_INVALID"),
    ):
        answer = place.put(app, reference, data)
        assert (answer.status_code, error(answer)) == (400, code), reference
    assert get(place, f"{app}/tags/list").status_code == 404
    for name in ("UPPER", "a//b", "-a", "a/_b", "a" * 256):
        answer = place.put(name, "v1", data)
        assert (answer.status_code, error(answer)) == (400, "NAME_INVALID"), name
