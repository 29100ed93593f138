"""Contents of every kind that the specification knows, and the requests that push them."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import requests

from tests.registry.places import INDEX, MANIFEST, Place

ALGORITHMS = ("sha256", "sha512")
EMPTY = "application/vnd.oci.empty.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def named(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of some content."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def described(data: bytes, kind: str, algorithm: str = "sha256", **fields: Any) -> dict[str, Any]:
    """The descriptor of some content."""
    return {"mediaType": kind, "digest": named(data, algorithm), "size": len(data), **fields}


def begin(place: Place, repository: str, **query: str) -> str:
    """The address of a new upload."""
    answer = place.http.post(place.url(f"{repository}/blobs/uploads/"), params=query)
    assert answer.status_code == 202, answer.text
    return location(place, answer)


def location(place: Place, answer: requests.Response) -> str:
    """Where an answer sends its client on to."""
    path = answer.headers["Location"]
    return path if path.startswith("https://") else f"https://{place.server}{path}"


def blob(place: Place, repository: str, data: bytes, algorithm: str = "sha256") -> None:
    """Push a blob in one request."""
    query = {"digest": named(data, algorithm)}
    answer = place.http.post(place.url(f"{repository}/blobs/uploads/"), params=query, data=data)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Docker-Content-Digest"] == query["digest"]


def image(place: Place, repository: str, *, algorithm: str = "sha256", **fields: Any) -> bytes:
    """A manifest of an image that is like no other, whose blobs are pushed."""
    layer = os.urandom(64)
    config = json.dumps({"os": "linux", "architecture": "amd64", "id": layer.hex()}).encode()
    for data in (config, layer):
        blob(place, repository, data, algorithm)
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(config, CONFIG, algorithm),
            "layers": [described(layer, LAYER, algorithm)],
            **fields,
        }
    ).encode()


def index(children: list[dict[str, Any]], **fields: Any) -> bytes:
    """A manifest of an index."""
    made = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children, **fields}
    return json.dumps(made).encode()


def put(place: Place, repository: str, data: bytes, reference: str = "", kind: str = "") -> str:
    """Push a manifest under a tag, or under its digest of sha256; returns that."""
    kind = kind or json.loads(data)["mediaType"]
    answer = place.put(repository, reference or named(data), data, kind)
    assert answer.status_code == 201, answer.text
    return named(data)


def get(place: Place, path: str, **headers: str) -> requests.Response:
    """What is below /v2/."""
    return place.http.get(place.url(path), headers=headers)


def error(answer: requests.Response) -> str:
    """The code of an error, in the form that the specification gives errors."""
    assert answer.headers["Content-Type"] == "application/json"
    [one] = answer.json()["errors"]
    assert set(one) == {"code", "message", "detail"}
    assert isinstance(one["message"], str)
    return str(one["code"])
