"""Tasks of a registry whose images wait in quarantine: what they push, and what they build on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.conftest import LocalCloud
from tests.registry.quarantining import World
from tests.tasks.running import HEAD, Ended, Registry


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    with closing(World(local_cloud)) as made:
        yield made


def built(registry: Registry, image: str, base: str) -> Ended:
    """The run that builds and pushes an image."""
    task = f"- build: -t $Registry/{image} .\n- push: [$Registry/{image}]\n"
    files = {"task.yaml": HEAD + task, "Dockerfile": f"FROM {base}\nCOPY task.yaml /{image}\n"}
    return registry.wait(registry.files(files))


def test_what_a_task_pushes_waits_and_no_task_builds_on_it_before(
    world: World, registry: Registry
) -> None:
    answer = registry.call(
        "PATCH", "", {"properties": {"policies": {"quarantinePolicy": {"status": "enabled"}}}}
    )
    assert answer.status_code == 200, answer.text
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
