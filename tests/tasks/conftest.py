"""A registry of the running local cloud, and that cloud as its own code has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud
from tests.tasks.running import Registry


@pytest.fixture(scope="module")
def cloud(local_cloud: LocalCloud) -> Iterator[Cloud]:
    cloud = Cloud(local_cloud.home)
    cloud.proxy_url = local_cloud.proxy_url
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def registry(local_cloud: LocalCloud) -> Iterator[Registry]:
    made = Registry(local_cloud)
    yield made
    made.http.close()
