"""Deployments that take a while: canceled, killed, in the way of others, in a group that goes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud import daemon
from tests.conftest import LocalCloud, start
from tests.deployments.planning import REGISTRIES, nested, registry, template
from tests.resource_manager.deploying import DEPLOYMENTS, Target, target, unique
from tests.resource_manager.test_requests import send
from tests.resource_manager.test_resource_manager import make_group

__all__ = ["target"]


def instance(name: str, **more: Any) -> dict[str, Any]:
    """A container group that has to be pulled and started."""
    container = {
        "name": "one",
        "properties": {
            "image": "docker.io/library/node:15-alpine",
            "command": ["/bin/sh", "-c", "sleep 60"],
            "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
        },
    }
    return {
        "type": "Microsoft.ContainerInstance/containerGroups",
        "apiVersion": "2023-05-01",
        "name": name,
        "location": "eastus",
        "properties": {"osType": "Linux", "restartPolicy": "Never", "containers": [container]},
        **more,
    }


def slow(count: int) -> tuple[dict[str, Any], list[str]]:
    """A template whose instances are made one after the other, and then a registry."""
    names = [unique("i") for _ in range(count)]
    before: list[str] = []
    resources = []
    for name in names:
        resources.append(instance(name, dependsOn=before))
        before = [name]
    last = unique()
    return template(*resources, registry(last, dependsOn=before)), [*names, last]


def going(target: Target, before: int = 0) -> None:
    """Wait until one resource more is there than ``before``."""
    for _ in range(400):
        if len(target.names()) > before:
            return
        time.sleep(0.02)
    raise AssertionError("nothing is made")


def test_a_deployment_is_canceled(target: Target) -> None:
    """What was made stays, nothing further is begun; the name can be used again."""
    document, names = slow(12)
    assert target.begin(document).status_code == 201
    going(target)
    active = target.begin(document)
    assert (active.status_code, active.json()["error"]["code"]) == (409, "DeploymentActive")
    deleted = target.send("DELETE", f"{DEPLOYMENTS}/first")
    assert (deleted.status_code, deleted.json()["error"]["code"]) == (409, "DeploymentActive")
    assert target.send("POST", f"{DEPLOYMENTS}/first/cancel").status_code == 204
    assert target.ended()["provisioningState"] == "Canceled"
    time.sleep(1.5)
    assert names[-1] not in target.names()
    assert target.ended()["provisioningState"] == "Canceled"
    assert target.deploy(template())["provisioningState"] == "Succeeded"


def test_instances_are_made_at_once(target: Target) -> None:
    """Those that need nothing of one another; what needs them comes when they are there."""
    names = [unique("i") for _ in range(3)]
    last = registry(unique(), dependsOn=names)
    state = f"[reference('{names[0]}').provisioningState]"
    document = template(
        *map(instance, names), last, outputs={"x": {"type": "string", "value": state}}
    )
    done = target.deploy(document)
    assert done["provisioningState"] == "Succeeded", done
    assert done["outputs"]["x"]["value"] == "Succeeded"
    operations = target.send("GET", f"{DEPLOYMENTS}/first/operations").json()["value"]
    order = [one["properties"].get("targetResource", {}).get("resourceName") for one in operations]
    assert set(order[:3]) == set(names)
    assert order[3:] == [last["name"], None]


def test_what_if_of_instances(target: Target) -> None:
    """They are not started for it: what a template says of them is laid over what there is."""
    name = unique("i")
    one = instance(name)
    told = target.ask("whatIf", template(one)).json()["properties"]["changes"]
    assert [(change["changeType"], "before" in change) for change in told] == [("Create", False)]
    assert target.names() == set()
    assert target.deploy(template(one))["provisioningState"] == "Succeeded"
    told = target.ask("whatIf", template(one)).json()["properties"]["changes"]
    assert [change["changeType"] for change in told] == ["NoChange"]
    changed = instance(name, tags={"a": "b"})
    changed["properties"]["containers"][0]["properties"]["command"] = ["/bin/sh", "-c", "true", "x"]
    symbolic = template(languageVersion="2.0", resources={"mine": changed})
    [change] = target.ask("whatIf", symbolic).json()["properties"]["changes"]
    assert (change["changeType"], change["symbolicName"]) == ("Modify", "mine")
    delta = {one["path"]: one for one in change["delta"]}
    assert (delta["tags"]["propertyChangeType"], delta["tags"]["after"]) == ("Create", {"a": "b"})
    [command] = delta["properties.containers"]["children"]
    assert (command["path"], command["propertyChangeType"]) == ("0.properties.command", "Array")
    assert [(one["path"], one["propertyChangeType"]) for one in command["children"]] == [
        ("2", "Modify"),
        ("3", "Create"),
    ]
    assert target.names() == {name}


def test_deployments_within_wait_together(target: Target) -> None:
    """Two, each with an instance, go on at once; the one around is canceled with both."""
    names = [unique("i") for _ in range(2)]
    inside = [nested(f"in{number}", template(instance(name))) for number, name in enumerate(names)]
    done = target.deploy(template(*inside))
    assert done["provisioningState"] == "Succeeded", done
    assert set(names) == target.names()
    document, rest = slow(12)
    assert target.begin(template(nested("slowly", document)), "around").status_code == 201
    going(target, before=2)
    assert target.send("POST", f"{DEPLOYMENTS}/around/cancel").status_code == 204
    assert target.ended("slowly")["provisioningState"] == "Canceled"
    assert rest[-1] not in target.names()


def test_a_failed_instance_fails_its_deployment(target: Target) -> None:
    """With the reason that the group itself tells."""
    wrong = instance(unique("i"))
    wrong["properties"]["containers"][0]["properties"]["image"] = "nowhere.azurecr.io/none:1"
    done = target.deploy(template(wrong))
    assert done["provisioningState"] == "Failed"
    assert [one["code"] for one in done["error"]["details"]] == ["InaccessibleImage"]


def test_a_group_goes_with_its_deployment(target: Target, local_cloud: LocalCloud) -> None:
    """A group that is deleted meanwhile leaves nothing of the deployment behind."""
    document, _ = slow(3)
    assert target.begin(document).status_code == 201
    going(target)
    path = f"resourceGroups/{target.group}"
    assert send(local_cloud, "DELETE", path, None).status_code == 202
    for _ in range(200):
        if send(local_cloud, "GET", path, None).status_code == 404:
            break
        time.sleep(0.05)
    time.sleep(2)
    assert send(local_cloud, "PUT", path, {"location": "eastus"}).status_code == 201
    assert target.send("GET", DEPLOYMENTS).json()["value"] == []


@pytest.mark.timeout(180)
def test_a_daemon_that_is_killed_leaves_no_deployment_undone(tmp_path: Path) -> None:
    """The next one carries it on."""
    cloud = start(tmp_path / "cloud")
    try:
        place = Target(cloud, make_group(cloud))
        document, names = slow(3)
        parameters = {"id": {"type": "string", "defaultValue": "[newGuid()]"}}
        output = {"id": {"type": "string", "value": "[parameters('id')]"}}
        document |= {"parameters": parameters, "outputs": output}
        begun = place.begin(document)
        given = begun.json()["properties"]["parameters"]["id"]["value"]
        going(place)
        os.kill(cloud.pid, signal.SIGKILL)
        os.waitpid(cloud.pid, 0)
        cloud = start(tmp_path / "cloud")
        place = Target(cloud, place.group)
        done = place.ended()
        assert done["provisioningState"] == "Succeeded", done
        assert set(names) == place.names()
        assert done["outputs"]["id"]["value"] == given
        assert place.send("GET", f"providers/{REGISTRIES}/{names[-1]}").ok
    finally:
        daemon.down(tmp_path / "cloud")


def test_many_deployments_keep_nothing_else_waiting(
    target: Target, local_cloud: LocalCloud
) -> None:
    """While deployments wait for their instances, a group is deleted as soon as ever."""
    for number in range(6):
        assert target.begin(template(instance(unique("i"))), f"d{number}").status_code == 201
    group = make_group(local_cloud)
    path = f"resourceGroups/{group}"
    assert send(local_cloud, "DELETE", path, None).status_code == 202
    began = time.monotonic()
    while send(local_cloud, "GET", path, None).status_code != 404:
        assert time.monotonic() - began < 60
        time.sleep(0.02)
    for number in range(6):
        assert target.ended(f"d{number}")["provisioningState"] == "Succeeded"
