"""Tasks: all three kinds of steps, masked on read, merged on update."""

from __future__ import annotations

import base64
import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry

VAULT = "https://kv1.vault.azure.net/secrets/"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> tuple[str, str]:
    group = make_group(local_cloud)
    return group, make_registry(local_cloud, group)


def tasks(cloud: LocalCloud) -> Any:
    return cloud.client(ContainerRegistryTasksMgmtClient).tasks


def repository(cloud: LocalCloud) -> str:
    name = f"source-{uuid.uuid4().hex[:8]}"
    answer = cloud.http().post(
        "https://api.github.com/user/repos",
        json={"name": name},
        headers={"Authorization": f"token {cloud.account.github_token}"},
    )
    return f"{answer.json()['clone_url']}#main"


def file_task(cloud: LocalCloud, **more: Any) -> dict[str, Any]:
    url = repository(cloud)
    token = cloud.account.github_token
    return {
        "location": "eastus",
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "platform": {"os": "linux"},
            "step": {
                "type": "FileTask",
                "taskFilePath": "acr-task.yaml",
                "contextPath": url,
                "contextAccessToken": token,
                "values": [
                    {"name": "A", "value": "plain", "isSecret": False},
                    {"name": "B", "value": "hidden", "isSecret": True},
                ],
            },
            "trigger": {
                "sourceTriggers": [
                    {
                        "name": "defaultSourceTriggerName",
                        "sourceTriggerEvents": ["commit"],
                        "sourceRepository": {
                            "sourceControlType": "Github",
                            "repositoryUrl": url,
                            "branch": "main",
                            "sourceControlAuthProperties": {"tokenType": "PAT", "token": token},
                        },
                    }
                ],
                "baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime"},
            },
            "credentials": {
                "customRegistries": {
                    "docker.io": {
                        "userName": {"type": "Vaultsecret", "value": f"{VAULT}user"},
                        "password": {"type": "Opaque", "value": "opaque-password"},
                        "identity": "[system]",
                    }
                }
            },
            **more,
        },
    }


def create(cloud: LocalCloud, place: tuple[str, str], body: dict[str, Any]) -> tuple[str, Any]:
    name = f"task-{next(_numbers)}"
    return name, tasks(cloud).create(*place, name, body)


def test_secrets_are_masked_on_every_read(local_cloud: LocalCloud, place: tuple[str, str]) -> None:
    name, created = create(local_cloud, place, file_task(local_cloud))
    assert created.identity.principal_id
    assert (created.properties.timeout, created.properties.agent_configuration.cpu) == (3600, 2)
    reads = [created, tasks(local_cloud).get(*place, name), *tasks(local_cloud).list(*place)]
    for read in reads:
        shown = str(read.as_dict())
        for secret in (local_cloud.account.github_token, "hidden", "opaque-password"):
            assert secret not in shown
        assert "plain" in shown
    details = str(tasks(local_cloud).get_details(*place, name).as_dict())
    assert f"{VAULT}user" in details
    assert "opaque-password" not in details
    assert local_cloud.account.github_token not in details


def test_an_update_merges_but_values_are_replaced(
    local_cloud: LocalCloud, place: tuple[str, str]
) -> None:
    name, created = create(local_cloud, place, file_task(local_cloud))
    step = {"type": "FileTask", "values": [{"name": "C", "value": "new"}]}
    updated = tasks(local_cloud).update(*place, name, {"properties": {"step": step}})
    assert [one.name for one in updated.properties.step.values_property] == ["C"]
    assert updated.properties.step.task_file_path == "acr-task.yaml"
    assert updated.identity.principal_id == created.identity.principal_id
    more = {"customRegistries": {"other.azurecr.io": {"identity": "[system]"}}}
    updated = tasks(local_cloud).update(*place, name, {"properties": {"credentials": more}})
    assert set(updated.properties.credentials.custom_registries) == {
        "docker.io",
        "other.azurecr.io",
    }
    gone = {"properties": {"credentials": {"customRegistries": {"docker.io": None}}}}
    answer = local_cloud.http().patch(
        f"https://management.azure.com{created.id}",
        json=gone,
        headers={"Authorization": f"Bearer {local_cloud.token()}"},
    )
    assert list(answer.json()["properties"]["credentials"]["customRegistries"]) == [
        "other.azurecr.io"
    ]
    # az acr task update --set names the trigger and the kind of its token, and not the token.
    [source] = file_task(local_cloud)["properties"]["trigger"]["sourceTriggers"]
    source["sourceRepository"] = {"sourceControlAuthProperties": {"tokenType": "PAT"}}
    trigger = {"sourceTriggers": [source]}
    updated = tasks(local_cloud).update(*place, name, {"properties": {"trigger": trigger}})
    assert updated.properties.trigger.source_triggers[0].source_repository.branch == "main"
    updated = tasks(local_cloud).update(*place, name, {"properties": {"status": "Disabled"}})
    assert updated.properties.status == "Disabled"
    assert len(updated.properties.trigger.source_triggers) == 1


