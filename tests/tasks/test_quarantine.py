"""Tasks of a registry whose images wait in quarantine: what they push, and what they build on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud
from tests.registry.quarantining import World
from tests.tasks.repositories import Repository
from tests.tasks.running import HEAD, Ended, Registry
from tests.webhooks.receiving import soon


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    with closing(World(local_cloud)) as made:
        yield made


@pytest.fixture(scope="module")
def quarantined(registry: Registry) -> Registry:
    policies = {"quarantinePolicy": {"status": "enabled"}}
    answer = registry.call("PATCH", "", {"properties": {"policies": policies}})
    assert answer.status_code == 200, answer.text
    return registry


def built(registry: Registry, image: str, base: str, mark: str = "") -> Ended:
    """The run that builds and pushes an image."""
    task = f"- build: -t $Registry/{image} .\n- push: [$Registry/{image}]\n# {mark}"
    files = {"task.yaml": HEAD + task, "Dockerfile": f"FROM {base}\nCOPY task.yaml /{image}\n"}
    return registry.wait(registry.files(files))


def test_what_a_task_pushes_waits_and_no_task_builds_on_it_before(
    world: World, quarantined: Registry
) -> None:
    registry = quarantined
    run = built(registry, "base:v1", "scratch")
    assert run.status == "Succeeded", run.log
    [output] = run.properties["outputImages"]
    assert (output["repository"], output["tag"]) == ("base", "v1")
    digest = output["digest"]
    for base, said in (
        ("base:v1", 'manifest tagged by "v1" is not found'),
        (f"base@{digest}", "The image is quarantined."),
    ):
        refused = built(registry, "app:v1", f"{registry.server}/{base}")
        assert refused.status == "Failed"
        assert said in refused.log
    world.mark_at(registry.server, "base", digest)
    run = built(registry, "app:v1", f"{registry.server}/base:v1")
    assert run.status == "Succeeded", run.log
    [output] = run.properties["outputImages"]
    world.mark_at(registry.server, "app", output["digest"])
    step = registry.wait(registry.text(f"{HEAD}- cmd: $Registry/app:v1 /none\n"))
    assert "manifest" not in step.log  # it was pulled; it has no program


def test_a_base_image_triggers_when_it_has_passed(
    world: World, quarantined: Registry, cloud: Cloud
) -> None:
    registry, source = quarantined, Repository(cloud)
    dockerfile = f"FROM {registry.server}/parent:v1\nCOPY Dockerfile /child\n"
    source.commit("main", {"Dockerfile": (0o100644, dockerfile)})

    def parent(mark: str) -> str:
        run = built(registry, "parent:v1", "scratch", mark)
        assert run.status == "Succeeded", run.log
        return str(run.properties["outputImages"][0]["digest"])

    def triggered() -> list[str]:
        runs = registry.call("GET", "/runs").json()["value"]
        updates = [one["properties"].get("imageUpdateTrigger") for one in runs]
        return [one["images"][0]["digest"] for one in updates if one]

    world.mark_at(registry.server, "parent", parent("first"))
    step = {
        "type": "Docker",
        "dockerFilePath": "Dockerfile",
        "contextPath": f"{source.url}#main",
        "imageNames": ["child:{{.Run.ID}}"],
        "isPushEnabled": True,
    }
    base = {"name": "base", "status": "Enabled", "baseImageTriggerType": "Runtime"}
    registry.task("child", step, trigger={"baseImageTrigger": base})
    run = registry.wait(registry.start_task("child"))
    assert run.status == "Succeeded", run.log
    second = parent("second")
    third = parent("third")
    assert triggered() == []
    world.mark_at(registry.server, "parent", second)  # which the tag has left
    world.mark_at(registry.server, "parent", third)
    soon(triggered)
    assert triggered() == [third]
