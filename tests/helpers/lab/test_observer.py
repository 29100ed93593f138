"""Watching a real cloud: what is seen, who is told, and what ends when nobody watches."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from helpers.lab.observer import observe
from helpers.lab.state import CloudState
from tests.helpers.lab.conftest import Seen, eventually, tag, threads
from tests.scenario.world import NAMES, World


def test_all_of_the_workflow_is_seen_as_it_is(world: World) -> None:
    state = observe(world.connection, NAMES).state
    assert threads() == []  # who only looks watches nothing
    assert state.problem == ""
    assert [one.name for one in state.registries] == ["publicreg", "basereg", "teamreg"]
    assert state.registry("STAGING") is None
    _, base, team = state.registries
    assert (team.group, team.login_server) == ("teamreg-rg", "teamreg.azurecr.io")

    [site_task] = team.tasks
    assert (site_task.name, site_task.enabled) == ("hello-world", True)
    runtime = [one for one in site_task.depends_on if one.registry == base.login_server]
    assert [(one.repository, one.tag) for one in runtime] == [("node", "15-alpine")]
    assert runtime[0].digest == base.tags["node:15-alpine"].digest

    newest = team.runs[0]
    assert newest.is_over
    assert newest.status == "Succeeded"
    assert newest.trigger == "Manual"
    assert (newest.registry, newest.group, newest.task) == ("teamreg", "teamreg-rg", "hello-world")
    [image] = newest.images
    assert team.tags[f"hello-world:{newest.run_id}"].digest == image.digest
    assert newest.created is not None
    assert newest.started is not None
    assert newest.finished is not None
    assert newest.created <= newest.started <= newest.finished

    assert state.site is not None
    assert state.site.image == f"teamreg.azurecr.io/hello-world:{newest.run_id}"
    assert state.site.state == "Running"
    assert state.site.color == world.color
    assert state.site.url.startswith("http://127.")


def test_a_commit_is_followed_to_the_site_and_everybody_is_told(world: World) -> None:
    observer = observe(world.connection, NAMES)
    first, second = Seen(), Seen()
    cancel = observer.subscribe(first)
    assert len(first.states) == 1  # at once
    assert observe(world.connection, NAMES) is observer
    cancel_second = observer.subscribe(second)
    commit = world.push_color("Green")
    end = first.until(lambda state: state.site is not None and state.site.color == "Green")
    public = end.registry("publicreg")
    assert public is not None
    assert (public.runs[0].trigger, public.runs[0].commit) == ("Commit", commit)
    team = end.registry("teamreg")
    base = end.registry("basereg")
    assert team is not None
    assert base is not None
    assert team.runs[0].trigger == "Image Update"
    assert team.runs[0].updated_digest == base.tags["node:15-alpine"].digest
    assert any(  # on its way
        not one.runs[0].is_over for state in first.states for one in state.registries if one.runs
    )
    seen = [(state.registries, state.site, state.problem) for state in first.states]
    assert all(one != other for one, other in pairwise(seen))
    second.until(lambda state: state.site is not None and state.site.color == "Green")

    cancel()
    assert threads() == ["observer stream", "observer"]
    cancel_second()
    cancel_second()  # once more is no matter
    assert threads() == []


def test_tags_are_seen_to_come_and_go_one_by_one_and_in_crowds(world: World) -> None:
    seen = Seen()
    cancel = observe(world.connection, NAMES).subscribe(seen)

    def of_base(state: CloudState) -> set[str]:
        return {name for name in state.registries[1].tags if ":crowd" in name}

    crowd = {f"node:crowd{number}" for number in range(12)}
    for name in crowd:
        tag(world, "basereg", "node", "15-alpine", name.partition(":")[2])
    state = seen.until(lambda state: of_base(state) == crowd)
    tags = state.registries[1].tags
    client = world.connection.clients.registry("basereg.azurecr.io")
    digest = client.get_tag_properties("node", "crowd0").digest
    assert {tags[name].digest for name in crowd} == {digest}
    moved = tags["node:crowd3"].updated
    client.delete_tag("node", "crowd3")
    seen.until(lambda state: of_base(state) == crowd - {"node:crowd3"})
    tag(world, "basereg", "node", "15-alpine", "crowd3")
    state = seen.until(lambda state: of_base(state) == crowd)
    again = state.registries[1].tags["node:crowd3"].updated
    assert moved is not None
    assert again is not None
    assert again > moved
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: client.delete_tag("node", name.partition(":")[2]), crowd))
    seen.until(lambda state: of_base(state) == set())
    cancel()
    assert threads() == []


def test_a_callback_that_fails_is_logged_and_the_others_go_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(state: CloudState) -> None:
        raise ValueError("of a callback")

    seen = Seen()
    observer = observe(world.connection, NAMES)
    cancels = [observer.subscribe(fails), observer.subscribe(seen)]
    with caplog.at_level(logging.ERROR):
        tag(world, "basereg", "node", "15-alpine", "seen")
        seen.until(lambda state: "node:seen" in state.registries[1].tags)
        assert sum("a callback of the observer failed" in one for one in caplog.messages) >= 1
    for cancel in cancels:
        cancel()
    assert threads() == []


def test_whoever_cancels_within_a_callback_is_told_no_more(world: World) -> None:
    observer = observe(world.connection, NAMES)
    told: list[CloudState] = []
    cancels: list[object] = []

    def once(state: CloudState) -> None:
        told.append(state)
        if len(told) == 2:
            for cancel in cancels:
                cancel()  # type: ignore[operator]

    cancels.append(observer.subscribe(once))
    world.push_color("Olive")
    eventually(lambda: len(told) == 2)
    eventually(lambda: threads() == [])
    assert observer.state.registries  # and can be asked still
    assert len(told) == 2
