"""What a stranger's image makes the local cloud do on its way into a container group."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from helpers.localcloud.media_types import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from tests.conftest import LocalCloud
from tests.front_door.sockets import memory

REGISTRY = "unpackinghere.azurecr.io"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def crowded(folders: int) -> bytes:
    """An archive of that many folders, and nothing else."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for number in range(folders):
            member = tarfile.TarInfo(f"{number // 500}/{number}")
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
            archive.members = []  # type: ignore[attr-defined]  # what it remembers is not needed
    return file.getvalue()


class Place:
    """A registry to push to, and a resource group for container groups."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.http = cloud.http()
        self.group = f"https://management.azure.com{cloud.subscription}/resourceGroups/unpacking"
        self.bearer = {"Authorization": f"Bearer {cloud.token()}"}
        registry = f"{self.group}/providers/Microsoft.ContainerRegistry/registries/unpackinghere"
        for url, more in ((self.group, {}), (registry, {"sku": {"name": "Basic"}})):
            body = {"location": "eastus", **more}
            assert self.http.put(url, json=body, headers=self.bearer).status_code in (200, 201)
        account = cloud.account
        self.credential = (account.client_id, account.client_secret)

    def push(self, name: str, layer: bytes) -> str:
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["sh"]},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
            }
        ).encode()
        for data in (layer, config):
            url = f"https://{REGISTRY}/v2/{name}/blobs/uploads/?digest={digest_of(data)}"
            assert self.http.post(url, data=data, auth=self.credential).status_code == 201
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": OCI_LAYER, "digest": digest_of(layer), "size": len(layer)}],
        }
        made = self.http.put(
            f"https://{REGISTRY}/v2/{name}/manifests/1",
            data=json.dumps(manifest),
            headers={"Content-Type": OCI_MANIFEST},
            auth=self.credential,
        )
        assert made.status_code == 201
        return f"{REGISTRY}/{name}:1"

    def put(self, name: str, image: str) -> requests.Response:
        user, password = self.credential
        container: dict[str, Any] = {
            "image": image,
            "command": ["nothing"],
            "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
        }
        properties = {
            "osType": "Linux",
            "restartPolicy": "Never",
            "imageRegistryCredentials": [
                {"server": REGISTRY, "username": user, "password": password}
            ],
            "containers": [{"name": "one", "properties": container}],
        }
        url = f"{self.url(name)}"
        body = {"location": "eastus", "properties": properties}
        return self.http.put(url, json=body, headers=self.bearer)

    def url(self, name: str) -> str:
        return f"{self.group}/providers/Microsoft.ContainerInstance/containerGroups/{name}"

    def events(self, name: str) -> list[str]:
        shown = self.http.get(self.url(name), headers=self.bearer).json()
        view = shown["properties"]["containers"][0]["properties"].get("instanceView") or {}
        return [one["message"] for one in view.get("events") or []]

    def until(self, name: str, words: str) -> str:
        deadline = time.monotonic() + 100
        while not (found := [one for one in self.events(name) if words in one]):
            assert time.monotonic() < deadline, self.events(name)
            time.sleep(0.1)
        return found[0]


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Iterator[Place]:
    made = Place(local_cloud)
    yield made
    made.http.delete(made.group, headers=made.bearer)


def test_a_crowded_archive_costs_the_daemon_no_memory(place: Place) -> None:
    image = place.push("crowded", crowded(40_000))
    before = memory(place.cloud.pid)
    place.put("crowded", image)
    place.until("crowded", "Successfully pulled image")
    assert memory(place.cloud.pid) - before < 16  # MB; 40 when it was the daemon that unpacked it


def test_what_cannot_be_unpacked_is_an_event(place: Place) -> None:
    image = place.push("garbage", b"no archive at all" * 100)
    place.put("garbage", image)
    told = place.until("garbage", "Failed to pull image")
    assert "is not a readable archive" in told
