"""Roles that users define, and assignments with conditions: who may, what is refused, and az."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.mgmt.authorization import AuthorizationManagementClient

from helpers.localcloud.api_versions import type_of, versions_of
from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Resource, Store
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry

ARM = "https://management.azure.com"
REGISTRY = "Microsoft.ContainerRegistry/registries"
AUTHORIZATION = "providers/Microsoft.Authorization"
ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"  # Role Based Access Control Administrator
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
UNKNOWN = "11111111-2222-3333-4444-555555555555"


@dataclass
class Somebody:
    """A principal with no role yet, and its token."""

    object_id: str
    app_id: str
    token: str


class World:
    """Two groups, one with a registry, and people to give roles to."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        name = make_group(cloud)
        self.group = f"{cloud.subscription}/resourceGroups/{name}"
        self.other = f"{cloud.subscription}/resourceGroups/{make_group(cloud)}"
        self.registry = f"{self.group}/providers/{REGISTRY}/{make_registry(cloud, name)}"
        self.store = Store(cloud.home / "state.db")
        self.principals = Principals(
            self.store, cloud.account.tenant_id, cloud.home / "signing-key.pem"
        )
        self.http = cloud.http()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        who: Somebody | None = None,
        *,
        where: str = "",
    ) -> requests.Response:
        token = who.token if who else self.cloud.token()
        return self.http.request(
            method,
            ARM + path,
            params={
                "api-version": versions_of(type_of(path))[-1],
                **({"$filter": where} if where else {}),
            },
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def somebody(self, role: str = "", scope: str = "", condition: str = "") -> Somebody:
        secret = uuid.uuid4().hex
        made = self.principals.add(f"somebody-{secret[:8]}", secret=secret)
        form = {
            "grant_type": "client_credentials",
            "client_id": made.app_id,
            "client_secret": secret,
            "scope": f"{ARM}/.default",
        }
        tenant = self.cloud.account.tenant_id
        url = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
        token = self.http.post(url, data=form, timeout=30).json()["access_token"]
        who = Somebody(made.object_id, made.app_id, token)
        if role:
            answer = self.assign(role, scope or self.group, who.object_id, condition)
            assert answer.status_code == 201, answer.text
        return who

    def definition(self, guid: str) -> str:
        return f"{self.cloud.subscription}/{AUTHORIZATION}/roleDefinitions/{guid}"

    def assign(
        self,
        role: str,
        scope: str,
        principal: str,
        condition: str = "",
        *,
        who: Somebody | None = None,
        name: str = "",
        **more: Any,
    ) -> requests.Response:
        properties = {
            "roleDefinitionId": self.definition(role),
            "principalId": principal,
            **({"condition": condition} if condition else {}),
            **more,
        }
        path = f"{scope}/{AUTHORIZATION}/roleAssignments/{name or uuid.uuid4()}"
        return self.send("PUT", path, {"properties": properties}, who)

    def define(
        self,
        guid: str = "",
        *,
        scopes: list[str] | None = None,
        who: Somebody | None = None,
        name: str | None = None,
        **permission: Any,
    ) -> requests.Response:
        permission = permission or {"actions": [f"{REGISTRY}/read"]}
        body = {
            "properties": {
                "roleName": f"role {uuid.uuid4()}" if name is None else name,
                "description": "made by a test",
                "type": "CustomRole",
                "assignableScopes": [self.group] if scopes is None else scopes,
                "permissions": [permission],
            }
        }
        path = f"{self.group}/{AUTHORIZATION}/roleDefinitions/{guid or uuid.uuid4()}"
        return self.send("PUT", path, body, who)


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    made = World(local_cloud)
    yield made
    made.store.close()


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# -- role definitions ----------------------------------------------------------------------------


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


# -- role assignments ----------------------------------------------------------------------------


def test_an_assignment_at_every_scope_and_who_has_changed_it(world: World) -> None:
    who = world.somebody()
    scopes = (world.cloud.subscription, world.group, world.registry, f"{world.registry}/tasks/one")
    for scope in scopes:
        name = str(uuid.uuid4())
        made = world.assign(READER, scope.upper(), who.object_id, name=name)
        assert made.status_code == 201, made.text
        properties = made.json()["properties"]
        assert properties["principalType"] == "ServicePrincipal"
        assert properties["createdOn"] == properties["updatedOn"]
        assert properties["createdBy"] == world.cloud.account.object_id
        assert properties["scope"].lower() == scope.lower()
        again = world.assign(READER, scope, who.object_id, name=name, description="why")
        assert (again.status_code, again.json()["properties"]["description"]) == (200, "why")
        assert again.json()["properties"]["createdOn"] == properties["createdOn"]
        assert again.json()["properties"]["updatedOn"] > properties["updatedOn"]
        twice = world.assign(READER, scope, who.object_id)
        assert refusal(twice) == (409, "RoleAssignmentExists")
        moved = world.assign(CONTRIBUTOR, scope, who.object_id, name=name)
        assert refusal(moved) == (400, "RoleAssignmentUpdateNotPermitted")
    path = f"{world.group}/{AUTHORIZATION}/roleAssignments"
    for where, count in (
        (f"principalId eq '{who.object_id}'", 4),
        (f"atScope() and assignedTo('{who.object_id}')", 2),
    ):
        listed = world.send("GET", path, where=where).json()["value"]
        assert len(listed) == count
    found = world.send("GET", path, where=f"principalId eq '{who.object_id}'").json()
    for one in found["value"]:
        assert world.send("DELETE", one["id"]).json()["id"] == one["id"]
        assert world.send("DELETE", one["id"]).status_code == 204


@pytest.mark.parametrize(
    ("change", "status", "code", "told"),
    [
        ({"roleDefinitionId": "x"}, 404, "RoleDefinitionDoesNotExist", "'x' does not exist"),
        ({"roleDefinitionId": 1}, 400, "InvalidRequestContent", "must be a string"),
        ({"principalId": UNKNOWN}, 400, "PrincipalNotFound", "Check that you have the correct"),
        ({"principalType": "Robot"}, 400, "InvalidRequestContent", "'Robot' is invalid"),
        ({"description": "x" * 2049}, 400, "InvalidRequestContent", "2048"),
        ({"conditionVersion": "2.0"}, 400, "InvalidRequestContent", "no condition"),
        ({"condition": "x", "conditionVersion": "3"}, 400, "InvalidRequestContent", "'3'"),
        (
            {"condition": "maybe"},
            *(400, "InvalidRequestContent", "The given role assignment condition is invalid."),
        ),
        (
            {"condition": "@Environment[UtcNow] DateTimeLessThan '2030-01-01'"},
            *(501, "NotImplemented", "the attribute @Environment[UtcNow]"),
        ),
        (
            {"delegatedManagedIdentityResourceId": "/subscriptions/x"},
            *(501, "NotImplemented", "delegatedManagedIdentityResourceId"),
        ),
    ],
)
def test_what_is_no_assignment_is_refused_by_name(
    world: World, change: dict[str, Any], status: int, code: str, told: str
) -> None:
    who = world.somebody()
    properties = {"roleDefinitionId": world.definition(READER), "principalId": who.object_id}
    path = f"{world.group}/{AUTHORIZATION}/roleAssignments/{uuid.uuid4()}"
    answer = world.send("PUT", path, {"properties": {**properties, **change}})
    assert refusal(answer) == (status, code), answer.text
    assert told in answer.json()["error"]["message"]
    assert refusal(world.send("GET", path)) == (404, "RoleAssignmentNotFound")


def test_names_scopes_and_bodies_that_are_none(world: World) -> None:
    who = world.somebody().object_id
    named = world.assign(READER, world.group, who, name="mine")
    assert refusal(named) == (400, "InvalidRoleAssignmentId")
    gone = world.assign(READER, f"{world.group}/providers/{REGISTRY}/gone", who)
    assert refusal(gone) == (404, "ResourceNotFound")
    lost = world.assign(READER, f"{world.group}/providers/{REGISTRY}/gone/tasks/one", who)
    assert refusal(lost) == (404, "ResourceNotFound")
    path = f"{world.group}/{AUTHORIZATION}/roleAssignments/{uuid.uuid4()}"
    assert refusal(world.send("PUT", path, {})) == (404, "RoleDefinitionDoesNotExist")
    assert refusal(world.send("PUT", path, {"properties": []})) == (400, "InvalidRequestContent")


def test_thousands_of_assignments_are_listed_page_by_page(world: World) -> None:
    who, other = world.somebody().object_id, world.somebody().object_id
    with world.store.transaction():
        for number in range(2400):
            scope = f"{world.registry}/tasks/task{number}"
            name = str(uuid.uuid4())
            properties = {
                "roleDefinitionId": world.definition(READER),
                "principalId": other if number % 6 else who,
                "principalType": "ServicePrincipal",
                "scope": scope,
            }
            one = f"{scope}/{AUTHORIZATION}/roleAssignments/{name}"
            kind = "Microsoft.Authorization/roleAssignments"
            world.store.put(Resource(one, kind, name, "", {"properties": properties}))
    path = f"{world.registry}/{AUTHORIZATION}/roleAssignments"
    pages, link = [], f"{ARM}{path}?api-version=2022-04-01"
    header = {"Authorization": f"Bearer {world.cloud.token()}"}
    while link:
        answer = world.http.get(link, headers=header, timeout=60).json()
        pages.append([entry["id"] for entry in answer["value"]])
        link = answer.get("nextLink", "")
    assert [len(page) for page in pages[:2]] == [1000, 1000]
    every = [entry for page in pages for entry in page]
    assert len(set(every)) == len(every)
    assert sum("/tasks/task" in entry for entry in every) == 2400
    client = world.cloud.client(AuthorizationManagementClient)
    listed = list(client.role_assignments.list_for_scope(world.registry))
    assert [entry.id for entry in listed] == every
    only = world.send("GET", path, where=f"principalId eq '{who}'").json()
    assert len(only["value"]) == 400
    assert "nextLink" not in only
    first = world.http.get(f"{ARM}{path}?api-version=2022-04-01", headers=header, timeout=60)
    token = first.json()["nextLink"].partition("skipToken=")[2]
    for of, query in (
        (world.group, f"%24skipToken={token}"),
        (world.registry, f"%24skipToken={token}&%24filter=atScope()"),
        (world.registry, "$skipToken=x"),
        (world.registry, "$skipToken=bnVsbA"),
    ):
        address = f"{ARM}{of}/{AUTHORIZATION}/roleAssignments?api-version=2022-04-01&{query}"
        refused = world.http.get(address, headers=header, timeout=60)
        assert refusal(refused) == (400, "InvalidSkipToken"), refused.text


def test_who_may_assign_roles(world: World) -> None:
    """Owner, User Access Administrator and Role Based Access Control Administrator."""
    target = world.somebody().object_id
    access = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
    for role, allowed in ((OWNER, 1), (access, 1), (ADMINISTRATOR, 1), (CONTRIBUTOR, 0)):
        who = world.somebody(role)
        made = world.assign(READER, world.group, target, who=who)
        if allowed:
            assert made.status_code == 201, made.text
            assert made.json()["properties"]["createdBy"] == who.object_id
            assert world.send("DELETE", made.json()["id"], who=who).status_code == 200
        else:
            assert refusal(made) == (403, "AuthorizationFailed")


def test_a_condition_says_which_roles_may_be_assigned_to_whom(world: World) -> None:
    """The portal's "Allow user to only assign selected roles"."""
    attribute = "[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
    condition = (
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
        f"(@Request{attribute} ForAnyOfAnyValues:GuidEquals {{{READER}}})) AND "
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR "
        f"(@Resource{attribute} ForAnyOfAnyValues:GuidEquals {{{READER}}}))"
    )
    who = world.somebody(ADMINISTRATOR, condition=condition)
    target = world.somebody().object_id
    for role in (OWNER, CONTRIBUTOR, ADMINISTRATOR):
        told = refusal(world.assign(role, world.group, target, who=who))
        assert told == (403, "AuthorizationFailed")
    path = f"{world.group}/{AUTHORIZATION}/roleAssignments/{uuid.uuid4()}"
    for body in ({}, {"properties": 1}):
        assert refusal(world.send("PUT", path, body, who)) == (403, "AuthorizationFailed")
    made = world.assign(READER, world.group, target, who=who).json()
    assert world.send("DELETE", made["id"], who=who).status_code == 200
    other = world.assign(CONTRIBUTOR, world.group, target).json()
    told = refusal(world.send("DELETE", other["id"], who=who))
    assert told == (403, "AuthorizationFailed")
    assert world.send("GET", world.registry, who=who).status_code == 200


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


def test_a_condition_is_kept_shown_and_changed(world: World) -> None:
    who = world.somebody().object_id
    name = str(uuid.uuid4())
    text = "!(ActionMatches{'*/write'})"
    made = world.assign(CONTRIBUTOR, world.group, who, text, name=name).json()
    assert made["properties"]["condition"] == text
    assert made["properties"]["conditionVersion"] == "2.0"
    assert world.send("GET", made["id"]).json() == made
    without = world.assign(CONTRIBUTOR, world.group, who, name=name).json()
    assert without["properties"]["condition"] is without["properties"]["conditionVersion"] is None


# -- the real az -------------------------------------------------------------------------------


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
