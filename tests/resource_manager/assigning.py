"""Two groups, a registry and people without roles: what the tests of roles begin with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from helpers.localcloud.api_versions import type_of, versions_of
from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry

ARM = "https://management.azure.com"
REGISTRY = "Microsoft.ContainerRegistry/registries"
AUTHORIZATION = "providers/Microsoft.Authorization"
ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"  # Role Based Access Control Administrator
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
UNKNOWN = "11111111-2222-3333-4444-555555555555"


@dataclass
class Somebody:
    """A principal with no role yet, and its token."""

    object_id: str
    app_id: str
    token: str


class World:
    """Two groups, one with a registry, and people to give roles to."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        name = make_group(cloud)
        self.group = f"{cloud.subscription}/resourceGroups/{name}"
        self.other = f"{cloud.subscription}/resourceGroups/{make_group(cloud)}"
        self.registry = f"{self.group}/providers/{REGISTRY}/{make_registry(cloud, name)}"
        self.scopes = {
            "subscription": cloud.subscription,
            "group": self.group,
            "registry": self.registry,
            "task": f"{self.registry}/tasks/one",  # there is none
        }
        self.store = Store(cloud.home / "state.db")
        self.principals = Principals(
            self.store, cloud.account.tenant_id, cloud.home / "signing-key.pem"
        )
        self.http = cloud.http()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        who: Somebody | None = None,
        *,
        where: str = "",
    ) -> requests.Response:
        token = who.token if who else self.cloud.token()
        return self.http.request(
            method,
            ARM + path,
            params={
                "api-version": versions_of(type_of(path))[-1],
                **({"$filter": where} if where else {}),
            },
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def somebody(self, role: str = "", scope: str = "", condition: str = "") -> Somebody:
        secret = uuid.uuid4().hex
        made = self.principals.add(f"somebody-{secret[:8]}", secret=secret)
        token = self.cloud.token_of(made.app_id, secret)
        who = Somebody(made.object_id, made.app_id, token)
        if role:
            answer = self.assign(role, scope or self.group, who.object_id, condition)
            assert answer.status_code == 201, answer.text
        return who

    def definition(self, guid: str) -> str:
        return f"{self.cloud.subscription}/{AUTHORIZATION}/roleDefinitions/{guid}"

    def assign(
        self,
        role: str,
        scope: str,
        principal: str,
        condition: str = "",
        *,
        who: Somebody | None = None,
        name: str = "",
        **more: Any,
    ) -> requests.Response:
        properties = {
            "roleDefinitionId": self.definition(role),
            "principalId": principal,
            **({"condition": condition} if condition else {}),
            **more,
        }
        path = f"{scope}/{AUTHORIZATION}/roleAssignments/{name or uuid.uuid4()}"
        return self.send("PUT", path, {"properties": properties}, who)

    def define(
        self,
        guid: str = "",
        *,
        scopes: list[str] | None = None,
        who: Somebody | None = None,
        name: str | None = None,
        **permission: Any,
    ) -> requests.Response:
        permission = permission or {"actions": [f"{REGISTRY}/read"]}
        body = {
            "properties": {
                "roleName": f"role {uuid.uuid4()}" if name is None else name,
                "description": "made by a test",
                "type": "CustomRole",
                "assignableScopes": [self.group] if scopes is None else scopes,
                "permissions": [permission],
            }
        }
        path = f"{self.group}/{AUTHORIZATION}/roleDefinitions/{guid or uuid.uuid4()}"
        return self.send("PUT", path, body, who)


def worlds(cloud: LocalCloud) -> Iterator[World]:
    """The world of a module."""
    made = World(cloud)
    yield made
    made.store.close()


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
