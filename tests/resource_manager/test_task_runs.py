"""Task runs: scheduled when they are written, again when they change, as far as their runs are."""

from __future__ import annotations

import asyncio
import base64
import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient, models
from azure.mgmt.containerregistrytasks.aio import ContainerRegistryTasksMgmtClient as AioClient

from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud
from tests.deployments.planning import template
from tests.resource_manager.deploying import Target
from tests.resource_manager.scheduling import content, encoded, ended, put, run_id
from tests.tasks.repositories import Repository
from tests.tasks.running import Registry
from tests.tasks.test_step_identity import ASK, answers, step, who


def task_runs(registry: Registry) -> Any:
    return registry.cloud.client(ContainerRegistryTasksMgmtClient).task_runs


def test_a_task_run_is_as_far_as_its_run(registry: Registry) -> None:
    request = models.EncodedTaskRunRequest(
        encoded_task_content=content("bash echo $Value"),
        platform=models.PlatformProperties(os="Linux"),
        values_property=[models.SetValue(name="Key", value="hidden", is_secret=True)],
        is_archive_enabled=True,
    )
    poller = task_runs(registry).begin_create(
        registry.group,
        registry.name,
        "first-run",
        models.TaskRun(
            location="East US",
            properties=models.TaskRunProperties(run_request=request, force_update_tag="1"),
        ),
    )
    made = poller.result()
    assert made.id == f"{registry.id}/taskRuns/first-run"
    assert (made.name, made.location) == ("first-run", "eastus")
    assert made.type == "Microsoft.ContainerRegistry/registries/taskRuns"
    assert made.provisioning_state == "Succeeded"
    assert made.force_update_tag == "1"
    assert made.system_data.created_by == registry.cloud.account.client_id
    assert made.run_request.encoded_task_content == content("bash echo $Value")
    assert [one.value for one in made.run_request.values_property] == [None]
    assert made.run_result.status == "Succeeded"
    assert made.run_result.run_type == "QuickRun"
    assert made.run_result.is_archive_enabled
    run = registry.tasks.runs.get(registry.group, registry.name, made.run_result.run_id)
    assert run.as_dict() == made.run_result.as_dict()
    details = task_runs(registry).get_details(registry.group, registry.name, "first-run")
    assert [one.value for one in details.run_request.values_property] == ["hidden"]
    listed = task_runs(registry).list(registry.group, registry.name)
    assert [one.name for one in listed if one.name == "first-run"] == ["first-run"]
    assert list(listed) == []  # the iterator is at its end
    task_runs(registry).delete(registry.group, registry.name, "first-run")
    with pytest.raises(ResourceNotFoundError):
        task_runs(registry).get(registry.group, registry.name, "first-run")
    task_runs(registry).delete(registry.group, registry.name, "first-run")  # 204
    kept = registry.tasks.runs.get(registry.group, registry.name, made.run_result.run_id)
    assert kept.status == "Succeeded"


def test_the_operation_is_that_of_the_run(registry: Registry) -> None:
    answer = put(registry, "slow-one", encoded("bash sleep 2"))
    assert answer.status_code == 201, answer.text
    address = answer.headers["Azure-AsyncOperation"]
    assert f"/taskRuns/slow-one/operationStatuses/{run_id(answer)}?" in address
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    path = address.partition(registry.name)[2].partition("?")[0]
    going = registry.call("GET", path)
    assert (going.status_code, going.json()) == (200, {"status": "Creating"})
    assert going.headers["retry-after-ms"]
    registry.wait(run_id(answer))
    assert registry.call("GET", path).json() == {"status": "Succeeded"}
    assert registry.call("GET", path + "x").status_code == 404
    other = put(registry, "other-one", encoded("bash true"))
    foreign = path.replace(run_id(answer), run_id(other))
    assert registry.call("GET", foreign).status_code == 404


@pytest.mark.parametrize(("way", "state"), [("fail", "Failed"), ("cancel", "Canceled")])
def test_a_run_that_goes_wrong_fails_the_operation(
    registry: Registry, way: str, state: str
) -> None:
    command = "bash exit 3" if way == "fail" else "bash sleep 60"
    poller = task_runs(registry).begin_create(
        registry.group,
        registry.name,
        f"wrong-{way}",
        {"location": "eastus", "properties": {"runRequest": encoded(command)}},
    )
    if way == "cancel":
        begun = task_runs(registry).get(registry.group, registry.name, "wrong-cancel")
        registry.tasks.runs.cancel(registry.group, registry.name, begun.run_result.run_id)
    with pytest.raises(HttpResponseError) as caught:
        poller.result()
    shown = task_runs(registry).get(registry.group, registry.name, f"wrong-{way}")
    assert shown.provisioning_state == state
    assert shown.run_result.status == state
    message = caught.value.message
    assert f"terminal provisioning state '{state}'" in message
    assert f"Run ID: {shown.run_result.run_id}" in message


