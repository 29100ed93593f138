"""The attributes of repositories and manifests, and what a registry's clients are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import Credential
from tests.registry.places import INDEX, MANIFEST, Place, digest

LOCK = {"writeEnabled": False, "deleteEnabled": False}
UNLOCK = {"writeEnabled": True, "deleteEnabled": True}


def acr(place: Place, method: str, path: str, **options: Any) -> requests.Response:
    return place.http.request(method, f"https://{place.server}/acr/v1/{path}", **options)


def test_a_repository_is_locked_and_unlocked(place: Place) -> None:
    place.push("whole", "v1")
    data = place.manifest("whole")
    locked = acr(place, "PATCH", "whole", json=LOCK)
    assert locked.status_code == 200
    assert locked.json()["changeableAttributes"]["writeEnabled"] is False
    assert (locked.json()["tagCount"], locked.json()["manifestCount"]) == (1, 1)
    assert acr(place, "GET", "whole").json() == locked.json()
    refused = place.put("whole", "v2", data)
    assert refused.status_code == 405
    assert refused.json()["errors"][0]["code"] == "REGISTRY_DISALLOWED_OPERATION"
    assert acr(place, "DELETE", "whole").status_code == 405
    assert acr(place, "PATCH", "whole", json=UNLOCK).status_code == 200
    assert place.put("whole", "v2", place.manifest("whole")).status_code == 201
    gone = acr(place, "DELETE", "whole")
    assert (gone.status_code, len(gone.json()["tagsDeleted"])) == (202, 2)


def test_a_manifest_is_locked_and_unlocked(place: Place) -> None:
    pushed = place.push("parts", "v1")
    path = f"parts/_manifests/{pushed}"
    locked = acr(place, "PATCH", path, json=LOCK)
    assert locked.status_code == 200
    shown = locked.json()["manifest"]
    assert (shown["digest"], shown["tags"]) == (pushed, ["v1"])
    assert shown["changeableAttributes"]["deleteEnabled"] is False
    assert acr(place, "GET", path).json()["manifest"] == shown
    url = place.url(f"parts/manifests/{pushed}")
    assert place.http.delete(url).status_code == 405
    assert acr(place, "PATCH", path, json=UNLOCK).status_code == 200
    assert place.http.delete(url).status_code == 202
    assert acr(place, "GET", path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "message"),
    [
        ("GET", "nowhere", None, 404, "NAME_UNKNOWN", '"nowhere" is not found'),
        ("PATCH", "nowhere", b"{}", 404, "NAME_UNKNOWN", '"nowhere" is not found'),
        ("GET", "nowhere/_tags", None, 404, "NAME_UNKNOWN", '"nowhere" is not found'),
        ("GET", "nowhere/_manifests", None, 404, "NAME_UNKNOWN", '"nowhere" is not found'),
        ("GET", "known/_tags/v9", None, 404, "TAG_UNKNOWN", "tag v9 does not exist"),
        (
            "GET",
            f"known/_manifests/{digest(b'nothing')}",
            None,
            404,
            "MANIFEST_UNKNOWN",
            digest(b"nothing"),
        ),
        ("PATCH", "known", b"{", 400, "UNSUPPORTED", "must be a JSON object of attributes"),
        ("PATCH", "known", b"[]", 400, "UNSUPPORTED", "must be a JSON object of attributes"),
    ],
)
def test_what_is_not_there_or_no_attributes_is_named(
    place: Place, method: str, path: str, body: bytes | None, status: int, code: str, message: str
) -> None:
    place.push("known", "v1")
    answer = acr(place, method, path, data=body)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert message in json.dumps(error).replace('\\"', '"')
    assert acr(place, "GET", "known").json()["changeableAttributes"]["writeEnabled"] is True


def test_a_manifest_whose_content_is_gone_is_listed_with_what_is_known(place: Place) -> None:
    pushed = place.push("lost", "v1", b"a layer of its own")
    plain = pushed.removeprefix("sha256:")
    (place.cloud.home / "content" / "sha256" / plain[:2] / plain).unlink()
    shown = acr(place, "GET", f"lost/_manifests/{pushed}").json()["manifest"]
    assert (shown["digest"], shown["mediaType"], shown["tags"]) == (pushed, MANIFEST, ["v1"])


@pytest.fixture
def client(place: Place) -> Iterator[RegistryClient]:
    cloud = Cloud(place.cloud.home)
    yield RegistryClient(cloud)
    cloud.close()


def own(place: Place) -> Credential:
    return Credential(place.cloud.account.client_id, place.cloud.account.client_secret)


def test_an_image_that_may_not_be_read_is_not_pulled(place: Place, client: RegistryClient) -> None:
    place.push("unread", "v1")
    image = Reference.parse(f"{place.server}/unread:v1")
    assert client.pull(image, own(place))
    answer = acr(place, "PATCH", "unread/_tags/v1", json={"readEnabled": False})
    assert answer.status_code == 200
    with pytest.raises(CloudError, match="unread:v1") as caught:
        client.pull(image, own(place))
    assert (caught.value.status, caught.value.code) == (405, "REGISTRY_DISALLOWED_OPERATION")


def test_an_index_without_the_platform_names_it(place: Place, client: RegistryClient) -> None:
    child = place.manifest("arm")
    assert place.put("arm", digest(child), child).status_code == 201
    entry = {
        "mediaType": MANIFEST,
        "digest": digest(child),
        "size": len(child),
        "platform": {"os": "linux", "architecture": "arm64"},
    }
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    assert place.put("arm", "v1", index, INDEX).status_code == 201
    image = Reference.parse(f"{place.server}/arm:v1")
    assert client.pull(image, own(place), ("linux", "arm64")) == digest(child)
    assert client.pull(image, own(place), None) == digest(index)
    with pytest.raises(CloudError, match="no matching manifest for linux/amd64") as caught:
        client.pull(image, own(place))
    assert (caught.value.status, caught.value.code) == (404, "MANIFEST_UNKNOWN")


def test_who_may_not_pull_or_push_is_told(place: Place, client: RegistryClient) -> None:
    pushed = place.push("closed", "v1")
    image = Reference.parse(f"{place.server}/closed:v1")
    with pytest.raises(CloudError, match="without credentials") as caught:
        client.pull(image)
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
    reader = Credential(*place.token("reading", "repositories/closed/content/read"))
    assert client.pull(image, reader) == pushed
    with pytest.raises(CloudError, match="may not push to .*closed:v2") as caught:
        client.push(Reference.parse(f"{place.server}/closed:v2"), pushed, reader)
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
    with pytest.raises(CloudError, match="requested access to the resource is denied") as caught:
        client.push(Reference.parse("docker.io/library/closed:v2"), pushed, None)
    assert (caught.value.status, caught.value.code) == (403, "DENIED")


def test_a_manifest_whose_content_is_gone_is_not_pulled(
    place: Place, client: RegistryClient
) -> None:
    pushed = place.push("hollow", "v1", b"a layer of another kind")
    plain = pushed.removeprefix("sha256:")
    (place.cloud.home / "content" / "sha256" / plain[:2] / plain).unlink()
    with pytest.raises(CloudError, match="manifest for .*hollow:v1 not found") as caught:
        client.pull(Reference.parse(f"{place.server}/hollow:v1"), own(place))
    assert (caught.value.status, caught.value.code) == (404, "MANIFEST_UNKNOWN")
