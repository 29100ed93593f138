"""Every built-in role: what whoever has it may do, and what not, asked of the services themselves."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient

from helpers.localcloud.api_versions import newest
from helpers.localcloud.built_in_roles import ROLES
from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.registry.places import Place

ARM = "https://management.azure.com"
# An operation that may be done answers something, be it that there is nothing of that name.
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    "read the registry": ("GET", "{r}", None),
    "write the registry": ("PATCH", "{r}", {"tags": []}),
    "delete the registry": ("DELETE", "{r}0", None),
    "see the admin's password": ("POST", "{r}/listCredentials", {}),
    "read tokens": ("GET", "{r}/tokens", None),
    "write scope maps": ("PUT", "{r}/scopeMaps/one", {"properties": []}),
    "make passwords": ("POST", "{r}/generateCredentials", {"tokenId": 1}),
    "import": ("POST", "{r}/importImage", {}),
    "read tasks": ("GET", "{r}/tasks", None),
    "write tasks": ("PUT", "{r}/tasks/one", {"properties": []}),
    "delete tasks": ("DELETE", "{r}/tasks/none", None),
    "run": ("POST", "{r}/scheduleRun", {"type": 1}),
    "read runs": ("GET", "{r}/runs", None),
    "cancel runs": ("POST", "{r}/runs/none/cancel", {}),
    "read cache rules": ("GET", "{r}/cacheRules", None),
    "write cache rules": ("PUT", "{r}/cacheRules/one", {"properties": []}),
    "read credential sets": ("GET", "{r}/credentialSets", None),
    "write credential sets": ("PUT", "{r}/credentialSets/one", {"properties": []}),
    "read the group": ("GET", "{g}", None),
    "write the group": ("PATCH", "{g}", {"tags": []}),
    "read containers": ("GET", "{c}/none", None),
    "write containers": ("PUT", "{c}/one", {"properties": []}),
    "stop containers": ("POST", "{c}/none/stop", {}),
    "read the vault": ("GET", "{v}", None),
    "write the vault": ("PATCH", "{v}", {"tags": []}),
    "read assignments": ("GET", "{g}/{a}/roleAssignments", None),
    "assign roles": ("PUT", "{g}/{a}/roleAssignments/one", {"properties": {}}),
    "take roles away": ("DELETE", "{g}/{a}/roleAssignments/none", None),
    "pull": ("GET", "https://{s}/v2/app/manifests/1", None),
    "push": ("POST", "https://{s}/v2/app/blobs/uploads/", None),
    "delete images": ("DELETE", "https://{s}/v2/app/manifests/none", None),
    "list repositories": ("GET", "https://{s}/v2/_catalog", None),
    "read metadata": ("GET", "https://{s}/acr/v1/app/_tags", None),
    "lock images": ("PATCH", "https://{s}/acr/v1/app/_tags/none", {"writeEnabled": False}),
    "read secrets": ("GET", "https://{n}.vault.azure.net/secrets/none", None),
    "list secrets": ("GET", "https://{n}.vault.azure.net/secrets", None),
    "write secrets": ("PUT", "https://{n}.vault.azure.net/secrets/one", {"value": 1}),
    "delete secrets": ("DELETE", "https://{n}.vault.azure.net/secrets/none", None),
}
SECRETS = {"read secrets", "list secrets", "write secrets", "delete secrets"}
PULLED = {"pull", "list repositories", "read metadata"}
READ = PULLED | {
    *("read the registry", "read tokens", "read tasks", "read runs", "read cache rules"),
    *("read credential sets", "read the group", "read containers", "read the vault"),
    "read assignments",
}
ASSIGN = {"assign roles", "take roles away"}
ABOUT_VAULTS = {"read the group", "read the vault", "read assignments"}
TASKS = {"read tasks", "write tasks", "delete tasks", "run", "read runs", "cancel runs"}
CONFIGURATION = {"read the registry", "see the admin's password", "read tokens"}
ALLOWED: dict[str, set[str]] = {
    "Owner": set(OPERATIONS) - SECRETS,
    "Contributor": set(OPERATIONS) - SECRETS - ASSIGN,
    "Reader": READ,
    "Role Based Access Control Administrator": READ | ASSIGN,
    "User Access Administrator": READ | ASSIGN,
    "Managed Identity Operator": {"read the group", "read assignments"},
    "Azure Container Instances Contributor Role": {
        *("read the group", "read assignments"),
        *("read containers", "write containers", "stop containers"),
    },
    "AcrPull": PULLED,
    "AcrPush": PULLED | {"push", "lock images"},
    "AcrDelete": {"delete images"},
    "AcrImageSigner": set(),
    "AcrQuarantineReader": set(),
    "AcrQuarantineWriter": set(),
    "Container Registry Data Importer and Data Reader": PULLED | {"import", "read the registry"},
    # Of a registry whose roles are not for repositories, these say nothing.
    "Container Registry Repository Reader": set(),
    "Container Registry Repository Writer": set(),
    "Container Registry Repository Contributor": set(),
    "Container Registry Repository Catalog Lister": set(),
    "Container Registry Tasks Contributor": TASKS | {"read the registry", "read the group"},
    "Container Registry Transfer Pipeline Contributor": set(),
    "Container Registry Configuration Reader and Data Access Configuration Reader": CONFIGURATION,
    "Container Registry Contributor and Data Access Configuration Administrator": {
        *CONFIGURATION,
        *("write the registry", "delete the registry", "write scope maps", "make passwords"),
        *("read the group", "read assignments"),
    },
    "Container Registry Cache Rule Administrator": {"read cache rules", "write cache rules"},
    "Container Registry Cache Rule Reader": {"read cache rules"},
    "Container Registry Credential Set Administrator": {
        *("read credential sets", "write credential sets"),
    },
    "Container Registry Credential Set Reader": {"read credential sets"},
    "Key Vault Administrator": ABOUT_VAULTS | SECRETS,
    "Key Vault Contributor": ABOUT_VAULTS | {"write the vault"},
    "Key Vault Reader": ABOUT_VAULTS | {"list secrets"},
    "Key Vault Secrets Officer": ABOUT_VAULTS | SECRETS,
    "Key Vault Secrets User": {"read secrets", "list secrets"},
}


@dataclass
class Holder:
    """A principal with one role at the group: its sign-in and the tokens that it has got."""

    app_id: str
    secret: str
    tokens: dict[str, str]


class World:
    """A group with a registry that has an image, and a vault that goes by roles."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.place = Place(cloud)
        self.place.push("app", "1")
        self.group = f"{cloud.subscription}/resourceGroups/{self.place.group}"
        self.vault = f"vault{uuid.uuid4().hex[:8]}"
        properties = {
            "tenantId": cloud.account.tenant_id,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
        }
        cloud.client(KeyVaultManagementClient).vaults.begin_create_or_update(
            self.place.group, self.vault, {"location": "eastus", "properties": properties}
        ).result()
        self.store = Store(cloud.home / "state.db")
        self.principals = Principals(
            self.store, cloud.account.tenant_id, cloud.home / "signing-key.pem"
        )
        self.http = cloud.http()

    def holder(self, guid: str) -> Holder:
        """Somebody who has the role at the group, and nothing else."""
        secret = uuid.uuid4().hex
        made = self.principals.add(f"holder-{secret[:8]}", secret=secret)
        definition = (
            f"{self.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
        )
        body = {"roleDefinitionId": definition, "principalId": made.object_id}
        self.cloud.client(AuthorizationManagementClient).role_assignments.create(
            self.group, str(uuid.uuid4()), {"properties": body}
        )
        return Holder(made.app_id, secret, {})

    def _token(self, holder: Holder, audience: str) -> str:
        if audience not in holder.tokens:
            answer = self.http.post(
                f"https://login.microsoftonline.com/{self.cloud.account.tenant_id}"
                "/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": holder.app_id,
                    "client_secret": holder.secret,
                    "scope": f"{audience}/.default",
                },
            )
            holder.tokens[audience] = answer.json()["access_token"]
        return holder.tokens[audience]

    def ask(self, holder: Holder, operation: str) -> requests.Response:
        method, template, body = OPERATIONS[operation]
        providers = f"{self.group}/providers"
        url = template.format(
            r=f"{providers}/Microsoft.ContainerRegistry/registries/{self.place.name}",
            g=self.group,
            c=f"{providers}/Microsoft.ContainerInstance/containerGroups",
            v=f"{providers}/Microsoft.KeyVault/vaults/{self.vault}",
            a="providers/Microsoft.Authorization",
            s=self.place.server,
            n=self.vault,
        )
        if ".azurecr.io" in url:
            basic = base64.b64encode(f"{holder.app_id}:{holder.secret}".encode()).decode()
            headers, query = {"Authorization": f"Basic {basic}"}, {}
        else:
            audience = "https://vault.azure.net" if ".vault." in url else ARM
            headers = {"Authorization": f"Bearer {self._token(holder, audience)}"}
            query = {"api-version": "7.4" if ".vault." in url else newest(url)}
        return self.http.request(
            method,
            url if url.startswith("https:") else ARM + url,
            params=query,
            json=body,
            headers=headers,
        )


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    made = World(local_cloud)
    yield made
    made.store.close()


