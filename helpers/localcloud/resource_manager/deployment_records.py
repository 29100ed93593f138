"""Deployments as they are stored, and what was done for each resource of them.

Source: REST reference, Deployments and Deployment Operations of Microsoft.Resources.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..deployments.declared import Declared
from ..deployments.errors import ExpressionError
from ..deployments.evaluation import resolve
from ..deployments.plan import Plan
from ..errors import CloudError, status_name
from ..resource_types import DEPLOYMENT_TYPE
from ..store import Resource
from .path_checks import group_not_found
from .routing import group_of

OPERATION_TYPE = f"{DEPLOYMENT_TYPE}/operations"


def described(
    deployment_id: str, found: Plan, mode: str, more: dict[str, Any], correlation: str = ""
) -> Resource:
    """A deployment that is accepted, as it is shown; nothing is stored."""
    name = deployment_id.rpartition("/")[2]
    body = {
        "id": deployment_id,
        "name": name,
        "type": DEPLOYMENT_TYPE,
        **more,
        "properties": {
            "templateHash": template_hash(found.template.document),
            "parameters": found.parameters,
            **found.links,
            "mode": mode,
            "provisioningState": "Accepted",
            "timestamp": timestamps.ticks(),
            "duration": "PT0S",
            "correlationId": correlation or str(uuid.uuid4()),
            "providers": providers(found),
            "dependencies": dependencies(found),
        },
    }
    began = {"began": time.time()}
    group = group_of(deployment_id)
    return Resource(deployment_id, DEPLOYMENT_TYPE, name, group, body, began)


def begun(cloud: Cloud, record: Resource, private: dict[str, Any]) -> None:
    """Record that a deployment is accepted, in place of one of that name.

    Raises 404 ResourceGroupNotFound for a group that was deleted meanwhile.
    """
    with cloud.store.transaction():
        group = record.resource_group
        if group and cloud.store.get(f"{cloud.subscription}/resourceGroups/{group}") is None:
            raise group_not_found(group)
        existing = cloud.store.get(record.id)
        if existing is not None:
            for one in operations(cloud, existing):
                cloud.store.remove(one.id)
        record.private |= private
        cloud.store.put(record)


def ended(
    cloud: Cloud,
    record: Resource,
    state: str,
    *,
    outputs: dict[str, Any] | None = None,
    resources: list[str] | None = None,
    error: CloudError | None = None,
) -> None:
    """Record how a deployment ended. The text of its request is not needed any more."""
    record.private.pop("text", None)
    properties = record.properties
    properties["provisioningState"] = state
    properties["timestamp"] = timestamps.ticks()
    properties["duration"] = duration(record.private.get("began"))
    if outputs is not None:
        properties["outputs"] = outputs
    if resources is not None:
        properties["outputResources"] = [{"id": one} for one in resources]
    if error is not None:
        properties["error"] = error.body()
    with cloud.store.transaction():
        if _is_there(cloud, record):
            cloud.store.put(record)


def done(
    cloud: Cloud,
    record: Resource,
    one: Declared | None,
    began: float,
    status: int,
    error: CloudError | None = None,
) -> None:
    """Record what was done for a resource; without one, that the outputs were evaluated."""
    target = one.id if one is not None else "outputs"
    number = hashlib.sha256(f"{record.id}{target}".lower().encode()).hexdigest()[:16].upper()
    properties: dict[str, Any] = {
        "provisioningOperation": "Create" if one is not None else "EvaluateDeploymentOutput",
        "provisioningState": "Failed" if error is not None else "Succeeded",
        "timestamp": timestamps.ticks(),
        "duration": duration(began),
        "trackingId": str(uuid.uuid4()),
        "serviceRequestId": str(uuid.uuid4()),
        "statusCode": status_name(error.status if error is not None else status),
    }
    if error is not None:
        properties["statusMessage"] = {"status": "Failed", "error": error.body()}
    if one is not None:
        symbolic = {"symbolicName": one.symbol} if one.symbol else {}
        properties["targetResource"] = {**_target(one), **symbolic}
    operation_id = f"{record.id}/operations/{number}"
    body = {"id": operation_id, "operationId": number, "properties": properties}
    made = Resource(
        operation_id, OPERATION_TYPE, number, record.resource_group, body, parent=record.id
    )
    with cloud.store.transaction():
        if _is_there(cloud, record):
            cloud.store.put(made)


def _target(one: Declared) -> dict[str, str]:
    """A resource as a deployment tells of it."""
    return {"id": one.id, "resourceType": one.type, "resourceName": one.name}


def _is_there(cloud: Cloud, record: Resource) -> bool:
    """Whether nobody has deleted a deployment meanwhile, or its group."""
    return bool(cloud.store.query("SELECT 1 FROM resources WHERE key=?", (record.key,)))


def operations(cloud: Cloud, record: Resource) -> list[Resource]:
    """What was done for the resources of a deployment, in the order of its end."""
    return cloud.store.find(type=OPERATION_TYPE, parent=record.key)


def template_hash(document: Any) -> str:
    """A number that is the same for the same template."""
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
    return str(int.from_bytes(digest[:8], "big"))


def duration(began: float | None) -> str:
    """The time since then, as ISO 8601 writes it."""
    return f"PT{max(time.time() - (began or time.time()), 0):.7f}S"


def providers(found: Plan) -> list[dict[str, Any]]:
    """The types of the template with the regions that they go to, by their providers."""
    known: dict[str, dict[str, set[str | None]]] = {}
    for one in found.resources:
        namespace, _, kind = one.type.partition("/")
        known.setdefault(namespace, {}).setdefault(kind, set()).add(_location(one))
    return [
        {
            "namespace": namespace,
            "resourceTypes": [
                {"resourceType": kind, "locations": sorted(kinds[kind], key=str)}
                for kind in sorted(kinds)
            ],
        }
        for namespace, kinds in known.items()
    ]


def _location(one: Declared) -> str | None:
    """The region that a resource names; None without one, and where only the deployment will know."""
    try:
        named = resolve(one.written.get("location"), one.scope)
    except ExpressionError:
        return None
    return named.replace(" ", "").lower() if isinstance(named, str) else None


def dependencies(found: Plan) -> list[dict[str, Any]]:
    """What waits for what."""
    return [
        {"dependsOn": [_target(found.resources[place]) for place in sorted(needed)], **_target(one)}
        for one, needed in zip(found.resources, found.graph.needs, strict=True)
        if needed and one.made
    ]
