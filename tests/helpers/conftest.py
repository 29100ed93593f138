"""A connection to the local cloud of the tests, and an environment that is restored afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from helpers.clouds import Connection, connect
from tests.conftest import LocalCloud


@pytest.fixture
def own_environment() -> Iterator[None]:
    """Whatever a test does to the environment of this process is undone."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def connection(local_cloud: LocalCloud, own_environment: None) -> Connection:
    """A connection to the local cloud that all tests share."""
    return connect("local", home=local_cloud.home)
