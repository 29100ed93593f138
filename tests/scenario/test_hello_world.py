"""The whole thread, without notebooks: from empty registries to a page that is served."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud import daemon
from tests.conftest import LocalCloud, start

LOCATION = "eastus"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@dataclass
class World:
    """A cloud with a public registry, a team registry, a vault, a group for the instance."""

    cloud: LocalCloud

    def client(self, kind: Any) -> Any:
        return self.cloud.client(kind)

    def repository(self, name: str) -> str:
        return f"https://github.com/{self.cloud.account.github_owner}/{name}.git#main"

    def set_secret(self, name: str, value: str) -> str:
        answer = self.cloud.http().put(
            f"https://the-vault.vault.azure.net/secrets/{name}?api-version=7.4",
            json={"value": value},
            headers={"Authorization": f"Bearer {self.cloud.token('https://vault.azure.net')}"},
        )
        assert answer.status_code == 200, answer.text
        return f"https://the-vault.vault.azure.net/secrets/{name}"

    def task(
        self, registry: str, name: str, repository: str, values: dict[str, str], **more: Any
    ) -> Any:
        token = self.cloud.account.github_token
        body = {
            "location": LOCATION,
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "platform": {"os": "Linux"},
                "step": {
                    "type": "FileTask",
                    "taskFilePath": "acr-task.yaml",
                    "contextPath": self.repository(repository),
                    "contextAccessToken": token,
                    "values": [{"name": n, "value": v} for n, v in values.items()],
                },
                **more,
            },
        }
        tasks = self.client(ContainerRegistryTasksMgmtClient).tasks
        return tasks.create(f"{registry}-rg", registry, name, body)

    def run(self, registry: str, task_id: str, **overrides: Any) -> tuple[Any, str]:
        """Schedule a run of a task and wait for its end; the run and its log."""
        client = self.client(ContainerRegistryTasksMgmtClient)
        request = {"type": "TaskRunRequest", "taskId": task_id, **overrides}
        group = f"{registry}-rg"
        run = client.registries.schedule_run(group, registry, request)
        deadline = time.monotonic() + 60
        while True:
            found = client.runs.get(group, registry, run.properties.run_id)
            if found.properties.status not in ("Queued", "Started", "Running"):
                break
            assert time.monotonic() < deadline, f"still {found.properties.status}"
            time.sleep(0.05)
        url = client.runs.get_log_sas_url(group, registry, run.properties.run_id).log_link
        return found, self.cloud.http().get(url).content.decode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cloud = start(tmp_path_factory.mktemp("scenario"))
    made = World(cloud)
    groups = made.client(ResourceManagementClient).resource_groups
    for name in ("publicreg-rg", "teamreg-rg", "vault-rg", "aci-rg"):
        groups.create_or_update(name, {"location": LOCATION})
    registries = made.client(ContainerRegistryManagementClient).registries
    for name in ("publicreg", "teamreg"):
        body = {"location": LOCATION, "sku": {"name": "Premium"}}
        registries.begin_create(f"{name}-rg", name, body).result()
    policy = {
        "tenantId": cloud.account.tenant_id,
        "objectId": cloud.account.object_id,
        "permissions": {"secrets": ["all"]},
    }
    properties = {
        "tenantId": cloud.account.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [policy],
        "enableRbacAuthorization": False,
    }
    made.client(KeyVaultManagementClient).vaults.begin_create_or_update(
        "vault-rg", "the-vault", {"location": LOCATION, "properties": properties}
    ).result()
    subprocess.run(
        [sys.executable, "-m", "helpers", "publish"],
        env={**cloud.env, "LOCALCLOUD_HOME": str(cloud.home)},
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    yield made
    daemon.down(cloud.home)


def pull_token(world: World, registry: str, scope_map: str, name: str) -> None:
    """A token of a registry, its name and password in the vault."""
    client = world.client(ContainerRegistryManagementClient)
    where = (f"{registry}-rg", registry)
    found = client.scope_maps.get(*where, scope_map)
    body = {"properties": {"scopeMapId": found.id}}
    token = client.tokens.begin_create(*where, name, body).result()
    made = client.registries.begin_generate_credentials(*where, {"tokenId": token.id}).result()
    world.set_secret(f"registry-{registry}-user", name)
    world.set_secret(f"registry-{registry}-password", made.passwords[0].value)


def test_from_nothing_to_a_served_page(world: World) -> None:
    public = world.task(
        "publicreg", "node-public", "base-image-node", {"REGISTRY_FROM_URL": "docker.io/"}
    )
    run, log = world.run("publicreg", public.id)
    assert run.properties.status == "Succeeded", log
    assert [image.tag for image in run.properties.output_images] == [
        "15-alpine",
        f"15-alpine-{run.properties.run_id}",
    ]
    assert "Step 1/4 : ARG REGISTRY_FROM_URL=" in log
    assert "Successfully pushed image: publicreg.azurecr.io/node:15-alpine" in log
    assert f"Run ID: {run.properties.run_id} was successful after" in log

    pull_token(world, "publicreg", "_repositories_pull", "public-pull")
    pull_token(world, "teamreg", "_repositories_pull", "aci-pull")
    values = {
        "REGISTRY_FROM_URL": "publicreg.azurecr.io/",
        "KEYVAULT": "the-vault",
        "ACI": "hello-aci",
        "ACI_RG": "aci-rg",
    }
    vault = "https://the-vault.vault.azure.net/secrets/registry-publicreg"
    credential = {
        "userName": {"type": "Vaultsecret", "value": f"{vault}-user"},
        "password": {"type": "Vaultsecret", "value": f"{vault}-password"},
        "identity": "[system]",
    }
    hello = world.task(
        "teamreg",
        "hello-world",
        "hello-world",
        values,
        credentials={"customRegistries": {"publicreg.azurecr.io": credential}},
    )

    # The identity has nothing yet: the secrets first, then the instance's group.
    run, log = world.run("teamreg", hello.id)
    assert run.properties.status == "Failed"
    assert "does not have secrets get permission" in log
    policy = {
        "tenantId": world.cloud.account.tenant_id,
        "objectId": hello.identity.principal_id,
        "permissions": {"secrets": ["get"]},
    }
    world.client(KeyVaultManagementClient).vaults.update_access_policy(
        "vault-rg", "the-vault", "add", {"properties": {"accessPolicies": [policy]}}
    )
    run, log = world.run("teamreg", hello.id)
    assert run.properties.status == "Failed"
    assert "No subscriptions found" in log
    scope = f"{world.cloud.subscription}/resourceGroups/aci-rg"
    definition = (
        f"{world.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    )
    world.client(AuthorizationManagementClient).role_assignments.create(
        scope,
        str(uuid.uuid4()),
        {
            "properties": {
                "roleDefinitionId": definition,
                "principalId": hello.identity.principal_id,
                "principalType": "ServicePrincipal",
            }
        },
    )
    run, log = world.run("teamreg", hello.id)
    assert run.properties.status == "Succeeded", log
    assert "runtime-dependency:" in log
    password = (
        world.cloud.http()
        .get(
            "https://the-vault.vault.azure.net/secrets/registry-teamreg-password?api-version=7.4",
            headers={"Authorization": f"Bearer {world.cloud.token('https://vault.azure.net')}"},
        )
        .json()["value"]
    )
    assert password not in log

    group = world.client(ContainerInstanceManagementClient).container_groups.get(
        "aci-rg", "hello-aci"
    )
    assert group.containers[0].image == f"teamreg.azurecr.io/hello-world:{run.properties.run_id}"
    port = group.ip_address.ports[0].port
    page = requests.get(f"http://{group.ip_address.ip}:{port}/", timeout=10)
    assert "DeepSkyBlue" in page.text
    assert "15-alpine" in page.text
    step = world.client(ContainerRegistryTasksMgmtClient).tasks.get(
        "teamreg-rg", "teamreg", "hello-world"
    )
    [dependency] = step.properties.step.base_image_dependencies
    assert (dependency.registry, dependency.repository, dependency.tag) == (
        "publicreg.azurecr.io",
        "node",
        "15-alpine",
    )
    world.client(ResourceManagementClient).resource_groups.begin_delete("aci-rg").result()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and answers(f"http://{group.ip_address.ip}:{port}/"):
        time.sleep(0.1)
    assert not answers(f"http://{group.ip_address.ip}:{port}/")


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False
