"""The gate: what passes goes through three registries by itself, what fails stops before the second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers import forks

from .world import World, base_digest, counts, make_gated_world, site, triggered_by


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_gated_world(tmp_path_factory.mktemp("gate")) as made:
        yield made


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
