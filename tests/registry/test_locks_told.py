"""Locked content: what runs, container groups, the SDK and az are told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import Credential
from helpers.localcloud.registry.locks import Operation
from tests.az import Az
from tests.registry.places import INDEX, MANIFEST, Place, digest
from tests.registry.test_acr import acr, own
from tests.resource_manager.test_requests import CONTAINERS, send

from .locking import MESSAGE, lock, pull


@pytest.fixture
def cloud(place: Place) -> Iterator[Cloud]:
    made = Cloud(place.cloud.home)
    yield made
    made.close()


def test_an_import_with_force_moves_a_locked_tag(place: Place, app: str, cloud: Cloud) -> None:
    pushed, other = place.push(app, "v1", b"1"), place.push(app, "v2", b"2")
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    catalog, content = Catalog(cloud), cloud.content.read(other)
    with pytest.raises(CloudError) as caught:
        catalog.put(place.server, app, "v1", content, MANIFEST)
    assert (caught.value.status, caught.value.message) == (405, MESSAGE)
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == pushed
    catalog.put(place.server, app, "v1", content, MANIFEST, operation=Operation.IMPORT_WITH_FORCE)
    shown = acr(place, "GET", f"{app}/_tags/v1").json()["tag"]
    assert (shown["digest"], shown["changeableAttributes"]["writeEnabled"]) == (other, False)
    lock(place, app, writeEnabled=False)
    with pytest.raises(CloudError, match="disallowed"):
        catalog.put(
            place.server, app, "v3", content, MANIFEST, operation=Operation.IMPORT_WITH_FORCE
        )


def test_runs_and_container_groups_are_told_which_lock_it_is(
    place: Place, app: str, cloud: Cloud
) -> None:
    child = place.manifest(app)
    assert place.put(app, digest(child), child).status_code == 201
    entry = {
        "mediaType": MANIFEST,
        "digest": digest(child),
        "size": len(child),
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    assert place.put(app, "v1", index, INDEX).status_code == 201
    client, image = RegistryClient(cloud), Reference.parse(f"{place.server}/{app}:v1")
    assert client.pull(image, own(place)) == digest(child)
    for path, which in (
        (app, f"The repository {app}"),
        (f"{app}/_tags/v1", f"The tag {app}:v1"),
        (f"{app}/_manifests/{digest(index)}", f"The manifest {app}@{digest(index)}"),
        (f"{app}/_manifests/{digest(child)}", f"The manifest {app}@{digest(child)}"),
    ):
        lock(place, path, readEnabled=False)
        with pytest.raises(CloudError) as caught:
            client.pull(image, own(place))
        assert caught.value.status == 405
        said = f"{image}: {which} is locked: readEnabled is false. To unlock it: az acr repository"
        assert caught.value.message.startswith(said)
        assert caught.value.message.endswith(f"({MESSAGE})")
        lock(place, path, readEnabled=True)
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    account = place.cloud.account
    credential = Credential(account.client_id, account.client_secret)
    with pytest.raises(CloudError, match=f"The tag {app}:v1 is locked: writeEnabled is false"):
        client.push(image, digest(child), credential)


def test_a_container_group_of_an_image_that_may_not_be_read_is_refused(
    place: Place, app: str
) -> None:
    place.push(app, "v1")
    lock(place, f"{app}/_tags/v1", readEnabled=False)
    image, account = f"{place.server}/{app}:v1", place.cloud.account
    container = {
        "image": image,
        "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.0}},
    }
    credential = {
        "server": place.server,
        "username": account.client_id,
        "password": account.client_secret,
    }
    properties = {
        "osType": "Linux",
        "containers": [{"name": "main", "properties": container}],
        "imageRegistryCredentials": [credential],
    }
    path = f"resourceGroups/{place.group}/{CONTAINERS}/unread"
    body = {"location": "eastus", "properties": properties}
    error = send(place.cloud, "PUT", path, body).json()["error"]
    assert error["code"] == "InaccessibleImage"
    assert f"({image}: The tag {app}:v1 is locked: readEnabled is false." in error["message"]
    assert send(place.cloud, "GET", path, None).status_code == 404


def test_the_sdk_is_told_what_is_locked(place: Place, app: str) -> None:
    pushed, client = place.push(app, "v1"), place.sdk()
    client.update_tag_properties(app, "v1", can_write=False)
    for attempt in (
        lambda: client.delete_tag(app, "v1"),
        lambda: client.delete_manifest(app, pushed),
        lambda: client.delete_manifest(app, "v1"),
        lambda: client.delete_repository(app),
        lambda: client.set_manifest(app, json.loads(place.manifest(app, b"new")), tag="v1"),
    ):
        with pytest.raises(HttpResponseError, match="disallowed on this registry") as caught:
            attempt()
        assert caught.value.status_code == 405
    assert client.get_tag_properties(app, "v1").can_write is False
    client.update_tag_properties(app, "v1", can_write=True)
    client.delete_repository(app)


def test_az_prints_what_is_locked(az: Az, place: Place, app: str) -> None:
    pushed, here = place.push(app, "v1"), ("--name", place.name)
    image = ("--image", f"{app}:v1")
    shown = az.json("acr", "repository", "update", *here, *image, "--write-enabled", "false")
    assert (shown["name"], shown["changeableAttributes"]["writeEnabled"]) == ("v1", False)
    for command in (
        ("acr", "repository", "untag", *here, *image),
        ("acr", "repository", "delete", *here, *image, "--yes"),
        ("acr", "repository", "delete", *here, "--repository", app, "--yes"),
        ("acr", "manifest", "delete", f"{place.server}/{app}@{pushed}", "--yes"),
    ):
        said = az.refused(*command)
        assert MESSAGE in said
        assert f"Detail: The tag {app}:v1 is locked: writeEnabled is false." in said
    whole = ("--repository", app, "--list-enabled", "false")
    assert app in az.json("acr", "repository", "list", *here)
    az.ok("acr", "repository", "update", *here, *whole)
    assert app not in az.json("acr", "repository", "list", *here)
    missing = az.refused("acr", "repository", "update", *here, "--image", f"{app}:v2", *whole[2:])
    assert "does not exist" in missing
    az.ok("acr", "repository", "update", *here, *image, "--write-enabled", "true")
    az.ok("acr", "repository", "delete", *here, *image, "--yes")
    assert pull(place, app, pushed).status_code == 404
