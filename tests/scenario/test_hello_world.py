"""The whole thread, without notebooks: from empty registries to a page that is served."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.containers.images import azure_cli
from helpers.tutorial import ROOT

from .world import (
    NAMES,
    World,
    allow_secrets,
    answers,
    credential,
    make_world,
    own_the_group,
    pull_token,
    site,
)


@pytest.fixture(scope="module", params=[azure_cli.STAND_IN, azure_cli.REAL])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world whose steps have az as a stand-in, and one whose steps have the real one."""
    if request.param == azure_cli.REAL and not (ROOT / ".venv-az" / "installed").exists():
        pytest.skip("the Azure CLI is not installed; do it with: make az")
    before = dict(os.environ)
    os.environ[azure_cli.VARIABLE] = request.param
    with make_world(tmp_path_factory.mktemp("scenario")) as world:
        yield world
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.timeout(400)
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
        "ACI": NAMES.instance,
        "ACI_RG": "aci-rg",
    }
    hello = world.task(
        "teamreg",
        "hello-world",
        "hello-world",
        values,
        credentials={"customRegistries": {"publicreg.azurecr.io": credential("publicreg")}},
    )

    # The identity has nothing yet: the secrets first, then the instance's group.
    run, log = world.run("teamreg", hello.id, within=300)
    assert run.properties.status == "Failed"
    assert "does not have secrets get permission" in log
    allow_secrets(world, hello.identity.principal_id)
    run, log = world.run("teamreg", hello.id, within=300)
    assert run.properties.status == "Failed"
    assert "hence no subscriptions were found" in log
    own_the_group(world, hello.identity.principal_id)
    run, log = world.run("teamreg", hello.id, within=300)
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
        "aci-rg", NAMES.instance
    )
    assert group.containers[0].image == f"teamreg.azurecr.io/hello-world:{run.properties.run_id}"
    port = group.ip_address.ports[0].port
    assert "DeepSkyBlue" in site(world)
    assert "15-alpine" in site(world)
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
