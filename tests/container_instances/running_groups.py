"""Container groups of a real local cloud, by the SDK, from the stand-in image."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from tests.conftest import LocalCloud

IMAGE = "docker.io/library/node:15-alpine"


def body(script: str, **more: Any) -> dict[str, Any]:
    """A group of one container, main, that runs a script of the shell."""
    container = {
        "image": IMAGE,
        "command": ["sh", "-c", script],
        "resources": {"requests": {"cpu": 0.5, "memoryInGB": 0.5}},
        **more.pop("container", {}),
    }
    return {
        "location": more.pop("location", "eastus"),
        **({"identity": more.pop("identity")} if "identity" in more else {}),
        "properties": {
            "osType": "Linux",
            "restartPolicy": "Never",
            "containers": [{"name": "main", "properties": container}],
            **more,
        },
    }


@dataclass
class Groups:
    """A resource group, and the clients of what is in it."""

    cloud: LocalCloud
    name: str
    client: Any  # of the SDK

    @classmethod
    def make(cls, cloud: LocalCloud) -> Groups:
        name = f"aci-{uuid.uuid4().hex[:8]}"
        resources = cloud.client(ResourceManagementClient)
        resources.resource_groups.create_or_update(name, {"location": "eastus"})
        return cls(cloud, name, cloud.client(ContainerInstanceManagementClient))

    def create(self, name: str, script: str, **more: Any) -> Any:
        """A group of one container, main, that runs a script of the shell."""
        groups = self.client.container_groups
        return groups.begin_create_or_update(self.name, name, body(script, **more)).result()

    def view(self, name: str) -> Any:
        """The instance view of a group."""
        return self.client.container_groups.get(self.name, name).instance_view

    def remove(self) -> None:
        resources = self.cloud.client(ResourceManagementClient)
        resources.resource_groups.begin_delete(self.name).result()
