"""Task runs that the resource manager refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.resource_manager.scheduling import encoded, put
from tests.tasks.running import Registry

GOOD = encoded("bash true")
WRONG = [
    ("with-nothing", {}, 400, "requires 'properties.runRequest'"),
    ("four", {"runRequest": GOOD}, 400, "must be between 5 and 50 characters"),
    ("under_score", {"runRequest": GOOD}, 400, "must be between 5 and 50 characters"),
    ("wrong-kind", {"runRequest": {"type": "Other"}}, 400, "'Other' is invalid: it is one of"),
    ("wrong-kind", {"runRequest": {"type": []}}, 400, "is invalid: it is one of"),
    ("wrong-kind", {"runRequest": "bash"}, 400, "'properties.runRequest' must be an object"),
    ("wrong-tag", {"runRequest": GOOD, "forceUpdateTag": 1}, 400, "must be a string"),
    ("no-task", {"runRequest": {"type": "TaskRunRequest"}}, 400, "requires 'taskId'"),
    ("no-source", {"runRequest": {"type": "FileTaskRunRequest"}}, 400, "requires 'taskFilePath'"),
    ("its-pool", {"runRequest": {**GOOD, "agentPoolName": "p"}}, 501, "agentPoolName"),
    ("its-log", {"runRequest": {**GOOD, "logTemplate": "p"}}, 501, "logTemplate"),
    ("windows", {"runRequest": {**GOOD, "platform": {"os": "Windows"}}}, 501, "Windows agents"),
    (
        "its-values",
        {"runRequest": {**GOOD, "values": [None]}},
        400,
        "'values[0]' must be an object",
    ),
    ("too-long", {"runRequest": {**GOOD, "timeout": 9}}, 400, "must be between 300 and 28800"),
]


@pytest.mark.parametrize(("name", "properties", "status", "message"), WRONG)
def test_what_cannot_be_run_is_refused(
    registry: Registry, name: str, properties: Any, status: int, message: str
) -> None:
    refused = registry.call("PUT", f"/taskRuns/{name}", {"properties": properties})
    assert refused.status_code == status, refused.text
    assert message in refused.json()["error"]["message"]
    assert registry.call("GET", f"/taskRuns/{name}").status_code == 404


def test_other_refusals(registry: Registry) -> None:
    foreign = {"type": "TaskRunRequest", "taskId": f"{registry.id}x/tasks/of-a-task"}
    assert "does not belong" in put(registry, "foreign", foreign).json()["error"]["message"]
    gone = {"type": "TaskRunRequest", "taskId": f"{registry.id}/tasks/not-there"}
    assert put(registry, "gone-task", gone).status_code == 404
    moved = {"location": "westus", "properties": {"runRequest": GOOD}}
    assert put(registry, "placed", GOOD).status_code == 201
    refused = registry.call("PUT", "/taskRuns/placed", moved)
    assert refused.json()["error"]["code"] == "InvalidResourceLocation"
    refused = registry.call("PATCH", "/taskRuns/placed", {"location": "westus"})
    assert refused.json()["error"]["code"] == "InvalidResourceLocation"
    for path in ("/taskRuns/not-there", "/taskRuns/not-there/listDetails"):
        method = "POST" if path.endswith("listDetails") else "GET"
        assert registry.call(method, path).status_code == 404
    identity = {"identity": {"type": "SystemAssigned"}, "properties": {"runRequest": GOOD}}
    refused = registry.call("PUT", "/taskRuns/identified", identity)
    assert refused.json()["error"]["code"] == "IdentityTypeNotSupported"
    assert "only a user-assigned managed identity is permitted" in refused.text
    nobody = {"identity": {"type": "None"}, "properties": {"runRequest": GOOD}}
    assert registry.call("PUT", "/taskRuns/identified", nobody).status_code == 201
