"""Microsoft.Authorization/locks: at a subscription, a resource group or a resource.

Source: REST reference, Management Locks, 2020-05-01.
"""

from __future__ import annotations

import re

from ..errors import CloudError
from ..permissions import scopes_above
from ..resource_types import LOCK_TYPE
from ..store import Resource
from .filters import conditions
from .lock_rules import CAN_NOT_DELETE, READ_ONLY, place_of
from .models import Model, ResourceModel
from .routing import Call, Reply, Router, invalid
from .scopes import everywhere, scope_of

router = Router()
_LOCKS = f"/providers/{LOCK_TYPE}"
_LOCK = _LOCKS + "/{name}"
_LEVELS = {one.lower(): one for one in (CAN_NOT_DELETE, READ_ONLY)}


class LockOwner(Model):
    """Whom a lock names as its owner."""

    application_id: str | None = None


class LockProperties(Model):
    """What a lock is."""

    level: str | None = None
    notes: str | None = None
    owners: list[LockOwner] | None = None


class LockBody(ResourceModel):
    """The body of ManagementLocks_CreateOrUpdate."""

    properties: LockProperties | None = None


def _id(call: Call) -> str:
    return f"{scope_of(call)}{_LOCKS}/{call.params['name']}"


@everywhere(router, "PUT", _LOCK, f"{LOCK_TYPE}/write", LockBody)
def create(call: Call, given: LockBody) -> Reply:
    """ManagementLocks_CreateOrUpdate."""
    name, properties = call.params["name"], given.properties or LockProperties()
    if len(name) > 260 or re.search(r"[<>%&:\\?/\x00-\x1f]", name):
        raise invalid(
            f"The lock name '{name[:100]}' is invalid: it has at most 260 characters, and none of "
            "<, >, %, &, :, \\, ?, / and control characters.",
            "InvalidLockName",
        )
    level = _LEVELS.get((properties.level or "").lower())
    if level is None:
        raise invalid(
            f"The lock level '{properties.level or ''}' is invalid: it is CanNotDelete or ReadOnly.",
            "InvalidLockLevel",
        )
    if properties.notes is not None and len(properties.notes) > 512:
        raise invalid("The notes of a lock have at most 512 characters.", "InvalidLockNotes")
    lock_id = _id(call)
    existing = call.cloud.store.get(lock_id)
    group = call.params.get("group", "")
    resource = existing or Resource(lock_id, LOCK_TYPE, name, group, {})
    owners = [{"applicationId": one.application_id} for one in properties.owners or []]
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": LOCK_TYPE,
        "properties": {
            "level": level,
            **({"notes": properties.notes} if properties.notes is not None else {}),
            **({"owners": owners} if owners else {}),
        },
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


@everywhere(router, "GET", _LOCK, f"{LOCK_TYPE}/read")
def get(call: Call) -> Reply:
    """ManagementLocks_Get."""
    found = call.cloud.store.get(_id(call))
    if found is None:
        raise CloudError(
            404, "LockNotFound", f"The lock '{call.params['name']}' could not be found."
        )
    return Reply(200, found.body)


@everywhere(router, "DELETE", _LOCK, f"{LOCK_TYPE}/delete")
def remove(call: Call) -> Reply:
    """ManagementLocks_Delete."""
    return Reply(200 if call.cloud.store.remove(_id(call)) else 204)


@everywhere(router, "GET", _LOCKS, f"{LOCK_TYPE}/read")
def list_locks(call: Call) -> Reply:
    """ManagementLocks_ListByScope: at the scope and below; with ``atScope()``, and above instead."""
    exact = "atscope" in conditions(call, (), {"atScope"})
    above = scopes_above(scope_of(call))

    def concerned(place: str) -> bool:
        return place.lower() in above if exact else above[-1] in scopes_above(place)

    locks = call.cloud.store.find(type=LOCK_TYPE)
    return Reply(200, {"value": [one.body for one in locks if concerned(place_of(one))]})
