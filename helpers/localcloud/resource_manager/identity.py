"""The property ``identity`` of resources: one that is their own, and user-assigned ones.

Source: azure-resource-manager-rpc, "managed-identity"; REST reference, ``ManagedServiceIdentity``.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from ..errors import CloudError
from ..resource_types import USER_ASSIGNED_IDENTITY_TYPE
from ..store import Resource
from .models import Model
from .routing import Call, authorize_linked, invalid

ASSIGN = f"{USER_ASSIGNED_IDENTITY_TYPE}/assign/action"
_OWN, _USER = "SystemAssigned", "UserAssigned"
_KINDS = {"none": "", _OWN.lower(): _OWN, _USER.lower(): _USER}


class UserIdentity(Model):
    """What a client has read of a user-assigned identity and sends back; not looked at."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("principalId", "clientId")


class ResourceIdentity(Model):
    """The property ``identity`` of a request's body; in a PATCH an identity of null is removed."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("principalId", "tenantId")
    type: str | None = None
    user_assigned_identities: dict[str, UserIdentity | None] | None = None


def assign(
    call: Call, resource: Resource, given: ResourceIdentity | None, display_name: str
) -> None:
    """Give ``resource`` the identities that a request asks for, in its body; it is not stored here.

    The call is the request of the resource: a PATCH adds to, and removes from, what the resource
    has, any other replaces it. ``display_name`` is that of the resource's own principal.

    Raises 400 for what cannot be, 403 LinkedAuthorizationFailed for an identity that the caller may
    not assign.
    """
    given = given or ResourceIdentity()
    if call.method == "PATCH" and given.type is None and not given.user_assigned_identities:
        return  # it names nothing that would change
    kinds = _kinds(given.type)
    wanted = given.user_assigned_identities or {}
    _check_ids(wanted)
    if _USER not in kinds:
        if wanted:
            raise _failed(
                resource,
                "The request format was unexpected, a non-UserAssigned identity type should not "
                "contain: userAssignedIdentities",
            )
        assigned: dict[str, dict[str, str]] = {}
    else:
        assigned = _assigned(call, resource, wanted)
    identity: dict[str, Any] = {}
    if _OWN in kinds:
        principals = call.cloud.principals
        own = principals.find(resource_id=resource.id)
        own = own or principals.add(display_name, resource_id=resource.id)
        tenant = call.cloud.account.tenant_id
        identity = {"principalId": own.object_id, "tenantId": tenant}
    else:
        call.cloud.principals.remove_identity_of(resource.id)
    if assigned:
        identity["userAssignedIdentities"] = assigned
    resource.body.pop("identity", None)
    held = [kind for kind in (_OWN, _USER) if kind in kinds and (kind == _OWN or assigned)]
    if held:
        resource.body["identity"] = {"type": ", ".join(held), **identity}


def _kinds(type: str | None) -> set[str]:
    """What a type like ``SystemAssigned, UserAssigned`` names."""
    words = [word.strip().lower() for word in (type or "None").split(",")]
    if not set(words) <= set(_KINDS) or (len(words) > 1 and "none" in words):
        raise invalid(
            f"The identity type '{type}' is invalid: it is {_OWN}, {_USER}, "
            f"'{_OWN}, {_USER}' or None.",
            "IdentityTypeNotSupported",
        )
    return {_KINDS[word] for word in words}


def _check_ids(wanted: dict[str, UserIdentity | None]) -> None:
    for one in wanted:
        if not re.match(r"/subscriptions/[^/]", one, re.IGNORECASE):
            raise invalid(
                f"Property id '{one}' at path 'identity.userAssignedIdentities' is invalid. Expect "
                "fully qualified resource Id that start with '/subscriptions/{subscriptionId}' or "
                "'/providers/{resourceProviderNamespace}/'.",
                "LinkedInvalidPropertyId",
            )


def _assigned(
    call: Call, resource: Resource, wanted: dict[str, UserIdentity | None]
) -> dict[str, dict[str, str]]:
    """The user-assigned identities that ``resource`` has from now on, by their ids."""
    before = (resource.body.get("identity") or {}).get("userAssignedIdentities") or {}
    kept = before if call.method == "PATCH" else {}
    added = [one for one, value in wanted.items() if value is not None]
    if not (added or kept):
        raise invalid(
            "The identity ids must not be null or empty for 'UserAssigned' identity type.",
            "MissingIdentityIds",
        )
    authorize_linked(call, ASSIGN, added)
    named = {one.lower() for one in wanted}
    found = {one: held for one, held in kept.items() if one.lower() not in named}
    for one in added:
        identity = call.cloud.store.get(one)
        if identity is None or identity.type.lower() != USER_ASSIGNED_IDENTITY_TYPE.lower():
            raise _failed(resource, f"Resource '{one}' was not found.")
        properties = identity.properties
        found[identity.id] = {
            "principalId": properties["principalId"],
            "clientId": properties["clientId"],
        }
    return found


def _failed(resource: Resource, message: str) -> CloudError:
    """400 FailedIdentityOperation, with the answer of the identities' own service inside."""
    inner = json.dumps({"error": {"code": "BadRequest", "message": message}}, separators=(",", ":"))
    return CloudError(
        400,
        "FailedIdentityOperation",
        f"Identity operation for resource '{resource.id}' failed with error 'Failed to perform "
        f"resource identity operation. Status: 'BadRequest'. Response: '{inner}'.'.",
    )
