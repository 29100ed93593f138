"""Locks forbid what they forbid, at their scope and below, to whoever asks and however."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.locks.models import ManagementLockObject, ManagementLockOwner
from azure.mgmt.resource.resources import ResourceManagementClient

from tests.az import Az
from tests.conftest import LocalCloud
from tests.deployments.planning import REGISTRIES, template
from tests.resource_manager.deploying import DEPLOYMENTS, Target, target, unique
from tests.resource_manager.test_requests import send
from tests.sdk import Sdk, error_of

__all__ = ["target"]
LOCKS = "providers/Microsoft.Authorization/locks"


def body(level: str, **more: Any) -> dict[str, Any]:
    return {"properties": {"level": level, **more}}


def assert_locked(answer: requests.Response, verb: str, place: str) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "ScopeLocked"), answer.text
    assert (
        f"cannot perform {verb} operation because following scope(s) are locked: '"
        in error["message"]
    )
    assert error["message"].endswith(f"{place}'. Please remove the lock and try again.")


@pytest.fixture
def locked(target: Target, local_cloud: LocalCloud) -> Iterator[Target]:
    """A group whose locks are lifted at the end."""
    yield target
    for one in target.send("GET", LOCKS).json()["value"]:
        send(local_cloud, "DELETE", one["id"].removeprefix(f"{local_cloud.subscription}/"), None)


def _registry(target: Target) -> tuple[str, dict[str, Any]]:
    name = unique()
    path = f"providers/{REGISTRIES}/{name}"
    given = {
        "location": "eastus",
        "sku": {"name": "Basic"},
        "properties": {"adminUserEnabled": True},
    }
    assert target.send("PUT", path, given).status_code == 200 or target.send("GET", path).ok
    return path, given


def test_cannot_delete(locked: Target, local_cloud: LocalCloud) -> None:
    """Neither what is locked, nor what is below, nor what is around it; changes are allowed."""
    path, given = _registry(locked)
    made = locked.send("PUT", f"{path}/{LOCKS}/keep", body("CanNotDelete", notes="ours"))
    place = f"{locked.id}/{path}"
    assert made.status_code == 201
    assert made.json() == {
        "id": f"{place}/{LOCKS}/keep",
        "name": "keep",
        "type": "Microsoft.Authorization/locks",
        "properties": {"level": "CanNotDelete", "notes": "ours"},
    }
    assert_locked(locked.send("DELETE", path), "delete", place)
    assert_locked(locked.send("DELETE", f"{path}/tasks/build"), "delete", place)
    assert_locked(
        send(local_cloud, "DELETE", f"resourceGroups/{locked.group}", None), "delete", place
    )
    assert locked.send("PUT", path, given).ok
    assert locked.send("POST", f"{path}/listCredentials").ok
    done = locked.deploy(template(), mode="Complete")
    assert [one["code"] for one in done["error"]["details"]] == ["ScopeLocked"]
    again = locked.send(
        "PUT", f"{path}/{LOCKS}/KEEP", body("cannotdelete", owners=[{"applicationId": "a"}])
    )
    assert (again.status_code, again.json()["name"]) == (200, "keep")
    assert again.json()["properties"] == {
        "level": "CanNotDelete",
        "owners": [{"applicationId": "a"}],
    }
    assert locked.send("DELETE", f"{path}/{LOCKS}/keep").status_code == 200
    assert locked.send("DELETE", f"{path}/{LOCKS}/keep").status_code == 204
    assert locked.send("DELETE", path).ok


def test_read_only(locked: Target) -> None:
    """Nothing changes below the group: no PUT, PATCH, action, assignment or deployment."""
    path, given = _registry(locked)
    locked.send("PUT", f"{LOCKS}/frozen", body("ReadOnly"))
    assert locked.send("GET", path).ok
    for method, below, content in (
        ("PUT", path, given),
        ("PATCH", path, {"tags": {"a": "b"}}),
        ("POST", f"{path}/listCredentials", None),
        ("PUT", f"{path}/tasks/build", {}),
        ("PUT", f"{DEPLOYMENTS}/first", {"properties": {}}),
    ):
        assert_locked(locked.send(method, below, content), "write", locked.id)
    assert_locked(locked.send("DELETE", path), "delete", locked.id)
    assert locked.send("PUT", f"{path}/{LOCKS}/more", body("CanNotDelete")).status_code == 201
    assert_locked(locked.send("DELETE", path), "delete", f"{locked.id}/{path}")
    assert locked.send("DELETE", f"{path}/{LOCKS}/more").status_code == 200
    assert locked.send("DELETE", f"{LOCKS}/frozen").status_code == 200
    assert locked.send("PATCH", path, {"tags": {"a": "b"}}).ok


def test_locks_are_listed(locked: Target, local_cloud: LocalCloud) -> None:
    """At a scope and below; with atScope(), and above."""
    path, _ = _registry(locked)
    locked.send("PUT", f"{LOCKS}/around", body("CanNotDelete"))
    locked.send("PUT", f"{path}/{LOCKS}/inside", body("CanNotDelete"))

    def names(scope: str, wanted: str = "") -> set[str]:
        answer = locked.send("GET", f"{scope}{LOCKS}{wanted}")
        return {one["name"] for one in answer.json()["value"]}

    assert names("") == {"around", "inside"}
    assert names(f"{path}/") == {"inside"}
    assert names(f"{path}/", "?$filter=atScope()") == {"around", "inside"}
    assert names("", "?$filter=atScope()") == {"around"}
    everywhere = send(local_cloud, "GET", LOCKS, None).json()["value"]
    assert {"around", "inside"} <= {one["name"] for one in everywhere}
    assert locked.send("GET", f"{LOCKS}/around").json()["name"] == "around"
    missing = locked.send("GET", f"{LOCKS}/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "LockNotFound")


def _task(target: Target) -> tuple[str, str]:
    """A registry with a task: the name of the registry, and the id of the task."""
    path, _ = _registry(target)
    step = {"type": "EncodedTask", "encodedTaskContent": "c3RlcHM6IFtdCg=="}
    given = {"location": "eastus", "properties": {"platform": {"os": "linux"}, "step": step}}
    made = target.send("PUT", f"{path}/tasks/build", given)
    assert made.ok, made.text
    return path.rpartition("/")[2], f"{target.id}/{path}/tasks/build"


def test_the_sdk_locks_a_subscription_and_a_group(sdk: Sdk, locked: Target) -> None:
    """Nothing of them can be deleted, or nothing at all be done, until the lock is lifted."""
    locks = sdk.manager(ManagementLockClient).management_locks
    groups = sdk.manager(ResourceManagementClient).resource_groups
    given = ManagementLockObject(level="CanNotDelete", notes="for the audit")
    name = unique("lock")
    made = locks.create_or_update_at_subscription_level(name, given)
    try:
        assert made.id == f"{locked.cloud.subscription}/{LOCKS}/{name}"
        shown = locks.get_at_subscription_level(name)
        assert (shown.level, shown.notes) == ("CanNotDelete", "for the audit")
        with pytest.raises(HttpResponseError, match=r"following scope\(s\) are locked") as refused:
            groups.begin_delete(locked.group)
        assert (refused.value.status_code, error_of(refused).code) == (409, "ScopeLocked")
        assert name in {one.name for one in locks.list_at_subscription_level()}
    finally:
        locks.delete_at_subscription_level(name)
    with pytest.raises(ResourceNotFoundError, match="LockNotFound"):
        locks.get_at_subscription_level(name)
    owners = [ManagementLockOwner(application_id=locked.cloud.account.client_id)]
    frozen = ManagementLockObject(level="ReadOnly", owners=owners)
    locks.create_or_update_at_resource_group_level(locked.group, "frozen", frozen)
    shown = locks.get_at_resource_group_level(locked.group, "frozen")
    assert [one.application_id for one in shown.owners] == [locked.cloud.account.client_id]
    listed = locks.list_at_resource_group_level(locked.group, filter="atScope()")
    assert [one.name for one in listed] == ["frozen"]
    with pytest.raises(HttpResponseError, match="ScopeLocked"):
        groups.update(locked.group, {"tags": {"a": "b"}})
    locks.delete_at_resource_group_level(locked.group, "frozen")
    assert groups.update(locked.group, {"tags": {"a": "b"}}).tags == {"a": "b"}


def test_the_sdk_locks_a_registry_and_a_task(sdk: Sdk, locked: Target) -> None:
    """By the names of all parts, or by the scope; the lock of a task leaves its registry alone."""
    locks = sdk.manager(ManagementLockClient).management_locks
    tasks = sdk.manager(ContainerRegistryTasksMgmtClient).tasks
    registry, scope = _task(locked)
    given = ManagementLockObject(level="CanNotDelete")
    top = (locked.group, "Microsoft.ContainerRegistry", "", "registries", registry)
    locks.create_or_update_at_resource_level(*top, "outer", given)
    assert locks.get_at_resource_level(*top, "outer").level == "CanNotDelete"
    made = locks.create_or_update_by_scope(scope, "inner", given)
    assert made.id == f"{scope}/{LOCKS}/inner"
    assert locks.get_by_scope(scope, "inner").id == made.id
    assert [one.name for one in locks.list_by_scope(scope)] == ["inner"]
    above = {one.name for one in locks.list_by_scope(scope, filter="atScope()")}
    assert above == {"inner", "outer"}
    assert {one.name for one in locks.list_at_resource_level(*top)} == {"inner", "outer"}
    locks.delete_at_resource_level(*top, "outer")
    with pytest.raises(HttpResponseError, match="ScopeLocked"):
        tasks.delete(locked.group, registry, "build")
    locks.delete_by_scope(scope, "inner")
    assert list(locks.list_by_scope(scope)) == []
    tasks.delete(locked.group, registry, "build")
    with pytest.raises(ResourceNotFoundError):
        tasks.get(locked.group, registry, "build")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("one", {}, "InvalidLockLevel"),
        ("one", body("Frozen"), "InvalidLockLevel"),
        ("one", {"properties": {"level": 1}}, "InvalidRequestContent"),
        ("one", body("ReadOnly", notes="n" * 513), "InvalidLockNotes"),
        ("a%3Cb", body("ReadOnly"), "InvalidLockName"),
        ("a" * 261, body("ReadOnly"), "InvalidLockName"),
    ],
    ids=str,
)
def test_locks_that_are_none(target: Target, name: str, content: Any, code: str) -> None:
    """A lock has a level that there is, and a name."""
    answer = target.send("PUT", f"{LOCKS}/{name}", content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), answer.text


@pytest.mark.timeout(300)
def test_az_locks(az: Az, locked: Target) -> None:
    """az lock, of a resource and of a group, and what it says when something is locked."""
    path, _ = _registry(locked)
    name = path.rpartition("/")[2]
    common = ("-g", locked.group, "--resource-name", name, "--resource-type", REGISTRIES)
    made = az.json("lock", "create", "-n", "keep", "--lock-type", "CanNotDelete", *common)
    assert made["level"] == "CanNotDelete"
    assert [one["name"] for one in az.json("lock", "list", "-g", locked.group)] == ["keep"]
    refused = az.refused("acr", "delete", "-n", name, "-y")
    assert "(ScopeLocked) The scope" in refused
    az.ok("lock", "delete", "-n", "keep", *common)
    az.ok("group", "lock", "create", "-g", locked.group, "-n", "frozen", "--lock-type", "ReadOnly")
    assert "ScopeLocked" in az.refused("acr", "update", "-n", name, "--admin-enabled", "false")
    az.ok("group", "lock", "delete", "-g", locked.group, "-n", "frozen")
