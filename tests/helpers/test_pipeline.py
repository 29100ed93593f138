"""The way of a commit through three registries, as it is drawn and as it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers import forks, pipeline, runs
from helpers.settings import Settings
from tests.scenario.world import World, make_gated_world

NAMES = Settings(
    public_registry="publicreg",
    base_artifacts_registry="basereg",
    registry="teamreg",
    vault="the-vault",
    instance="aci",
)


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
    assert seen._repr_html_().count("#2e7d32") == 2 * 3

    # The same commit again: its runs are found, nothing is started.
    before = [len(world.runs(name)) for name in ("publicreg", "basereg", "teamreg")]
    again = pipeline.watch(world.connection, NAMES, commit, timeout=60)
    assert [one.run.run_id for one in again.stages] == [one.run.run_id for one in seen.stages]
    assert [len(world.runs(name)) for name in ("publicreg", "basereg", "teamreg")] == before


def test_red_ends_at_the_gate(world: World) -> None:
    commit = forks.set_color(world.connection, "Red")
    seen = pipeline.watch(world.connection, NAMES, commit, timeout=60)
    assert [stage.status for stage in seen.stages] == ["Succeeded", "Failed", "not started"]
    assert seen.site.trigger == ""
    assert "#c62828" in seen._repr_html_()


def test_a_commit_that_nobody_pushed_is_waited_for_and_explained(world: World) -> None:
    with pytest.raises(
        runs.RunTimeout, match=r"node-public in publicreg.*\n\* task: it is enabled"
    ):
        pipeline.watch(world.connection, NAMES, "f" * 40, timeout=0.3)
