"""What resources below a registry share: their names; how cache rules and credential sets are written.

Source: recordings of azure-cli's own tests, test_acr_cache.yaml (az 2.84): 201 with the state
``Creating`` or ``Updating`` and the address of an operation below the resource; 202 for a deletion.
"""

from __future__ import annotations

import re
from typing import Any

from .. import timestamps
from ..operations import IN_PROGRESS
from ..store import Resource
from .deletion import delete
from .operations import address, operation_of
from .registries import of
from .routing import Call, Reply, invalid


def check_name(what: str, name: str) -> None:
    """Raise 400 InvalidResourceName unless ``name`` may name a resource below a registry."""
    if not re.fullmatch(r"[a-zA-Z0-9-]{5,50}", name):
        raise invalid(
            f"The {what} name '{name}' is invalid. It must be between 5 and 50 characters long and "
            "contain only letters, digits and hyphens.",
            "InvalidResourceName",
        )


def written(call: Call, resource: Resource, shown: dict[str, Any], state: str) -> Reply:
    """The answer to a PUT or PATCH of ``resource``, which is done: ``shown`` is its body.

    ``state``: the provisioning state that is told, as Azure does, until the operation is asked for.
    """
    operation = call.cloud.operations.begin(_kind(resource), resource.id)
    call.cloud.operations.end(operation.id)
    name = f"{_kind(resource).lower()}-{operation.id}"
    body = {**shown, "properties": {**shown["properties"], "provisioningState": state}}
    place = address(f"{resource.id}/operationStatuses/{name}")
    return Reply(201, body, {"azure-asyncoperation": place})


def status(call: Call) -> Reply:
    """The status of an operation, at the address that :func:`written` has told."""
    found = operation_of(call)
    return Reply(200, {"status": "Creating" if found.status == IN_PROGRESS else found.status})


def deleted(call: Call) -> Reply:
    """Delete the resource of a call: 202 with the address of the result; 204 when there is none."""
    registry = of(call)
    resource = call.cloud.store.get(call.resource_id)
    if resource is None:
        return Reply(204)
    delete(call.cloud, resource.id)
    operation = call.cloud.operations.begin(_kind(resource), resource.id)
    call.cloud.operations.end(operation.id)
    place = outcome(call, registry, f"{_kind(resource).lower()}-{operation.id}")
    return Reply(202, None, {"Location": place})


def outcome(call: Call, registry: Resource, name: str) -> str:
    """The address of the outcome of an operation of a registry, for ``Location``."""
    place = f"{call.cloud.subscription}/providers/Microsoft.ContainerRegistry/locations"
    location = registry.body["location"].upper()
    return address(f"{place}/{location}/operationResults/{name}")


def begun(call: Call, type: str) -> Resource:
    """The resource of a PUT, new or as it is stored, with what all of them have."""
    registry = of(call)
    existing = call.cloud.store.get(call.resource_id)
    if existing is not None:
        return existing
    name = call.params["name"]
    resource = Resource(
        call.resource_id, type, name, registry.resource_group, {}, parent=registry.id
    )
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": type,
        "properties": {
            "creationDate": timestamps.microseconds(),
            "provisioningState": "Succeeded",
        },
    }
    return resource


def _kind(resource: Resource) -> str:
    return resource.type.rpartition("/")[2]
