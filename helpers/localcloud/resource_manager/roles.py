"""Microsoft.Authorization: built-in role definitions, and role assignments at any scope."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..errors import CloudError
from ..resource_types import ASSIGNMENT_TYPE, DEFINITION_TYPE
from ..role_definitions import ROLES, Role, role
from ..shapes import Shape
from ..store import Resource
from .filters import conditions
from .routing import Call, Reply, Router, invalid

_WRITE, _READ, _DELETE = (f"{ASSIGNMENT_TYPE}/{verb}" for verb in ("write", "read", "delete"))
_SCOPES = (
    "/subscriptions/{subscription}",
    "/subscriptions/{subscription}/resourceGroups/{group}",
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/{type}/{resource}",
)
_BODY: Shape = {
    "properties": {
        "roleDefinitionId": str,
        "principalId": str,
        "principalType": str,
        "condition": str,
        "description": str,
        "delegatedManagedIdentityResourceId": str,
    }
}
router = Router()


def _everywhere(
    method: str, path: str, permission: str, body: Shape = None
) -> Callable[[Callable[[Call], Reply]], Callable[[Call], Reply]]:
    def register(operation: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
        for scope in _SCOPES:
            router.operation(method, scope + path, permission, body)(operation)
        return operation

    return register


def _scope(call: Call) -> str:
    """The part of the request's path before the last ``/providers/``, as ARM spells it."""
    scope = call.url[: call.url.lower().rindex("/providers/")]
    resource = call.cloud.store.get(scope)
    if resource is None and "/resourcegroups/" in scope.lower():
        raise CloudError(404, "ResourceNotFound", f"The scope '{scope}' was not found.")
    return resource.id if resource else scope


def render_definition(cloud: Cloud, found: Role, scope: str | None = None) -> dict[str, Any]:
    """A built-in role as ARM shows it."""
    return {
        "id": f"{scope or cloud.subscription}/providers/{DEFINITION_TYPE}/{found.guid}",
        "type": DEFINITION_TYPE,
        "name": found.guid,
        "properties": {
            "roleName": found.name,
            "type": "BuiltInRole",
            "description": found.description,
            "assignableScopes": ["/"],
            "permissions": [
                {
                    "actions": list(found.actions),
                    "notActions": list(found.not_actions),
                    "dataActions": list(found.data_actions),
                    "notDataActions": [],
                }
            ],
        },
    }


@_everywhere("GET", "/providers/Microsoft.Authorization/roleDefinitions", "")
def list_definitions(call: Call) -> Reply:
    """RoleDefinitions_List, with ``roleName eq`` and ``type eq`` filters."""
    wanted = conditions(call, {"roleName", "type"}, {"atScopeAndBelow"})
    name = wanted.get("rolename")
    found = [r for r in ROLES if name is None or r.name.lower() == name.lower()]
    if wanted.get("type", "BuiltInRole").lower() != "builtinrole":
        found = []
    return Reply(200, {"value": [render_definition(call.cloud, r) for r in found]})


@_everywhere("GET", "/providers/Microsoft.Authorization/roleDefinitions/{name}", "")
def get_definition(call: Call) -> Reply:
    """RoleDefinitions_Get."""
    found = role(call.params["name"])
    if found is None:
        raise _no_role(call.params["name"])
    return Reply(200, render_definition(call.cloud, found))


@router.operation("GET", "/providers/Microsoft.Authorization/roleDefinitions/{name}", "")
def get_definition_at_root(call: Call) -> Reply:
    """RoleDefinitions_GetById at the tenant's root."""
    return get_definition(call)


def _no_role(name: str) -> CloudError:
    return CloudError(
        404,
        "RoleDefinitionDoesNotExist",
        f"The specified role definition with ID '{name.replace('-', '')}' does not exist. The "
        f"local cloud has: {', '.join(f'{r.name} ({r.guid})' for r in ROLES)}.",
    )


