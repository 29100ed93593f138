"""What all tests of a file share: a registry and a vault in a group, two registries, or one with runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry
from tests.tasks.running import Registry

from .importing import World
from .refusing import READ, Place, vault_body


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    group = make_group(local_cloud)
    made = Place(local_cloud, group, make_registry(local_cloud, group), f"v{uuid.uuid4().hex[:12]}")
    assert made.send("PUT", "{v}", vault_body(local_cloud)).status_code == 201
    actions = {"properties": {"actions": READ}}
    assert made.send("PUT", "{r}/scopeMaps/known", actions).status_code == 201
    token = {"properties": {"scopeMapId": made.id("{r}/scopeMaps/known")}}
    assert made.send("PUT", "{r}/tokens/known", token).status_code == 201
    return made


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    made = World(local_cloud)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def registry(local_cloud: LocalCloud) -> Iterator[Registry]:
    made = Registry(local_cloud)
    yield made
    made.http.close()