def test_it_runs_again_when_it_changes(registry: Registry) -> None:
    request = encoded("bash true", values=[{"name": "A", "value": "s", "isSecret": True}])
    first = put(registry, "again", request, forceUpdateTag="1")
    assert first.status_code == 201
    ended(registry, first)
    same = put(registry, "again", request, forceUpdateTag="1")
    assert (same.status_code, run_id(same)) == (200, run_id(first))
    assert "Azure-AsyncOperation" not in same.headers
    # What was read has no secrets, and is the same.
    read = same.json()["properties"]["runRequest"]
    assert read["values"] == [{"name": "A", "isSecret": True, "value": None}]
    assert run_id(put(registry, "again", read, forceUpdateTag="1")) == run_id(first)
    tagged = put(registry, "again", read, forceUpdateTag="2")
    assert tagged.status_code == 201
    assert tagged.json()["properties"]["provisioningState"] == "Updating"
    assert run_id(tagged) != run_id(first)
    assert ended(registry, tagged)["properties"]["provisioningState"] == "Succeeded"
    details = registry.call("POST", "/taskRuns/again/listDetails").json()["properties"]
    assert details["runRequest"]["values"][0]["value"] == "s"
    secret = encoded("bash true", values=[{"name": "A", "value": "t", "isSecret": True}])
    other = put(registry, "again", secret, forceUpdateTag="2")
    assert other.status_code == 201
    ended(registry, other)
    patched = registry.call("PATCH", "/taskRuns/again", {"tags": {"a": "b"}})
    assert (patched.status_code, run_id(patched)) == (200, run_id(other))
    assert patched.json()["tags"] == {"a": "b"}
    changes: dict[str, Any] = {"properties": {"forceUpdateTag": "3"}}
    poller = task_runs(registry).begin_update(registry.group, registry.name, "again", changes)
    assert poller.result().run_result.run_id not in (run_id(other), run_id(tagged))
    changes = {"location": "eastus", "properties": {"runRequest": encoded("bash echo new")}}
    updated = registry.call("PATCH", "/taskRuns/again", changes)
    assert updated.status_code == 201
    assert ended(registry, updated)["properties"]["forceUpdateTag"] == "3"


def test_every_kind_of_request(registry: Registry, local_cloud: LocalCloud) -> None:
    cloud = Cloud(local_cloud.home)
    repository = Repository(cloud)
    repository.commit(
        "main",
        {
            "Dockerfile": (0o100644, "FROM scratch\nARG name\nCOPY Dockerfile /\n"),
            "acr-task.yaml": (0o100644, "version: v1.1.0\nsteps:\n  - cmd: bash true\n"),
        },
    )
    cloud.close()
    url = f"{repository.url}#main"
    build = {
        "type": "DockerBuildRequest",
        "dockerFilePath": "Dockerfile",
        "imageNames": ["built:v1"],
        "sourceLocation": url,
        "arguments": [{"name": "name", "value": "x"}],
        "platform": {"os": "linux", "architecture": "amd64"},
        "values": [],  # as Azure's own sample template says, and which a build does not have
        "credentials": {},
    }
    shown = ended(registry, put(registry, "kind-build", build))["properties"]
    assert shown["provisioningState"] == "Succeeded", shown
    [image] = shown["runResult"]["properties"]["outputImages"]
    assert (image["repository"], image["tag"]) == ("built", "v1")
    assert shown["runResult"]["properties"]["runType"] == "QuickRun"
    assert "values" not in shown["runRequest"]
    file = {"type": "FileTaskRunRequest", "taskFilePath": "acr-task.yaml", "sourceLocation": url}
    shown = ended(registry, put(registry, "kind-file", file))["properties"]
    assert shown["provisioningState"] == "Succeeded", shown
    registry.task("of-a-task", {"type": "EncodedTask", "encodedTaskContent": content("bash true")})
    override = {"values": [{"name": "A", "value": "s", "isSecret": True}]}
    of_task = {
        "type": "TaskRunRequest",
        "taskId": f"{registry.id}/tasks/of-a-task",
        "overrideTaskStepProperties": override,
    }
    shown = ended(registry, put(registry, "kind-task", of_task))["properties"]
    assert shown["runResult"]["properties"]["task"] == "of-a-task"
    assert shown["runRequest"]["overrideTaskStepProperties"]["values"][0]["value"] is None


SECRET = {"type": "Opaque", "value": "password"}


