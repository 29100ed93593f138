"""What does not outlive its registry, its repository or its time; and what a page and an index are."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.media_types import OCI_INDEX, OCI_MANIFEST
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry import uploads
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import ProvenCredential
from helpers.localcloud.resource_manager.deletion import delete
from helpers.localcloud.resource_manager.image_import import copy
from helpers.localcloud.resource_types import REGISTRY_TYPE
from helpers.localcloud.store import Resource
from tests.conftest import LocalCloud
from tests.registry.places import INDEX, MANIFEST, Place, digest


def test_nothing_of_a_registry_is_left_in_one_that_is_made_again(local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    client = local_cloud.client(ContainerRegistryManagementClient).registries
    first = client.get(place.group, place.name)
    pushed = place.push("app", "v1")
    before = place.http.get(f"https://{place.server}/acr/v1/app").json()
    begun = place.http.post(place.url("app/blobs/uploads/"))
    upload = f"https://{place.server}{begun.headers['Location']}"
    assert place.http.patch(upload, data=b"half").status_code == 202

    client.begin_delete(place.group, place.name).result()
    body = {"location": "eastus", "sku": {"name": "Premium"}}
    time.sleep(0.01)  # the times below are told in milliseconds
    second = client.begin_create(place.group, place.name, body).result()
    assert second.creation_date > first.creation_date
    assert client.get(place.group, place.name).creation_date == second.creation_date

    assert place.http.get(place.url("_catalog")).json()["repositories"] == []
    assert place.http.head(place.url(f"app/manifests/{pushed}")).status_code == 404
    assert place.http.head(place.url(f"app/blobs/{digest(b'layer')}")).status_code == 404
    for method in ("GET", "PATCH", "DELETE"):
        assert place.http.request(method, upload, data=b"more").status_code == 404
    done = place.http.put(upload, params={"digest": digest(b"half")})
    assert (done.status_code, done.json()["errors"][0]["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert place.push("app", "v1") == pushed
    after = place.http.get(f"https://{place.server}/acr/v1/app").json()
    assert after["createdTime"] > before["createdTime"]


def test_what_is_pushed_while_a_registry_is_deleted_is_not_in_the_next(
    local_cloud: LocalCloud,
) -> None:
    """The push has found the registry, and waits to write, until the registry is gone."""
    place = Place(local_cloud)
    place.push("app", "v1")
    cloud = Cloud(local_cloud.home, provision=False)
    try:
        [registry] = cloud.store.find(type=REGISTRY_TYPE, name=place.name)
        with ThreadPoolExecutor(1) as pool:
            with cloud.store.transaction():
                pushed = pool.submit(
                    place.http.put,
                    place.url("app/manifests/v2"),
                    data='{"schemaVersion":2,"manifests":[]}',
                    headers={"Content-Type": OCI_INDEX},
                )
                time.sleep(1)
                delete(cloud, registry.id)
            assert pushed.result().status_code == 404
        assert Catalog(cloud).listings.counts(place.server, "app") == (0, 0)
    finally:
        cloud.close()


def test_what_is_imported_while_a_registry_is_deleted_is_not_in_the_next(tmp_path: Path) -> None:
    """An import, and a push by the cloud's own hand, find the registry, and are overtaken."""
    cloud = Cloud(tmp_path)
    content = cloud.content.put(b"{}")
    config = {"mediaType": "application/json", "digest": content, "size": 2}
    manifest = {"schemaVersion": 2, "config": config, "layers": []}
    image = Catalog(cloud).put(
        "docker.io", "team/app", "1", json.dumps(manifest).encode(), OCI_MANIFEST
    )
    place = f"{cloud.subscription}/resourceGroups/g/providers/{REGISTRY_TYPE}/gone"
    body = {"properties": {"loginServer": "gone.azurecr.io"}}
    registry = cloud.store.put(Resource(place, REGISTRY_TYPE, "gone", "g", body))
    request = {
        **{"source": "docker.io/team/app:1", "credential": None, "asCaller": False},
        **{"goals": ["gone.azurecr.io/app:1"], "force": True, "principal": ""},
    }
    imported = cloud.operations.begin("importImage", place, request)
    agent = ProvenCredential("", "", "gone.azurecr.io", "agent", "gone")
    target = Reference("gone.azurecr.io", "app", "2")
    try:
        with ThreadPoolExecutor(2) as pool:
            with cloud.store.transaction():
                works: list[Future[Any]] = [
                    pool.submit(copy, cloud, imported),
                    pool.submit(RegistryClient(cloud).push, target, image, agent),
                ]
                time.sleep(1)
                delete(cloud, registry.id)
                body["properties"]["again"] = "yes"
                cloud.store.put(Resource(place, REGISTRY_TYPE, "gone", "g", body))
            for work in works:
                assert isinstance(work.exception(), CloudError)
        assert Catalog(cloud).listings.counts("gone.azurecr.io", "app") == (0, 0)
    finally:
        cloud.close()


