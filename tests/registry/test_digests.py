"""Digests of sha512 beside those of sha256, wherever one is named; and what is no digest."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.collector import Collector
from helpers.localcloud.containers.images.images import ImageStore
from helpers.localcloud.containers.images.layers import Entry, pack
from helpers.localcloud.content import digest_of
from helpers.localcloud.doctor import examine
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import Credential
from tests.registry.places import INDEX, MANIFEST, Place, digest, skopeo
from tests.registry.specification import contents
from tests.registry.specification.contents import CONFIG, LAYER
from tests.registry.test_acr import acr


def sha512(data: bytes) -> str:
    return contents.named(data, "sha512")


def push(place: Place, repository: str, data: bytes, kind: str = LAYER) -> dict[str, Any]:
    """A blob under its digest of sha512, pushed in one request."""
    contents.blob(place, repository, data, "sha512")
    return contents.described(data, kind, "sha512")


def layer_of(tmp_path: Path, text: bytes) -> tuple[bytes, str]:
    """A layer's archive with one file, and its digest as a configuration names it."""
    cloud = Cloud(tmp_path / "made")
    try:
        found, _ = pack(cloud.content, [Entry(PurePosixPath("etc/motd"), 0o644, source=text)])
        return cloud.content.read(found), found
    finally:
        cloud.close()


def image(place: Place, repository: str, layer: bytes, *, config_too: bool = True) -> bytes:
    """A manifest that names its layer by sha512, and its configuration, too."""
    config = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "config": {},
    }
    data = json.dumps(config).encode()
    named = (
        push(place, repository, data, CONFIG)
        if config_too
        else {**place.push_blob(repository, data), "mediaType": CONFIG}
    )
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": named,
            "layers": [push(place, repository, layer)],
        }
    ).encode()


def test_a_blob_is_pushed_in_every_way_under_sha512(place: Place, app: str) -> None:
    http = place.http
    for number in range(3):
        data = os.urandom(5000)
        begun = http.post(place.url(f"{app}/blobs/uploads/")).headers["Location"]
        url = f"https://{place.server}{begun}"
        if number:
            assert http.patch(url, data=data[:3000]).status_code == 202
        wrong = http.put(url, params={"digest": sha512(b"other")}, data=data[3000 * bool(number) :])
        assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
        begun = http.post(place.url(f"{app}/blobs/uploads/")).headers["Location"]
        url = f"https://{place.server}{begun}"
        if number:
            assert http.patch(url, data=data[:3000]).status_code == 202
        if number == 2:
            assert http.patch(url, data=data[3000:]).status_code == 202
        rest = (data, data[3000:], b"")[number]
        done = http.put(url, params={"digest": sha512(data)}, data=rest)
        assert (done.status_code, done.headers["Docker-Content-Digest"]) == (201, sha512(data))
        answer = http.get(place.url(f"{app}/blobs/{sha512(data)}"))
        assert (answer.content, answer.headers["Docker-Content-Digest"]) == (data, sha512(data))
        part = http.get(answer.url, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, data[10:20])
        assert http.get(place.url(f"{app}/blobs/{digest(data)}")).status_code == 404
        mount = {"mount": sha512(data), "from": app}
        mounted = http.post(place.url(f"{app}/copy/blobs/uploads/"), params=mount)
        assert mounted.status_code == 201
        assert http.delete(answer.url).status_code == 202
        assert http.head(answer.url).status_code == 404
        assert http.get(place.url(f"{app}/copy/blobs/{sha512(data)}")).content == data
    push(place, app, b"")


