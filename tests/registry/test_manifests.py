"""Manifests that are allowed and unusual, and listings of many."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.collector import Collector
from helpers.localcloud.containers.images.images import ImageStore
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import Credential
from tests.registry.places import INDEX, MANIFEST, Place, digest

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def image(place: Place, repository: str, config: bytes, **fields: Any) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "config": {**place.push_blob(repository, config), "mediaType": CONFIG},
            "layers": [place.push_blob(repository, b"layer")],
            **fields,
        }
    ).encode()


@pytest.mark.parametrize("kind", [MANIFEST, DOCKER])
def test_a_manifest_need_not_name_its_media_type(place: Place, kind: str) -> None:
    name = "plain" if kind == MANIFEST else "docker"
    data = image(
        place, name, b'{"os":"linux","architecture":"amd64","author":"%s"}' % name.encode()
    )
    assert place.put(name, "v1", data, kind).status_code == 201
    index = json.dumps(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": kind,
                    "digest": digest(data),
                    "size": len(data),
                    "platform": {"os": "linux", "architecture": "amd64"},
                }
            ],
        }
    ).encode()
    assert place.put(name, "all", index, INDEX).status_code == 201
    client = place.cloud.client(ContainerRegistryManagementClient)
    for tag in ("v1", "all"):
        client.registries.begin_import_image(
            place.group,
            place.name,
            {
                "source": {
                    "registryUri": place.server,
                    "sourceImage": f"{name}:{tag}",
                    "credentials": {
                        "username": place.cloud.account.client_id,
                        "password": place.cloud.account.client_secret,
                    },
                },
                "targetTags": [f"{name}-copy:{tag}"],
            },
        ).result()
        for repository in (name, f"{name}-copy"):
            answer = place.http.get(place.url(f"{repository}/manifests/{tag}"))
            assert answer.headers["Content-Type"] == (kind if tag == "v1" else INDEX)
    cloud = Cloud(place.cloud.home)
    try:
        account = place.cloud.account
        credential = Credential(account.client_id, account.client_secret)
        pulled = RegistryClient(cloud).pull(
            Reference.parse(f"{place.server}/{name}:all"), credential
        )
        assert pulled == digest(data)
        target = Reference.parse(f"{place.server}/{name}-pushed:v1")
        assert RegistryClient(cloud).push(target, digest(data), credential) == digest(data)
    finally:
        cloud.close()


@pytest.mark.parametrize(
    "config", [b"[]", b"", b"no JSON", b'"text"', b'{"os": 5}', b"\xff", b"[" * 9999, b"\\ud800"]
)
def test_a_configuration_may_be_anything(place: Place, config: bytes) -> None:
    for text in (config, b'{"os":"linux","architecture":"arm64"}'):
        data = image(place, "odd", text)
        assert place.put("odd", digest(data), data).status_code == 201
    answer = place.http.get(f"https://{place.server}/acr/v1/odd/_manifests")
    assert answer.status_code == 200
    shown = {one["digest"]: one for one in answer.json()["manifests"]}
    assert shown[digest(data)]["architecture"] == "arm64"
    assert shown[digest(image(place, "odd", config))]["os"] is None
    one = f"https://{place.server}/acr/v1/odd/_manifests/{digest(data)}"
    assert place.http.get(one).json()["manifest"]["os"] == "linux"


@pytest.mark.parametrize(
    "config",
    [
        *(
            b"[]",
            b"",
            b"no JSON",
            b"[" * 9999,
            b"{}",
            b'{"rootfs": []}',
            b'{"rootfs": {"diff_ids": 5}}',
        ),
        b'{"rootfs": {"diff_ids": ["a"]}, "config": {"Env": [5]}}',
    ],
)
def test_an_image_that_cannot_be_run_says_why(tmp_path: Path, config: bytes) -> None:
    cloud = Cloud(tmp_path / "cloud")
    try:
        parts = [{"digest": cloud.content.put(data)} for data in (config, b"layer")]
        manifest = json.dumps({"config": parts[0], "layers": parts[1:]}).encode()
        with pytest.raises(CloudError, match="is not an image that can be run: ") as caught:
            ImageStore(cloud).image(cloud.content.put(manifest))
        assert caught.value.status == 400
    finally:
        cloud.close()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"manifests": []}, MANIFEST),
        ({"config": {}, "layers": []}, INDEX),
        ({"manifests": None}, INDEX),
        ({"config": None, "layers": None}, MANIFEST),
        ({"config": {"digest": "sha256:" + "0" * 64}, "layers": {}}, MANIFEST),
        ({"config": {"digest": 5}, "layers": []}, MANIFEST),
        ({"mediaType": [], "manifests": [{}]}, INDEX),
        ({"mediaType": 5, "manifests": []}, INDEX),
        ({"annotations": {"a": "\ud800"}, "manifests": []}, INDEX),
        ({"manifests": [], "x": 10**400}, INDEX),
    ],
)
def test_other_manifests_are_invalid(place: Place, data: dict[str, Any], kind: str) -> None:
    answer = place.put("bad", "v1", json.dumps({"schemaVersion": 2, **data}).encode(), kind)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["code"] == "MANIFEST_INVALID"


def test_sizes_that_no_image_has_are_no_failure(place: Place) -> None:
    layer = {**place.push_blob("huge", b"layer"), "size": 2**53}
    config = {**place.push_blob("huge", b"{}"), "size": -5}
    data = json.dumps({"schemaVersion": 2, "config": config, "layers": [layer] * 2000}).encode()
    assert place.put("huge", "v1", data).status_code == 201
    shown = place.http.get(f"https://{place.server}/acr/v1/huge/_manifests").json()["manifests"]
    assert shown[0]["imageSize"] == 2**63 - 1


def test_a_blob_of_an_image_cannot_be_deleted(place: Place) -> None:
    data = image(place, "kept", b"{}")
    place.put("kept", "v1", data)
    lock = f"https://{place.server}/acr/v1/kept/_tags/v1"
    for locked in (True, False):
        place.http.patch(lock, json={"deleteEnabled": not locked, "writeEnabled": not locked})
        for blob in (digest(b"layer"), digest(b"{}")):
            answer = place.http.delete(place.url(f"kept/blobs/{blob}"))
            assert answer.status_code == 405, answer.text
            assert digest(data) in answer.text
            assert place.http.get(place.url(f"kept/blobs/{blob}")).status_code == 200
    assert place.http.delete(place.url(f"kept/manifests/{digest(data)}")).status_code == 202
    for blob in (digest(b"layer"), digest(b"{}")):
        assert place.http.delete(place.url(f"kept/blobs/{blob}")).status_code == 202


# -- negotiation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (MANIFEST, "OCI manifest found, but accept header does not support OCI manifests"),
        (INDEX, "OCI index found, but accept header does not support OCI indexes"),
    ],
)
def test_an_oci_manifest_is_for_who_names_its_type(
    place: Place, method: str, kind: str, said: str
) -> None:
    data = image(place, "negotiated", b"{}")
    if kind == INDEX:
        assert place.put("negotiated", digest(data), data).status_code == 201
        child = {"mediaType": MANIFEST, "digest": digest(data), "size": len(data)}
        data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).encode()
    assert place.put("negotiated", "v1", data, kind).status_code == 201
    other = INDEX if kind == MANIFEST else MANIFEST
    for reference in ("v1", digest(data)):
        url = place.url(f"negotiated/manifests/{reference}")
        for accept in ("*/*", "application/*", f"{other}, {DOCKER}", "", f"x{kind}"):
            answer = place.http.request(method, url, headers={"Accept": accept})
            assert answer.status_code == 404, accept
            if method == "GET":
                [error] = answer.json()["errors"]
                assert (error["code"], error["message"]) == ("MANIFEST_UNKNOWN", said)
        for accept in (kind, f"{other},{kind.upper()}", f"text/html, {kind};q=0.5"):
            answer = place.http.request(method, url, headers={"Accept": accept})
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind), accept


def test_a_docker_manifest_is_for_everybody(place: Place) -> None:
    data = json.loads(image(place, "docker", b"{}")) | {"mediaType": DOCKER}
    assert place.put("docker", "v1", json.dumps(data).encode(), DOCKER).status_code == 201
    for accept in ("*/*", "", MANIFEST):
        answer = place.http.get(place.url("docker/manifests/v1"), headers={"Accept": accept})
        assert (answer.status_code, answer.json()) == (200, data)


def test_a_missing_manifest_is_named_as_it_was_asked_for(place: Place) -> None:
    place.push("present", "v1")
    none = digest(b"nothing")
    for reference, message, key in (
        (none, f"manifest {none} is not found", "Revision"),
        ("v2", 'manifest tagged by "v2" is not found', "Tag"),
    ):
        for method in ("GET", "DELETE"):
            url = place.url(f"present/manifests/{reference}")
            [error] = place.http.request(method, url).json()["errors"]
            assert (error["code"], error["message"]) == ("MANIFEST_UNKNOWN", message)
            assert error["detail"] == {"Name": "present", key: reference}


# -- many ----------------------------------------------------------------------------------------


def test_listings_of_many_have_pages_and_are_quick(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,500 manifests within a second, a page of 100 of 5,000 tags within 20 ms (best of some)."""
    repository, count, tags = "many", 1500, 5000
    layer, config = place.push_blob(repository, b"layer"), place.push_blob(repository, b"{}")
    monkeypatch.setattr(os, "fsync", lambda _: None)  # of no use for what only this test reads
    cloud = Cloud(place.cloud.home)
    try:
        catalog = Catalog(cloud)
        manifests = [
            json.dumps(
                {
                    "schemaVersion": 2,
                    "config": {**config, "mediaType": CONFIG},
                    "layers": [layer],
                    "annotations": {"number": str(number)},
                }
            ).encode()
            for number in range(count)
        ]
        with cloud.store.transaction():
            for number, data in enumerate(manifests):
                catalog.put(place.server, repository, f"tag-{number:05}", data, MANIFEST)
            now = time.time()
            for number in range(count, tags):
                cloud.store.execute(
                    "INSERT INTO registry_tags VALUES (?,?,?,?,?,?,'{}')",
                    (
                        *(place.server, repository, f"tag-{number:05}"),
                        *(
                            digest(manifests[number % count]),
                            now + number / 1000,
                            now + number / 1000,
                        ),
                    ),
                )
    finally:
        cloud.close()
    base = f"https://{place.server}/acr/v1/{repository}"

    def fastest(url: str, tries: int) -> tuple[float, Any]:
        best = 1e9
        for _ in range(tries):
            begun = time.perf_counter()
            answer = place.http.get(url)
            best = min(best, time.perf_counter() - begun)
            assert answer.status_code == 200
        return best, answer

    seconds, answer = fastest(f"{base}/_manifests", 3)
    listed = answer.json()["manifests"]
    assert [one["digest"] for one in listed] == sorted(map(digest, manifests))
    assert sum(len(one["tags"]) for one in listed) == tags
    assert seconds < 1.0
    for path in ("_tags?n=100&last=tag-02500", "_tags?n=100&orderby=timedesc&last=tag-02500"):
        seconds, answer = fastest(f"{base}/{path}", 10)
        names = [one["name"] for one in answer.json()["tags"]]
        step = -1 if "timedesc" in path else 1
        assert names == [f"tag-{2500 + step * (n + 1):05}" for n in range(100)]
        assert "next" in answer.links
        assert seconds < 0.1  # 20 ms on a quiet machine; all 5,000 took a second
    seconds, answer = fastest(place.url(f"{repository}/tags/list?n=100&last=tag-04900"), 10)
    assert answer.json()["tags"] == [f"tag-{n:05}" for n in range(4901, 5000)]
    assert not answer.links
    shown = place.http.get(base).json()
    assert (shown["manifestCount"], shown["tagCount"]) == (count, tags)


