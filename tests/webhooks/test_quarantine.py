"""What scanners and others are told of images in quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from tests.conftest import LocalCloud
from tests.registry.places import Place
from tests.registry.quarantining import FAILED, PASSED, World

from .receiving import Hooks, Receiver, soon


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    with closing(World(local_cloud)) as made:
        yield made


def told(receiver: Receiver, path: str) -> list[tuple[str, str, str | None]]:
    """Action, digest and tag of what came."""
    found = []
    for one in receiver.at(path):
        target = one.content["target"]
        found.append((one.content["action"], target["digest"], target.get("tag")))
    return found


def test_a_scanner_is_told_at_once_and_others_when_it_has_passed(
    world: World, receiver: Receiver
) -> None:
    hooks, place = Hooks(world.place), world.place
    hooks.make(receiver.uri("/200/both"), "quarantine", "push")
    first = place.push("told", "v1")
    quarantined = ("quarantine", first, "v1")
    soon(lambda: told(receiver, "/200/both") == [quarantined])
    [got] = receiver.at("/200/both")
    assert got.content["target"]["repository"] == "told"
    assert got.content["request"]["host"] == place.server
    world.mark("told", first, FAILED)
    place.push("told", "v2")  # the same image
    soon(lambda: len(told(receiver, "/200/both")) == 2)
    world.passes("told", first)
    world.passes("told", first)  # it has already
    world.mark("told", first, {**PASSED, "quarantineDetails": "{}"})
    place.push("told", "v3")
    soon(lambda: len(told(receiver, "/200/both")) == 6)
    everything = told(receiver, "/200/both")
    assert everything[1] == ("quarantine", first, "v2")
    pushes = [("push", first, tag) for tag in ("v1", "v2", "v3")]
    assert sorted(everything[2:], key=str) == [*pushes, ("quarantine", first, "v3")]


def test_an_image_that_was_there_is_told_when_it_passes(world: World, receiver: Receiver) -> None:
    place = world.registry("disabled")
    hooks = Hooks(place)
    hooks.make(receiver.uri("/200/there"), "quarantine", "push", scope="there:*")
    digest = place.push("there", "v1")
    soon(lambda: len(told(receiver, "/200/there")) == 2)
    world.mark("there", digest, FAILED, place=place)
    world.passes("there", digest, place)  # without the policy that is nobody's push
    world.mark("there", digest, FAILED, place=place)
    world.switch(place, "enabled")
    world.passes("there", digest, place)
    soon(lambda: len(told(receiver, "/200/there")) == 3)
    assert told(receiver, "/200/there")[2] == ("push", digest, "v1")


def test_an_import_is_told_to_scanners_first(world: World, receiver: Receiver) -> None:
    place, source = world.registry(), Place(world.cloud)
    digest = source.push("app", "v1")
    client = world.cloud.client(ContainerRegistryManagementClient)
    body = {
        "source": {"resourceId": source.id, "sourceImage": "app:v1"},
        "targetTags": ["imported:v1"],
    }
    Hooks(place).make(receiver.uri("/200/imported"), "quarantine", "push")
    client.registries.begin_import_image(place.group, place.name, body).result()
    soon(lambda: told(receiver, "/200/imported") == [("quarantine", digest, "v1")])
    world.passes("imported", digest, place)
    soon(lambda: len(told(receiver, "/200/imported")) == 2)
    assert told(receiver, "/200/imported")[1] == ("push", digest, "v1")


def test_what_a_cache_brings_is_told_to_scanners_once(world: World, receiver: Receiver) -> None:
    place, digest = world.cached("hooked", "cached")
    Hooks(place).make(receiver.uri("/200/cached"), "quarantine", "push")
    for _ in range(3):
        assert world.pull("cached", "v1", place=place)[0] == 404
    world.passes("cached", digest, place)
    soon(lambda: len(told(receiver, "/200/cached")) == 2)
    assert told(receiver, "/200/cached") == [("quarantine", digest, "v1"), ("push", digest, "v1")]
