"""What ``$filter`` may ask of the list of all resources, with the SDK's generic client."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.resource_types import REGISTRY_TYPE
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks.runs import Runs
from tests.conftest import LocalCloud

from .refusing import Place, assert_refused
from .test_resource_manager import make_group

IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"


@pytest.fixture(scope="module")
def things(local_cloud: LocalCloud) -> Place:
    """Three identities that no other test has: their names, tags and places differ."""
    place = Place(local_cloud, make_group(local_cloud), "", "")
    for name, location, tags in (
        ("alpha-one", "eastus", {"Team": "red", "stage": "test"}),
        ("alpha-two", "westus", {"Team": "blue"}),
        ("beta-one", "eastus", {"cost": "red"}),
    ):
        body = {"location": location, "tags": tags}
        answer = place.send("PUT", f"{{g}}/providers/{IDENTITIES}/{name}", body)
        assert answer.status_code == 201, answer.text
    return place


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        ("", ["alpha-one", "alpha-two", "beta-one"]),
        ("name eq 'ALPHA-ONE'", ["alpha-one"]),
        ("name ne 'Alpha-One'", ["alpha-two", "beta-one"]),
        ("substringof('ONE', name)", ["alpha-one", "beta-one"]),
        ("substringof('alpha', name) and location eq 'East US'", ["alpha-one"]),
        ("name eq 'alpha-two' or name eq 'beta-one'", ["alpha-two", "beta-one"]),
        (
            "location eq 'westus' or tagName eq 'team' and tagValue eq 'red'",
            ["alpha-one", "alpha-two"],
        ),
        ("tagName eq 'TEAM'", ["alpha-one", "alpha-two"]),
        ("tagValue eq 'red'", ["alpha-one", "beta-one"]),
        ("startswith(tagName, 'Te')", ["alpha-one", "alpha-two"]),
        (f"resourceType eq '{IDENTITIES.upper()}' and location ne 'eastus'", ["alpha-two"]),
        (f"resourceType ne '{IDENTITIES}'", []),
        ("(name eq 'alpha-one') and (location eq 'eastus')", ["alpha-one"]),
        ("identity/principalId eq 'nobody'", []),
        ("name eq 'it''s' or name eq ' or '", []),
    ],
)
def test_what_a_filter_leaves(things: Place, filter: str, names: list[str]) -> None:
    client = things.cloud.client(ResourceManagementClient).resources
    found = client.list_by_resource_group(things.group, filter=filter)
    assert sorted(str(one.name) for one in found) == names
    alone = f"({filter}) and resourceGroup eq '{things.group.upper()}'"
    if " or " not in filter and filter:
        assert sorted(str(one.name) for one in client.list(filter=alone)) == names


@pytest.mark.parametrize(
    ("filter", "told"),
    [
        ("location gt 'a'", "location gt"),
        ("plan/name eq 'a'", "plan/name eq"),
        ("tagName ne 'a'", "tagName ne"),
        ("substringof('a', location)", "location substringof"),
        ("startswith(name, 'a')", "name startswith"),
        ("name eq a", "name eq"),
        ("name eq 'a' and name eq 'b'", "name cannot have two values"),
        ("name eq 'a' or", "a name is expected"),
        ("(name eq 'a' or name eq 'b') and location eq 'c'", "or name eq"),
        (" or ".join(["name eq 'a'"] * 101), "more than 100 comparisons"),
        (f"name eq '{'a' * 5000}'", "more than 4096 characters"),
    ],
)
def test_what_is_not_understood(things: Place, filter: str, told: str) -> None:
    answer = things.cloud.http().get(
        f"https://management.azure.com{things.id('resources')}",
        params={"$filter": filter},
        headers={"Authorization": f"Bearer {things.cloud.token()}"},
    )
    assert_refused(answer, 400, "InvalidFilterInQueryString", told)


@pytest.mark.parametrize("filter", ["startswith(TaskName, 'b')", "substringof('b', TaskName)"])
def test_of_runs_that_there_are_no_other_function_is_asked(cloud: Cloud, filter: str) -> None:
    registry = Resource(
        f"{cloud.subscription}/resourceGroups/g/providers/{REGISTRY_TYPE}/r{uuid.uuid4().hex}",
        REGISTRY_TYPE,
        "one",
        "g",
        {},
    )
    request: dict[str, Any] = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": "c3RlcHM6IFtdCg==",
    }
    Runs(cloud).queue(registry, request, None)
    with pytest.raises(CloudError) as caught:
        Runs(cloud).list(registry.id, filter)
    assert (caught.value.status, caught.value.code) == (400, "InvalidFilter")
