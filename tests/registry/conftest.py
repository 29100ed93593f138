"""What all tests of a file share: a registry, or one that caches another."""

from __future__ import annotations

import itertools

import pytest

from tests.conftest import LocalCloud

from .caching import World
from .places import Place
from .policies import set_policies

_numbers = itertools.count()


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud, request: pytest.FixtureRequest) -> Place:
    """A registry, with the POLICIES that the tests of a file name."""
    made = Place(local_cloud)
    policies = getattr(request.module, "POLICIES", None)
    if policies is not None:
        set_policies(made, **policies)
    return made


@pytest.fixture
def app() -> str:
    """A repository that no other test uses."""
    return f"team/app{next(_numbers)}"


@pytest.fixture(scope="module")
def everywhere(local_cloud: LocalCloud) -> World:
    return World(local_cloud)


@pytest.fixture
def world(everywhere: World) -> World:
    everywhere.new_registry()
    return everywhere
