"""Requests with the wrong JSON type somewhere: 400 that names the place, and nothing is stored."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.tasks.running import Registry

TEXT = base64.b64encode(b"version: v1.1.0\nsteps:\n  - cmd: bash -c true\n").decode()
STEP = {"type": "EncodedTask", "encodedTaskContent": TEXT}
TIMER = {"name": "t1", "schedule": "0 0 * * *"}


WRONG = [
    ({"timeout": "long"}, "'properties.timeout' must be an integer"),
    ({"timeout": True}, "'properties.timeout' must be an integer"),
    ({"platform": "Linux"}, "'properties.platform' must be an object"),
    ({"step": "build"}, "'properties.step' must be an object"),
    ({"step": {**STEP, "values": "A=1"}}, "'properties.step.values' must be a list"),
    ({"step": {**STEP, "values": [1]}}, r"'properties.step.values[0]' must be an object"),
    ({"step": {**STEP, "values": [None]}}, r"'properties.step.values[0]' must be an object"),
    (
        {"step": {**STEP, "values": [{"name": "A", "value": {"b": 1}}]}},
        "'properties.step.values[0].value' must be a string",
    ),
    ({"trigger": "t1"}, "'properties.trigger' must be an object"),
    ({"trigger": {"timerTriggers": "t1"}}, "'properties.trigger.timerTriggers' must be a list"),
    ({"trigger": {"timerTriggers": [{"schedule": "0 0 * * *"}]}}, "needs a name"),
    ({"trigger": {"timerTriggers": [TIMER, TIMER]}}, "have the same name"),
    (
        {"trigger": {"timerTriggers": [{**TIMER, "status": "On"}]}},
        "must be one of Enabled, Disabled",
    ),
    (
        {"trigger": {"baseImageTrigger": {"name": "b", "status": "x"}}},
        "must be one of Enabled, Disabled",
    ),
    ({"credentials": {"customRegistries": ["a"]}}, "customRegistries' must be an object"),
    ({"credentials": {"sourceRegistry": {"loginMode": "x"}}}, "must be one of Default, None"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_task_of_a_wrong_shape(registry: Registry, change: dict[str, Any], message: str) -> None:
    properties = {"platform": {"os": "Linux"}, "step": STEP, **change}
    body = {"location": "eastus", "properties": properties}
    refused = registry.call("PUT", "/tasks/misshapen", body)
    assert refused.status_code == 400, refused.text
    assert message in refused.json()["error"]["message"]
    assert registry.call("GET", "/tasks/misshapen").status_code == 404


@pytest.mark.parametrize("identity", ["SystemAssigned", True, [[]], {"type": 1}])
def test_identity_of_a_wrong_shape(registry: Registry, identity: Any) -> None:
    body = {"location": "eastus", "identity": identity, "properties": {"step": STEP}}
    refused = registry.call("PUT", "/tasks/misshapen", body)
    assert refused.status_code == 400, refused.text
    assert "'identity" in refused.json()["error"]["message"]
    assert registry.call("GET", "/tasks/misshapen").status_code == 404


def test_a_credential_of_null_is_none(registry: Registry) -> None:
    given = {"customRegistries": {"x.azurecr.io": None}}
    made = registry.task("no-credential", dict(STEP), credentials=given)
    assert not made["properties"].get("credentials", {}).get("customRegistries")


def test_an_update_of_a_wrong_shape_changes_nothing(registry: Registry) -> None:
    made = registry.task("well-shaped", dict(STEP), trigger={"timerTriggers": [TIMER]})
    for change in (
        {"timeout": "long"},
        {"step": "build"},
        {"trigger": "t1"},
        {"trigger": {"timerTriggers": [{"status": "Disabled"}]}},
    ):
        refused = registry.call("PATCH", "/tasks/well-shaped", {"properties": change})
        assert refused.status_code == 400, refused.text
    assert registry.call("GET", "/tasks/well-shaped").json() == made


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"timeout": "long"}, 400, "'timeout' must be an integer"),
        ({"platform": "Linux"}, 400, "'platform' must be an object"),
        ({"credentials": "x"}, 400, "'credentials' must be an object"),
        ({"values": [{"name": "A", "value": 1}]}, 400, "'values[0].value' must be a string"),
        ({"type": 1}, 400, "The run request type '1' is invalid"),
        ({"agentPoolName": "pool"}, 501, "agentPoolName"),
    ],
)
def test_run_request_of_a_wrong_shape(
    registry: Registry, change: dict[str, Any], status: int, message: str
) -> None:
    body = {"type": "EncodedTaskRunRequest", "encodedTaskContent": TEXT, **change}
    refused = registry.call("POST", "/scheduleRun", body)
    assert refused.status_code == status, refused.text
    assert message in refused.json()["error"]["message"]
    assert not list(registry.tasks.runs.list(registry.group, registry.name))


def test_override_of_a_wrong_shape(registry: Registry) -> None:
    registry.task("overridden", dict(STEP))
    for override in ("x", {"values": "A=1"}, {"contextPath": 1}):
        body = {
            "type": "TaskRunRequest",
            "taskId": f"{registry.id}/tasks/overridden",
            "overrideTaskStepProperties": override,
        }
        refused = registry.call("POST", "/scheduleRun", body)
        assert refused.status_code == 400, refused.text
        assert "'overrideTaskStepProperties" in refused.json()["error"]["message"]


def test_a_run_may_ask_for_its_log_to_be_kept(registry: Registry) -> None:
    run = registry.text(base64.b64decode(TEXT).decode(), isArchiveEnabled=True)
    assert registry.wait(run).properties["isArchiveEnabled"] is True
