"""The operations of task runs end when their runs have."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.operations import FAILED, IN_PROGRESS, SUCCEEDED
from helpers.localcloud.resource_types import REGISTRY_TYPE
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks import outcomes
from helpers.localcloud.tasks.runs import Runs

TEXT = base64.b64encode(b"version: v1.1.0\nsteps:\n  - cmd: bash true\n").decode()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A state of its own: what is put here is no registry that others could list."""
    with closing(Cloud(tmp_path / "home")) as made:
        yield made


def test_each_ends_as_its_run_does(cloud: Cloud) -> None:
    runs = Runs(cloud)
    place = f"{cloud.subscription}/resourceGroups/g/providers/{REGISTRY_TYPE}/acmerockets"
    registry = cloud.store.put(Resource(place, REGISTRY_TYPE, "acmerockets", "g", {}))
    request = {"type": "EncodedTaskRunRequest", "encodedTaskContent": TEXT}
    names = ("good", "bad", "canceled", "waiting", "lost")
    made = {name: runs.queue(registry, request) for name in names}
    operations = {
        name: cloud.operations.begin(outcomes.KIND, place, {"run": run.key}).id
        for name, run in made.items()
    }
    other = cloud.operations.begin("importImage", place, {}).id
    runs.update(made["good"], status="Succeeded")
    runs.update(made["bad"], status="Timeout", runErrorMessage="it took too long")
    runs.cancel(made["canceled"])
    cloud.store.execute("DELETE FROM runs WHERE key=?", (made["lost"].key,))
    outcomes.settle(cloud)
    found = {name: cloud.operations.get(one) for name, one in operations.items()}
    assert {name: one.status for name, one in found.items() if one is not None} == {
        "good": SUCCEEDED,
        "bad": FAILED,
        "canceled": FAILED,
        "waiting": IN_PROGRESS,
        "lost": FAILED,
    }
    told = {name: str(one.error) for name, one in found.items() if one is not None}
    assert f"state 'Failed'. Run ID: {made['bad'].run_id}: it took too long" in told["bad"]
    assert "state 'Canceled'. Run ID:" in told["canceled"]
    assert "The run is lost." in told["lost"]
    still = cloud.operations.get(other)
    assert still is not None
    assert still.status == IN_PROGRESS
