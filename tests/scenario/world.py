"""A small world to rehearse in: registries, a vault, a group, and the sample repositories."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers import forks
from helpers.clouds import Connection, connect
from helpers.localcloud import daemon
from helpers.settings import Settings
from tests.conftest import LocalCloud, start

LOCATION = "eastus"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
NAMES = Settings(  # of what a world has
    public_registry="publicreg",
    base_artifacts_registry="basereg",
    registry="teamreg",
    vault="the-vault",
    instance="aci",
)


@dataclass
class World:
    """A cloud with a public registry, a team registry, a vault, a group for the instance."""

    cloud: LocalCloud
    connection: Connection
    color: str = "DeepSkyBlue"

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

    def listening(self, repository: str) -> dict[str, Any]:
        """Triggers of a task: commits to its repository, and updates of its base image."""
        url = self.repository(repository)
        token = {"tokenType": "PAT", "token": self.cloud.account.github_token}
        source = {
            "name": "defaultSourceTriggerName",
            "sourceTriggerEvents": ["commit"],
            "sourceRepository": {
                "sourceControlType": "Github",
                "repositoryUrl": url,
                "branch": "main",
                "sourceControlAuthProperties": token,
            },
        }
        base = {"name": "defaultBaseimageTriggerName", "baseImageTriggerType": "Runtime"}
        return {"sourceTriggers": [source], "baseImageTrigger": base}

    def runs(self, registry: str) -> list[Any]:
        """Runs of a registry, the oldest first."""
        client = self.client(ContainerRegistryTasksMgmtClient)
        return list(client.runs.list(f"{registry}-rg", registry))[::-1]

    def next_run(self, registry: str, after: int) -> tuple[Any, str]:
        """The run after the first ``after`` ones of a registry, once it has ended; with its log."""
        client = self.client(ContainerRegistryTasksMgmtClient)
        deadline = time.monotonic() + 60
        while True:
            found = self.runs(registry)[after:]
            if found and found[0].properties.status not in ("Queued", "Started", "Running"):
                break
            assert time.monotonic() < deadline, f"no run of {registry} has ended"
            time.sleep(0.05)
        run_id = found[0].properties.run_id
        url = client.runs.get_log_sas_url(f"{registry}-rg", registry, run_id).log_link
        return found[0], self.cloud.http().get(url).content.decode()

    def push_color(self, color: str) -> str:
        """Change the colour of the base image's repository; the commit's id."""
        fork = forks.edit(
            self.connection,
            "base-image-node",
            "Dockerfile",
            self.color,
            color,
            f"{color} background",
        )
        self.color = color
        return str(fork)

    def run(
        self, registry: str, task_id: str, *, within: float = 60, **overrides: Any
    ) -> tuple[Any, str]:
        """Schedule a run of a task and wait for its end (``within`` seconds); the run and its log."""
        client = self.client(ContainerRegistryTasksMgmtClient)
        request = {"type": "TaskRunRequest", "taskId": task_id, **overrides}
        group = f"{registry}-rg"
        run = client.registries.schedule_run(group, registry, request)
        deadline = time.monotonic() + within
        while True:
            found = client.runs.get(group, registry, run.properties.run_id)
            if found.properties.status not in ("Queued", "Started", "Running"):
                break
            assert time.monotonic() < deadline, f"still {found.properties.status}"
            time.sleep(0.05)
        url = client.runs.get_log_sas_url(group, registry, run.properties.run_id).log_link
        return found, self.cloud.http().get(url).content.decode()


@contextlib.contextmanager
def make_world(home: Path) -> Iterator[World]:
    """A fresh local cloud with everything that the story begins with."""
    cloud = start(home)
    made = World(cloud, connect("local", home=home))
    groups = made.client(ResourceManagementClient).resource_groups
    for name in ("publicreg-rg", "basereg-rg", "teamreg-rg", "vault-rg", "aci-rg"):
        groups.create_or_update(name, {"location": LOCATION})
    registries = made.client(ContainerRegistryManagementClient).registries
    for name in ("publicreg", "basereg", "teamreg"):
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
    try:
        yield made
    finally:
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


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


def site(world: World) -> str:
    """The page that the instance serves now."""
    groups = world.client(ContainerInstanceManagementClient).container_groups
    group = groups.get("aci-rg", NAMES.instance)
    address = f"http://{group.ip_address.ip}:{group.ip_address.ports[0].port}/"
    return requests.get(address, timeout=10).text


def allow_secrets(world: World, principal_id: str) -> None:
    """Let a task's identity read the vault's secrets."""
    policy = {
        "tenantId": world.cloud.account.tenant_id,
        "objectId": principal_id,
        "permissions": {"secrets": ["get"]},
    }
    world.client(KeyVaultManagementClient).vaults.update_access_policy(
        "vault-rg", "the-vault", "add", {"properties": {"accessPolicies": [policy]}}
    )


def own_the_group(world: World, principal_id: str) -> None:
    """Make a task's identity Owner of the instance's group."""
    definition = (
        f"{world.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    )
    body = {"roleDefinitionId": definition, "principalId": principal_id}
    world.client(AuthorizationManagementClient).role_assignments.create(
        f"{world.cloud.subscription}/resourceGroups/aci-rg",
        str(uuid.uuid4()),
        {"properties": {**body, "principalType": "ServicePrincipal"}},
    )


def credential(registry: str) -> dict[str, Any]:
    """A registry credential of a task whose values are in the vault."""
    vault = f"https://the-vault.vault.azure.net/secrets/registry-{registry}"
    return {
        "userName": {"type": "Vaultsecret", "value": f"{vault}-user"},
        "password": {"type": "Vaultsecret", "value": f"{vault}-password"},
        "identity": "[system]",
    }


def set_up_tasks(world: World) -> None:
    """Three tasks, each of which has run once: public image, gate, site."""
    for registry in ("publicreg", "basereg", "teamreg"):
        pull_token(world, registry, "_repositories_pull", f"{registry}-pull")
    public = world.task(
        "publicreg",
        "node-public",
        "base-image-node",
        {"REGISTRY_FROM_URL": "docker.io/"},
        trigger=world.listening("base-image-node"),
    )
    run, log = world.run("publicreg", public.id)
    assert run.properties.status == "Succeeded", log
    gate = world.task(
        "basereg",
        "base-import-node",
        "import-baseimage-node",
        {"REGISTRY_FROM_URL": "publicreg.azurecr.io/"},
        trigger=world.listening("import-baseimage-node"),
        credentials={"customRegistries": {"publicreg.azurecr.io": credential("publicreg")}},
    )
    allow_secrets(world, gate.identity.principal_id)
    run, log = world.run("basereg", gate.id)
    assert run.properties.status == "Succeeded", log
    hello = world.task(
        "teamreg",
        "hello-world",
        "hello-world",
        {
            "REGISTRY_FROM_URL": "basereg.azurecr.io/",
            "KEYVAULT": "the-vault",
            "ACI": NAMES.instance,
            "ACI_RG": "aci-rg",
        },
        trigger=world.listening("hello-world"),
        credentials={"customRegistries": {"basereg.azurecr.io": credential("basereg")}},
    )
    allow_secrets(world, hello.identity.principal_id)
    own_the_group(world, hello.identity.principal_id)
    run, log = world.run("teamreg", hello.id)
    assert run.properties.status == "Succeeded", log


def counts(world: World) -> dict[str, int]:
    return {name: len(world.runs(name)) for name in ("publicreg", "basereg", "teamreg")}


def base_digest(world: World) -> str:
    """What hello-world was last built on."""
    tasks = world.client(ContainerRegistryTasksMgmtClient).tasks
    step = tasks.get("teamreg-rg", "teamreg", "hello-world").properties.step
    [dependency] = step.base_image_dependencies
    return str(dependency.digest)


def triggered_by(run: Any) -> str:
    if run.properties.source_trigger:
        return "Commit"
    return "Image Update" if run.properties.image_update_trigger else "Manual"


@contextlib.contextmanager
def make_gated_world(home: Path) -> Iterator[World]:
    """A fresh local cloud whose three tasks have run once; restores the environment at the end."""
    before = dict(os.environ)
    try:
        with make_world(home) as made:
            set_up_tasks(made)
            yield made
    finally:
        os.environ.clear()
        os.environ.update(before)
