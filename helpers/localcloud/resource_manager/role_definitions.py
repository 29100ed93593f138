"""Microsoft.Authorization/roleDefinitions: the built-in roles, and those that users define.

Source: learn.microsoft.com, "Azure custom roles" (properties, limits, who may write them).
"""

from __future__ import annotations

import re
import uuid
from typing import Any, ClassVar

from .. import timestamps
from ..built_in_roles import ROLES, built_in_role
from ..cloud import Cloud
from ..errors import CloudError
from ..permissions import scopes_above
from ..provider_actions import stands_for_some
from ..resource_types import ASSIGNMENT_TYPE, DEFINITION_TYPE
from ..role_definitions import Role
from ..store import Resource
from .filters import conditions
from .models import Model, ResourceModel
from .role_assignment_conditions import check_condition
from .routing import Call, Reply, Router, authorize_linked, invalid, not_linked
from .scopes import everywhere, scope_of

_DEFINITIONS = f"/providers/{DEFINITION_TYPE}"
_DEFINITION = f"{_DEFINITIONS}/{{name}}"
_WRITE, _READ, _DELETE = (f"{DEFINITION_TYPE}/{verb}" for verb in ("write", "read", "delete"))
_NAME, _DESCRIPTION, _SCOPES = 128, 2048, 2000  # Azure's limits: characters, and how many
_ACTION = re.compile(r"\*|\*/[\w*]+(?:/[\w*]+)*|[A-Za-z]\w*(?:\.\w+)+(?:/[\w.*-]+)+")
_DATA = ("dataActions", "notDataActions")
_PERMISSIONS = ("actions", "notActions", *_DATA)
router = Router()


class Permission(Model):
    """What a role allows."""

    actions: list[str] | None = None
    not_actions: list[str] | None = None
    data_actions: list[str] | None = None
    not_data_actions: list[str] | None = None
    condition: str | None = None
    condition_version: str | None = None


class DefinitionProperties(Model):
    """A role that a user defines."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("createdOn", "updatedOn", "createdBy", "updatedBy")
    role_name: str | None = None
    type: str | None = None
    description: str | None = None
    assignable_scopes: list[str] | None = None
    permissions: list[Permission] | None = None


class Definition(ResourceModel):
    """What creates or changes a role definition."""

    properties: DefinitionProperties | None = None


def render(cloud: Cloud, found: Role) -> dict[str, Any]:
    """A role as ARM shows it."""
    times = {}
    if found.custom:
        stored = cloud.store.get(_id(cloud, found.guid))
        if stored is not None:
            times = {
                "createdOn": timestamps.ticks(stored.created),
                "updatedOn": timestamps.ticks(stored.updated),
                "createdBy": stored.private["createdBy"],
                "updatedBy": stored.private["updatedBy"],
            }
    return {
        "id": _id(cloud, found.guid),
        "type": DEFINITION_TYPE,
        "name": found.guid,
        "properties": {**found.properties(), **times},
    }


def _id(cloud: Cloud, guid: str) -> str:
    return f"{cloud.subscription}{_DEFINITIONS}/{guid}"


@everywhere(router, "GET", _DEFINITIONS, _READ)
def list_definitions(call: Call) -> Reply:
    """RoleDefinitions_List: what may be assigned at the scope, by ``roleName eq`` and ``type eq``.

    ``atScopeAndBelow()`` adds the custom roles that may be assigned below it alone.
    """
    wanted = conditions(call, {"roleName", "type"}, {"atScopeAndBelow"})
    scope = scope_of(call)
    above = set(scopes_above(scope))
    below = "atscopeandbelow" in wanted

    def seen(one: Role) -> bool:
        places = [place.lower() for place in one.assignable_scopes]
        return any(
            place in above or (below and place.startswith(f"{scope.lower()}/")) for place in places
        )

    found = [*ROLES, *(one for one in call.cloud.permissions.custom_roles() if seen(one))]
    name, kind = wanted.get("rolename"), wanted.get("type", "").lower()
    value = [
        render(call.cloud, one)
        for one in found
        if (name is None or one.name.lower() == name.lower())
        and kind in ("", "customrole" if one.custom else "builtinrole")
    ]
    return Reply(200, {"value": value})


@everywhere(router, "GET", _DEFINITION, _READ)
def get_definition(call: Call) -> Reply:
    """RoleDefinitions_Get."""
    return Reply(200, render(call.cloud, find_role(call.cloud, call.params["name"])))


@router.operation("GET", _DEFINITION, "")
def get_definition_at_root(call: Call) -> Reply:
    """RoleDefinitions_GetById at the tenant's root: the built-in roles, which everybody may see."""
    found = built_in_role(call.params["name"])
    if found is None:
        raise _missing(call.params["name"])
    return Reply(200, render(call.cloud, found))


def find_role(cloud: Cloud, guid: str) -> Role:
    """The role of that GUID. Raises 404 RoleDefinitionDoesNotExist."""
    found = cloud.permissions.role(guid)
    if found is None:
        raise _missing(guid)
    return found


def _missing(name: str) -> CloudError:
    return CloudError(
        404,
        "RoleDefinitionDoesNotExist",
        f"The specified role definition with ID '{name.replace('-', '')}' does not exist.",
    )