@pytest.mark.parametrize("order", ["", "timeasc", "timedesc"])
def test_pages_together_are_the_whole_listing(place: Place, order: str) -> None:
    for number in range(7):
        place.push("paged", f"v{number}", b"layer %d" % number)
    url = f"https://{place.server}/acr/v1/paged/_tags?orderby={order}"
    whole = [one["name"] for one in place.http.get(url).json()["tags"]]
    assert sorted(whole) == [f"v{n}" for n in range(7)]
    for size in (1, 3, 7, 8):
        found, following = [], f"{url}&n={size}"
        while following:
            answer = place.http.get(following)
            found += [one["name"] for one in answer.json()["tags"]]
            link = answer.links.get("next", {}).get("url", "")
            following = link and f"https://{place.server}{link}"
        assert found == whole, size


def test_what_an_older_version_has_stored_is_described_too(place: Place) -> None:
    data = image(place, "old", b'{"os":"linux","architecture":"amd64"}')
    place.put("old", "v1", data)
    cloud = Cloud(place.cloud.home)
    try:
        cloud.store.execute("DELETE FROM registry_descriptions WHERE digest=?", (digest(data),))
    finally:
        cloud.close()
    for _ in range(2):
        [shown] = place.http.get(f"https://{place.server}/acr/v1/old/_manifests").json()[
            "manifests"
        ]
        assert (shown["os"], shown["architecture"]) == ("linux", "amd64")
    assert hashlib.sha256(data).hexdigest() in shown["digest"]


