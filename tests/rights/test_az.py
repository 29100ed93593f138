"""The built-in roles, by name and by GUID, with the real az."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import LocalCloud

from .people import NOBODY, People
from .roles import ROLES


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[People]:
    with closing(People(local_cloud)) as made:
        yield made


@pytest.mark.timeout(400)
def test_az_lists_and_assigns_every_role_by_name_and_by_guid(world: People, az: Any) -> None:
    listed = {one["roleName"]: one for one in az.json("role", "definition", "list")}
    assert set(ROLES.values()) == set(listed)
    importer = "Container Registry Data Importer and Data Reader"
    [found] = az.json("role", "definition", "list", "--name", importer)
    assert found["name"] == listed[importer]["name"] == "577a9874-89fd-4f24-9dbd-b5034d0ad23a"
    assert found["permissions"][0]["actions"] == [
        f"Microsoft.ContainerRegistry/registries/{one}"
        for one in ("importImage/action", "read", "pull/read")
    ]
    who = world.person(NOBODY)
    assignee = ("--assignee", who.object_id, "--scope", world.group)
    lister = listed["Container Registry Repository Catalog Lister"]["name"]
    for name in ("container registry data importer and data reader", lister):
        made = az.json("role", "assignment", "create", *assignee, "--role", name)
        assert made["principalId"] == who.object_id
    held = az.json("role", "assignment", "list", *assignee)
    lists = "Container Registry Repository Catalog Lister"
    assert {one["roleDefinitionName"] for one in held} == {importer, lists}
    az.ok("role", "assignment", "delete", *assignee, "--role", importer)
    [left] = az.json("role", "assignment", "list", *assignee)
    assert left["roleDefinitionName"] == lists
    told = az.refused("role", "assignment", "create", *assignee, "--role", "Grand Vizier")
    assert "Role 'Grand Vizier' doesn't exist." in told