@everywhere(router, "PUT", _DEFINITION, _WRITE, Definition)
def create_or_update(call: Call, body: Definition) -> Reply:
    """RoleDefinitions_CreateOrUpdate: who may write roles at each of its assignable scopes."""
    cloud = call.cloud
    guid = _guid(call.params["name"])
    _check_custom(guid)
    given = body.properties or DefinitionProperties()
    existing = cloud.store.get(_id(cloud, guid))
    name = _named(call, guid, given, existing)
    if given.type is not None and given.type.lower() != "customrole":
        raise invalid(f"The type '{given.type}' of a role that is defined is CustomRole.")
    if len(given.description or "") > _DESCRIPTION:
        raise invalid(f"The description has more than {_DESCRIPTION} characters.")
    scopes = _scopes(call, given.assignable_scopes or [])
    if existing is not None:
        _check_removed(call, guid, existing.properties["assignableScopes"], scopes)
    stored = existing or Resource(_id(cloud, guid), DEFINITION_TYPE, guid, "", {})
    stored.body = {
        "properties": {
            "roleName": name,
            "description": given.description or "",
            "assignableScopes": scopes,
            "permissions": [_permission(given.permissions or [])],
        }
    }
    by = call.principal.object_id
    stored.private = {"createdBy": by, **stored.private, "updatedBy": by}
    cloud.store.put(stored)
    return Reply(201, render(cloud, find_role(cloud, guid)))


def _guid(name: str) -> str:
    try:
        return str(uuid.UUID(name))
    except ValueError:
        raise invalid(
            f"The role definition ID '{name}' is not a GUID.", "InvalidRoleDefinitionId"
        ) from None


def _check_custom(guid: str) -> None:
    found = built_in_role(guid)
    if found is not None:
        raise invalid(f"The role '{found.name}' is built in: it cannot be changed or deleted.")


def _named(call: Call, guid: str, given: DefinitionProperties, existing: Resource | None) -> str:
    name = given.role_name or ""
    if not 0 < len(name) <= _NAME:
        raise invalid(f"A role needs a roleName of 1 to {_NAME} characters.")
    for other in (*ROLES, *call.cloud.permissions.custom_roles()):
        if other.name.lower() == name.lower() and other.guid != guid:
            raise CloudError(
                409,
                "RoleDefinitionWithSameNameExists",
                "A role definition cannot be updated with a name that already exists."
                if existing
                else "A custom role with the same name already exists in this directory. Use a "
                "different name",
            )
    return name


def _scopes(call: Call, given: list[str]) -> list[str]:
    """The assignable scopes. Raises 400, and 403 where one is not there or not the caller's."""
    if not 0 < len(given) <= _SCOPES:
        raise invalid(f"A role needs 1 to {_SCOPES} assignableScopes.")
    found = []
    for scope in given:
        if scope == "/" or "*" in scope:
            raise invalid(
                f"The scope '{scope}' is not one of a custom role: neither the root nor a wildcard "
                "is. Name subscriptions and resource groups."
            )
        there = scope.rstrip("/").lower() == call.cloud.subscription.lower()
        stored = call.cloud.store.get(scope.rstrip("/"))
        if not (there or stored):
            raise not_linked(call, _WRITE, [scope])
        found.append(stored.id if stored else call.cloud.subscription)
    authorize_linked(call, _WRITE, found)
    return found


def _permission(given: list[Permission]) -> dict[str, Any]:
    if len(given) != 1:
        raise invalid("The permissions of a role are a list of exactly one permission.")
    [one] = given
    lists = (one.actions, one.not_actions, one.data_actions, one.not_data_actions)
    found = {name: values or [] for name, values in zip(_PERMISSIONS, lists, strict=True)}
    if not found["actions"] and not found["dataActions"]:
        raise invalid("A role needs actions or dataActions: without any, it allows nothing.")
    for name, actions in found.items():
        for action in actions:
            _check_action(action, data=name in _DATA)
    check_condition(one.condition, one.condition_version)
    return {**found, **({"condition": one.condition} if one.condition else {})}


def _check_action(action: str, *, data: bool) -> None:
    code = "InvalidDataActionOrNotDataAction" if data else "InvalidActionOrNotAction"
    if action.count("*") > 1:
        raise invalid(f"'{action}' has more than one wildcard: an action has one at most.", code)
    if not _ACTION.fullmatch(action) or not stands_for_some(action, data=data):
        kind = "data actions" if data else "actions"
        raise invalid(
            f"'{action}' does not match any of the {kind} supported by the providers.", code
        )


def _assigned(cloud: Cloud, guid: str) -> list[str]:
    """The scopes at which a role is assigned."""
    return [
        one.properties["scope"]
        for one in cloud.store.find(type=ASSIGNMENT_TYPE)
        if one.properties["roleDefinitionId"].lower().endswith(guid)
    ]


def _check_removed(call: Call, guid: str, before: list[str], after: list[str]) -> None:
    kept = {scope.lower() for scope in after}
    removed = [scope for scope in before if scope.lower() not in kept]
    for place in _assigned(call.cloud, guid) if removed else ():
        above = scopes_above(place)
        for scope in removed:
            if scope.lower() in above and not kept.intersection(above):
                raise invalid(
                    f"Role assignments found under scope '{scope}' which is being removed. Removing "
                    "this scope from the role will orphan these assignments. Delete these "
                    "assignments before removing the scope.",
                    "RoleScopeBeingRemovedContainsAssignments",
                )


@everywhere(router, "DELETE", _DEFINITION, _DELETE)
def remove(call: Call) -> Reply:
    """RoleDefinitions_Delete: answers what was deleted, 204 when there was nothing."""
    guid = call.params["name"].lower()
    _check_custom(guid)
    found = call.cloud.permissions.role(guid)
    if found is None:
        return Reply(204)
    authorize_linked(call, _WRITE, found.assignable_scopes)
    if _assigned(call.cloud, guid):
        raise invalid(
            "There are existing role assignments referencing role.", "RoleDefinitionHasAssignments"
        )
    body = render(call.cloud, found)
    call.cloud.store.remove(_id(call.cloud, guid))
    return Reply(200, body)
