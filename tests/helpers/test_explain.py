"""Why a task did not run: every reason for which a trigger stays silent is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers import HelpersError, explain, forks
from tests.scenario.world import World, allow_secrets, credential, make_world, pull_token

PUBLIC = ("publicreg-rg", "publicreg")
BASE = ("basereg-rg", "basereg")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    before = dict(os.environ)
    with make_world(tmp_path_factory.mktemp("explain")) as made:
        task = made.task(
            "publicreg",
            "node-public",
            "base-image-node",
            {"REGISTRY_FROM_URL": "docker.io/"},
            trigger=made.listening("base-image-node"),
        )
        run, log = made.run("publicreg", task.id)
        assert run.properties.status == "Succeeded", log
        pull_token(made, "publicreg", "_repositories_pull", "publicreg-pull")
        yield made
    os.environ.clear()
    os.environ.update(before)


def tasks(world: World) -> Any:
    return world.client(ContainerRegistryTasksMgmtClient).tasks


def gate(world: World, **more: Any) -> Any:
    return world.task(
        "basereg",
        "base-import-node",
        "import-baseimage-node",
        {"REGISTRY_FROM_URL": "publicreg.azurecr.io/"},
        trigger=world.listening("import-baseimage-node"),
        **more,
    )


def told(world: World, place: tuple[str, str], task: str) -> str:
    explanation = explain.why(world.connection, *place, task)
    assert all(reason in repr(explanation) for reason in explanation.reasons)
    assert "<table>" in explanation._repr_html_()
    return "\n".join(explanation.reasons)


def test_the_reasons_from_the_first_run_to_the_second(world: World) -> None:
    created = gate(world)
    text = told(world, BASE, "base-import-node")
    assert "last run: there is none: start it once by hand" in text
    assert "base image: no run of it has succeeded" in text
    assert "a push to main of https://github.com/" in text

    # It runs, and is built on an image whose digest has not changed since.
    credentials = {"customRegistries": {"publicreg.azurecr.io": credential("publicreg")}}
    created = gate(world, credentials=credentials)
    allow_secrets(world, created.identity.principal_id)
    run, log = world.run("basereg", created.id)
    assert run.properties.status == "Succeeded", log
    text = told(world, BASE, "base-import-node")
    assert f"last run: {run.properties.run_id}, by Manual, Succeeded, pushed node:15-alpine" in text
    assert "the last successful run was built on that: only another digest is an update" in text

    # Red is refused: the digest is another one now, and the run has failed.
    before = len(world.runs("basereg"))
    world.push_color("Red")
    refused, _ = world.next_run("basereg", before)
    text = told(world, BASE, "base-import-node")
    assert f"last run: {refused.properties.run_id}, by Image Update, Failed" in text
    assert f"that has started {refused.properties.run_id}, which is Failed" in text

    # Without its credential the task could not even pull.
    answer = world.connection.clients.tasks.tasks.create(*BASE, "base-import-node", _bare(created))
    assert not answer.credentials or not answer.credentials.custom_registries
    text = told(world, BASE, "base-import-node")
    assert "no credential for that registry" in text
    assert "az acr task credential add --login-server publicreg.azurecr.io" in text


def _bare(created: Any) -> dict[str, Any]:
    step = created.properties.step
    return {
        "location": "eastus",
        "properties": {
            "platform": {"os": "linux"},
            "step": {
                "type": "FileTask",
                "taskFilePath": "acr-task.yaml",
                "contextPath": step.context_path,
                "values": [{"name": "REGISTRY_FROM_URL", "value": "publicreg.azurecr.io/"}],
            },
            "trigger": {
                "baseImageTrigger": {
                    "name": "base",
                    "baseImageTriggerType": "Runtime",
                    "status": "Enabled",
                }
            },
        },
    }


def test_what_is_disabled_or_missing_is_told(world: World) -> None:
    text = told(world, PUBLIC, "node-public")
    assert "task: it is enabled" in text
    assert "node:15-alpine is in a public registry: Azure looks there every 10 to 60" in text
    assert "timer" not in text
    name = "base"
    update = {
        "properties": {
            "status": "Disabled",
            "trigger": {
                "sourceTriggers": [{"name": "defaultSourceTriggerName", "status": "Disabled"}],
                "baseImageTrigger": {"name": name, "status": "Disabled"},
                "timerTriggers": [{"name": "t1", "schedule": "0 3 * * *", "status": "Enabled"}],
            },
        }
    }
    tasks(world).update(*PUBLIC, "node-public", update)
    text = told(world, PUBLIC, "node-public")
    assert "task: it is disabled: no trigger starts it" in text
    assert "commits: the source trigger defaultSourceTriggerName is disabled" in text
    assert "base image: the base image trigger" in text
    assert "is disabled" in text.split("base image:")[1]
    assert "timer: t1 starts it at 0 3 * * * (cron, in UTC)" in text


def test_a_source_trigger_that_does_not_listen_to_commits(world: World) -> None:
    trigger = world.listening("hello-world")
    trigger["sourceTriggers"][0]["sourceTriggerEvents"] = ["pullrequest"]
    world.task("teamreg", "requests-only", "hello-world", {}, trigger=trigger)
    text = told(world, ("teamreg-rg", "teamreg"), "requests-only")
    assert "listens to pullrequest: no commit starts it" in text
    assert "a push to main" not in text


def test_a_task_that_is_not_there(world: World) -> None:
    with pytest.raises(HelpersError, match="There is no task nothing in the registry publicreg"):
        explain.why(world.connection, *PUBLIC, "nothing")
    with pytest.raises(HelpersError, match="Resource group 'no-rg' could not be found") as told:
        explain.why(world.connection, "no-rg", "publicreg", "nothing")
    assert "\n" not in str(told.value)


STAGES = """\
FROM publicreg.azurecr.io/node:15-alpine AS tools
FROM docker.io/library/node:15-alpine
COPY --from=tools /bin/sh /tools/sh
"""
BUILD = """\
version: v1.1.0
steps:
  - build: -t $Registry/staged:{{.Run.ID}} .
