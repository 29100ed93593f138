"""A connection to the local cloud of the tests, and an environment that is restored afterwards."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from helpers.clouds import Connection, connect
from helpers.settings import Settings
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


def new_settings() -> Settings:
    """Names that nobody else has."""
    some = uuid.uuid4().hex[:10]
    return Settings(
        public_registry=f"public{some}",
        base_artifacts_registry=f"base{some}",
        registry=f"team{some}",
        vault=f"vault-{some}",
        instance=f"site-{some}",
        staging_registry=f"staging{some}",
    )
