"""Microsoft.ContainerRegistry/registries/tasks: create, read with secrets masked, merge, delete."""

from __future__ import annotations

import copy
import re
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..resource_types import TASK_TYPE
from ..store import Resource
from . import task_rules
from .deletion import delete
from .identity import assign
from .locations import keep_location, location_of
from .models import patch_tags
from .pages import below
from .registries import REGISTRY, of
from .routing import Call, Reply, Router, invalid
from .task_models import Task, properties_of

_TASKS = REGISTRY + "/tasks"
_TASK = _TASKS + "/{name}"
router = Router()


def mask(properties: dict[str, Any], *, details: bool = False) -> dict[str, Any]:
    """The properties as a read shows them: no token, no credential, no secret value.

    ``details`` (listDetails) shows where credentials are kept, and the secret values of the
    step, as the REST reference says of that call.
    """
    shown = copy.deepcopy(properties)
    step = shown.get("step") or {}
    if "contextAccessToken" in step:
        step["contextAccessToken"] = None
    for value in [*(step.get("values") or []), *(step.get("arguments") or [])]:
        if value.get("isSecret") and not details:
            value["value"] = None
    for trigger in (shown.get("trigger") or {}).get("sourceTriggers") or []:
        authentication = trigger["sourceRepository"].get("sourceControlAuthProperties")
        if authentication:
            authentication["token"] = None
            authentication.pop("refreshToken", None)
    for credential in ((shown.get("credentials") or {}).get("customRegistries") or {}).values():
        for name in ("userName", "password"):
            secret = credential.get(name)
            if secret and not (details and secret.get("type") == "Vaultsecret"):
                credential[name] = {"type": secret.get("type", "Opaque"), "value": None}
    return shown


def _save(cloud: Cloud, resource: Resource, properties: dict[str, Any]) -> None:
    resource.private["properties"] = properties
    resource.body["properties"] = mask(properties)
    cloud.store.put(resource)


def _identify(call: Call, resource: Resource, given: Task) -> None:
    """Give the task the managed identities that the request asks for, or take them away."""
    assign(call, resource, given.identity, f"{call.params['registry']}/tasks/{resource.name}")


@router.operation("PUT", _TASK, f"{TASK_TYPE}/write", Task)
def create(call: Call, given: Task) -> Reply:
    """Tasks_Create: creates, or replaces all properties of, a task."""
    registry = of(call)
    name = call.params["name"]
    if not re.fullmatch(r"[a-zA-Z0-9_-]{5,50}", name):
        raise invalid(
            f"The task name '{name}' is invalid. A task name must be between 5 and 50 characters "
            "long and contain only letters, digits, hyphens and underscores.",
            "InvalidResourceName",
        )
    location = location_of(given.location, registry.body["location"])
    existing = call.cloud.store.get(call.resource_id)
    if existing is not None:
        keep_location(existing, location)
    properties = task_rules.complete(properties_of(given))
    task_rules.check(properties)
    if existing:
        task_rules.keep_secrets(existing.private["properties"], properties)
        _keep_dependencies(existing.private["properties"], properties)
    created = existing.properties["creationDate"] if existing else timestamps.microseconds()
    properties = {"provisioningState": "Succeeded", "creationDate": created, **properties}
    task_rules.check_sources(call.cloud, properties)
    resource = existing or Resource(
        call.resource_id, TASK_TYPE, name, registry.resource_group, {}, parent=registry.id
    )
    identity = {"identity": resource.body["identity"]} if "identity" in resource.body else {}
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": TASK_TYPE,
        "location": location,
        **({"tags": given.tags} if given.tags else {}),
        **identity,
    }
    _identify(call, resource, given)
    _save(call.cloud, resource, properties)
    return Reply(200, resource.body)  # a new one as well: recorded traffic of azure-cli's tests


def _keep_dependencies(old: dict[str, Any], new: dict[str, Any]) -> None:
    """What the last run found out about base images stays with the same step."""
    same = all(old["step"].get(key) == new["step"].get(key) for key in ("type", "contextPath"))
    if same and "baseImageDependencies" in old["step"]:
        new["step"]["baseImageDependencies"] = old["step"]["baseImageDependencies"]


@router.operation("GET", _TASK, f"{TASK_TYPE}/read")
def get(call: Call) -> Reply:
    """Tasks_Get."""
    return Reply(200, call.get(TASK_TYPE).body)


@router.operation("GET", _TASKS, f"{TASK_TYPE}/read")
def list_tasks(call: Call) -> Reply:
    """Tasks_List."""
    return below(call, of(call), TASK_TYPE)


@router.operation("POST", _TASK + "/listDetails", f"{TASK_TYPE}/listDetails/action")
def list_details(call: Call) -> Reply:
    """Tasks_GetDetails."""
    resource = call.get(TASK_TYPE)
    properties = mask(resource.private["properties"], details=True)
    return Reply(200, {**resource.body, "properties": properties})


@router.operation("PATCH", _TASK, f"{TASK_TYPE}/write", Task)
def update(call: Call, given: Task) -> Reply:
    """Tasks_Update: merges; of the step, ``values`` and ``arguments`` are replaced as a whole."""
    resource = call.get(TASK_TYPE)
    keep_location(resource, given.location)
    old = resource.private["properties"]
    properties = task_rules.merge(old, properties_of(given, old["step"]["type"]))
    task_rules.check(properties)
    task_rules.check_sources(call.cloud, properties)
    patch_tags(resource.body, given.tags)
    if given.identity is not None:
        _identify(call, resource, given)
    _save(call.cloud, resource, properties)
    return Reply(200, resource.body)


@router.operation("DELETE", _TASK, f"{TASK_TYPE}/delete")
def remove(call: Call) -> Reply:
    """Tasks_Delete."""
    return Reply(200 if delete(call.cloud, call.resource_id) else 204)
