"""Container groups without a front door: their operations, and images that need no registry."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.container_instances.image import PulledImage
from helpers.localcloud.errors import CloudError
from helpers.localcloud.principals import MANAGEMENT
from helpers.localcloud.resource_manager import container_groups, containers
from helpers.localcloud.resource_manager.authentication import authenticate
from helpers.localcloud.resource_manager.routing import Reply, Router
from helpers.localcloud.resource_types import RESOURCE_GROUP_TYPE
from helpers.localcloud.store import Resource

from ..containers.roots import base_layer

TYPE = "Microsoft.ContainerInstance/containerGroups"
ROUTER = Router()
ROUTER.include(container_groups.router)
ROUTER.include(containers.router)


class Images:
    """Stands where the registry is: the images by name, as a pull would give them."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, ...]] = {}
        self.layers: dict[str, tuple[Path, ...]] = {}  # of those that are not the base alone
        self.credentials: list[Any] = []

    def pull(self, cloud: Cloud, name: str, credentials: Any) -> PulledImage:
        self.credentials = list(credentials)
        if name not in self.known:
            raise CloudError(401, "UNAUTHORIZED", f"{name}: authentication required")
        layers = self.layers.get(name, (base_layer(),))
        return PulledImage("sha256:" + "0" * 64, layers, {"A": "image"}, self.known[name], "/", "")


class Azure:
    """The operations of container groups, as the tutorial's principal calls them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.token = "Bearer " + cloud.principals.issue(cloud.owner, MANAGEMENT[0])
        cloud.store.put(
            Resource(
                f"{cloud.subscription}/resourceGroups/rg",
                RESOURCE_GROUP_TYPE,
                "rg",
                "rg",
                {"name": "rg"},
            )
        )

    def call(self, method: str, path: str = "", body: Any = None, **query: str) -> Reply:
        url = f"{self.cloud.subscription}/resourceGroups/rg/providers/{TYPE}" + (
            f"/{path}" if path else ""
        )
        query = {"api-version": "2023-05-01", **query}
        reply = ROUTER.handle(
            self.cloud,
            ROUTER.find(method, url, query),
            url,
            query,
            json.dumps(body or {}).encode(),
            authenticate(self.cloud, self.token),
        )
        if reply.deferred is None or not reply.deferred.patience:
            return reply
        self.cloud.operations.ending(reply.deferred.operation).result(20)
        found = self.cloud.operations.get(reply.deferred.operation)
        assert found is not None
        if found.error is not None:
            raise found.error
        return reply.deferred.done

    def put(self, name: str = "web", **changes: Any) -> Reply:
        return self.call("PUT", name, body(**changes))

    def refusal(self, **changes: Any) -> CloudError:
        """How a group that cannot be is refused; there is none then."""
        with pytest.raises(CloudError) as refused:
            self.put(**changes)
        assert self.call("GET").body["value"] == []
        return refused.value

    def get(self, name: str = "web") -> dict[str, Any]:
        answer: dict[str, Any] = self.call("GET", name).body["properties"]
        return answer

    def view(self, name: str = "web") -> dict[str, Any]:
        answer: dict[str, Any] = self.get(name)["containers"][0]["properties"]["instanceView"]
        return answer

    def until(self, condition: Callable[[dict[str, Any]], bool], name: str = "web") -> Any:
        deadline = time.monotonic() + 20
        while not condition(found := self.get(name)):
            assert time.monotonic() < deadline, json.dumps(found, indent=1)
            time.sleep(0.02)
        return found

    def state(self, *wanted: str, name: str = "web") -> dict[str, Any]:
        answer: dict[str, Any] = self.until(
            lambda found: found["instanceView"]["state"] in wanted, name
        )
        return answer


def body(**changes: Any) -> dict[str, Any]:
    container: dict[str, Any] = {
        "image": changes.pop("image", "app.azurecr.io/loop:1"),
        "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.0}},
        **changes.pop("container", {}),
    }
    return {
        "location": "eastus",
        "properties": {
            "osType": "Linux",
            "restartPolicy": "Never",
            "containers": [{"name": "main", "properties": container}],
            **changes,
        },
    }
