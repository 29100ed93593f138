"""Why a task did not run: every reason for which a trigger stays silent is told."""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers import HelpersError, explain, forks
from helpers.run import trigger_of
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
    assert "base image: it has never run, so it is not known which image" in text
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
    trigger["sourceTriggers"][0]["sourceTriggerEvents"] = []
    world.task("teamreg", "nothing-told", "hello-world", {}, trigger=trigger)
    text = told(world, ("teamreg-rg", "teamreg"), "nothing-told")
    assert "listens to nothing: no commit starts it" in text
    assert "a push to main" not in text


def test_a_task_that_is_not_there(world: World) -> None:
    with pytest.raises(HelpersError, match="There is no task nothing in the registry publicreg"):
        explain.why(world.connection, *PUBLIC, "nothing")
    with pytest.raises(HelpersError, match="Resource group 'no-rg' could not be found") as told:
        explain.why(world.connection, "no-rg", "publicreg", "nothing")
    assert "\n" not in str(told.value)


# -- what a team's base image starts, and what not -------------------------------------------------

TEAM = ("teamreg-rg", "teamreg")
TEAM_IMAGE = "teamreg.azurecr.io/node-team:15-alpine"
PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"  # AcrPull, in the list of built-in roles
DELETE = "c2f4ef07-c644-48eb-af81-4b1b4947fb11"  # AcrDelete


def docker_task(world: World, name: str, dockerfile: str, image: str, **arguments: str) -> Any:
    body = {
        "location": "eastus",
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "platform": {"os": "Linux"},
            "step": {
                "type": "Docker",
                "dockerFilePath": f"downstream/{dockerfile}",
                "contextPath": world.repository("hello-world"),
                "contextAccessToken": world.cloud.account.github_token,
                "imageNames": [image],
                "arguments": [{"name": n, "value": v} for n, v in arguments.items()],
            },
            "trigger": {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime"}},
        },
    }
    return tasks(world).create(*TEAM, name, body)


def encoded_task(world: World, name: str, *steps: str, **more: Any) -> Any:
    text = "".join(["version: v1.1.0\nsteps:\n", *(f"  - {step}\n" for step in steps)])
    step = {"type": "EncodedTask", "encodedTaskContent": base64.b64encode(text.encode()).decode()}
    properties = {"platform": {"os": "Linux"}, "step": step, **more}
    return tasks(world).create(*TEAM, name, {"location": "eastus", "properties": properties})


def assign(world: World, principal: str, scope: str, role: str) -> Any:
    authorization = world.connection.clients.authorization
    body = {
        "properties": {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principalId": principal,
            "principalType": "ServicePrincipal",
        }
    }
    given: Any = authorization.role_assignments
    return given.create(scope, str(uuid.uuid4()), body)


def succeeds(world: World, task: Any, **arguments: str) -> Any:
    override = {"arguments": [{"name": n, "value": v} for n, v in arguments.items()]}
    run, log = world.run("teamreg", task.id, overrideTaskStepProperties=override)
    assert run.properties.status == "Succeeded", log
    return run


def test_what_the_identity_of_a_task_lacks_in_the_other_registry(world: World) -> None:
    team = docker_task(
        world,
        "team-base",
        "Dockerfile-base",
        "node-team:15-alpine",
        REGISTRY_FROM_URL="publicreg.azurecr.io/",
    )
    run, log = world.run("teamreg", team.id)
    assert run.properties.status == "Failed"
    assert "unauthorized" in log
    assert "credential:" not in told(world, TEAM, "team-base")
    as_itself = {"customRegistries": {"publicreg.azurecr.io": {"identity": "[system]"}}}
    tasks(world).update(*TEAM, "team-base", {"properties": {"credentials": as_itself}})
    run, log = world.run("teamreg", team.id)
    assert run.properties.status == "Failed"
    assert "Executing step ID" not in log
    text = told(world, TEAM, "team-base")
    assert "base image: no run of it has succeeded yet" in text
    assert "credential: publicreg.azurecr.io: the task's identity has no role on that" in text

    # A role elsewhere counts for nothing, nor does one that deletes images and does not pull.
    registries = world.connection.clients.registries.registries
    scopes = {name: str(registries.get(f"{name}-rg", name).id) for name in ("publicreg", "teamreg")}
    principal = team.identity.principal_id
    assign(world, principal, scopes["teamreg"], PULL)
    assert "has no role on that registry" in told(world, TEAM, "team-base")
    assign(world, principal, scopes["publicreg"], DELETE)
    text = told(world, TEAM, "team-base")
    assert "has only AcrDelete on that registry, so it cannot pull" in text
    assert f"--role AcrPull --scope {scopes['publicreg']}" in text

    # On the whole resource group it counts for the registry, too.
    assign(world, principal, scopes["publicreg"].partition("/providers/")[0], PULL)
    assert "credential:" not in told(world, TEAM, "team-base")
    succeeds(world, team)

    update = {"identity": {"type": "None"}}
    tasks(world).update(*TEAM, "team-base", update)
    assert "and the task has none: az acr task identity assign" in told(world, TEAM, "team-base")