@pytest.mark.parametrize("damaged", [False, True])
def test_blobs_of_what_an_older_version_has_stored_stay(place: Place, damaged: bool) -> None:
    """It has not noted what its manifests refer to: they are read, those that can be."""
    layer = f"an older layer {damaged}".encode()
    pushed, other = place.push("older", "v1", layer), place.push("older", "v2", b"another")
    cloud = Cloud(place.cloud.home)
    with contextlib.closing(cloud):
        cloud.store.execute("DELETE FROM registry_references WHERE digest=?", (pushed,))
        cloud.store.execute("INSERT INTO registry_references VALUES ('', ?)", (pushed,))
        manifest = cloud.content.path(pushed)
        whole = manifest.read_bytes()
        manifest.write_bytes(b"{}" if damaged else whole)
        url = place.url(f"older/blobs/{digest(layer)}")
        assert place.http.delete(url).status_code == (202 if damaged else 405)
        Collector(cloud).collect()
        sql = "SELECT child FROM registry_references WHERE digest=?"
        noted = {row["child"] for row in cloud.store.query(sql, (pushed,))}
        assert noted == ({""} if damaged else {digest(b"{}"), digest(layer)})
        manifest.write_bytes(whole)
    for one in (pushed, other):
        assert place.http.delete(place.url(f"older/manifests/{one}")).status_code == 202
    if not damaged:
        assert place.http.delete(url).status_code == 202
