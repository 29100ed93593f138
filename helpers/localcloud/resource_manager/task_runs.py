"""Microsoft.ContainerRegistry/registries/taskRuns: a run as a resource, made when that is written.

Source: REST reference "Task Runs" (2025-03-01-preview); what Azure answers: recordings of azure-cli's
own tests, test_acr_taskrun.yaml (az 2.84), and azure-rest-api-specs issue 19159 (the operation's
address). How far the run is, the run itself says: nothing of it is kept twice.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from ..cloud import Cloud
from ..resource_types import TASK_RUN_TYPE
from ..store import Resource
from ..tasks.outcomes import KIND, STATES, failure
from ..tasks.runs import Run, Runs, run_key
from .deletion import delete
from .identity import ResourceIdentity, assign
from .locations import keep_location, location_of
from .models import Model, ResourceModel, Tags, patch_tags
from .operations import RETRY, address
from .pages import below
from .registries import REGISTRY, of
from .routing import Call, Deferred, Reply, Router, invalid, not_found
from .run_requests import mask, read_request, task_of, without_null

_TASK_RUNS = REGISTRY + "/taskRuns"
_TASK_RUN = _TASK_RUNS + "/{name}"
router = Router()


class TaskRunProperties(Model):
    """``run_request`` is read by its own kind; another ``force_update_tag`` runs it again."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("runResult",)
    run_request: dict[str, Any] | None = None
    force_update_tag: str | None = None


class TaskRun(ResourceModel):
    """The body of TaskRuns_Create and TaskRuns_Update."""

    identity: ResourceIdentity | None = None
    location: str | None = None
    tags: Tags = msgspec.UNSET
    properties: TaskRunProperties | None = None


@router.operation("PUT", _TASK_RUN, f"{TASK_RUN_TYPE}/write", TaskRun)
def create(call: Call, given: TaskRun) -> Reply:
    """TaskRuns_Create: schedules its request, unless that has been run with the same tag."""
    registry = of(call)
    name = call.params["name"]
    if not re.fullmatch(r"[a-zA-Z0-9-]{5,50}", name):
        raise invalid(
            f"The task run name '{name}' is invalid. A task run name must be between 5 and 50 "
            "characters long and contain only letters, digits and hyphens.",
            "InvalidResourceName",
        )
    properties = given.properties or TaskRunProperties()
    if properties.run_request is None:
        raise invalid(f"The task run '{name}' requires 'properties.runRequest': what it is to run.")
    location = location_of(given.location, registry.body["location"])
    existing = call.cloud.store.get(call.resource_id)
    if existing is not None:
        keep_location(existing, location)
    resource = existing or Resource(
        call.resource_id, TASK_RUN_TYPE, name, registry.resource_group, {}, parent=registry.id
    )
    request = read_request(properties.run_request, "registries/taskRuns")
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": TASK_RUN_TYPE,
        "location": location,
        **({"tags": given.tags} if given.tags else {}),
    }
    _identify(call, resource, given.identity)
    return _written(call, resource, request, properties.force_update_tag)


@router.operation("PATCH", _TASK_RUN, f"{TASK_RUN_TYPE}/write", TaskRun)
def update(call: Call, given: TaskRun) -> Reply:
    """TaskRuns_Update: another request or another tag is run; what is not given stays."""
    resource = call.get(TASK_RUN_TYPE)
    properties = given.properties or TaskRunProperties()
    keep_location(resource, given.location)
    patch_tags(resource.body, given.tags)
    if given.identity is not None:
        _identify(call, resource, given.identity)
    request = resource.private["request"]
    if properties.run_request is not None:
        request = read_request(properties.run_request, "registries/taskRuns")
    tag = properties.force_update_tag
    kept = resource.private["forceUpdateTag"]
    return _written(call, resource, request, kept if tag is None else tag)


def _written(call: Call, resource: Resource, request: dict[str, Any], tag: str | None) -> Reply:
    """Schedule what is new, and answer: 201 with the operation's address while it goes on."""
    before = resource.private
    if before and request in (before["request"], without_null(mask(before["request"]))):
        request = before["request"]  # one that was read has lost its secrets
        if before["forceUpdateTag"] == tag:
            call.cloud.store.put(resource)
            return _waiting(Reply(200, _shown(call.cloud, resource)), before["operation"])
    registry = of(call)
    run = Runs(call.cloud).queue(
        registry,
        request,
        task_of(call, registry, request),
        caller=call.principal.object_id,
        identity=resource.body.get("identity"),
    )
    resource.private = {
        "request": request,
        "forceUpdateTag": tag,
        "runs": [*before.get("runs", []), run.run_id],
        "operation": call.cloud.operations.begin(KIND, resource.id, {"run": run.key}).id,
    }
    call.cloud.store.put(resource)
    place = address(f"{resource.id}/operationStatuses/{run.run_id}")
    headers = {"Azure-AsyncOperation": place, **RETRY}
    reply = Reply(201, _shown(call.cloud, resource), headers)
    return _waiting(reply, resource.private["operation"])


