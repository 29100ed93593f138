"""What a run was asked to do: of a request, or of a task as it was; and what cannot be run."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from helpers.localcloud.errors import CloudError
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks.snapshot import snapshot

CONTENT = base64.b64encode(b"version: v1.1.0\n").decode()
SOURCE = "https://github.com/o/r.git#main"
ENCODED = {"type": "EncodedTaskRunRequest", "encodedTaskContent": CONTENT}
DOCKER = {
    "type": "DockerBuildRequest",
    "dockerFilePath": "Dockerfile",
    "imageNames": ["a:1"],
    "sourceLocation": SOURCE,
}
STEPS: dict[str, dict[str, Any]] = {
    "Docker": {"dockerFilePath": "Dockerfile", "contextPath": SOURCE},
    "FileTask": {"taskFilePath": "acr-task.yaml", "contextPath": SOURCE},
    "EncodedTask": {"encodedTaskContent": CONTENT},
}


def task(kind: str = "FileTask", *, shown: dict[str, Any] | None = None, **more: Any) -> Resource:
    """A task whose secret values are in its private properties, as they are stored."""
    step = {"type": kind, **STEPS[kind], **more.pop("step", {})}
    properties = {"status": "Enabled", "step": step, **more}
    body = {"properties": shown or {"status": "Enabled", "step": {"type": kind}}}
    place = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"
    return Resource(f"{place}/tasks/t", "tasks", "t", "g", body, {"properties": properties}, place)


def of(one: Resource | None, trigger: dict[str, Any] | None = None, **override: Any) -> Any:
    request: dict[str, Any] = {"type": "TaskRunRequest", "taskId": one.id if one else ""}
    if override:
        request["overrideTaskStepProperties"] = override
    return snapshot(request, one, trigger)


def test_a_request_says_it_all() -> None:
    order = snapshot(DOCKER, None, None)
    assert order["step"] == {
        "type": "Docker",
        "contextPath": SOURCE,
        "dockerFilePath": "Dockerfile",
        "imageNames": ["a:1"],
        "isPushEnabled": True,
    }
    assert order["platform"] == {"os": "Linux", "architecture": "amd64"}
    assert (order["runType"], order["timeout"]) == ("QuickRun", 3600)
    assert (order["task"], order["trigger"], order["customRegistries"]) == ("", {}, [])
    assert order["isArchiveEnabled"] is False
    assert (
        snapshot({**DOCKER, "isPushEnabled": False}, None, None)["step"]["isPushEnabled"] is False
    )
    given = {
        **ENCODED,
        "timeout": 300,
        "isArchiveEnabled": True,
        "platform": {"os": "linux", "architecture": "x86"},
        "credentials": {"customRegistries": {"b.azurecr.io": {}, "a.azurecr.io": {}}},
    }
    order = snapshot(given, None, None)
    assert (order["runType"], order["timeout"], order["isArchiveEnabled"]) == (
        "QuickRun",
        300,
        True,
    )
    assert order["platform"] == {"os": "linux", "architecture": "x86"}
    assert order["customRegistries"] == ["b.azurecr.io", "a.azurecr.io"]


def test_a_task_is_taken_as_it_is_now_with_its_secrets_and_not_shared() -> None:
    values = [{"name": "A", "value": "secret", "isSecret": True}]
    logins = {"customRegistries": {"a.azurecr.io": {"identity": "[system]"}}}
    one = task(
        step={"values": values},
        timeout=28800,
        platform={"os": "Linux"},
        agentConfiguration={"cpu": 4},
        credentials=logins,
    )
    before = copy.deepcopy(one)
    cause = {"sourceTrigger": {"commitId": "c"}}
    order = of(one, cause)
    assert order["step"]["values"] == values
    assert (order["task"], order["taskId"], order["timeout"]) == ("t", one.id, 28800)
    assert (order["runType"], order["trigger"]) == ("AutoRun", cause)
    assert (order["credentials"], order["customRegistries"]) == (logins, ["a.azurecr.io"])
    assert order["agentConfiguration"] == {"cpu": 4}
    assert snapshot({**DOCKER, "agentConfiguration": {"cpu": 3}}, None, None)[
        "agentConfiguration"
    ] == {"cpu": 3}
    order["step"]["values"][0]["value"] = "changed"
    assert one == before
    assert of(task("Docker"), cause)["runType"] == "AutoBuild"
    assert of(task("Docker"))["runType"] == "QuickRun"


def test_a_run_overrides_by_name_and_keeps_the_rest() -> None:
    values = [{"name": "A", "value": "1", "isSecret": True}, {"name": "B", "value": "2"}]
    one = task(step={"values": values})
    order = of(one, values=[{"name": "B", "value": "3"}, {"name": "C", "value": "4"}])
    assert order["step"]["values"] == [
        {"name": "A", "value": "1", "isSecret": True},
        {"name": "B", "value": "3", "isSecret": False},
        {"name": "C", "value": "4", "isSecret": False},
    ]
    order = of(one, file="other.yaml", contextPath="https://github.com/o/q", updateTriggerToken="x")
    assert order["step"]["taskFilePath"] == "other.yaml"
    assert order["step"]["contextPath"] == "https://github.com/o/q"
    assert order["updateTriggerToken"] == "x"
    arguments = [{"name": "V", "value": "1", "isSecret": True}]
    order = of(task("Docker"), file="Other", target="stage", arguments=arguments)
    assert (order["step"]["dockerFilePath"], order["step"]["target"]) == ("Other", "stage")
    assert order["step"]["arguments"] == arguments
    assert "taskFilePath" not in order["step"]


@pytest.mark.parametrize(
    ("kind", "override", "message"),
    [
        ("EncodedTask", {"file": "x"}, "has no file that a run could override"),
        ("FileTask", {"target": "x"}, "Only a task with a Docker build step has a target"),
        ("FileTask", {"arguments": [{"name": "A", "value": "1"}]}, "takes values .--set."),
        ("Docker", {"values": [{"name": "A", "value": "1"}]}, "takes arguments .--arg."),
    ],
)
def test_what_a_step_does_not_have_is_not_overridden(
    kind: str, override: dict[str, Any], message: str
) -> None:
    with pytest.raises(CloudError, match=message) as caught:
        of(task(kind), **override)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        ({"type": "TaskRunRequest"}, 400, "taskId is required"),
        ({"type": "Other"}, 400, "'Other' is invalid"),
        ({"type": "EncodedTaskRunRequest"}, 400, "requires 'encodedTaskContent'"),
        ({**DOCKER, "dockerFilePath": ""}, 400, "requires 'dockerFilePath'"),
        ({**DOCKER, "sourceLocation": ""}, 400, "has no source"),
        ({**ENCODED, "encodedTaskContent": "?"}, 400, "'encodedTaskContent' is not base64"),
        ({**ENCODED, "encodedValuesContent": "a"}, 400, "'encodedValuesContent' is not base64"),
        ({**ENCODED, "values": [{"value": "1"}]}, 400, "Each of 'values' is an object with name"),
        ({**DOCKER, "arguments": [{"name": ""}]}, 400, "Each of 'arguments' is an object with"),
        ({**ENCODED, "timeout": 299}, 400, "between 300 and 28800"),
        ({**ENCODED, "timeout": 28801}, 400, "between 300 and 28800"),
        ({**ENCODED, "platform": {"os": "Windows"}}, 501, "runs on Windows agents"),
        ({**ENCODED, "platform": {"os": "Linux", "architecture": "arm64"}}, 501, "on arm64 agents"),
        ({**ENCODED, "agentPoolName": "mine"}, 501, "property agentPoolName"),
        ({**ENCODED, "logTemplate": "mine"}, 501, "property logTemplate"),
    ],
)
def test_what_cannot_be_run_says_why(request_: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(CloudError, match=message) as caught:
        snapshot(request_, None, None)
    assert caught.value.status == status


def test_a_task_that_is_disabled_or_damaged_does_not_run() -> None:
    with pytest.raises(CloudError, match="Enable it first: az acr task update --name t") as caught:
        of(task(status="Disabled"))
    assert (caught.value.status, caught.value.code) == (409, "TaskDisabled")
    with pytest.raises(CloudError, match="The step type 'Unknown' is unknown"):
        of(task(step={"type": "Unknown"}))
