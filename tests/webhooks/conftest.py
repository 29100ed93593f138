"""What the tests of webhooks share: a registry, its webhooks, a receiver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import LocalCloud
from tests.registry.places import Place

from .receiving import Hooks, Receiver


@pytest.fixture(scope="module")
def hooks(local_cloud: LocalCloud) -> Hooks:
    return Hooks(Place(local_cloud))


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()