def _waiting(reply: Reply, operation: str) -> Reply:
    """A reply that is sent at once, and by which a deployment waits for the run."""
    if reply.body["properties"]["provisioningState"] in STATES.values():
        return reply
    return replace(reply, deferred=Deferred(operation, 0.0, reply))


@router.operation("GET", _TASK_RUN, f"{TASK_RUN_TYPE}/read")
def get(call: Call) -> Reply:
    """TaskRuns_Get."""
    return Reply(200, _shown(call.cloud, call.get(TASK_RUN_TYPE)))


@router.operation("POST", _TASK_RUN + "/listDetails", f"{TASK_RUN_TYPE}/listDetails/action")
def list_details(call: Call) -> Reply:
    """TaskRuns_GetDetails: with the secret values of the request."""
    return Reply(200, _shown(call.cloud, call.get(TASK_RUN_TYPE), details=True))


@router.operation("GET", _TASK_RUNS, f"{TASK_RUN_TYPE}/read")
def list_task_runs(call: Call) -> Reply:
    """TaskRuns_List."""
    return below(call, of(call), TASK_RUN_TYPE, lambda one: _shown(call.cloud, one))


@router.operation("DELETE", _TASK_RUN, f"{TASK_RUN_TYPE}/delete")
def remove(call: Call) -> Reply:
    """TaskRuns_Delete: the run and its log stay."""
    return Reply(200 if delete(call.cloud, call.resource_id) else 204)


@router.operation(
    "GET", _TASK_RUN + "/operationStatuses/{operation}", f"{TASK_RUN_TYPE}/operationStatuses/read"
)
def status(call: Call) -> Reply:
    """How far a run of the task run is, at the address that its PUT has told."""
    resource = call.get(TASK_RUN_TYPE, f"{of(call).id}/taskRuns/{call.params['name']}")
    operation = call.params["operation"]
    if operation not in resource.private["runs"]:
        raise not_found(f"{TASK_RUN_TYPE}/operationStatuses", call.resource_id)
    run = _run(call.cloud, resource, operation)
    state = _state(resource, operation, run)
    if state not in STATES.values():
        return Reply(200, {"status": state}, RETRY)
    error = failure(run)
    told = {} if error is None else {"error": error.body()}
    return Reply(200, {"status": state, **told})


def _run(cloud: Cloud, resource: Resource, run_id: str) -> Run | None:
    return Runs(cloud).by_key(run_key(resource.parent, run_id))


def _state(resource: Resource, run_id: str, run: Run | None) -> str:
    """The provisioning state, which follows that of the run."""
    going = "Creating" if run_id == resource.private["runs"][0] else "Updating"
    return STATES.get(run.status, going) if run is not None else "Failed"


def _shown(cloud: Cloud, resource: Resource, *, details: bool = False) -> dict[str, Any]:
    run_id = resource.private["runs"][-1]
    run = _run(cloud, resource, run_id)
    tag = resource.private["forceUpdateTag"]
    return {
        **resource.body,
        "properties": {
            "provisioningState": _state(resource, run_id, run),
            "runRequest": mask(resource.private["request"], details=details),
            **({"runResult": Runs(cloud).render(run)} if run is not None else {}),
            **({"forceUpdateTag": tag} if tag is not None else {}),
        },
    }


def _identify(call: Call, resource: Resource, given: ResourceIdentity | None) -> None:
    """Give the run the identities that the request asks for: assigned by users, and no others.

    Source: documentation, "Run ACR Tasks using Resource Manager templates", limitations.
    """
    kind = (given.type if given is not None else None) or "None"
    if "systemassigned" in kind.lower():
        raise invalid(
            f"The identity type '{kind}' of the task run is invalid: for task runs using a managed "
            "identity, only a user-assigned managed identity is permitted.",
            "IdentityTypeNotSupported",
        )
    assign(call, resource, given, resource.name)
