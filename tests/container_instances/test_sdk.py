"""Container groups with the real Azure SDK, through the front door, from the stand-in image."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud import daemon

from ..conftest import LocalCloud, start
from ..sdk import Sdk

PROGRAM = (
    "require('http').createServer((q, r) => { console.log(q.url); r.end('colour: ' + "
    "process.env.BACKGROUND_COLOR) }).listen(80, () => console.log('listening'))"
)


def _clients(cloud: LocalCloud) -> tuple[Any, Any]:
    transport: dict[str, Any] = {
        "proxies": {"https": cloud.proxy_url},
        "connection_verify": cloud.ca_file,
    }
    account = cloud.account
    credential = ClientSecretCredential(
        account.tenant_id, account.client_id, account.client_secret, **transport
    )
    return (
        ResourceManagementClient(credential, account.subscription_id, **transport),
        ContainerInstanceManagementClient(credential, account.subscription_id, **transport),
    )


def _group(colour: str) -> dict[str, Any]:
    return {
        "location": "eastus",
        "properties": {
            "osType": "Linux",
            "restartPolicy": "Always",
            "containers": [
                {
                    "name": "web",
                    "properties": {
                        "image": "docker.io/library/node:15-alpine",
                        "command": ["node", "-e", PROGRAM],
                        "ports": [{"port": 80}],
                        "environmentVariables": [{"name": "BACKGROUND_COLOR", "value": colour}],
                        "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
                    },
                }
            ],
            "ipAddress": {"type": "Public", "ports": [{"port": 80, "protocol": "TCP"}]},
        },
    }


def _page(found: Any) -> str:
    url = f"http://{found.ip_address.ip}:{found.ip_address.ports[0].port}/page"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        return str(answer.read().decode())


def test_from_nothing_to_a_page(local_cloud: LocalCloud) -> None:
    resources, containers = _clients(local_cloud)
    groups = containers.container_groups
    resources.resource_groups.create_or_update("aci-sdk", {"location": "eastus"})
    try:
        created = groups.begin_create_or_update("aci-sdk", "web", _group("blue")).result()
        assert created.provisioning_state == "Succeeded"
        assert created.instance_view.state == "Running"
        assert _page(created) == "colour: blue"
        updated = groups.begin_create_or_update("aci-sdk", "web", _group("green")).result()
        assert updated.ip_address.ip == created.ip_address.ip
        assert _page(updated) == "colour: green"
        deadline = time.monotonic() + 10
        while "/page" not in (
            text := containers.containers.list_logs("aci-sdk", "web", "web").content
        ):
            assert time.monotonic() < deadline, text
            time.sleep(0.05)
        assert text.startswith("listening\n")
        groups.stop("aci-sdk", "web")
        assert groups.get("aci-sdk", "web").instance_view.state == "Stopped"
        groups.begin_start("aci-sdk", "web").result()
        assert _page(groups.get("aci-sdk", "web")) == "colour: green"
        assert [item.name for item in groups.list_by_resource_group("aci-sdk")] == ["web"]
        groups.begin_delete("aci-sdk", "web").result()
        with pytest.raises(ResourceNotFoundError):
            groups.get("aci-sdk", "web")
    finally:
        resources.resource_groups.begin_delete("aci-sdk").result()


def test_groups_of_a_subscription_are_listed_and_tagged(sdk: Sdk) -> None:
    """Tags change nothing else: what runs goes on, and the location stays."""
    resources = sdk.manager(ResourceManagementClient).resource_groups
    groups, name = (
        sdk.manager(ContainerInstanceManagementClient).container_groups,
        f"aci-{sdk.form}",
    )
    resources.create_or_update(name, {"location": "eastus"})
    try:
        wanted = _group("blue")
        wanted["properties"]["containers"][0]["properties"]["command"] = ["sleep", "600"]
        created = groups.begin_create_or_update(name, "web", wanted).result()
        changed = groups.update(name, "web", {"tags": {"team": "one"}})
        assert groups.update(name, "web", {"location": "East US"}).tags == {"team": "one"}
        with pytest.raises(HttpResponseError, match="InvalidResourceLocation"):
            groups.update(name, "web", {"location": "westus"})
        assert (changed.tags, changed.location) == ({"team": "one"}, "eastus")
        shown = groups.get(name, "web")
        assert shown.tags == {"team": "one"}
        states = [one.containers[0].instance_view.current_state for one in (created, shown)]
        assert [one.state for one in states] == ["Running", "Running"]
        assert states[0].start_time == states[1].start_time
        [listed] = [one for one in groups.list() if one.id == created.id]
        assert (listed.name, listed.tags) == ("web", {"team": "one"})
        with pytest.raises(ResourceNotFoundError):
            groups.update(name, "nothing", {"tags": {}})
    finally:
        resources.begin_delete(name).result()
    assert created.id not in [one.id for one in groups.list()]


def test_an_image_that_does_not_exist(local_cloud: LocalCloud) -> None:
    resources, containers = _clients(local_cloud)
    groups = containers.container_groups
    resources.resource_groups.create_or_update("aci-bad", {"location": "eastus"})
    try:
        wanted = _group("blue")
        wanted["properties"]["containers"][0]["properties"]["image"] = "nothing.azurecr.io/x:1"
        with pytest.raises(HttpResponseError, match="InaccessibleImage") as caught:
            groups.begin_create_or_update("aci-bad", "web", wanted)
        assert "nothing.azurecr.io/x:1" in caught.value.message
        with pytest.raises(ResourceNotFoundError):
            groups.get("aci-bad", "web")
    finally:
        resources.resource_groups.begin_delete("aci-bad").result()


def test_a_killed_daemon_brings_its_containers_back(fresh_cloud: LocalCloud) -> None:
    resources, containers = _clients(fresh_cloud)
    groups = containers.container_groups
    resources.resource_groups.create_or_update("aci-kill", {"location": "eastus"})
    created = groups.begin_create_or_update("aci-kill", "web", _group("blue")).result()
    assert _page(created) == "colour: blue"
    os.kill(fresh_cloud.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while daemon.status(fresh_cloud.home) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    again = start(fresh_cloud.home)
    _, containers = _clients(again)
    while True:
        found = containers.container_groups.get("aci-kill", "web")
        events = {e.name: e.count for e in found.containers[0].instance_view.events}
        if events.get("Started") == 2 and found.instance_view.state == "Running":
            break
        assert time.monotonic() < deadline, events
        time.sleep(0.05)
    assert found.ip_address.ip == created.ip_address.ip
    assert _page(found) == "colour: blue"
