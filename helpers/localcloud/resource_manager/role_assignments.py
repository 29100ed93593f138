"""Microsoft.Authorization/roleAssignments: whom a role is assigned to, where, and on which condition."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from .. import timestamps
from ..cloud import Cloud
from ..errors import CloudError
from ..permissions import scopes_above
from ..resource_types import ASSIGNMENT_TYPE, DEFINITION_TYPE
from ..role_conditions import PRINCIPAL, PRINCIPAL_TYPE, ROLE
from ..role_definitions import Role
from ..store import Resource
from .filters import conditions
from .models import Choice, Lacking, Model, ResourceModel, read, understood
from .pages import after, next_link
from .role_assignment_conditions import CONDITION_VERSION, check_condition
from .role_definitions import find_role
from .routing import Call, Reply, Router, invalid
from .scopes import everywhere, scope_of

_ASSIGNMENTS = f"/providers/{ASSIGNMENT_TYPE}"
_ASSIGNMENT = f"{_ASSIGNMENTS}/{{name}}"
_WRITE, _READ, _DELETE = (f"{ASSIGNMENT_TYPE}/{verb}" for verb in ("write", "read", "delete"))
_SERVICE_PRINCIPAL = "ServicePrincipal"
_TYPES = ("User", "Group", _SERVICE_PRINCIPAL, "ForeignGroup", "Device")
_ATTRIBUTES = {
    "roleDefinitionId": ROLE,
    "principalId": PRINCIPAL,
    "principalType": PRINCIPAL_TYPE,
}
_PAGE = 1000  # assignments
_LONGEST_DESCRIPTION = 2048  # characters: Azure's limit of 2 KB
router = Router()


class AssignmentProperties(Model):
    """Whom a role is assigned to."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("createdOn", "updatedOn", "createdBy", "updatedBy")
    scope: str | None = None
    role_definition_id: str | None = None
    principal_id: str | None = None
    principal_type: Annotated[str | None, Choice(*_TYPES)] = None
    description: str | None = None
    condition: str | None = None
    condition_version: str | None = None
    delegated_managed_identity_resource_id: Lacking | None = None


class Assignment(ResourceModel):
    """What creates or changes a role assignment."""

    properties: AssignmentProperties | None = None


def _requested(cloud: Cloud, path: str, body: Mapping[str, Any]) -> dict[str, str]:  # noqa: ARG001
    """What conditions may ask of a new assignment: of what the operation will read of the body."""
    try:
        given = read(Assignment, body, ASSIGNMENT_TYPE).properties
    except CloudError:  # the operation says it, to whoever may ask for it
        given = None
    properties = understood(given) if given is not None else {}
    return _attributes("@Request", {"principalType": _SERVICE_PRINCIPAL, **properties})


def _stored(cloud: Cloud, path: str, body: Mapping[str, Any]) -> dict[str, str]:  # noqa: ARG001
    """What conditions may ask of an assignment that is deleted."""
    found = cloud.store.get(path)
    return _attributes("@Resource", found.properties if found is not None else {})


def _attributes(source: str, properties: Mapping[str, Any]) -> dict[str, str]:
    return {f"{source}{name}": str(properties.get(key) or "") for key, name in _ATTRIBUTES.items()}


@everywhere(router, "PUT", _ASSIGNMENT, _WRITE, Assignment, attributes=_requested)
def create(call: Call, body: Assignment) -> Reply:
    """RoleAssignments_Create: one assignment per principal, role and scope.

    Another request for the same may change its description and its condition.
    """
    cloud, name = call.cloud, call.params["name"]
    given = body.properties or AssignmentProperties()
    wanted = (given.role_definition_id or "").rsplit("/", 1)[-1]
    principal_id = given.principal_id or ""
    scope = scope_of(call)
    try:
        uuid.UUID(name)
    except ValueError:
        raise invalid(
            f"The role assignment name '{name}' must be a GUID.", "InvalidRoleAssignmentId"
        ) from None
    held = find_role(cloud, wanted)
    _check_assignable(held, scope)
    _check_given(given, name, scope)
    principal = cloud.principals.find(object_id=principal_id)
    if principal is None:
        raise invalid(
            f"Principal {principal_id.replace('-', '')} does not exist in the directory "
            f"{cloud.account.tenant_id}. Check that you have the correct principal ID.",
            "PrincipalNotFound",
        )
    principal_id = principal.object_id  # as it is spelled there
    if given.principal_type not in (None, _SERVICE_PRINCIPAL):  # there are no others
        raise invalid(
            f"The PrincipalId '{principal_id.replace('-', '')}' has type '{_SERVICE_PRINCIPAL}' , which "
            f"is different from specified PrinciaplType '{given.principal_type}'.",
            "UnmatchedPrincipalType",
        )
    existing = _existing(call, scope, principal_id, held)
    assignment_id = f"{scope}/providers/{ASSIGNMENT_TYPE}/{name}"
    stored = existing or Resource(assignment_id, ASSIGNMENT_TYPE, name, "", {})
    by = call.principal.object_id
    stored.body = {
        "properties": {
            "roleDefinitionId": f"{cloud.subscription}/providers/{DEFINITION_TYPE}/{held.guid}",
            "principalId": principal_id,
            "principalType": _SERVICE_PRINCIPAL,
            "scope": scope,
            "condition": given.condition or None,
            "conditionVersion": CONDITION_VERSION if given.condition else None,
            "description": given.description,
            "createdBy": existing.properties.get("createdBy") if existing else by,
            "updatedBy": by,
        },
    }
    return Reply(200 if existing else 201, _render(cloud.store.put(stored)))


