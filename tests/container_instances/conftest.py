"""A cloud whose container groups are worked on in this process, and groups of a real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.localcloud import container_instances
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.container_instances import group, image, running_container
from tests.conftest import LocalCloud

from .groups import Azure, Images
from .running_groups import Groups


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> Images:
    images = Images()
    monkeypatch.setattr(group, "pull", images.pull)
    monkeypatch.setattr(image, "check", images.pull)
    monkeypatch.setattr(running_container, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(group, "GRACE", 0.5)
    return images


@pytest.fixture
def azure(cloud: Cloud, images: Images) -> Iterator[Azure]:
    images.known = {
        "app.azurecr.io/loop:1": ("sh", "-c", "echo up $A $B; exec sleep 60"),
        "app.azurecr.io/loop:2": ("sh", "-c", "echo second; exec sleep 60"),
        "app.azurecr.io/fail:1": ("sh", "-c", "echo no; exit 3"),
        "app.azurecr.io/ok:1": ("sh", "-c", "echo done"),
        "app.azurecr.io/empty:1": (),
    }
    worker = container_instances.start(cloud)
    yield Azure(cloud)
    worker.stop()


@pytest.fixture(scope="module")
def groups(local_cloud: LocalCloud) -> Iterator[Groups]:
    """A resource group for the tests of a file."""
    made = Groups.make(local_cloud)
    yield made
    made.remove()
