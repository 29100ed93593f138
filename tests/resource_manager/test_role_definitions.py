"""Roles that users define: who may, what is refused, and the real az."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import Permission, RoleDefinition

from tests.conftest import LocalCloud
from tests.sdk import Sdk

from .assigning import (
    AUTHORIZATION,
    CONTRIBUTOR,
    OWNER,
    READER,
    REGISTRY,
    UNKNOWN,
    World,
    refusal,
    worlds,
)


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    yield from worlds(local_cloud)


def test_a_role_that_is_defined_allows_what_it_says_less_what_it_takes_away(world: World) -> None:
    made = world.define(
        actions=[f"{REGISTRY}/*"], notActions=[f"{REGISTRY}/listCredentials/action"]
    )
    assert made.status_code == 201, made.text
    role = made.json()
    assert role["type"] == "Microsoft.Authorization/roleDefinitions"
    assert role["id"] == world.definition(role["name"])
    properties = role["properties"]
    assert properties["type"] == "CustomRole"
    assert properties["assignableScopes"] == [world.group]
    assert properties["createdBy"] == properties["updatedBy"] == world.cloud.account.object_id
    assert properties["createdOn"] == properties["updatedOn"]
    [permission] = properties["permissions"]
    assert permission == {
        "actions": [f"{REGISTRY}/*"],
        "notActions": [f"{REGISTRY}/listCredentials/action"],
        "dataActions": [],
        "notDataActions": [],
    }
    who = world.somebody(role["name"])
    assert world.send("GET", world.registry, who=who).status_code == 200
    assert world.send("GET", f"{world.registry}/tokens", who=who).status_code == 200
    refused = world.send("POST", f"{world.registry}/listCredentials", {}, who)
    assert refusal(refused) == (403, "AuthorizationFailed")
    assert refused.json()["error"]["message"] == (
        f"The client '{who.app_id}' with object id '{who.object_id}' does not have authorization to "
        f"perform action '{REGISTRY}/listCredentials/action' over scope '{world.registry}' or the "
        "scope is invalid. If access was recently granted, please refresh your credentials."
    )
    fewer = world.define(role["name"], actions=[f"{REGISTRY}/tokens/read"])
    assert fewer.status_code == 201
    assert fewer.json()["properties"]["createdOn"] == properties["createdOn"]
    assert world.send("GET", world.registry, who=who).status_code == 403
    assert world.send("GET", f"{world.registry}/tokens", who=who).status_code == 200


def test_a_role_for_repositories_and_one_for_what_is_not_here(world: World) -> None:
    permissions: tuple[dict[str, Any], ...] = (
        {"dataActions": [f"{REGISTRY}/repositories/*", f"{REGISTRY}/catalog/read"]},
        {"actions": ["*/read", "Microsoft.Compute/virtualMachines/start/action", "*"]},
        {"actions": ["microsoft.containerregistry/REGISTRIES/taskRuns/read"]},
        {"actions": ["*"], "notActions": [f"{REGISTRY}/*/delete"], "dataActions": ["*"]},
    )
    for permission in permissions:
        made = world.define(**permission)
        assert made.status_code == 201, made.text


def test_a_role_is_listed_where_it_may_be_assigned(world: World) -> None:
    role = world.define(name=f"Image reader {uuid.uuid4().hex[:6]}").json()
    name = role["properties"]["roleName"]

    def listed(scope: str, where: str) -> list[str]:
        path = f"{scope}/{AUTHORIZATION}/roleDefinitions"
        answer = world.send("GET", path, where=where)
        return [one["name"] for one in answer.json()["value"]]

    named = f"roleName eq '{name.upper()}'"
    for scope in (world.group, world.registry, f"{world.registry}/tasks/one"):
        assert listed(scope, named) == [role["name"]]
    assert listed(world.cloud.subscription, named) == listed(world.other, named) == []
    below = f"{named} and atScopeAndBelow()"
    assert listed(world.cloud.subscription, below) == [role["name"]]
    assert role["name"] in listed(world.group, "type eq 'CustomRole'")
    assert role["name"] not in listed(world.group, "type eq 'BuiltInRole'")
    one = world.send(
        "GET", f"{world.cloud.subscription}/{AUTHORIZATION}/roleDefinitions/" + role["name"].upper()
    )
    assert one.json() == role


@pytest.mark.parametrize("place", ["subscription", "group", "registry", "task"])
def test_the_sdk_defines_a_role_at_every_scope(world: World, sdk: Sdk, place: str) -> None:
    """Asked for at a scope, it is the same role, wherever it may be assigned."""
    scope = world.scopes[place]
    definitions = sdk.manager(AuthorizationManagementClient).role_definitions
    guid, name = str(uuid.uuid4()), f"reads {uuid.uuid4().hex[:8]}"
    given = RoleDefinition(
        role_name=name,
        description="reads tasks",
        role_type="CustomRole",
        permissions=[Permission(actions=[f"{REGISTRY}/tasks/read"], not_actions=[])],
        assignable_scopes=[world.group],
    )
    made = definitions.create_or_update(scope, guid, given)
    assert (made.role_name, made.role_type, made.name) == (name, "CustomRole", guid)
    assert made.permissions[0].actions == [f"{REGISTRY}/tasks/read"]
    assert made.created_by == world.cloud.account.object_id
    found = definitions.get(scope, guid)
    assert found.as_dict() == made.as_dict() == definitions.get_by_id(made.id).as_dict()
    listed = list(definitions.list(scope, filter=f"roleName eq '{name}'"))
    # A role is listed where it may be assigned: at its group and below.
    assert [one.id for one in listed] == ([] if place == "subscription" else [made.id])
    given.permissions = [Permission(actions=[f"{REGISTRY}/tasks/*"])]
    changed = definitions.create_or_update(scope, guid, given)
    assert changed.permissions[0].actions == [f"{REGISTRY}/tasks/*"]
    assert changed.created_on == made.created_on < changed.updated_on
    given.assignable_scopes = []
    with pytest.raises(HttpResponseError) as refused:
        definitions.create_or_update(scope, guid, given)
    assert refused.value.status_code == 400
    assert definitions.delete(scope, guid).role_name == name
    assert definitions.delete(scope, guid) is None
    with pytest.raises(ResourceNotFoundError, match="RoleDefinitionDoesNotExist"):
        definitions.get(scope, guid)


def test_the_sdk_finds_a_built_in_role_of_the_whole_tenant(world: World, sdk: Sdk) -> None:
    definitions = sdk.manager(AuthorizationManagementClient).role_definitions
    found = definitions.get_by_id(f"/{AUTHORIZATION}/roleDefinitions/{READER}")
    assert (found.role_name, found.role_type) == ("Reader", "BuiltInRole")
    assert found.assignable_scopes == ["/"]
    assert found.permissions[0].actions == ["*/read"]
    built_in = definitions.list(world.registry, filter="type eq 'BuiltInRole'")
    assert {"Owner", "Contributor", "Reader", "AcrPull"} <= {one.role_name for one in built_in}


@pytest.mark.parametrize(
    ("change", "status", "code", "told"),
    [
        ({"permissions": []}, 400, "InvalidRequestContent", "exactly one permission"),
        ({"permissions": None}, 400, "InvalidRequestContent", "exactly one permission"),
        ({"permissions": [{}, {}]}, 400, "InvalidRequestContent", "exactly one permission"),
        ({"permissions": [{}]}, 400, "InvalidRequestContent", "actions or dataActions"),
        (
            {"permissions": [{"notActions": ["*"]}]},
            *(400, "InvalidRequestContent", "actions or dataActions"),
        ),
        ({"permissions": {}}, 400, "InvalidRequestContent", "'properties.permissions' must be a"),
        (
            {"permissions": [{"actions": "*"}]},
            *(400, "InvalidRequestContent", "'properties.permissions[0].actions' must be a list"),
        ),
        (
            {"permissions": [{"actions": ["*/read/*"]}]},
            *(400, "InvalidActionOrNotAction", "more than one wildcard"),
        ),
        (
            {"permissions": [{"actions": ["read registries"]}]},
            *(400, "InvalidActionOrNotAction", "'read registries' does not match any of the"),
        ),
        (
            {"permissions": [{"actions": ["*"], "condition": "x"}]},
            *(400, "InvalidRequestContent", "The given role assignment condition is invalid."),
        ),
        (  # a letter is missing
            {"permissions": [{"actions": [f"{REGISTRY}/pul/read"]}]},
            *(400, "InvalidActionOrNotAction", "supported by the providers"),
        ),
        (  # it is a data action
            {"permissions": [{"actions": [f"{REGISTRY}/repositories/content/read"]}]},
            *(400, "InvalidActionOrNotAction", "supported by the providers"),
        ),
        (
            {"permissions": [{"actions": ["*"], "notActions": [f"{REGISTRY}/tasks/*/run"]}]},
            *(400, "InvalidActionOrNotAction", "tasks/*/run"),
        ),
        (
            {"permissions": [{"dataActions": [f"{REGISTRY}/pull/read"]}]},
            *(400, "InvalidDataActionOrNotDataAction", "data actions supported by"),
        ),
        (
            {"permissions": [{"dataActions": ["*/*/x"]}]},
            *(400, "InvalidDataActionOrNotDataAction", "more than one wildcard"),
        ),
        ({"roleName": ""}, 400, "InvalidRequestContent", "roleName"),
        ({"roleName": "x" * 129}, 400, "InvalidRequestContent", "128"),
        ({"roleName": "reader"}, 409, "RoleDefinitionWithSameNameExists", "Use a different name"),
        ({"description": "x" * 2049}, 400, "InvalidRequestContent", "2048"),
        ({"type": "BuiltInRole"}, 400, "InvalidRequestContent", "CustomRole"),
        ({"assignableScopes": []}, 400, "InvalidRequestContent", "assignableScopes"),
        ({"assignableScopes": ["/"]}, 400, "InvalidRequestContent", "'/' is not one"),
        ({"assignableScopes": ["/subscriptions/*"]}, 400, "InvalidRequestContent", "wildcard"),
        (
            {"assignableScopes": [f"/subscriptions/{UNKNOWN}"]},
            *(403, "LinkedAuthorizationFailed", "or the linked scope(s) are invalid"),
        ),
        ({"assignableScopes": ["nowhere"]}, 403, "LinkedAuthorizationFailed", "'nowhere'"),
        ({"assignableScopes": ["/x"] * 2001}, 400, "InvalidRequestContent", "2000"),
    ],
)
def test_what_is_no_role_is_refused_by_what_it_lacks(
    world: World, change: dict[str, Any], status: int, code: str, told: str
) -> None:
    good = {
        "roleName": f"role {uuid.uuid4()}",
        "assignableScopes": [world.group],
        "permissions": [{"actions": ["*/read"]}],
    }
    guid = str(uuid.uuid4())
    path = f"{world.group}/{AUTHORIZATION}/roleDefinitions/{guid}"
    answer = world.send("PUT", path, {"properties": {**good, **change}})
    assert refusal(answer) == (status, code), answer.text
    assert told in answer.json()["error"]["message"]
    assert refusal(world.send("GET", path)) == (404, "RoleDefinitionDoesNotExist")


def test_built_in_roles_and_names_that_are_no_guid_are_refused(world: World) -> None:
    assert refusal(world.define(READER)) == (400, "InvalidRequestContent")
    assert refusal(world.define("my-role")) == (400, "InvalidRoleDefinitionId")
    path = f"{world.group}/{AUTHORIZATION}/roleDefinitions"
    assert refusal(world.send("DELETE", f"{path}/{READER}")) == (400, "InvalidRequestContent")
    assert world.send("DELETE", f"{path}/{uuid.uuid4()}").status_code == 204
    assert refusal(world.send("PUT", f"{path}/{UNKNOWN}", {})) == (400, "InvalidRequestContent")


def test_a_role_is_renamed_and_no_two_have_one_name(world: World) -> None:
    first, second = world.define().json(), world.define().json()
    name = first["properties"]["roleName"]
    told = refusal(world.define(second["name"], name=name.upper()))
    assert told == (409, "RoleDefinitionWithSameNameExists")
    again = world.define(first["name"], name=name.upper())
    assert again.json()["properties"]["roleName"] == name.upper()


def test_a_role_that_is_assigned_is_not_deleted_nor_taken_from_under_it(world: World) -> None:
    role = world.define(scopes=[world.group, world.other]).json()
    path = f"{world.group}/{AUTHORIZATION}/roleDefinitions/{role['name']}"
    who = world.somebody()
    made = world.assign(role["name"], world.registry, who.object_id).json()
    refused = world.send("DELETE", path)
    assert refusal(refused) == (400, "RoleDefinitionHasAssignments")
    told = "There are existing role assignments referencing role."
    assert refused.json()["error"]["message"] == told
    moved = world.define(role["name"], scopes=[world.other])
    assert refusal(moved) == (400, "RoleScopeBeingRemovedContainsAssignments")
    assert world.define(role["name"], scopes=[world.group]).status_code == 201
    assert world.define(role["name"], scopes=[world.registry]).status_code == 201
    assert world.send("DELETE", made["id"]).status_code == 200
    gone = world.send("DELETE", path)
    assert (gone.status_code, gone.json()["name"]) == (200, role["name"])
    assert world.send("DELETE", path).status_code == 204


def test_a_role_is_assigned_at_its_assignable_scopes_and_below_alone(world: World) -> None:
    role = world.define().json()["name"]
    who = world.somebody()
    assert world.assign(role, world.registry, who.object_id).status_code == 201
    for scope in (world.other, world.cloud.subscription):
        refused = world.assign(role, scope, who.object_id)
        assert refusal(refused) == (404, "RoleDefinitionDoesNotExist")
        assert world.group in refused.json()["error"]["message"]


def test_only_who_may_write_roles_at_every_assignable_scope_writes_one(world: World) -> None:
    owner, contributor = world.somebody(OWNER), world.somebody(CONTRIBUTOR)
    both = [world.group, world.other]
    assert world.define(who=owner).status_code == 201
    refused = world.define(who=owner, scopes=both)
    assert refusal(refused) == (403, "LinkedAuthorizationFailed")
    assert refused.json()["error"]["message"].startswith(
        f"The client '{owner.app_id}' with object id '{owner.object_id}' has permission to perform "
        "action 'Microsoft.Authorization/roleDefinitions/write' on scope '"
    )
    assert refusal(world.define(who=contributor)) == (403, "AuthorizationFailed")
    shared = world.define(scopes=both).json()["name"]
    path = f"{world.group}/{AUTHORIZATION}/roleDefinitions/{shared}"
    assert refusal(world.send("DELETE", path, who=owner)) == (403, "LinkedAuthorizationFailed")
    assert refusal(world.send("DELETE", path, who=contributor)) == (403, "AuthorizationFailed")
    nobody = world.somebody()
    for name in ("roleDefinitions", f"roleDefinitions/{READER}", "roleAssignments"):
        asked = world.send("GET", f"{world.group}/{AUTHORIZATION}/{name}", who=nobody)
        assert refusal(asked) == (403, "AuthorizationFailed")
    root = world.send("GET", f"/{AUTHORIZATION}/roleDefinitions/{READER}", who=nobody)
    assert root.json()["properties"]["roleName"] == "Reader"
    lost = world.send("GET", f"/{AUTHORIZATION}/roleDefinitions/{shared}")
    assert refusal(lost) == (404, "RoleDefinitionDoesNotExist")


def test_a_role_has_a_condition_of_its_own(world: World) -> None:
    """Key Vault Data Access Administrator, and a role that a user defines."""
    access, user = "8b54135c-b56d-4d72-a534-26097cfdc8d8", "4633458b-17de-408a-b874-0445c86b69e6"
    shown = world.send("GET", world.definition(access)).json()["properties"]["permissions"][0]
    assert user in shown["condition"]
    assert shown["conditionVersion"] == "2.0"
    who, target = world.somebody(access), world.somebody().object_id
    made = world.assign(user, world.group, target, who=who)
    assert made.status_code == 201, made.text
    assert world.send("DELETE", made.json()["id"], who=who).status_code == 200
    refused = refusal(world.assign(OWNER, world.group, target, who=who))
    assert refused == (403, "AuthorizationFailed")
    tokens = "ActionMatches{'*/tokens/read'}"
    role = world.define(actions=["*/read"], condition=tokens, conditionVersion="2.0").json()
    assert role["properties"]["permissions"][0]["condition"] == tokens
    narrowed = world.somebody(role["name"])
    assert world.send("GET", f"{world.registry}/tokens", who=narrowed).status_code == 200
    assert world.send("GET", world.registry, who=narrowed).status_code == 403


@pytest.mark.timeout(400)
def test_az_defines_changes_assigns_and_deletes_a_role(
    world: World, az: Any, tmp_path: Path
) -> None:
    name = f"Image reader {uuid.uuid4().hex[:6]}"
    role = {
        "Name": name,
        "Description": "Reads registries.",
        "Actions": [f"{REGISTRY}/read"],
        "AssignableScopes": [world.group],
    }
    file = tmp_path / "role.json"
    file.write_text(json.dumps(role))
    made = az.json("role", "definition", "create", "--role-definition", str(file))
    assert (made["roleName"], made["roleType"]) == (name, "CustomRole")
    file.write_text(json.dumps({**role, "Actions": [f"{REGISTRY}/*/read", f"{REGISTRY}/read"]}))
    changed = az.json("role", "definition", "update", "--role-definition", str(file))
    assert changed["name"] == made["name"]
    assert changed["permissions"][0]["actions"] == [f"{REGISTRY}/*/read", f"{REGISTRY}/read"]
    at = ("--scope", world.group)
    listed = az.json("role", "definition", "list", "--custom-role-only", *at)
    assert name in [one["roleName"] for one in listed]
    assert {one["roleType"] for one in listed} == {"CustomRole"}
    who = world.somebody()
    condition = "ActionMatches{'*/tokens/read'}"
    assigned = az.json(
        *("role", "assignment", "create", "--assignee-object-id", who.object_id, *at),
        *("--assignee-principal-type", "ServicePrincipal", "--role", name),
        *("--condition", condition, "--description", "tokens only"),
    )
    assert (assigned["condition"], assigned["conditionVersion"]) == (condition, "2.0")
    assert world.send("GET", f"{world.registry}/tokens", who=who).status_code == 200
    assert world.send("GET", world.registry, who=who).status_code == 403
    told = az.refused("role", "definition", "delete", "--name", name, *at)
    assert "RoleDefinitionHasAssignments" in told
    az.ok("role", "assignment", "delete", "--ids", assigned["id"])
    az.ok("role", "definition", "delete", "--name", name, "--custom-role-only", *at)
    assert az.json("role", "definition", "list", "--name", name, *at) == []
    file.write_text(json.dumps({**role, "Actions": []}))
    told = az.refused("role", "definition", "create", "--role-definition", str(file))
    assert "A role needs actions or dataActions" in told