def _check_assignable(held: Role, scope: str) -> None:
    """A custom role is assigned at its assignable scopes and below them."""
    above = {"/", *scopes_above(scope)}
    if not above.intersection(place.lower() for place in held.assignable_scopes):
        raise CloudError(
            404,
            "RoleDefinitionDoesNotExist",
            f"The specified role definition with ID '{held.guid.replace('-', '')}' does not exist at "
            f"the scope '{scope}': its assignable scopes are {', '.join(held.assignable_scopes)}.",
        )


def _check_given(given: AssignmentProperties, name: str, scope: str) -> None:
    if given.scope and given.scope.rstrip("/").lower() != scope.lower():
        raise invalid(
            f"The request to create role assignment '{name}' is not valid. Role assignment scope "
            f"'{given.scope}' must match the scope specified on the URI '{scope}'.",
            "InvalidCreateRoleAssignmentRequest",
        )
    if len(given.description or "") > _LONGEST_DESCRIPTION:
        raise invalid(f"The description has more than {_LONGEST_DESCRIPTION} characters.")
    check_condition(given.condition, given.condition_version)


def _existing(call: Call, scope: str, principal_id: str, held: Role) -> Resource | None:
    """The assignment that the request changes, None for a new one. Raises 409, and 400."""
    name = call.params["name"].lower()
    for other in call.cloud.permissions.assignments(principal_id, [scope.lower()]):
        if not other.properties["roleDefinitionId"].endswith(held.guid):
            continue
        if other.name.lower() == name:
            return other
        raise CloudError(
            409,
            "RoleAssignmentExists",
            "The role assignment already exists. The ID of the existing role assignment is "
            f"{other.name.replace('-', '')}.",
        )
    if call.cloud.store.find(type=ASSIGNMENT_TYPE, name=name):
        raise invalid(
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            "RoleAssignmentUpdateNotPermitted",
        )
    return None


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


@everywhere(router, "GET", _ASSIGNMENT, _READ)
def get(call: Call) -> Reply:
    """RoleAssignments_Get."""
    name = call.params["name"]
    found = call.cloud.store.get(f"{scope_of(call)}/providers/{ASSIGNMENT_TYPE}/{name}")
    if found is None:
        raise CloudError(
            404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found."
        )
    return Reply(200, _render(found))


@everywhere(router, "DELETE", _ASSIGNMENT, _DELETE, attributes=_stored)
def remove(call: Call) -> Reply:
    """RoleAssignments_Delete: answers what was deleted, 204 when there was nothing."""
    scope, name = scope_of(call), call.params["name"]
    removed = call.cloud.store.remove(f"{scope}/providers/{ASSIGNMENT_TYPE}/{name}")
    return Reply(200, _render(removed[0])) if removed else Reply(204)


@everywhere(router, "GET", _ASSIGNMENTS, _READ)
def list_assignments(call: Call) -> Reply:
    """RoleAssignments_ListForScope, with ``atScope()``, ``principalId eq`` and ``assignedTo``; pages."""
    given = conditions(call, {"principalId"}, {"atScope", "assignedTo"})
    exact = "atscope" in given
    wanted = given.get("assignedto", given.get("principalid"))
    found = call.cloud.permissions.listed(
        scope_of(call),
        below=not exact,
        principal=wanted,
        after=after(call),
        most=_PAGE + 1,
    )
    value = [_render(one) for one in found[:_PAGE]]
    more = {"nextLink": next_link(call, found[_PAGE - 1])} if len(found) > _PAGE else {}
    return Reply(200, {"value": value, **more})
