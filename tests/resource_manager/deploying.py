"""A resource group that templates are deployed to, over HTTP as the SDK does it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.conftest import LocalCloud
from tests.resource_manager.test_requests import send
from tests.resource_manager.test_resource_manager import make_group

DEPLOYMENTS = "providers/Microsoft.Resources/deployments"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@dataclass
class Target:
    """A group, and what is asked of it."""

    cloud: LocalCloud
    group: str

    @property
    def id(self) -> str:
        """The ARM id of the group."""
        return f"{self.cloud.subscription}/resourceGroups/{self.group}"

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A request below the group."""
        return send(self.cloud, method, f"resourceGroups/{self.group}/{path}", body)

    def begin(self, template: Any, name: str = "first", **properties: Any) -> requests.Response:
        """Ask for a deployment."""
        return self.send("PUT", f"{DEPLOYMENTS}/{name}", body_of(template, **properties))

    def ask(self, action: str, template: Any, **properties: Any) -> requests.Response:
        """Ask for ``validate`` or ``whatIf``."""
        return self.send("POST", f"{DEPLOYMENTS}/first/{action}", body_of(template, **properties))

    def deploy(self, template: Any, name: str = "first", **properties: Any) -> dict[str, Any]:
        """Deploy, wait for the end, and return the deployment's properties."""
        begun = self.begin(template, name, **properties)
        assert begun.status_code in (200, 201), begun.text
        return self.ended(name)

    def ended(self, name: str = "first") -> dict[str, Any]:
        """The properties of a deployment that has ended."""
        return ended(self.cloud, f"resourceGroups/{self.group}/{DEPLOYMENTS}/{name}")

    def names(self) -> set[str]:
        """The resources of the group, by name."""
        return {one["name"] for one in self.send("GET", "resources").json()["value"]}


def ended(cloud: LocalCloud, path: str) -> dict[str, Any]:
    """The properties of a deployment, below the subscription, once it has ended."""
    for _ in range(600):
        properties: dict[str, Any] = send(cloud, "GET", path, None).json()["properties"]
        if properties["provisioningState"] not in ("Accepted", "Running"):
            return properties
        time.sleep(0.05)
    raise AssertionError("the deployment goes on and on")


def body_of(template: Any, **properties: Any) -> dict[str, Any]:
    """The body of a request to deploy a template."""
    return {"properties": {"mode": "Incremental", "template": template, **properties}}


def unique(prefix: str = "r") -> str:
    """A name that no other test has."""
    return f"{prefix}{uuid.uuid4().hex[:12]}"


@pytest.fixture
def target(local_cloud: LocalCloud) -> Iterator[Target]:
    """A group of the test's own, deleted afterwards."""
    made = Target(local_cloud, make_group(local_cloud))
    yield made
    send(local_cloud, "DELETE", f"resourceGroups/{made.group}", None)