def test_the_table_has_every_role() -> None:
    assert set(ALLOWED) == {role.name for role in ROLES}
    assert len({role.guid for role in ROLES}) == len(ROLES)
    assert all(str(uuid.UUID(role.guid)) == role.guid for role in ROLES)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_allows_what_it_says_and_nothing_else(world: World, role: Any) -> None:
    holder = world.holder(role.guid)
    answers = {operation: world.ask(holder, operation) for operation in OPERATIONS}
    allowed = {
        operation for operation, answer in answers.items() if answer.status_code not in (401, 403)
    }
    assert allowed == ALLOWED[role.name]
    for operation in set(OPERATIONS) - allowed:
        answer = answers[operation].json()
        told = answer.get("error") or answer["errors"][0]
        assert told["code"] in ("AuthorizationFailed", "Forbidden", "UNAUTHORIZED"), operation


def test_a_role_is_named_by_its_guid_not_by_its_name(world: World) -> None:
    definition = f"{world.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    answer = world.http.put(
        f"{ARM}{world.group}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}",
        params={"api-version": "2022-04-01"},
        json={
            "properties": {
                "roleDefinitionId": f"{definition}/AcrPull",
                "principalId": world.cloud.account.object_id,
            }
        },
        headers={"Authorization": f"Bearer {world.cloud.token()}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        404,
        "RoleDefinitionDoesNotExist",
    )


