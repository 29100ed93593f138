"""Tasks that the resource manager refuses, and how one is patched."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from .refusing import Place, assert_refused

STEP = {"type": "EncodedTask", "encodedTaskContent": "c3RlcHM6IFtdCg=="}


def trigger(**given: Any) -> dict[str, Any]:
    return {"trigger": given}


def login(**secret: str) -> dict[str, Any]:
    return {"credentials": {"customRegistries": {"a.azurecr.io": {"password": secret}}}}


def source(**given: Any) -> dict[str, Any]:
    return trigger(
        sourceTriggers=[
            {"name": "one", "sourceTriggerEvents": ["commit"], "sourceRepository": given}
        ]
    )


GITHUB = {"sourceControlType": "Github", "repositoryUrl": "https://github.com/a/nowhere.git#main"}


@pytest.mark.parametrize(
    ("properties", "status", "code", "message"),
    [
        ({"status": "Asleep"}, 400, None, "'properties.status' must be one of Enabled, Disabled"),
        ({"timeout": 1}, 400, "InvalidTimeout", "must be between"),
        ({"agentPoolName": "a"}, 501, "NotImplemented", "the property 'properties.agentPoolName'"),
        ({"logTemplate": "a"}, 501, "NotImplemented", "the property 'properties.logTemplate'"),
        ({"step": {"type": "Other"}}, 400, "InvalidTaskStep", "The step type 'Other'"),
        ({"step": {"type": "Docker"}}, 400, "InvalidTaskStep", "requires 'dockerFilePath'"),
        (
            {"step": {"type": "FileTask", "taskFilePath": "a"}},
            400,
            "InvalidTaskStep",
            "requires 'contextPath'",
        ),
        (
            {"step": {**STEP, "encodedTaskContent": "?"}},
            400,
            "InvalidTaskStep",
            "'encodedTaskContent' is not base64",
        ),
        (
            {"step": {**STEP, "values": [{"value": "a"}]}},
            400,
            "InvalidTaskStep",
            "Every value and argument of a step needs a name",
        ),
        (
            trigger(timerTriggers=[{"name": "t", "schedule": "* * *"}]),
            400,
            "InvalidSchedule",
            "The schedule '* * *' of the timer trigger 't'",
        ),
        (
            trigger(timerTriggers=[{"name": "t", "schedule": "99 * * * *"}]),
            400,
            "InvalidSchedule",
            "five fields: minute (0-59), hour (0-23)",
        ),
        (
            trigger(timerTriggers=[{"name": "t", "schedule": "0 0 * * 7"}]),
            400,
            "InvalidSchedule",
            "in its field day of week, 7 is higher than the maximum: it must be between 0 and 6",
        ),
        (
            trigger(timerTriggers=[{"schedule": "0 0 * * *"}]),
            400,
            "InvalidTrigger",
            "Each of 'timerTriggers' needs a name",
        ),
        (
            trigger(timerTriggers=[{"name": "t", "schedule": "0 0 * * *"}] * 2),
            400,
            "InvalidTrigger",
            "Two of 'timerTriggers' have the same name",
        ),
        (
            trigger(timerTriggers=[{"name": "t", "schedule": "0 0 * * *", "status": "Off"}]),
            400,
            None,
            "'properties.trigger.timerTriggers[0].status' must be one of Enabled, Disabled",
        ),
        (
            trigger(baseImageTrigger={"name": "b", "baseImageTriggerType": "Some"}),
            400,
            None,
            "'properties.trigger.baseImageTrigger.baseImageTriggerType' must be one of Runtime, All",
        ),
        (
            trigger(baseImageTrigger={"name": "b"}),
            400,
            "InvalidTrigger",
            "needs 'baseImageTriggerType'",
        ),
        (
            trigger(baseImageTrigger={"baseImageTriggerType": "All"}),
            400,
            "InvalidTrigger",
            "needs 'name'",
        ),
        ({"timeout": 0}, 400, "InvalidTimeout", "between 300 and 28800 seconds"),
        ({"agentConfiguration": {"cpu": 0}}, 400, "InvalidAgentConfiguration", "at least 1"),
        ({"agentConfiguration": {"cpu": -4}}, 400, "InvalidAgentConfiguration", "cpu is -4"),
        ({"platform": {"os": "Plan9"}}, 400, "InvalidPlatform", "The os 'Plan9' of tasks"),
        ({"platform": {"os": ""}}, 400, "InvalidPlatform", "The os '' of tasks"),
        (
            {"credentials": {"customRegistries": {"": {"identity": "[system]"}}}},
            400,
            "InvalidCustomRegistry",
            "has no name",
        ),
        (
            {"credentials": {"sourceRegistry": {"loginMode": "Maybe"}}},
            400,
            None,
            "'properties.credentials.sourceRegistry.loginMode' must be one of Default, None",
        ),
        (
            login(type="Plain", value="a"),
            400,
            None,
            "customRegistries.a.azurecr.io.password.type' must be one of Opaque, Vaultsecret",
        ),
        (
            login(type="Vaultsecret", value="a"),
            400,
            "InvalidVaultSecret",
            "must be the URL of a Key Vault secret",
        ),
        (
            source(sourceControlType="Github", repositoryUrl="https://example.org/a/b"),
            400,
            "InvalidSourceRepository",
            "it has 'https://example.org/a/b'",
        ),
        (source(**GITHUB), 400, "SourceControlTokenRequired", "needs a token"),
        (
            source(**GITHUB, sourceControlAuthProperties={"tokenType": "PAT", "token": "wrong"}),
            400,
            "SourceControlWebhookFailed",
            "the token is not valid (Bad credentials)",
        ),
    ],
)
def test_a_task_that_may_not_be(
    place: Place, properties: dict[str, Any], status: int, code: str | None, message: str
) -> None:
    given = {"platform": {"os": "Linux"}, "step": STEP, **properties}
    path = "{r}/tasks/refused"
    answer = place.send("PUT", path, {"location": "eastus", "properties": given})
    assert_refused(answer, status, code or "InvalidRequestContent", message)
    assert place.send("GET", path).status_code == 404


def test_a_webhook_of_a_repository_that_is_not_there(place: Place) -> None:
    access = {"tokenType": "PAT", "token": place.cloud.account.github_token}
    given = {"platform": {"os": "Linux"}, "step": STEP}
    given |= source(**GITHUB, sourceControlAuthProperties=access)
    body = {"location": "eastus", "properties": given}
    answer = place.send("PUT", "{r}/tasks/refused", body)
    message = "https://github.com/a/nowhere: the repository is not found"
    assert_refused(answer, 400, "SourceControlWebhookFailed", message)
    assert access["token"] not in answer.text
    short = place.send("PUT", "{r}/tasks/four", body)
    assert short.status_code == 400
    assert "The task name 'four' is invalid" in short.json()["error"]["message"]


def test_a_task_is_patched(place: Place) -> None:
    path = "{r}/tasks/patched"
    base = {"name": "base", "baseImageTriggerType": "All"}
    timer = {"name": "nightly", "schedule": "0 0 * * *"}
    given = {"platform": {"os": "Linux"}, "step": STEP}
    given |= trigger(baseImageTrigger=base, timerTriggers=[timer])
    made = place.send("PUT", path, {"location": "eastus", "properties": given})
    assert made.status_code == 200, made.text
    change = {
        "tags": {"a": "1"},
        "identity": {"type": "SystemAssigned"},
        "properties": trigger(
            timerTriggers=[{"name": "nightly", "status": "Disabled"}],
            baseImageTrigger={"name": "base", "status": "Disabled"},
        ),
    }
    changed = place.send("PATCH", path, change)
    assert changed.status_code == 200, changed.text
    shown = place.send("GET", path).json()
    assert shown["tags"] == {"a": "1"}
    assert uuid.UUID(shown["identity"]["principalId"])
    [now] = shown["properties"]["trigger"]["timerTriggers"]
    assert now == {**timer, "status": "Disabled"}
    now = shown["properties"]["trigger"]["baseImageTrigger"]
    assert (now["status"], now["baseImageTriggerType"]) == ("Disabled", "All")
    other = place.send("PATCH", path, {"properties": {"step": {"type": "Docker"}}})
    assert_refused(other, 400, "InvalidTaskStep", "which an update cannot change to Docker")
