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

from .world import LOCATION, OWNER, World, allow_secrets, make_world

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
    definition = (
        f"{world.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    )
    body = {"roleDefinitionId": definition, "principalId": principal_id}
    world.client(AuthorizationManagementClient).role_assignments.create(
        world.cloud.subscription,
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
