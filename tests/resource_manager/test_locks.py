"""Locks forbid what they forbid, at their scope and below, to whoever asks and however."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.az import Az
from tests.conftest import LocalCloud
from tests.deployments.planning import REGISTRIES, template
from tests.resource_manager.deploying import DEPLOYMENTS, Target, target, unique
from tests.resource_manager.test_requests import send

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
