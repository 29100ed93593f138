"""The gate: what passes goes through three registries by itself, what fails stops before the second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers import forks

from .world import (
    World,
    allow_secrets,
    credential,
    make_world,
    own_the_group,
    pull_token,
    site,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    before = dict(os.environ)
    with make_world(tmp_path_factory.mktemp("gate")) as made:
        set_up(made)
        yield made
    os.environ.clear()
    os.environ.update(before)


def set_up(world: World) -> None:
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
            "ACI": "hello-aci",
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


def test_green_passes_red_stops(world: World) -> None:
    before = counts(world)
    world.push_color("Green")
    runs = [world.next_run(name, before[name]) for name in ("publicreg", "basereg", "teamreg")]
    assert [run.properties.status for run, _ in runs] == ["Succeeded"] * 3, runs[-1][1]
    assert [triggered_by(run) for run, _ in runs] == ["Commit", "Image Update", "Image Update"]
    assert "Green" in site(world)
    assert counts(world) == {name: number + 1 for name, number in before.items()}
    validated = base_digest(world)

    before = counts(world)
    world.push_color("Red")
    public, _ = world.next_run("publicreg", before["publicreg"])
    gate, log = world.next_run("basereg", before["basereg"])
    assert (public.properties.status, gate.properties.status) == ("Succeeded", "Failed")
    for line in (
        "REFUSED: a red background is not fit for production",
        "Container failed during run: validate-base-image. No retries remaining.",
        "failed to run step ID: validate-base-image: exit status 1",
        f"Run ID: {gate.properties.run_id} failed after",
        "Error: failed during run, err: exit status 1",
    ):
        assert line in log
    assert "marked as successful" not in log
    assert not gate.properties.output_images
    assert counts(world)["teamreg"] == before["teamreg"]
    assert "Green" in site(world)
    assert base_digest(world) == validated
    [image] = gate.properties.image_update_trigger.images
    assert (image.repository, image.tag) == ("node", "15-alpine")
    assert image.digest == public.properties.output_images[0].digest

    # What follows the bad change is let in again.
    before = counts(world)
    world.push_color("Blue")
    run, log = world.next_run("teamreg", before["teamreg"])
    assert run.properties.status == "Succeeded", log
    assert "Blue" in site(world)


def test_without_its_execute_bit_the_test_refuses_everything(world: World) -> None:
    before = counts(world)
    name = "import-baseimage-node"
    checkout = forks.Checkout(world.connection, forks.fork(world.connection, name))
    checkout.set_executable("test.sh", False)
    checkout.commit("Forget the execute bit")
    checkout.push()
    run, log = world.next_run("basereg", before["basereg"])
    assert (run.properties.status, triggered_by(run)) == ("Failed", "Commit")
    assert "./test.sh: Permission denied" in log
    checkout.set_executable("test.sh", True)
    checkout.commit("Give it back")
    checkout.push()
    run, log = world.next_run("basereg", before["basereg"] + 1)
    assert run.properties.status == "Succeeded", log