# -- the real az -------------------------------------------------------------------------------


@pytest.mark.timeout(400)
def test_az_lists_and_assigns_every_role_by_name_and_by_guid(world: World, az: Any) -> None:
    listed = {one["roleName"]: one for one in az.json("role", "definition", "list")}
    assert set(ALLOWED) == set(listed)
    importer = "Container Registry Data Importer and Data Reader"
    [found] = az.json("role", "definition", "list", "--name", importer)
    assert found["name"] == listed[importer]["name"] == "577a9874-89fd-4f24-9dbd-b5034d0ad23a"
    assert found["permissions"][0]["actions"] == [
        f"Microsoft.ContainerRegistry/registries/{one}"
        for one in ("importImage/action", "read", "pull/read")
    ]
    who = world.principals.add(f"held-{uuid.uuid4().hex[:8]}", secret=uuid.uuid4().hex)
    assignee = ("--assignee", who.object_id, "--scope", world.group)
    lister = listed["Container Registry Repository Catalog Lister"]["name"]
    for name in ("container registry data importer and data reader", lister):
        made = az.json("role", "assignment", "create", *assignee, "--role", name)
        assert made["principalId"] == who.object_id
    held = az.json("role", "assignment", "list", *assignee)
    lists = "Container Registry Repository Catalog Lister"
    assert {one["roleDefinitionName"] for one in held} == {importer, lists}
    az.ok("role", "assignment", "delete", *assignee, "--role", importer)
    [left] = az.json("role", "assignment", "list", *assignee)
    assert left["roleDefinitionName"] == lists
    told = az.refused("role", "assignment", "create", *assignee, "--role", "Grand Vizier")
    assert "Role 'Grand Vizier' doesn't exist." in told
