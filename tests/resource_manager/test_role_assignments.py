"""Role assignments: at every scope, page by page, and with conditions of whom may be given what."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters

from helpers.localcloud.store import Resource
from tests.conftest import LocalCloud
from tests.sdk import Sdk, error_of

from .assigning import (
    ADMINISTRATOR,
    ARM,
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


def test_an_assignment_at_every_scope_and_who_has_changed_it(world: World) -> None:
    who = world.somebody()
    for scope in world.scopes.values():
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


@pytest.mark.parametrize("place", ["subscription", "group", "registry", "task"])
def test_the_sdk_assigns_at_every_scope(world: World, sdk: Sdk, place: str) -> None:
    """What is assigned is found by name, by id and in listings, allows, and is taken back."""
    scope = world.scopes[place]
    assignments = sdk.manager(AuthorizationManagementClient).role_assignments
    who, name = world.somebody(), str(uuid.uuid4())
    given = RoleAssignmentCreateParameters(
        role_definition_id=world.definition(READER),
        principal_id=who.object_id,
        principal_type="ServicePrincipal",
        description="for a while",
    )
    assert world.send("GET", world.scopes["task"], who=who).status_code == 403
    made = assignments.create(scope, name, given)
    assert made.id == f"{scope}/{AUTHORIZATION}/roleAssignments/{name}"
    assert (made.scope, made.principal_type) == (scope, "ServicePrincipal")
    assert made.created_on == made.updated_on
    assert made.created_by == world.cloud.account.object_id
    for shown in (assignments.get(scope, name), assignments.get_by_id(made.id)):
        assert shown.as_dict() == made.as_dict()
    assert world.send("GET", world.scopes["task"], who=who).status_code == 404
    where = f"principalId eq '{who.object_id}'"
    assert [one.id for one in assignments.list_for_scope(scope, filter=where)] == [made.id]
    again = RoleAssignmentCreateParameters(
        role_definition_id=given.role_definition_id,
        principal_id=who.object_id,
        principal_type="ServicePrincipal",
    )
    with pytest.raises(HttpResponseError, match="The role assignment already exists") as refused:
        assignments.create(scope, str(uuid.uuid4()), again)
    assert (refused.value.status_code, error_of(refused).code) == (409, "RoleAssignmentExists")
    assert assignments.delete(scope, name).id == made.id
    assert assignments.delete(scope, name) is None
    with pytest.raises(ResourceNotFoundError, match="RoleAssignmentNotFound"):
        assignments.get(scope, name)
    assert list(assignments.list_for_scope(scope, filter=where)) == []


@pytest.mark.parametrize(
    ("change", "status", "code", "told"),
    [
        ({"roleDefinitionId": "x"}, 404, "RoleDefinitionDoesNotExist", "'x' does not exist"),
        ({"roleDefinitionId": 1}, 400, "InvalidRequestContent", "must be a string"),
        ({"principalId": UNKNOWN}, 400, "PrincipalNotFound", "Check that you have the correct"),
        (
            {"principalType": "Robot"},
            400,
            "InvalidRequestContent",
            "'properties.principalType' must be one of User, Group, ServicePrincipal",
        ),
        (
            {"principalType": "user"},
            400,
            "UnmatchedPrincipalType",
            "has type 'ServicePrincipal' , which is different from specified PrinciaplType 'User'",
        ),
        (
            {"scope": "/subscriptions/another"},
            400,
            "InvalidCreateRoleAssignmentRequest",
            "Role assignment scope '/subscriptions/another' must match the scope specified on the URI",
        ),
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
        (world.registry, f"$skipToken={'W1tb' * 3000}"),  # lists in one another
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


def test_a_condition_is_asked_of_what_is_assigned_however_the_body_spells_it(world: World) -> None:
    """Names of properties compare without case, and the last of several counts."""
    attribute = "[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
    who = world.somebody(
        ADMINISTRATOR,
        condition="!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'}) OR "
        f"@Request{attribute} GuidNotEquals '{OWNER}'",
    )
    target = world.somebody().object_id
    owner, reader = world.definition(OWNER), world.definition(READER)
    path = f"{world.group}/{AUTHORIZATION}/roleAssignments/{uuid.uuid4()}"
    for roles in (
        {"RoleDefinitionId": owner},
        {"roledefinitionid": owner.upper()},
        {"roleDefinitionId": reader, "RoleDefinitionId": owner},
    ):
        for properties in ("properties", "Properties"):
            body = {properties: {"principalId": target, **roles}}
            told = refusal(world.send("PUT", path, body, who))
            assert told == (403, "AuthorizationFailed"), body
    body = {"Properties": {"PrincipalId": target, "RoleDefinitionId": reader}}
    assert world.send("PUT", path, body, who).status_code == 201


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
