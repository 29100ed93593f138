"""Content that is damaged or missing is told, never given out; a new push mends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import Credential
from tests.conftest import start
from tests.registry.places import Place, digest


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("damage") / "cloud"
    yield Place(start(home))
    daemon.down(home)


def file_of(place: Place, name: str) -> Path:
    plain = name.removeprefix("sha256:")
    return place.cloud.home / "content" / "sha256" / plain[:2] / plain


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated": truncate,
    "flipped": flip,
    "gone": Path.unlink,
}


@pytest.mark.parametrize(
    ("damage", "restarted"),
    [("truncated", False), ("flipped", False), ("gone", False), ("flipped", True)],
)
def test_a_damaged_blob_is_unknown_until_it_is_pushed_again(
    place: Place, damage: str, restarted: bool
) -> None:
    data = os.urandom(3_000_000)
    blob = place.push_blob("app", data)
    url = place.url(f"app/blobs/{blob['digest']}")
    assert place.http.get(url).content == data
    DAMAGES[damage](file_of(place, blob["digest"]))
    if restarted:
        daemon.down(place.cloud.home)
        start(place.cloud.home)
        place.http.close()
    for method in ("GET", "HEAD"):
        answer = place.http.request(method, url)
        assert answer.status_code == 404, method
        assert "Docker-Content-Digest" not in answer.headers
    answer = place.http.get(url)
    assert answer.json()["errors"][0]["code"] == "BLOB_UNKNOWN"
    assert blob["digest"] in answer.text
    assert place.put("app", "v1", place.manifest("app", data)).status_code == 201
    assert place.http.get(url).content == data
    assert file_of(place, blob["digest"]).read_bytes() == data


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_unknown_until_it_is_pushed_again(place: Place, damage: str) -> None:
    data = place.manifest("whole", damage.encode())
    assert place.put("whole", "v1", data).status_code == 201
    DAMAGES[damage](file_of(place, digest(data)))
    for reference in ("v1", digest(data)):
        answer = place.http.get(place.url(f"whole/manifests/{reference}"))
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"
        assert digest(data) in answer.text
    listed = place.http.get(f"https://{place.server}/acr/v1/whole/_manifests").json()["manifests"]
    assert digest(data) in [one["digest"] for one in listed]
    assert place.put("whole", "v1", data).status_code == 201
    assert place.http.get(place.url("whole/manifests/v1")).content == data


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_blob_of_a_damaged_manifest_stays(place: Place, damage: str) -> None:
    layer = f"layer of {damage}".encode()
    pushed = place.push("held", "v1", layer)
    DAMAGES[damage](file_of(place, pushed))
    url = place.url(f"held/blobs/{digest(layer)}")
    refused = place.http.delete(url)
    assert refused.status_code == 405
    assert f"is part of the manifest held@{pushed}" in refused.text
    assert place.http.get(url).content == layer
    assert place.http.delete(place.url(f"held/manifests/{pushed}")).status_code == 202
    assert place.http.delete(url).status_code == 202


@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_who_pulls_a_damaged_image_is_told_of_what(place: Place, damage: str) -> None:
    place.push("app", "v1", b"a layer")
    layer = digest(b"a layer")
    cloud = Cloud(place.cloud.home)
    try:
        account = place.cloud.account
        credential = Credential(account.client_id, account.client_secret)
        client = RegistryClient(cloud)
        wanted = Reference.parse(f"{place.server}/app:v1")
        assert client.pull(wanted, credential) == client.resolve(wanted, credential)
        DAMAGES[damage](file_of(place, layer))
        with pytest.raises(CloudError, match=layer) as caught:
            client.pull(wanted, credential)
        assert caught.value.status == 404
        place.push("app", "v1", b"a layer")
        assert client.pull(wanted, credential)
    finally:
        cloud.close()


def test_uploads_that_wait_hold_no_descriptor(place: Place) -> None:
    running = daemon.status(place.cloud.home)  # another one after a restart
    assert running is not None
    folder = Path(f"/proc/{running.pid}/fd")
    before = len(list(folder.iterdir()))
    locations = []
    for number in range(100):
        answer = place.http.post(place.url("app/blobs/uploads/"))
        locations.append(f"https://{place.server}{answer.headers['Location']}")
        assert place.http.patch(locations[-1], data=b"part %d," % number).status_code == 202
    assert len(list(folder.iterdir())) - before < 20
    for number, location in enumerate(locations):
        data = b"part %d,and the rest" % number
        answer = place.http.put(location, data=b"and the rest", params={"digest": digest(data)})
        assert answer.status_code == 201
        assert place.http.get(place.url(f"app/blobs/{digest(data)}")).content == data
    assert not list((place.cloud.home / "content" / "uploads").iterdir())