def test_an_index_of_sha512_is_pushed_pulled_referred_to_and_deleted(
    place: Place, app: str, tmp_path: Path
) -> None:
    layer, _ = layer_of(tmp_path, b"sha512\n")
    data = image(place, app, layer)
    child = {"mediaType": MANIFEST, "digest": sha512(data), "size": len(data)}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).encode()
    assert place.put(app, sha512(index), index, INDEX).status_code == 404  # it comes last
    for content, kind in ((data, MANIFEST), (index, INDEX)):
        other = place.put(app, sha512(b"other"), content, kind)
        assert (other.status_code, other.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
        put = place.put(app, sha512(content), content, kind)
        assert (put.status_code, put.headers["Docker-Content-Digest"]) == (201, sha512(content))
        assert put.headers["Location"].endswith(sha512(content))
        for method in ("GET", "HEAD"):
            url = place.url(f"{app}/manifests/{sha512(content)}")
            answer = place.http.request(method, url)
            assert answer.headers["Docker-Content-Digest"] == sha512(content)
            assert answer.content in (content, b"")
    referrer = json.dumps(
        {**json.loads(data), "subject": child, "artifactType": "application/example"}
    ).encode()
    put = place.put(app, sha512(referrer), referrer)
    assert (put.status_code, put.headers["OCI-Subject"]) == (201, sha512(data))
    listed = place.http.get(place.url(f"{app}/referrers/{sha512(data)}")).json()["manifests"]
    assert [one["digest"] for one in listed] == [sha512(referrer)]
    shown = acr(place, "GET", f"{app}/_manifests/{sha512(data)}").json()["manifest"]
    assert (shown["digest"], shown["architecture"]) == (sha512(data), "amd64")
    assert acr(place, "PATCH", f"{app}/_manifests/{sha512(data)}", json={"deleteEnabled": False})
    assert place.http.delete(place.url(f"{app}/manifests/{sha512(data)}")).status_code == 405
    assert acr(place, "PATCH", f"{app}/_manifests/{sha512(data)}", json={"deleteEnabled": True})
    assert place.http.delete(place.url(f"{app}/manifests/{sha512(data)}")).status_code == 202
    answer = place.http.get(place.url(f"{app}/manifests/{sha512(referrer)}"))
    assert answer.status_code == 404


def test_skopeo_reads_an_image_of_sha512(place: Place, app: str, tmp_path: Path) -> None:
    layer, _ = layer_of(tmp_path, b"for skopeo\n")
    data = image(place, app, layer, config_too=False)  # it knows a configuration's by sha256 alone
    assert place.put(app, "v1", data).status_code == 201
    account = place.cloud.account
    user = f"{account.client_id}:{account.client_secret}"
    seen = skopeo(place.cloud, "inspect", "--creds", user, f"docker://{place.server}/{app}:v1")
    assert seen.returncode == 0, seen.stderr
    assert json.loads(seen.stdout)["Layers"] == [sha512(layer)]


@pytest.fixture
def pushed(cloud: Cloud) -> tuple[Cloud, str, str]:
    """A state with an image of sha512 in Docker Hub's place; its manifest's and layer's digest."""
    content = cloud.content
    layer, _ = pack(content, [Entry(PurePosixPath("etc/motd"), 0o644, source=b"hello\n")])
    data = content.read(layer)
    layer512 = content.put(data, digest_of(data, "sha512"))
    config = json.dumps({"rootfs": {"diff_ids": [layer]}, "os": "linux"}).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": {
                "digest": content.put(config, digest_of(config, "sha512")),
                "size": len(config),
                "mediaType": CONFIG,
            },
            "layers": [{"digest": layer512, "size": len(data), "mediaType": LAYER}],
        }
    ).encode()
    name = digest_of(manifest, "sha512")
    Catalog(cloud).put("docker.io", "team/app", name, manifest, MANIFEST)
    Catalog(cloud).put("docker.io", "team/app", "v1", manifest, MANIFEST, digest=name)
    return cloud, name, layer512


def test_garbage_of_sha512_is_collected_and_nothing_else(pushed: tuple[Cloud, str, str]) -> None:
    cloud, manifest, layer = pushed
    spare = cloud.content.put(b"spare", digest_of(b"spare", "sha512"))
    assert {manifest, layer, spare} <= set(cloud.content.digests())
    assert ImageStore(cloud).lowers(ImageStore(cloud).image(manifest))[0].is_dir()
    found = Collector(cloud).collect(grace=-1)
    assert found.blobs == 2  # the spare one, and the layer under its digest of sha256
    assert not cloud.content.has(spare)
    assert cloud.content.whole(manifest)
    assert cloud.content.whole(layer)
    Collector(cloud).sweep_layers()
    folders = [one for one in cloud.folder("layers").iterdir() if one.is_dir()]
    assert [(one / "etc/motd").read_text() for one in folders] == ["hello\n"]
    Catalog(cloud).delete_manifest("docker.io", "team/app", manifest)
    assert Collector(cloud).collect(grace=-1).blobs == 3
    Collector(cloud).sweep_layers()
    left = [one.name for one in cloud.folder("layers").iterdir() if not one.name.startswith(".")]
    assert left == []


