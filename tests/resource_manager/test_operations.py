"""Long-running operations over HTTP: who waits, what is told, and what a killed daemon leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud import daemon
from helpers.localcloud.api_versions import newest
from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud, start
from tests.resource_manager.test_resource_manager import make_group, make_registry

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.2; done"
NODE = {"registryUri": "docker.io", "sourceImage": "library/node:15-alpine"}
MANY = 45  # more than the threads of a service


class Caller:
    """Plain requests to the resource manager."""

    def __init__(self, cloud: LocalCloud, group: str = "") -> None:
        self.cloud = cloud
        self.place = f"https://management.azure.com{cloud.subscription}"
        if group:
            self.place += f"/resourceGroups/{group}"
        self._headers = {"Authorization": f"Bearer {cloud.token()}"}

    def send(self, method: str, path: str = "", body: Any = None) -> requests.Response:
        url = path if path.startswith("https:") else self.place + path
        version = {} if "api-version" in url else {"api-version": newest(url)}
        with self.cloud.http() as client:
            return client.request(
                method, url, json=body, params=version, headers=self._headers, timeout=60
            )

    def ended(self, url: str) -> dict[str, Any]:
        """The status of an operation once it has ended."""
        deadline = time.monotonic() + 60
        while (found := self.send("GET", url).json())["status"] == "InProgress":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return dict(found)


def _container_group(script: str) -> dict[str, Any]:
    container = {
        "image": "docker.io/library/node:15-alpine",
        "command": ["sh", "-c", script],
        "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
    }
    properties = {
        "osType": "Linux",
        "restartPolicy": "Never",
        "containers": [{"name": "main", "properties": container}],
    }
    return {"location": "eastus", "properties": properties}


def _ready(containers: Any, group: str) -> None:
    deadline = time.monotonic() + 30
    while "ready" not in containers.containers.list_logs(group, "web", "main").content:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_waits_for_containers_that_do_not_end_delays_nobody(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    containers = local_cloud.client(ContainerInstanceManagementClient)
    groups = containers.container_groups
    groups.begin_create_or_update(group, "web", _container_group(STUBBORN)).result()
    _ready(containers, group)
    caller = Caller(local_cloud, group)
    web = "/providers/Microsoft.ContainerInstance/containerGroups/web"
    with ThreadPoolExecutor(MANY) as pool:
        stops = [pool.submit(caller.send, "POST", f"{web}/stop") for _ in range(MANY)]
        deadline = time.monotonic() + 30
        before = 0  # GETs that were answered while nobody's stop was
        while not any(one.done() for one in stops):
            assert time.monotonic() < deadline
            assert caller.send("GET", web).json()["properties"]["instanceView"]["state"]
            before += 1
        assert {one.result().status_code for one in stops} == {204}
    assert before > 1
    assert groups.get(group, "web").instance_view.state == "Stopped"
    groups.begin_start(group, "web").result()
    assert groups.get(group, "web").instance_view.state == "Running"


def test_the_first_pull_of_a_stand_in_delays_nobody(fresh_cloud: LocalCloud) -> None:
    group = make_group(fresh_cloud)
    registry = make_registry(fresh_cloud, group)
    caller = Caller(fresh_cloud, group)
    path = f"/providers/Microsoft.ContainerRegistry/registries/{registry}"

    def import_it(number: int) -> requests.Response:
        body = {"source": NODE, "targetTags": [f"node:{number}"]}
        return caller.send("POST", f"{path}/importImage", body)

    with ThreadPoolExecutor(MANY) as pool:
        imports = [pool.submit(import_it, number) for number in range(MANY)]
        assert caller.send("GET", path).status_code == 200
        places = [one.result().headers["Location"] for one in imports]
    deadline = time.monotonic() + 60
    for place in places:
        while (answer := caller.send("GET", place)).status_code == 202:
            assert time.monotonic() < deadline
        assert answer.status_code == 200, answer.text


def test_an_import_that_fails_says_why(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    registries = local_cloud.client(ContainerRegistryManagementClient).registries
    name = make_registry(local_cloud, group)
    image: dict[str, Any] = {"source": NODE, "targetTags": ["node:1"]}
    registries.begin_import_image(group, name, image).result()
    with pytest.raises(HttpResponseError, match="Tag node:1 already exists"):
        registries.begin_import_image(group, name, image).result()
    registries.begin_import_image(group, name, {**image, "mode": "Force"}).result()
    image = {"source": {"registryUri": "docker.io", "sourceImage": "library/nothing:1"}}
    with pytest.raises(HttpResponseError, match="Unable to find manifest digest"):
        registries.begin_import_image(group, name, image).result()


def test_restart_and_start_end_when_the_group_runs(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    containers = local_cloud.client(ContainerInstanceManagementClient)
    groups = containers.container_groups
    body = _container_group("echo ready; exec sleep 600")
    groups.begin_create_or_update(group, "web", body).result()
    for again in (groups.begin_restart, groups.begin_start):
        before = groups.get(group, "web").containers[0].instance_view.current_state.start_time
        again(group, "web").result()
        found = groups.get(group, "web")
        assert found.instance_view.state == "Running"
        assert found.containers[0].instance_view.current_state.start_time > before


def test_an_operation_that_never_was_is_not_found(local_cloud: LocalCloud) -> None:
    caller = Caller(local_cloud)
    for path in (
        f"/operationresults/{uuid.uuid4()}",
        f"/providers/Microsoft.Resources/operations/{uuid.uuid4()}",
    ):
        answer = caller.send("GET", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "OperationNotFound")


def test_the_deletion_of_a_group_is_an_operation(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    caller = Caller(local_cloud, group)
    answer = caller.send("DELETE")
    assert answer.status_code == 202
    assert "Azure-AsyncOperation" not in answer.headers
    deadline = time.monotonic() + 20
    while (told := caller.send("GET", answer.headers["Location"])).status_code == 202:
        assert time.monotonic() < deadline
        assert told.headers["Location"].partition("?")[0] in answer.headers["Location"]
    assert (told.status_code, told.content) == (200, b"")
    assert caller.send("GET").status_code == 404


def _kill(cloud: LocalCloud) -> None:
    os.kill(cloud.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while daemon.status(cloud.home) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_a_killed_daemon_had_begun_is_carried_on(fresh_cloud: LocalCloud) -> None:
    group, other = make_group(fresh_cloud), make_group(fresh_cloud)
    registry = make_registry(fresh_cloud, group)
    containers = fresh_cloud.client(ContainerInstanceManagementClient)
    containers.container_groups.begin_create_or_update(
        group, "web", _container_group(STUBBORN)
    ).result()
    _ready(containers, group)
    caller = Caller(fresh_cloud, group)
    web = "/providers/Microsoft.ContainerInstance/containerGroups/web"

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):  # nobody is left to answer
            caller.send("POST", f"{web}/stop")

    stop = threading.Thread(target=ask)
    stop.start()
    cloud = Cloud(fresh_cloud.home)
    deadline = time.monotonic() + 20
    while not (going_on := cloud.operations.going_on()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    _kill(fresh_cloud)
    stop.join()
    # Begun, and the daemon was killed before its worker took them.
    place = f"{cloud.subscription}/resourceGroups"
    request = {
        "source": "docker.io/library/node:15-alpine",
        "credential": None,
        "asCaller": False,
        "goals": [f"{registry.lower()}.azurecr.io/node:1"],
        "force": False,
        "principal": cloud.account.object_id,
    }
    registry_id = f"{place}/{group}/providers/Microsoft.ContainerRegistry/registries/{registry}"
    going_on += [
        cloud.operations.begin("importImage", registry_id, request),
        cloud.operations.begin("resourceGroups/delete", f"{place}/{other}"),
    ]
    cloud.close()
    again = start(fresh_cloud.home)
    caller = Caller(again)
    operations = "/providers/Microsoft.Resources/operations"
    for one in going_on:
        found = caller.ended(f"{caller.place}{operations}/{one.id}")
        assert found["status"] == "Succeeded", (one.kind, found)
    containers = again.client(ContainerInstanceManagementClient)
    assert containers.container_groups.get(group, "web").instance_view.state == "Stopped"
    assert not again.client(ResourceManagementClient).resource_groups.check_existence(other)
    tags = Cloud(again.home)
    assert tags.store.query(
        "SELECT tag FROM registry_tags WHERE registry LIKE ?", (f"{registry}%",)
    )
    tags.close()
