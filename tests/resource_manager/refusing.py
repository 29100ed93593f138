"""A place to ask for what is refused, and what a refusal says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from tests.conftest import LocalCloud
from tests.resource_manager.test_requests import REGISTRIES, VAULTS, send

ROLES = "providers/Microsoft.Authorization"
READ = ["repositories/a/content/read"]


@dataclass
class Place:
    """A resource group, and a registry and a vault in it."""

    cloud: LocalCloud
    group: str
    registry: str
    vault: str

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send to a path in which {g}, {r} and {v} stand for group, registry and vault."""
        return send(self.cloud, method, self.full(path), body)

    def full(self, path: str) -> str:
        """The path below the subscription."""
        group = f"resourceGroups/{self.group}"
        registry = f"{group}/{REGISTRIES}/{self.registry}"
        vault = f"{group}/{VAULTS}/{self.vault}"
        return path.replace("{g}", group).replace("{r}", registry).replace("{v}", vault)

    def id(self, path: str) -> str:
        """The ARM id of a path."""
        return f"{self.cloud.subscription}/{self.full(path)}"


def vault_body(cloud: LocalCloud, **properties: Any) -> dict[str, Any]:
    tenant = cloud.account.tenant_id
    sku = {"family": "A", "name": "standard"}
    given = {"tenantId": tenant, "sku": sku, "accessPolicies": [], **properties}
    return {"location": "eastus", "properties": given}


def assert_refused(answer: requests.Response, status: int, code: str, message: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert message in answer.json()["error"]["message"]