def test_what_looks_like_an_update_of_a_base_image_and_is_none(world: World) -> None:
    team = docker_task(
        world,
        "own-base",
        "Dockerfile-base",
        "node-team:15-alpine",
        REGISTRY_FROM_URL="docker.io/library/",
    )
    pushed = succeeds(world, team).properties.output_images[0].digest
    by_tag = docker_task(world, "by-tag", "Dockerfile-service", "by-tag:1", BASE=TEAM_IMAGE)
    docker_task(world, "by-nobody", "Dockerfile-service", "by-nobody:1", BASE=TEAM_IMAGE)
    stages = docker_task(world, "in-stages", "Dockerfile-reports", "in-stages:1", BASE=TEAM_IMAGE)
    pinned = f"{TEAM_IMAGE.partition(':')[0]}@{pushed}"
    by_digest = docker_task(world, "by-digest", "Dockerfile-service", "by-digest:1", BASE=pinned)
    for task in (by_tag, stages, by_digest):
        succeeds(world, task)
    text = told(world, TEAM, "by-tag")
    assert "only another digest is an update" in text
    assert "is new there" not in text

    # The same image under another tag, then once more under its own.
    for tag in ("16-alpine", "15-alpine"):
        again = encoded_task(
            world,
            f"again-{tag}",
            f"cmd: docker pull {TEAM_IMAGE}",
            f"cmd: docker tag {TEAM_IMAGE} $Registry/node-team:{tag}",
            f"push: [$Registry/node-team:{tag}]",
        )
        assert succeeds(world, again).properties.output_images[0].digest == pushed
    text = told(world, TEAM, "by-tag")
    assert (
        "only another digest is an update; the tag 16-alpine is new there, and 15-alpine is" in text
    )

    # A real update, which starts one of four.
    before = len(world.runs("teamreg"))
    succeeds(world, team, REGISTRY_FROM_URL="docker.io/library/", EDITION="2")
    run, _ = world.next_run("teamreg", before + 1)
    assert (run.properties.task, trigger_of(run.properties)) == ("by-tag", "Image Update")
    assert f"{TEAM_IMAGE} is used by a build stage only" in told(world, TEAM, "in-stages")
    assert "is named by its digest, which never changes" in told(world, TEAM, "by-digest")
    assert "it has never run, so it is not known" in told(world, TEAM, "by-nobody")
    assert len(world.runs("teamreg")) == before + 2

    # Deleted and made again, it is another task, whatever one of its name has done.
    tasks(world).delete(*TEAM, "by-tag")
    docker_task(world, "by-tag", "Dockerfile-service", "by-tag:1", BASE=TEAM_IMAGE)
    assert "last run: there is none" in told(world, TEAM, "by-tag")
    assert "it has never run" in told(world, TEAM, "by-tag")


def test_a_task_that_builds_nothing_waits_for_nothing(world: World) -> None:
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime"}}
    task = encoded_task(
        world, "no-build", "cmd: docker.io/library/node:15-alpine node --version", trigger=trigger
    )
    succeeds(world, task)
    text = told(world, TEAM, "no-build")
    assert "its last successful run has built nothing on another image" in text


# -- an image that is gone -------------------------------------------------------------------------

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
