"""The az of a task's steps, by the identity of the task: every command that it knows, in one run."""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers.localcloud.resource_types import REGISTRY_TYPE

from .world import LOCATION, OWNER, World, allow_secrets, make_world

PUSH = "8311e382-0749-4cb8-b61a-304f252e45ec"  # AcrPush, in the list of built-in roles
AZ = "mcr.microsoft.com/acr/azure-cli:2ff604c"
COMMANDS = (
    "login --identity",
    "account show",
    "group show -g aci-rg --query location",
    "acr import -n teamreg --source docker.io/library/node:15-alpine --image app:1 --image app:2",
    "acr show -n teamreg --query loginServer -o tsv",
    "acr login -n teamreg",
    "acr repository list -n teamreg -o tsv",
    "acr repository show-tags -n teamreg --repository app --orderby time_desc",
    "acr repository show-tags -n teamreg --repository app --detail",
    "acr repository show -n teamreg --repository app --query tagCount",
    "acr repository show -n teamreg --image app:1 --query name",
    "keyvault secret show --vault-name the-vault -n colour --query attributes.enabled",
    "container create -g aci-rg -n site --image docker.io/library/node:15-alpine --os-type Linux"
    " --restart-policy Never --cpu 1 --memory 1 --command-line 'sleep 300'",
    "container show -g aci-rg -n site --query provisioningState",
    "container list -g aci-rg --query [].name -o tsv",
    "container logs -g aci-rg -n site",
    "container stop -g aci-rg -n site",
    "container start -g aci-rg -n site",
    "container restart -g aci-rg -n site",
    "container delete -g aci-rg -n site --yes",
    "acr repository delete -n teamreg --image app:1 --yes",
    "acr repository list -n teamreg --query 'length(@)'",
    "logout",
)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    before = dict(os.environ)
    with make_world(tmp_path_factory.mktemp("az")) as world:
        yield world
    os.environ.clear()
    os.environ.update(before)


def task(world: World, name: str, *commands: str) -> Any:
    steps = "".join(f"  - cmd: {AZ} {command}\n" for command in commands)
    content = base64.b64encode(f"version: v1.0.0\nsteps:\n{steps}".encode()).decode()
    body = {
        "location": LOCATION,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "platform": {"os": "Linux"},
            "step": {"type": "EncodedTask", "encodedTaskContent": content},
        },
    }
    tasks = world.client(ContainerRegistryTasksMgmtClient).tasks
    return tasks.create("teamreg-rg", "teamreg", name, body)


def own_everything(world: World, principal_id: str) -> None:
    assign(world, principal_id, world.cloud.subscription, OWNER)


def assign(world: World, principal_id: str, scope: str, role: str) -> None:
    definition = (
        f"{world.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )
    body = {"roleDefinitionId": definition, "principalId": principal_id}
    world.client(AuthorizationManagementClient).role_assignments.create(
        scope,
        str(uuid.uuid4()),
        {"properties": {**body, "principalType": "ServicePrincipal"}},
    )


def test_every_command_of_az(world: World) -> None:
    world.set_secret("colour", "green")
    made = task(world, "commands", *COMMANDS)
    allow_secrets(world, made.identity.principal_id)
    own_everything(world, made.identity.principal_id)
    run, log = world.run("teamreg", made.id)
    assert run.properties.status == "Succeeded", log
    for shown in (
        "teamreg.azurecr.io",
        "Login Succeeded",
        '"1",',
        "systemAssignedIdentity",
    ):
        assert shown in log, shown
    assert "green" not in log

    late = task(world, "too-late", "login --identity", "logout", "acr show -n teamreg")
    own_everything(world, late.identity.principal_id)
    run, log = world.run("teamreg", late.id)
    assert run.properties.status == "Failed"
    assert "Please run 'az login' to setup account." in log

    # Who may push sees no registry at ARM, and locks what it has pushed all the same.
    lock = "acr repository update -n teamreg --image app:2 --write-enabled false"
    shown = "--query changeableAttributes.writeEnabled -o tsv"
    again = {
        "source": {"registryUri": "docker.io", "sourceImage": "library/node:15-alpine"},
        "targetTags": ["app:2"],
    }
    registries: Any = world.connection.clients.registries.registries
    registries.begin_import_image("teamreg-rg", "teamreg", again).result()
    pusher = task(world, "lock-tag", "login --identity", f"{lock} {shown}", "acr show -n teamreg")
    registry = (
        f"{world.cloud.subscription}/resourceGroups/teamreg-rg/providers/{REGISTRY_TYPE}/teamreg"
    )
    assign(world, pusher.identity.principal_id, registry, PUSH)
    run, log = world.run("teamreg", pusher.id)
    assert run.properties.status == "Failed"
    assert "failed to run step ID: acb_step_2" in log
    tag = world.connection.clients.registry("teamreg.azurecr.io").get_tag_properties("app", "2")
    assert tag.can_write is False
