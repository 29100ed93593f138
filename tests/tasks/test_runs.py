"""Runs: ids, requests in one form, filters, rendering without secrets, cancelling."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.blobs.account import BlobAccount
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.events import RunQueued
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks.runs import Run, Runs, base36, prefix

TYPE = "Microsoft.ContainerRegistry/registries"
SECRET = "s3cret-value"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path / "home")
    yield cloud
    cloud.close()


@pytest.fixture
def registry(cloud: Cloud) -> Resource:
    resource_id = f"{cloud.subscription}/resourceGroups/g/providers/{TYPE}/acmerockets"
    body = {"properties": {"loginServer": "acmerockets.azurecr.io"}}
    return cloud.store.put(Resource(resource_id, TYPE, "acmerockets", "g", body))


def task(cloud: Cloud, registry: Resource, **properties: Any) -> Resource:
    step = {
        "type": "FileTask",
        "contextPath": "https://github.com/o/hello-world.git#main",
        "contextAccessToken": SECRET,
        "taskFilePath": "acr-task.yaml",
        "values": [
            {"name": "A", "value": "1", "isSecret": False},
            {"name": "PASSWORD", "value": SECRET, "isSecret": True},
        ],
    }
    private = {"status": "Enabled", "step": step, "timeout": 3600, **properties}
    resource_id = f"{registry.id}/tasks/hello-world"
    body = {"properties": {"status": private["status"]}}
    return cloud.store.put(
        Resource(
            resource_id,
            f"{TYPE}/tasks",
            "hello-world",
            "g",
            body,
            {"properties": private},
            registry.id,
        )
    )


def encoded(**more: Any) -> dict[str, Any]:
    content = base64.b64encode(b"version: v1.1.0").decode()
    return {"type": "EncodedTaskRunRequest", "encodedTaskContent": content, **more}


def test_ids_are_a_prefix_of_the_registry_and_a_counter_in_base_36(
    cloud: Cloud, registry: Resource
) -> None:
    runs = Runs(cloud)
    ids = [runs.queue(registry, encoded()).run_id for _ in range(37)]
    start = prefix(registry.id)
    assert ids[:2] == [start + "1", start + "2"]
    assert ids[9] == start + "a"
    assert ids[35:] == [start + "10", start + "11"]
    assert start.isalpha()
    assert len(start) == 2
    assert base36(36 * 36) == "100"


def test_listing_reads_on_until_it_has_enough(cloud: Cloud, registry: Resource) -> None:
    runs = Runs(cloud)
    with cloud.store.transaction():
        first = runs.queue(registry, {"type": "TaskRunRequest"}, task(cloud, registry))
        ids = [runs.queue(registry, encoded()).run_id for _ in range(250)]
    assert [run.run_id for run in runs.list(registry.id)] == [*ids[::-1], first.run_id]
    assert [run.run_id for run in runs.list(registry.id, top=3)] == ids[:-4:-1]
    assert [run.run_id for run in runs.list(registry.id, "TaskName eq 'hello-world'", 2)] == [
        first.run_id
    ]
    newest = runs.newest(registry.id, "Hello-World")
    assert newest is not None
    assert newest.run_id == first.run_id
    assert [key for key, _, _ in runs.queued()][::250] == [
        first.key,
        f"{registry.key}/runs/{ids[-1]}",
    ]


def test_run_is_stored_before_the_engine_is_woken(cloud: Cloud, registry: Resource) -> None:
    seen: list[Run | None] = []
    runs = Runs(cloud)
    handlers = {RunQueued: lambda event: seen.append(runs.by_key(event.run_key))}
    cloud.outbox.subscribe("test", handlers, slow=True)
    queued = runs.queue(registry, encoded())
    assert cloud.outbox.idle(10)
    assert [run.run_id for run in seen if run] == [queued.run_id]


def test_rendering_shows_no_secret(cloud: Cloud, registry: Resource) -> None:
    runs = Runs(cloud)
    run = runs.queue(registry, {"type": "TaskRunRequest"}, task(cloud, registry))
    body = runs.render(run)
    assert SECRET not in json.dumps(body)
    assert SECRET not in repr(run)
    assert body["id"] == f"{registry.id}/runs/{run.run_id}"
    properties = body["properties"]
    assert (properties["status"], properties["task"]) == ("Queued", "hello-world")
    assert properties["runType"] == "QuickRun"
    assert properties["createTime"].endswith("Z")
    assert runs.get(registry.id, run.run_id).request["step"]["contextAccessToken"] == SECRET


def test_overrides_go_over_the_tasks_values_for_this_run_only(
    cloud: Cloud, registry: Resource
) -> None:
    override = {
        "values": [{"name": "A", "value": "2"}, {"name": "B", "value": "3", "isSecret": True}],
        "file": "other.yaml",
        "contextPath": "https://github.com/o/hello-world.git#dev",
        "updateTriggerToken": "t",
    }
    stored = task(cloud, registry)
    request = {"type": "TaskRunRequest", "overrideTaskStepProperties": override}
    run = Runs(cloud).queue(registry, request, stored)
    step = run.request["step"]
    assert {one["name"]: one["value"] for one in step["values"]} == {
        "A": "2",
        "PASSWORD": SECRET,
        "B": "3",
    }
    assert (step["taskFilePath"], step["contextPath"][-3:]) == ("other.yaml", "dev")
    assert run.properties["updateTriggerToken"] == "t"
    assert stored.private["properties"]["step"]["values"][0]["value"] == "1"


@pytest.mark.parametrize(
    ("request_", "code", "named"),
    [
        ({"type": "Nothing"}, "InvalidRunRequest", "'Nothing'"),
        ({"type": "TaskRunRequest"}, "InvalidRunRequest", "taskId"),
        ({"type": "DockerBuildRequest", "dockerFilePath": "D"}, "InvalidRunRequest", "source"),
        (
            {"type": "FileTaskRunRequest", "sourceLocation": "x"},
            "InvalidRunRequest",
            "taskFilePath",
        ),
        (
            {"type": "EncodedTaskRunRequest", "encodedTaskContent": "%%"},
            "InvalidRunRequest",
            "base64",
        ),
        (encoded(timeout=5), "InvalidRunRequest", "300 and 28800"),
        (encoded(values=[{"value": "x"}]), "InvalidRunRequest", "'values'"),
        (encoded(platform={"os": "Windows"}), "NotImplemented", "Windows"),
        (encoded(platform={"os": "Linux", "architecture": "arm64"}), "NotImplemented", "arm64"),
    ],
)
def test_requests_that_cannot_run_are_refused(
    cloud: Cloud, registry: Resource, request_: dict[str, Any], code: str, named: str
) -> None:
    runs = Runs(cloud)
    with pytest.raises(CloudError, match=named) as caught:
        runs.queue(registry, request_)
    assert caught.value.code == code
    assert runs.list(registry.id) == []


def test_a_docker_build_pushes_unless_it_is_told_not_to(cloud: Cloud, registry: Resource) -> None:
    build = {
        "type": "DockerBuildRequest",
        "sourceLocation": "https://github.com/o/n.git",
        "dockerFilePath": "Dockerfile",
    }
    for given, pushes in ((None, True), (True, True), (False, False)):
        run = Runs(cloud).queue(registry, {**build, "isPushEnabled": given})
        assert run.request["step"]["isPushEnabled"] is pushes


def test_a_run_tells_which_registries_it_logs_in_to(cloud: Cloud, registry: Resource) -> None:
    password = {"type": "Opaque", "value": SECRET}
    login = {"a.azurecr.io": {"userName": {"type": "Opaque", "value": "u"}, "password": password}}
    run = Runs(cloud).queue(registry, encoded(credentials={"customRegistries": login}))
    assert run.request["customRegistries"] == ["a.azurecr.io"]
    assert SECRET not in json.dumps(Runs(cloud).render(run))


def test_disabled_task_is_not_run(cloud: Cloud, registry: Resource) -> None:
    with pytest.raises(CloudError, match="is disabled"):
        Runs(cloud).queue(
            registry, {"type": "TaskRunRequest"}, task(cloud, registry, status="Disabled")
        )


def test_type_of_a_run_tells_who_asked_and_for_what(cloud: Cloud, registry: Resource) -> None:
    runs = Runs(cloud)
    build = {"type": "DockerBuildRequest", "dockerFilePath": "D", "sourceLocation": "s.tar.gz"}
    trigger = {"imageUpdateTrigger": {"id": "1", "images": []}}
    request = {"type": "TaskRunRequest"}
    assert runs.queue(registry, build).properties["runType"] == "QuickRun"
    run = runs.queue(registry, request, task(cloud, registry), trigger)
    assert run.properties["runType"] == "AutoRun"
    assert runs.render(run)["properties"]["imageUpdateTrigger"]["id"] == "1"


def test_list_filters_newest_first(cloud: Cloud, registry: Resource) -> None:
    runs = Runs(cloud)
    stored = task(cloud, registry)
    first = runs.queue(registry, {"type": "TaskRunRequest"}, stored)
    quick = runs.queue(registry, encoded())
    last = runs.queue(registry, {"type": "TaskRunRequest"}, stored)
    runs.update(first, status="Failed")

    def ids(filter: str | None = None, top: int | None = None) -> list[str]:
        return [run.run_id for run in runs.list(registry.id, filter, top)]

    assert ids() == [last.run_id, quick.run_id, first.run_id]
    assert ids("TaskName eq 'hello-world'", 1) == [last.run_id]
    assert ids("TaskName eq 'HELLO-world' and Status eq 'Failed'") == [first.run_id]
    assert ids("Status ne 'Failed'") == [last.run_id, quick.run_id]
    assert ids(f"RunId eq '{quick.run_id}'") == [quick.run_id]
    assert ids("contains(TaskName, 'world')") == [last.run_id, first.run_id]
    assert ids("CreateTime ge 2020-01-01T00:00:00Z") == ids()
    assert ids("TaskName eq 'rock and roll'") == []
    assert runs.list("/other") == []
    for bad in ("Colour eq 'red'", "TaskName eq", "drop table runs"):
        with pytest.raises(CloudError, match="filter"):
            ids(bad)


def test_a_run_is_claimed_once_and_its_end_is_final(cloud: Cloud, registry: Resource) -> None:
    runs = Runs(cloud)
    run = runs.queue(registry, encoded())
    other = runs.get(registry.id, run.run_id)
    assert runs.claim(run)
    assert not runs.claim(other)
    runs.update(run, status="Succeeded", finishTime="2026-01-01T00:00:00Z")
    runs.update(run, status="Failed")
    assert runs.get(registry.id, run.run_id).status == "Succeeded"


def test_cancelling_a_queued_run_ends_it_with_its_log(cloud: Cloud, registry: Resource) -> None:
    runs = Runs(cloud)
    run = runs.cancel(runs.queue(registry, encoded()))
    assert run.status == "Canceled"
    assert not runs.claim(run)
    blob = BlobAccount(cloud).run_log(registry.id, run.run_id)
    assert blob.metadata() == {"Complete": "canceled"}
    with pytest.raises(CloudError, match="has ended with status Canceled"):
        runs.cancel(run)


def test_unknown_run_is_404(cloud: Cloud, registry: Resource) -> None:
    with pytest.raises(CloudError, match="The run 'zz9' was not found"):
        Runs(cloud).get(registry.id, "zz9")