def test_credentials_are_masked(registry: Registry) -> None:
    vault = {"type": "Vaultsecret", "value": "https://kv1.vault.azure.net/secrets/p"}
    login = {"userName": SECRET, "password": vault}
    request = encoded("bash true", credentials={"customRegistries": {"a.azurecr.io": login}})
    answer = put(registry, "with-login", request)
    assert answer.status_code == 201, answer.text
    assert "password" not in answer.json()["properties"]["runRequest"]["credentials"].values()
    [shown] = answer.json()["properties"]["runRequest"]["credentials"]["customRegistries"].values()
    assert shown["userName"] == {"type": "Opaque", "value": None}
    assert shown["password"]["value"] is None
    details = registry.call("POST", "/taskRuns/with-login/listDetails").json()["properties"]
    [shown] = details["runRequest"]["credentials"]["customRegistries"].values()
    assert (shown["userName"]["value"], shown["password"]) == (None, vault)


def identity_of(registry: Registry, name: str) -> dict[str, Any]:
    """A new user-assigned identity: its id and its client id."""
    group = registry.id.partition("/providers/")[0]
    answer = registry.http.put(
        f"https://management.azure.com{group}/providers/"
        f"Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
        params={"api-version": "2024-11-30"},
        headers={"Authorization": f"Bearer {registry.cloud.token()}"},
        json={"location": "eastus"},
    )
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_run_has_the_identity_that_users_assign(registry: Registry) -> None:
    one, other = identity_of(registry, "run-one"), identity_of(registry, "run-other")
    text = base64.b64encode(f"version: v1.0.0\nsteps:\n{step(ASK)}".encode()).decode()
    request = {"type": "EncodedTaskRunRequest", "encodedTaskContent": text}

    def tokens(identity: Any, method: str = "PUT", **more: Any) -> list[str]:
        """Whose tokens the steps of a new run get."""
        body = {"identity": identity, "properties": {"runRequest": request, **more}}
        answer = registry.call(method, "/taskRuns/identified-run", body)
        assert answer.status_code == 201, answer.text
        run = registry.wait(run_id(answer))
        assert run.status == "Succeeded", run.log
        return [who(found)[0] for found in answers(run)]

    assigned = {"type": "UserAssigned", "userAssignedIdentities": {one["id"]: {}}}
    assert tokens(assigned) == [one["properties"]["principalId"]]
    shown = registry.call("GET", "/taskRuns/identified-run").json()["identity"]
    assert list(shown["userAssignedIdentities"]) == [one["id"]]
    instead = {
        "type": "UserAssigned",
        "userAssignedIdentities": {one["id"]: None, other["id"]: {}},
    }
    assert tokens(instead, "PATCH", forceUpdateTag="2") == [other["properties"]["principalId"]]
    assert "identity" in registry.call("PATCH", "/taskRuns/identified-run", {}).json()
    registry.task("task-with-own", {"type": "EncodedTask", "encodedTaskContent": text})
    own = {"identity": {"type": "SystemAssigned"}}
    assert registry.call("PATCH", "/tasks/task-with-own", own).status_code == 200
    principal = registry.call("GET", "/tasks/task-with-own").json()["identity"]["principalId"]
    request = {"type": "TaskRunRequest", "taskId": f"{registry.id}/tasks/task-with-own"}
    assert tokens({"type": "None"}) == [principal]
    assert "identity" not in registry.call("GET", "/taskRuns/identified-run").json()
    assert tokens(assigned, forceUpdateTag="4") == [one["properties"]["principalId"]]


def test_a_deployment_waits_for_the_run(registry: Registry, local_cloud: LocalCloud) -> None:
    target = Target(local_cloud, registry.group)

    def running(name: str, command: str) -> dict[str, Any]:
        run = {
            "type": "Microsoft.ContainerRegistry/registries/taskRuns",
            "name": f"{registry.name}/{name}",
            "apiVersion": "2019-06-01-preview",
            "location": "[resourceGroup().location]",
            "properties": {"runRequest": encoded(command)},
        }
        status = (
            "[reference(resourceId('Microsoft.ContainerRegistry/registries/taskRuns',"
            f" '{registry.name}', '{name}'), '2019-06-01-preview').runResult.properties.status]"
        )
        return template(run, outputs={"status": {"type": "string", "value": status}})

    done = target.deploy(running("deployed", "bash sleep 1"))
    assert done["provisioningState"] == "Succeeded", done
    assert done["outputs"]["status"]["value"] == "Succeeded"
    first = registry.call("GET", "/taskRuns/deployed").json()
    again = target.deploy(running("deployed", "bash sleep 1"))
    assert again["provisioningState"] == "Succeeded", again
    same = registry.call("GET", "/taskRuns/deployed").json()
    assert same["properties"]["runResult"]["name"] == first["properties"]["runResult"]["name"]
    for name in ("fails", "again"):  # the second one finds the run that has failed
        failed = target.deploy(running("deploy-fails", "bash exit 3"), name)
        assert failed["provisioningState"] == "Failed"
        [detail] = failed["error"]["details"]
        assert detail["code"] == "ResourceDeploymentFailure"
        assert "terminal provisioning state 'Failed'" in detail["message"]


