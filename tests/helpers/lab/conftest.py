"""A small world whose pipeline is set up and has run once, what watches it, and a kernel before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from helpers.lab.state import CloudState
from tests.helpers.front_end import FrontEnd, front_end
from tests.scenario.world import World, make_gated_world

PATIENCE = 30.0  # seconds; two noisy cores
SETUP = """
import threading
from helpers import connect, lab, runs
from tests.scenario.world import NAMES
connection = connect("local")
"""


class Seen:
    """What an observer has told, in order."""

    def __init__(self) -> None:
        self.states: list[CloudState] = []
        self._told = threading.Condition()

    def __call__(self, state: CloudState) -> None:
        with self._told:
            self.states.append(state)
            self._told.notify_all()

    def until(self, wanted: Callable[[CloudState], bool]) -> CloudState:
        """The first newest state that is as ``wanted``."""
        with self._told:
            assert self._told.wait_for(lambda: wanted(self.states[-1]), PATIENCE), self.states[-1:]
            return self.states[-1]


def threads() -> list[str]:
    """The threads of observers that go on."""
    return [one.name for one in threading.enumerate() if one.name.startswith("observer")]


def eventually(wanted: Callable[[], bool]) -> None:
    """Wait until something is as it should be."""
    deadline = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tag(world: World, registry: str, repository: str, source: str, name: str) -> None:
    """Give an image another tag, as any client of the registry does."""
    client = world.connection.clients.registry(f"{registry}.azurecr.io")
    found = client.get_manifest(repository, source)
    assert found.manifest is not None
    client.set_manifest(repository, found.manifest, tag=name, media_type=str(found.media_type))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_gated_world(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture(scope="module")
def kernel(world: World) -> Iterator[FrontEnd]:
    """A kernel with a front end before it, and a connection to that world."""
    with front_end({"LOCALCLOUD_HOME": str(world.cloud.home)}) as one:
        one.run(SETUP)
        yield one
