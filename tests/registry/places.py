"""A registry of the running local cloud, as its clients see it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import Any

import requests
from azure.containerregistry import ContainerRegistryClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARCHITECTURES = ("amd64", "arm64")


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def index_of(*children: str, kind: str = INDEX) -> bytes:
    """An index of manifests, each for another architecture: the first for amd64."""
    listed = [
        {
            "mediaType": MANIFEST,
            "digest": child,
            "size": 1,
            "platform": {"os": "linux", "architecture": architecture},
        }
        for child, architecture in zip(children, ARCHITECTURES[: len(children)], strict=True)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": listed}).encode()


class Place:
    """A registry, and a client of it that may do everything."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.group = make_group(cloud)
        self.name = make_registry(cloud, self.group)
        self.server = f"{self.name}.azurecr.io"
        self.http = cloud.http()
        account = cloud.account
        self.http.auth = (account.client_id, account.client_secret)

    @property
    def id(self) -> str:
        """Of the registry, as Azure Resource Manager has it."""
        return (
            f"{self.cloud.subscription}/resourceGroups/{self.group}/providers/"
            f"Microsoft.ContainerRegistry/registries/{self.name}"
        )

    def url(self, path: str) -> str:
        return f"https://{self.server}/v2/{path}"

    def push_blob(self, repository: str, data: bytes) -> dict[str, Any]:
        answer = self.http.post(
            self.url(f"{repository}/blobs/uploads/"), params={"digest": digest(data)}, data=data
        )
        assert answer.status_code == 201, answer.text
        return {"digest": digest(data), "size": len(data), "mediaType": "application/octet-stream"}

    def manifest(self, repository: str, text: bytes = b"layer") -> bytes:
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.push_blob(repository, b"{}"),
                "layers": [self.push_blob(repository, text)],
            }
        ).encode()

    def push(self, repository: str, tag: str, text: bytes = b"layer") -> str:
        data = self.manifest(repository, text)
        answer = self.put(repository, tag, data)
        assert answer.status_code == 201, answer.text
        return digest(data)

    def push_index(self, repository: str, tag: str, *children: str, kind: str = INDEX) -> str:
        data = index_of(*children, kind=kind)
        answer = self.put(repository, tag, data, kind)
        assert answer.status_code == 201, answer.text
        return digest(data)

    def put(
        self, repository: str, reference: str, data: bytes, kind: str = MANIFEST
    ) -> requests.Response:
        return self.http.put(
            self.url(f"{repository}/manifests/{reference}"),
            data=data,
            headers={"Content-Type": kind},
        )

    def token(self, name: str, *actions: str, **properties: Any) -> tuple[str, str]:
        """A token with its own scope map; returns user name and password."""
        client = self.cloud.client(ContainerRegistryManagementClient)
        where = (self.group, self.name)
        body = {"properties": {"actions": list(actions)}}
        scope_map = client.scope_maps.begin_create(*where, f"{name}-map", body).result()
        token = client.tokens.begin_create(
            *where, name, {"properties": {"scopeMapId": scope_map.id, **properties}}
        ).result()
        made = client.registries.begin_generate_credentials(*where, {"tokenId": token.id}).result()
        return name, made.passwords[0].value

    def as_user(self, user: tuple[str, str]) -> requests.Session:
        http = self.cloud.http()
        http.auth = user
        return http

    def sdk(self) -> ContainerRegistryClient:
        return ContainerRegistryClient(
            f"https://{self.server}", self.cloud.credential, **self.cloud.options
        )


def skopeo(cloud: LocalCloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["skopeo", *arguments],
        env={**cloud.env, "XDG_RUNTIME_DIR": str(cloud.home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
