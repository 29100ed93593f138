"""The way of a commit through three registries, as it is drawn and as it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers import explain, forks, pipeline, runs
from tests.scenario.world import NAMES, World, make_gated_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_gated_world(tmp_path_factory.mktemp("pipeline")) as made:
        yield made


def test_green_goes_through_and_each_change_is_drawn(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = forks.set_color(world.connection, "Green")
    seen = pipeline.watch(world.connection, NAMES, commit, timeout=60)
    assert [stage.status for stage in seen.stages] == ["Succeeded"] * 3
    assert [stage.trigger for stage in seen.stages] == ["Commit", "Image Update", "Image Update"]
    first, *later = capsys.readouterr().out.strip().split("\n\n")
    assert first.count("not started") == 3
    assert later[-1] == repr(seen)
    assert len(set(later)) == len(later)  # drawn again only when something has changed
    assert seen._repr_html_().count('class="chip good"') == 3 + 1  # the gate is open, too
    assert "gate open" in seen._repr_svg_()
    for stage in seen.stages:
        assert stage.run is not None
        assert f'<tspan class="volatile">run {stage.run.run_id}, ' in seen._repr_svg_()
        assert stage.run.output_images[0].digest[:19] in seen._repr_html_()
    assert "earlier" not in repr(seen)

    # The same commit again: its runs are found, nothing is started.
    before = [len(world.runs(name)) for name in ("publicreg", "basereg", "teamreg")]
    again = pipeline.watch(world.connection, NAMES, commit, timeout=60)
    runs = [[one.run and one.run.run_id for one in way.stages] for way in (seen, again)]
    assert all(runs[0])
    assert runs[0] == runs[1]
    assert [len(world.runs(name)) for name in ("publicreg", "basereg", "teamreg")] == before


def test_red_ends_at_the_gate(world: World) -> None:
    commit = forks.set_color(world.connection, "Red")
    seen = pipeline.watch(world.connection, NAMES, commit, timeout=60)
    assert [stage.status for stage in seen.stages] == ["Succeeded", "Failed", "not started"]
    assert seen.site.trigger == ""
    assert "gate shut" in seen._repr_svg_()
    assert seen._repr_html_().count('class="chip bad"') == 2

    # Why the site was not built: nothing new was offered to it, and this is the reason of that.
    reasons = explain.why(world.connection, "teamreg-rg", "teamreg", "hello-world").reasons
    assert seen.gate.run is not None
    refused = (
        f"the newest run there, {seen.gate.run.run_id} of base-import-node, has ended with Failed"
    )
    assert refused in reasons[-1]


def test_an_image_that_comes_back_is_not_taken_for_a_run_that_was_not_started(world: World) -> None:
    # Back to green: the gate, which has failed in between, tests it again, and lets the very image
    # in that is inside. That starts nothing, and it is said.
    seen = pipeline.watch(
        world.connection, NAMES, forks.set_color(world.connection, "Green"), timeout=60
    )
    after = [len(world.runs(name)) for name in ("publicreg", "basereg", "teamreg")]
    assert [stage.earlier for stage in seen.stages] == [False, False, True]
    assert repr(seen).count("Image Update (earlier)  Succeeded") == 1
    assert seen._repr_html_().count("by Image Update (earlier)") == 1
    assert seen.gate.run is not None
    assert seen.gate.run.run_id == world.runs("basereg")[-1].properties.run_id

    # An image that was refused before is tested again, and the new run is the one that is shown.
    seen = pipeline.watch(
        world.connection, NAMES, forks.set_color(world.connection, "Red"), timeout=60
    )
    assert seen.gate.run is not None
    assert not seen.gate.earlier
    assert seen.gate.run.run_id == world.runs("basereg")[-1].properties.run_id
    assert len(world.runs("basereg")) == after[1] + 1


def test_an_image_that_came_in_by_another_way_is_not_waited_for(world: World) -> None:
    place = ("basereg-rg", "basereg", "base-import-node")
    set_base_image_trigger(world, "Disabled")
    commit = forks.set_color(world.connection, "Teal")
    public = runs.started_by_commit(
        world.connection, "publicreg-rg", "publicreg", "node-public", commit, timeout=60
    )
    runs.follow(world.connection, public)
    set_base_image_trigger(world, "Enabled")
    missed = explain.why(world.connection, *place).reasons[-1]
    assert "no recent run was started by that" in missed
    assert "while the task or its trigger was disabled" in missed

    task = world.connection.clients.tasks.tasks.get(*place)
    run, log = world.run("basereg", str(task.id))
    assert run.properties.status == "Succeeded", log
    with pytest.raises(runs.RunTimeout, match="only another digest is an update"):
        pipeline.watch(world.connection, NAMES, commit, timeout=60)


def set_base_image_trigger(world: World, status: str) -> None:
    base = {"name": "defaultBaseimageTriggerName", "status": status}
    update = {"properties": {"trigger": {"baseImageTrigger": base}}}
    tasks = world.client(ContainerRegistryTasksMgmtClient).tasks
    tasks.update("basereg-rg", "basereg", "base-import-node", update)


def test_a_commit_that_nobody_pushed_is_waited_for_and_explained(world: World) -> None:
    with pytest.raises(
        runs.RunTimeout, match=r"node-public in publicreg.*\n\* task: it is enabled"
    ):
        pipeline.watch(world.connection, NAMES, "f" * 40, timeout=0.3)