def test_a_run_that_is_lost_has_failed(registry: Registry, local_cloud: LocalCloud) -> None:
    answer = put(registry, "lost-run", encoded("bash true"))
    ended(registry, answer)
    ended(registry, put(registry, "after-it", encoded("bash true")))  # which has the next number
    cloud = Cloud(local_cloud.home)
    key = f"{registry.id}/runs/{run_id(answer)}".lower()
    cloud.store.execute("DELETE FROM runs WHERE key=?", (key,))
    cloud.close()
    shown = registry.call("GET", "/taskRuns/lost-run").json()["properties"]
    assert shown["provisioningState"] == "Failed"
    assert "runResult" not in shown
    told = registry.call("GET", f"/taskRuns/lost-run/operationStatuses/{run_id(answer)}").json()
    assert "The run is lost" in told["error"]["message"]


def test_the_asynchronous_client(registry: Registry, local_cloud: LocalCloud) -> None:
    async def through() -> list[str]:
        credential = local_cloud.asynchronous_credential()
        client = AioClient(
            credential,
            local_cloud.account.subscription_id,
            polling_interval=1,
            **local_cloud.asynchronous_options(),
        )
        async with credential, client:
            place = (registry.group, registry.name)
            body: Any = {"location": "eastus", "properties": {"runRequest": encoded("bash true")}}
            made = await (await client.task_runs.begin_create(*place, "aio-run", body)).result()
            assert made.provisioning_state == "Succeeded"
            change: Any = {"properties": {"forceUpdateTag": "x"}}
            new = await (await client.task_runs.begin_update(*place, "aio-run", change)).result()
            assert new.run_result is not None
            assert made.run_result is not None
            assert new.run_result.run_id != made.run_result.run_id
            assert (await client.task_runs.get(*place, "aio-run")).force_update_tag == "x"
            assert (await client.task_runs.get_details(*place, "aio-run")).run_request is not None
            names = [str(one.name) async for one in client.task_runs.list(*place)]
            await client.task_runs.delete(*place, "aio-run")
            return names

    assert "aio-run" in asyncio.run(through())


def test_az_acr_taskrun(registry: Registry, az: Any) -> None:
    answer = put(registry, "taskrun-of-az", encoded("bash echo hello-from-a-taskrun"))
    ended(registry, answer)
    where = ("--registry", registry.name)
    which = ("--name", "taskrun-of-az", *where)
    shown = az.json("acr", "taskrun", "show", *which)
    assert shown["provisioningState"] == "Succeeded"
    assert shown["runResult"]["runId"] == run_id(answer)
    assert "taskrun-of-az" in [one["name"] for one in az.json("acr", "taskrun", "list", *where)]
    table = az.ok("acr", "taskrun", "show", *which, "--output", "table").splitlines()
    assert table[0].split()[:3] == ["NAME", "RUN", "ID"]
    assert table[2].split()[:4] == ["taskrun-of-az", run_id(answer), "Linux", "Succeeded"]
    assert "hello-from-a-taskrun" in az.ok("acr", "taskrun", "logs", *which)
    az.ok("acr", "taskrun", "delete", *which, "--yes")
    assert "not found" in az.refused("acr", "taskrun", "show", *which)


def test_as_terraform_schedules_a_task(registry: Registry) -> None:
    """azurerm_container_registry_task_schedule_run_now: scheduleRun of 2019-06-01-preview, then runs."""
    name = f"task-{uuid.uuid4().hex[:8]}"
    registry.task(name, {"type": "EncodedTask", "encodedTaskContent": content("bash true")})
    version = {"api-version": "2019-06-01-preview"}
    address = f"https://management.azure.com{registry.id}"
    headers = {"Authorization": f"Bearer {registry.cloud.token()}"}
    request = {"type": "TaskRunRequest", "taskId": f"{registry.id}/tasks/{name}"}
    begun = registry.http.post(
        f"{address}/scheduleRun", params=version, headers=headers, json=request
    )
    assert begun.status_code == 200, begun.text
    registry.wait(begun.json()["name"])
    run = registry.http.get(
        f"{address}/runs/{begun.json()['name']}", params=version, headers=headers
    )
    assert run.json()["properties"]["status"] == "Succeeded"
