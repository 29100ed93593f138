"""Microsoft.ManagedIdentity/userAssignedIdentities: identities that are resources of their own."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec

from ..errors import CloudError
from ..resource_types import USER_ASSIGNED_IDENTITY_TYPE
from ..store import Resource
from .deletion import delete
from .locations import keep_location, location_of
from .models import Lacking, Model, ResourceModel, Tags, patch_tags
from .pages import body_of, page
from .routing import Call, Reply, Router, group_of, invalid, readable
from .subscriptions import DISPLAY_NAME

_PROVIDER = "/providers/Microsoft.ManagedIdentity"
_SUBSCRIPTION = "/subscriptions/{subscription}"
_IDENTITIES = _SUBSCRIPTION + "/resourceGroups/{group}" + _PROVIDER + "/userAssignedIdentities"
_IDENTITY = _IDENTITIES + "/{name}"
_READ, _WRITE = (f"{USER_ASSIGNED_IDENTITY_TYPE}/{verb}" for verb in ("read", "write"))
_OPERATIONS = {
    "assign/action": "RBAC action for assigning an existing user assigned identity to a resource",
    "delete": "Deletes an existing user assigned identity",
    "listAssociatedResources/action": "Lists all associated resources for an existing user assigned "
    "identity",
    "read": "Gets an existing user assigned identity",
    "write": "Creates a new user assigned identity or updates the tags associated with an existing "
    "user assigned identity",
}
router = Router()


class IdentityProperties(Model):
    """``isolation_scope`` keeps an identity to resources of its region: None or Regional."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("tenantId", "principalId", "clientId")
    isolation_scope: str | None = None
    assignment_restrictions: Lacking | None = None


class Identity(ResourceModel):
    """The body of UserAssignedIdentities_CreateOrUpdate and _Update."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    properties: IdentityProperties | None = None


def _check(given: Identity) -> None:
    scope = (given.properties.isolation_scope if given.properties else None) or "None"
    if scope.lower() == "regional":
        raise CloudError.not_implemented(
            "the property 'properties.isolationScope' (Regional) of userAssignedIdentities"
        )
    if scope.lower() != "none":
        raise invalid(f"The isolation scope '{scope}' is invalid: it is None or Regional.")


@router.operation("PUT", _IDENTITY, _WRITE, Identity)
def create(call: Call, given: Identity) -> Reply:
    """UserAssignedIdentities_CreateOrUpdate: the principal of an identity stays the same."""
    name = call.params["name"]
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}", name):
        raise invalid(
            f"The identity name '{name}' is invalid. The name of a user-assigned identity has 3 to "
            "128 letters, digits, hyphens and underscores, the first of them a letter or a digit.",
            "InvalidResourceName",
        )
    location = location_of(given.location)
    _check(given)
    existing = call.cloud.store.get(call.resource_id)
    if existing is not None:
        keep_location(existing, location)
        existing.body["tags"] = given.tags or {}
        return Reply(200, call.cloud.store.put(existing).body)
    # As Azure spells the id of this type.
    spelled = call.resource_id.replace("/resourceGroups/", "/resourcegroups/", 1)
    principal = call.cloud.principals.add(name, resource_id=spelled)
    group = group_of(call.resource_id)
    resource = Resource(spelled, USER_ASSIGNED_IDENTITY_TYPE, name, group, {})
    resource.body = {
        "id": spelled,
        "name": name,
        "type": USER_ASSIGNED_IDENTITY_TYPE,
        "location": location,
        "tags": given.tags or {},
        "properties": {
            "isolationScope": "None",
            "tenantId": call.cloud.account.tenant_id,
            "principalId": principal.object_id,
            "clientId": principal.app_id,
        },
    }
    return Reply(201, call.cloud.store.put(resource).body)


@router.operation("PATCH", _IDENTITY, _WRITE, Identity)
def update(call: Call, given: Identity) -> Reply:
    """UserAssignedIdentities_Update: the tags."""
    resource = call.get(USER_ASSIGNED_IDENTITY_TYPE)
    _check(given)
    keep_location(resource, given.location)
    patch_tags(resource.body, given.tags)
    return Reply(200, call.cloud.store.put(resource).body)


@router.operation("GET", _IDENTITY, _READ)
def get(call: Call) -> Reply:
    """UserAssignedIdentities_Get."""
    return Reply(200, call.get(USER_ASSIGNED_IDENTITY_TYPE).body)


@router.operation("DELETE", _IDENTITY, f"{USER_ASSIGNED_IDENTITY_TYPE}/delete")
def remove(call: Call) -> Reply:
    """UserAssignedIdentities_Delete: what it is assigned to goes on to name it, and gets no tokens."""
    return Reply(200 if delete(call.cloud, call.resource_id) else 204)


@router.operation("GET", _IDENTITIES, _READ)
def list_in_group(call: Call) -> Reply:
    """UserAssignedIdentities_ListByResourceGroup."""
    found = call.cloud.store.find(
        type=USER_ASSIGNED_IDENTITY_TYPE, resource_group=call.params["group"]
    )
    return page(call, found, body_of)


@router.operation("GET", _SUBSCRIPTION + _PROVIDER + "/userAssignedIdentities", "")
def list_all(call: Call) -> Reply:
    """UserAssignedIdentities_ListBySubscription."""
    found = readable(call, call.cloud.store.find(type=USER_ASSIGNED_IDENTITY_TYPE))
    return page(call, found, body_of)


@router.operation(
    "POST",
    _IDENTITY + "/listAssociatedResources",
    f"{USER_ASSIGNED_IDENTITY_TYPE}/listAssociatedResources/action",
)
def list_associated(call: Call) -> Reply:
    """UserAssignedIdentities_ListAssociatedResources: whatever it is assigned to."""
    identity = call.get(USER_ASSIGNED_IDENTITY_TYPE)
    for name in ("$filter", "$orderby", "$top", "$skip", "$skiptoken"):
        if call.query.get(name):
            raise CloudError.not_implemented(
                f"{name} of userAssignedIdentities/listAssociatedResources"
            )
    value = [
        {
            "id": one.id,
            "name": one.name,
            "type": one.type.lower(),
            "resourceGroup": one.resource_group.lower(),
            "subscriptionId": call.cloud.account.subscription_id,
            "subscriptionDisplayName": DISPLAY_NAME,
        }
        for one in call.cloud.store.find()
        if _has(one, identity)
    ]
    return Reply(200, {"totalCount": len(value), "value": value})


def _has(resource: Resource, identity: Resource) -> bool:
    held: dict[str, Any] = (resource.body.get("identity") or {}).get("userAssignedIdentities") or {}
    return any(
        one.lower() == identity.key and kept["principalId"] == identity.properties["principalId"]
        for one, kept in held.items()
    )


@router.operation("GET", _PROVIDER + "/operations", "")
def list_operations(call: Call) -> Reply:  # noqa: ARG001 - the same for everybody
    """Operations_List: the actions that the local cloud checks."""
    return Reply(
        200,
        {
            "value": [
                {
                    "name": f"{USER_ASSIGNED_IDENTITY_TYPE}/{name}",
                    "display": {
                        "provider": "Microsoft Managed Identity",
                        "resource": "User Assigned Identities",
                        "operation": name.partition("/")[0],
                        "description": description,
                    },
                }
                for name, description in _OPERATIONS.items()
            ]
        },
    )