def test_an_image_of_sha512_is_pulled_pushed_and_unpacked(pushed: tuple[Cloud, str, str]) -> None:
    cloud, manifest, _ = pushed
    client = RegistryClient(cloud)
    for reference in (f"team/app@{manifest}", "team/app:v1"):
        assert client.pull(Reference.parse(reference)) == manifest
    images = ImageStore(cloud)
    found = images.image(manifest)
    assert not images.ready(found)
    [layer] = images.lowers(found)
    assert (layer / "etc/motd").read_text() == "hello\n"
    assert images.ready(found)
    assert len(layer.name) == 64
    user = Credential(cloud.account.github_owner, cloud.account.github_token)
    target = Reference.parse("team/copy:v2")
    assert client.push(target, manifest, user) == manifest
    assert client.resolve(target) == manifest


def test_doctor_finds_damage_under_sha512(pushed: tuple[Cloud, str, str]) -> None:
    cloud, _, layer = pushed
    assert [one.what for one in examine(cloud.home, repair=False).left] == []
    cloud.content.path(layer).write_bytes(b"damaged")
    [blob] = [one for one in examine(cloud.home, repair=False).left if one.what.startswith("blob ")]
    assert (blob.what, blob.problem) == (f"blob {layer}", "its 7 bytes are other ones")


# -- what is no digest ---------------------------------------------------------------------------

WRONG = [
    "sha256:abc",
    "sha256:" + "G" * 64,
    "sha256:" + "A" * 64,
    "SHA256:" + "0" * 64,
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "0" * 128,
    "sha512:" + "0" * 64,
    "sha512:" + "F" * 128,
    "sha384:" + "0" * 96,
    "md5:0",
    ":",
    "sha256:" + "0" * 9999,
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_digest_that_is_none_is_refused_wherever_one_is_named(place: Place, wrong: str) -> None:
    data = place.manifest("wrong")
    begun = place.http.post(place.url("wrong/blobs/uploads/")).headers["Location"]
    for method, path in (
        ("GET", f"wrong/manifests/{wrong}"),
        ("HEAD", f"wrong/manifests/{wrong}"),
        ("PUT", f"wrong/manifests/{wrong}"),
        ("DELETE", f"wrong/manifests/{wrong}"),
        ("GET", f"wrong/blobs/{wrong}"),
        ("HEAD", f"wrong/blobs/{wrong}"),
        ("DELETE", f"wrong/blobs/{wrong}"),
        ("GET", f"wrong/referrers/{wrong}"),
        ("POST", f"wrong/blobs/uploads/?digest={wrong}"),
        ("POST", f"wrong/blobs/uploads/?mount={wrong}&from=wrong"),
        ("POST", f"wrong/blobs/uploads/?mount={wrong}"),
        ("PUT", f"{begun.removeprefix('/v2/')}?digest={wrong}"),
    ):
        url = place.url(path)
        answer = place.http.request(method, url, data=data, headers={"Content-Type": MANIFEST})
        assert answer.status_code == 400, (method, path)
        if method != "HEAD":
            assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID", (method, path)
    for method, path in (
        ("GET", f"wrong/_manifests/{wrong}"),
        ("PATCH", f"wrong/_manifests/{wrong}"),
        ("GET", f"wrong/_tags?digest={wrong}"),
    ):
        place.push("wrong", "v1")
        answer = acr(place, method, path)
        assert answer.status_code == 400, (method, path)
        assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID", (method, path)


@pytest.mark.parametrize("wrong", WRONG[:-1])
def test_a_manifest_names_digests_alone(place: Place, wrong: str) -> None:
    data = json.loads(place.manifest("named"))
    for part in ({"config": {"digest": wrong}}, {"subject": {"digest": wrong}}):
        named = {**data, **{key: {**data["config"], **value} for key, value in part.items()}}
        answer = place.put("named", "v1", json.dumps(named).encode())
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_INVALID")