def test_changes_at_the_same_time_lose_nothing(
    local_cloud: LocalCloud, place: tuple[str, str]
) -> None:
    name, _ = create(local_cloud, place, file_task(local_cloud))
    servers = [f"other{number}.azurecr.io" for number in range(8)]

    def add(server: str) -> None:
        more = {"customRegistries": {server: {"identity": "[system]"}}}
        tasks(local_cloud).update(*place, name, {"properties": {"credentials": more}})

    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(add, servers))
    found = tasks(local_cloud).get(*place, name).properties.credentials.custom_registries
    assert set(found) == {"docker.io", *servers}


def test_a_read_that_is_put_back_keeps_the_secrets_that_it_does_not_show(
    local_cloud: LocalCloud, place: tuple[str, str]
) -> None:
    body = file_task(local_cloud)
    timers = [{"name": name, "schedule": "0 0 1 1 *"} for name in ("t1", "t2")]
    body["properties"]["trigger"]["timerTriggers"] = timers
    name, _ = create(local_cloud, place, body)
    # As az acr task timer remove does it.
    read = tasks(local_cloud).get_details(*place, name)
    del read.properties.trigger.timer_triggers[0]
    put = tasks(local_cloud).create(*place, name, read)
    assert [one.name for one in put.properties.trigger.timer_triggers] == ["t2"]
    store = Store(local_cloud.home / "state.db")
    stored = store.get(put.id)
    store.close()
    assert stored is not None
    properties = stored.private["properties"]
    given = body["properties"]
    [trigger] = properties["trigger"]["sourceTriggers"]
    [wanted] = given["trigger"]["sourceTriggers"]
    access = "sourceControlAuthProperties"
    assert trigger["sourceRepository"][access] == wanted["sourceRepository"][access]
    assert properties["step"]["contextAccessToken"] == given["step"]["contextAccessToken"]
    assert properties["step"]["values"] == given["step"]["values"]
    assert properties["credentials"] == given["credentials"]

    # The token is one of that repository, and of no other.
    source = read.properties.trigger.source_triggers[0].source_repository
    source.repository_url = repository(local_cloud)
    with pytest.raises(HttpResponseError, match="needs a token of the repository"):
        tasks(local_cloud).create(*place, name, read)


def test_encoded_and_docker_steps(local_cloud: LocalCloud, place: tuple[str, str]) -> None:
    content = base64.b64encode(b"version: v1.1.0\nsteps:\n  - cmd: bash echo hi\n").decode()
    body: dict[str, Any] = {
        "location": "eastus",
        "properties": {"step": {"type": "EncodedTask", "encodedTaskContent": content}},
    }
    _, created = create(local_cloud, place, body)
    assert created.properties.step.encoded_task_content == content
    assert created.identity is None
    body["properties"]["step"] = {
        "type": "Docker",
        "dockerFilePath": "Dockerfile",
        "contextPath": "https://github.com/o/n.git",
        "imageNames": ["app:{{.Run.ID}}"],
        "target": "final",
        "noCache": True,
        "arguments": [{"name": "X", "value": "1"}, {"name": "Y", "value": "s", "isSecret": True}],
    }
    _, created = create(local_cloud, place, body)
    assert (created.properties.step.target, created.properties.step.no_cache) == ("final", True)
    assert created.properties.step.is_push_enabled
    assert [one.value for one in created.properties.step.arguments] == ["1", None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": {"type": "Nothing"}}, "step type 'Nothing'"),
        ({"step": {"type": "FileTask", "contextPath": "x"}}, "requires 'taskFilePath'"),
        ({"step": {"type": "EncodedTask", "encodedTaskContent": "%"}}, "is not base64"),
        ({"timeout": 10}, "between 300 and 28800"),
        ({"platform": {"os": "windows"}}, "does not implement tasks on Windows"),
        ({"trigger": {"timerTriggers": [{"name": "t1", "schedule": "daily"}]}}, "five fields"),
    ],
)
def test_wrong_properties_are_named(
    local_cloud: LocalCloud, place: tuple[str, str], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(HttpResponseError, match=message):
        create(local_cloud, place, file_task(local_cloud, **change))
    name = f"task-{next(_numbers) - 1}"
    with pytest.raises(ResourceNotFoundError):
        tasks(local_cloud).get(*place, name)


def test_a_wrong_git_token_is_found_out_at_once(
    local_cloud: LocalCloud, place: tuple[str, str]
) -> None:
    body = file_task(local_cloud)
    source = body["properties"]["trigger"]["sourceTriggers"][0]["sourceRepository"]
    source["sourceControlAuthProperties"]["token"] = "ghp_wrong"
    with pytest.raises(HttpResponseError, match="token is not valid") as caught:
        create(local_cloud, place, body)
    assert "ghp_wrong" not in caught.value.message


def test_deleting_a_task_ends_its_identity(local_cloud: LocalCloud, place: tuple[str, str]) -> None:
    name, created = create(local_cloud, place, file_task(local_cloud))
    tasks(local_cloud).delete(*place, name)
    with pytest.raises(ResourceNotFoundError):
        tasks(local_cloud).get(*place, name)
    headers = {"Authorization": f"Bearer {local_cloud.token('https://graph.microsoft.com')}"}
    url = f"https://graph.microsoft.com/v1.0/servicePrincipals/{created.identity.principal_id}"
    assert local_cloud.http().get(url, headers=headers).status_code == 404