def test_an_upload_that_nobody_goes_on_with_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_IDLE", 0.5)
    cloud = Cloud(tmp_path)
    all_of_them = uploads.Uploads(cloud)
    try:
        given_up, kept = (all_of_them.start("r.azurecr.io", name) for name in ("a", "b"))
        for one in (given_up, kept):
            one.writer.write(b"some")
        deadline = time.monotonic() + 0.8
        while time.monotonic() < deadline:
            assert all_of_them.get(kept.id, "r.azurecr.io", "b") is kept
            time.sleep(0.05)
        another = all_of_them.start("r.azurecr.io", "c")
        with pytest.raises(CloudError, match="upload unknown"):
            all_of_them.get(given_up.id, "r.azurecr.io", "a")
        assert all_of_them.get(kept.id, "r.azurecr.io", "b") is kept
        with pytest.raises(CloudError, match="upload unknown"):
            all_of_them.get(kept.id, "r.azurecr.io", "a")  # of another repository
        with pytest.raises(CloudError, match="upload unknown"):
            all_of_them.get(kept.id, "q.azurecr.io", "b")
        for one in (kept, another):
            all_of_them.end(one)
        assert list((tmp_path / "content" / "uploads").iterdir()) == []
    finally:
        cloud.close()


@pytest.mark.parametrize(("size", "pages"), [(1, 4), (2, 2), (3, 2), (4, 1), (5, 1)])
def test_the_last_page_has_no_link(place: Place, size: int, pages: int) -> None:
    names = ["a", "b", "c", "d"]
    if place.http.head(place.url("linked/manifests/d")).status_code == 404:
        for name in names:
            place.push("linked", name)
    url, seen, count = place.url(f"linked/tags/list?n={size}"), [], 0
    while url:
        answer = place.http.get(url)
        seen += answer.json()["tags"]
        count += 1
        link = answer.links.get("next")
        url = f"https://{place.server}{link['url']}" if link else ""
        assert count <= pages
    assert (seen, count) == (names, pages)


def test_the_children_of_an_index_are_manifests_not_blobs(place: Place) -> None:
    child = place.push("indexed", "linux", b"for linux")
    platform = {"os": "linux", "architecture": "amd64"}
    descriptor = {"mediaType": MANIFEST, "digest": child, "size": 1, "platform": platform}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]}).encode()
    assert place.put("indexed", "all", index, INDEX).status_code == 201
    assert place.http.head(place.url(f"indexed/blobs/{child}")).status_code == 404
    assert place.http.head(place.url(f"indexed/manifests/{child}")).status_code == 200
    # A blob of that digest is none of its children, nor one that another repository has.
    elsewhere = place.push("elsewhere", "linux", b"of elsewhere")
    content = place.http.get(place.url(f"elsewhere/manifests/{elsewhere}")).content
    place.push_blob("indexed", content)
    wrong = json.dumps(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**descriptor, "digest": elsewhere}]}
    ).encode()
    answer = place.put("indexed", "wrong", wrong, INDEX)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
        404,
        "MANIFEST_BLOB_UNKNOWN",
    )