"""


def test_an_image_of_a_build_stage_and_a_tag_that_is_gone(world: World) -> None:
    checkout = forks.Checkout(world.connection, forks.fork(world.connection, "hello-world"))
    checkout.write("Dockerfile", STAGES)
    checkout.write("acr-task.yaml", BUILD)
    checkout.commit("Two stages")
    checkout.push()
    place = ("teamreg-rg", "teamreg")
    task = world.task(
        "teamreg",
        "staged",
        "hello-world",
        {},
        trigger=world.listening("hello-world"),
        credentials={"customRegistries": {"publicreg.azurecr.io": credential("publicreg")}},
    )
    allow_secrets(world, task.identity.principal_id)
    run, log = world.run("teamreg", task.id)
    assert run.properties.status == "Succeeded", log
    text = told(world, place, "staged")
    assert "publicreg.azurecr.io/node:15-alpine is used by a build stage only" in text
    assert "library/node:15-alpine is in a public registry" in text

    # With a trigger for all stages, that image counts; unless nobody can pull it any more.
    base = {"name": "defaultBaseimageTriggerName", "baseImageTriggerType": "All"}
    update = {"properties": {"trigger": {"baseImageTrigger": base}}}
    tasks(world).update(*place, "staged", update)
    assert "build stage only" not in told(world, place, "staged")
    registry = world.connection.clients.registry("publicreg.azurecr.io")
    registry.update_tag_properties("node", "15-alpine", can_write=False)
    text = told(world, place, "staged")
    assert "its tag is locked, writeEnabled is false: no push moves the tag" in text
    assert "only another digest is an update" in text
    registry.update_tag_properties("node", "15-alpine", can_write=True)
    registry.update_repository_properties("node", can_read=False)
    text = told(world, place, "staged")
    assert "its repository may not be read, readEnabled is false: a run cannot pull it" in text
    registry.update_repository_properties("node", can_read=True)
    assert "readEnabled" not in told(world, place, "staged")
    world.connection.clients.registry("publicreg.azurecr.io").delete_tag("node", "15-alpine")
    text = told(world, place, "staged")
    assert "publicreg.azurecr.io/node:15-alpine does not exist any more" in text