@_everywhere("PUT", "/providers/Microsoft.Authorization/roleAssignments/{name}", _WRITE, _BODY)
def create(call: Call) -> Reply:
    """RoleAssignments_Create: one assignment per principal, role and scope."""
    scope = _scope(call)
    name = call.params["name"]
    try:
        uuid.UUID(name)
    except ValueError:
        raise invalid(
            f"The role assignment name '{name}' must be a GUID.", "InvalidRoleAssignmentId"
        ) from None
    properties = call.properties
    wanted = str(properties.get("roleDefinitionId") or "").rsplit("/", 1)[-1]
    held = role(wanted)
    if held is None:
        raise _no_role(wanted)
    principal_id = str(properties.get("principalId") or "")
    if call.cloud.principals.find(object_id=principal_id) is None:
        raise invalid(
            f"Principal {principal_id.replace('-', '')} does not exist in the directory "
            f"{call.cloud.account.tenant_id}. Check that you have the correct principal ID.",
            "PrincipalNotFound",
        )
    for unknown in ("condition", "delegatedManagedIdentityResourceId"):
        if properties.get(unknown):
            raise CloudError.not_implemented(f"role assignments with a {unknown}")
    assignment_id = f"{scope}/providers/{ASSIGNMENT_TYPE}/{name}"
    for other in call.cloud.store.find(type=ASSIGNMENT_TYPE):
        same = (
            other.properties["scope"].lower() == scope.lower()
            and other.properties["principalId"].lower() == principal_id.lower()
            and other.properties["roleDefinitionId"].endswith(held.guid)
        )
        if same and other.name.lower() != name.lower():
            raise CloudError(
                409,
                "RoleAssignmentExists",
                "The role assignment already exists. The ID of the existing role assignment is "
                f"{other.name.replace('-', '')}.",
            )
        if other.name.lower() == name.lower() and not same:
            raise CloudError(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
    existing = call.cloud.store.get(assignment_id)
    body = {
        "properties": {
            "roleDefinitionId": f"{call.cloud.subscription}/providers/{DEFINITION_TYPE}/{held.guid}",
            "principalId": principal_id,
            "principalType": properties.get("principalType") or "ServicePrincipal",
            "scope": scope,
            "description": properties.get("description"),
            "createdBy": existing.properties.get("createdBy")
            if existing
            else call.principal.object_id,
            "updatedBy": call.principal.object_id,
        },
    }
    stored = existing or Resource(assignment_id, ASSIGNMENT_TYPE, name, "", {})
    stored.body = body
    return Reply(200 if existing else 201, _render(call.cloud.store.put(stored)))


def _render(assignment: Resource) -> dict[str, Any]:
    """An assignment as ARM shows it; the account's own, too, which nobody has created by a request."""
    unset = ("condition", "conditionVersion", "delegatedManagedIdentityResourceId", "description")
    return {
        "id": assignment.id,
        "type": ASSIGNMENT_TYPE,
        "name": assignment.name,
        "properties": {
            **dict.fromkeys((*unset, "createdBy", "updatedBy")),
            **assignment.properties,
            "createdOn": timestamps.ticks(assignment.created),
            "updatedOn": timestamps.ticks(assignment.updated),
        },
    }


@_everywhere("GET", "/providers/Microsoft.Authorization/roleAssignments/{name}", _READ)
def get(call: Call) -> Reply:
    """RoleAssignments_Get."""
    return Reply(200, _render(_find(call)))


def _find(call: Call) -> Resource:
    name = call.params["name"]
    found = call.cloud.store.get(f"{_scope(call)}/providers/{ASSIGNMENT_TYPE}/{name}")
    if found is None:
        raise CloudError(
            404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found."
        )
    return found


@_everywhere("DELETE", "/providers/Microsoft.Authorization/roleAssignments/{name}", _DELETE)
def remove(call: Call) -> Reply:
    """RoleAssignments_Delete: answers what was deleted, 204 when there was nothing."""
    scope, name = _scope(call), call.params["name"]
    removed = call.cloud.store.remove(f"{scope}/providers/{ASSIGNMENT_TYPE}/{name}")
    return Reply(200, _render(removed[0])) if removed else Reply(204)


@_everywhere("GET", "/providers/Microsoft.Authorization/roleAssignments", _READ)
def list_assignments(call: Call) -> Reply:
    """RoleAssignments_ListForScope, with ``atScope()``, ``principalId eq`` and ``assignedTo``."""
    given = conditions(call, {"principalId"}, {"atScope", "assignedTo"})
    exact = "atscope" in given
    wanted = given.get("assignedto", given.get("principalid"))
    scope = _scope(call).lower()
    value = []
    for assignment in call.cloud.store.find(type=ASSIGNMENT_TYPE):
        granted = assignment.properties["scope"].lower()
        above = scope == granted or scope.startswith(granted + "/")
        below = granted.startswith(scope + "/") and not exact
        holder = assignment.properties["principalId"].lower()
        if (above or below) and (wanted is None or holder == wanted.lower()):
            value.append(_render(assignment))
    return Reply(200, {"value": value})
