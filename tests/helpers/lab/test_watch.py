"""A cloud that is killed, stopped, frozen or reset: what is said, what stays, and what comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from helpers.clouds import Connection, connect
from helpers.lab.observer import observe
from helpers.lab.state import CloudState
from helpers.lab.stream import UNANSWERED
from helpers.localcloud import daemon
from helpers.localcloud.changes import LISTENERS, PATH, TOKEN_FILE
from helpers.settings import Settings
from helpers.state import delete_state
from tests.helpers.conftest import new_settings
from tests.helpers.lab.conftest import Seen, eventually, threads

NOT_RUNNING = (
    "The local cloud does not run: start it with python -m helpers up, and this goes on by itself."
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    home = tmp_path_factory.mktemp("watched")
    before = dict(os.environ)
    yield connect("local", home=home)
    daemon.down(home)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def running(connection: Connection) -> daemon.Running:
    return daemon.up(home_of(connection))


@pytest.fixture(scope="module")
def settings(connection: Connection) -> Settings:
    """Names of a registry that is there."""
    names = new_settings()
    make_registry(connection, names, names.registry)
    return names


def home_of(connection: Connection) -> Path:
    return Path(connection.environment["LOCALCLOUD_HOME"])


def make_registry(connection: Connection, settings: Settings, name: str) -> None:
    group = settings.group_of(name)
    connection.clients.resources.resource_groups.create_or_update(group, {"location": "eastus"})
    body = {"location": "eastus", "sku": {"name": "Basic"}}
    connection.clients.registries.registries.begin_create(group, name, body).result()


def names(state: CloudState) -> list[str]:
    return [one.name for one in state.registries]


@contextmanager
def watching(connection: Connection, settings: Settings) -> Iterator[Seen]:
    seen = Seen()
    cancel = observe(connection, settings).subscribe(seen)
    try:
        yield seen
    finally:
        cancel()
        eventually(lambda: threads() == [])


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_a_daemon_that_ends_is_told_and_the_next_one_is_found(
    connection: Connection, settings: Settings, running: daemon.Running, end: str
) -> None:
    with watching(connection, settings) as seen:
        before = seen.states[0]
        assert names(before) == [settings.registry]
        if end == "killed":
            os.kill(running.pid, signal.SIGKILL)
        else:
            daemon.down(home_of(connection))
        lost = seen.until(lambda state: state.problem == NOT_RUNNING)
        assert lost.registries == before.registries  # what was seen last stays
        assert lost.seen >= before.seen

        daemon.up(home_of(connection))
        # What nobody could be told meanwhile is seen, too: all is read once.
        make_registry(connection, settings, settings.staging_registry)
        found = seen.until(
            lambda state: not state.problem and settings.staging_registry in names(state)
        )
        assert names(found) == [settings.registry, settings.staging_registry]
    connection.clients.resources.resource_groups.begin_delete(settings.staging_group).result()


def test_a_daemon_that_stands_still_is_told_and_goes_on(
    connection: Connection, settings: Settings, running: daemon.Running
) -> None:
    with watching(connection, settings) as seen:
        os.kill(running.pid, signal.SIGSTOP)
        try:
            frozen = seen.until(lambda state: bool(state.problem))
            assert frozen.problem == UNANSWERED
            assert names(frozen) == [settings.registry]
        finally:
            os.kill(running.pid, signal.SIGCONT)
        seen.until(lambda state: not state.problem)


def test_who_leaves_a_daemon_that_stands_still_does_not_wait_for_it(
    connection: Connection, settings: Settings, running: daemon.Running
) -> None:
    with watching(connection, settings):
        os.kill(running.pid, signal.SIGSTOP)
        started = time.monotonic()
    try:
        assert time.monotonic() - started < 30
        state = observe(connection, settings).state  # a request ends, too
        assert state.problem == UNANSWERED
    finally:
        os.kill(running.pid, signal.SIGCONT)
    eventually(lambda: observe(connection, settings).state.problem == "")


def test_a_deleted_registry_is_seen_to_go(
    connection: Connection, settings: Settings, running: daemon.Running
) -> None:
    gone = settings.public_registry
    make_registry(connection, settings, gone)
    with watching(connection, settings) as seen:
        assert names(seen.states[0]) == [gone, settings.registry]
        group = settings.group_of(gone)
        connection.clients.resources.resource_groups.begin_delete(group).result()
        seen.until(lambda state: names(state) == [settings.registry])


WATCHER = """
import sys
from pathlib import Path
from helpers import connect
from helpers.lab.observer import observe
from helpers.settings import Settings
connection = connect("local", home=Path(sys.argv[1]))
settings = Settings(**eval(sys.argv[2]))
observer = observe(connection, settings)
cancel = observer.subscribe(lambda state: print([one.name for one in state.registries], flush=True))
sys.stdin.readline()  # and no cancel: the end of the process is one
"""


def test_another_kernel_sees_it_too_and_ends_at_once(
    connection: Connection, settings: Settings, running: daemon.Running
) -> None:
    command = [sys.executable, "-c", WATCHER, str(home_of(connection)), repr(settings.parameters())]
    other = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == f"{[settings.registry]}\n"
        with watching(connection, settings) as seen:
            make_registry(connection, settings, settings.base_artifacts_registry)
            both = [settings.base_artifacts_registry, settings.registry]
            assert other.stdout.readline() == f"{both}\n"
            seen.until(lambda state: names(state) == both)
        started = time.monotonic()
        out, _ = other.communicate("\n", timeout=60)
        assert out == ""
        assert other.returncode == 0
        assert time.monotonic() - started < 30
    finally:
        other.kill()
        other.wait()
    group = settings.base_artifacts_registry_group
    connection.clients.resources.resource_groups.begin_delete(group).result()


def test_observers_of_other_names_see_what_is_theirs(
    connection: Connection, settings: Settings, running: daemon.Running
) -> None:
    others = new_settings()
    with watching(connection, settings) as seen:
        told = Seen()
        cancel = observe(connection, others).subscribe(told)
        assert observe(connection, others) is not observe(connection, settings)
        make_registry(connection, others, others.registry)
        told.until(lambda state: names(state) == [others.registry])
        cancel()
        assert names(seen.states[-1]) == [settings.registry]
        assert len(threads()) == 2  # of the one that goes on


def test_callbacks_that_end_each_other_and_themselves(
    connection: Connection, settings: Settings, running: daemon.Running
) -> None:
    observer = observe(connection, settings)
    told: list[str] = []
    cancels: dict[str, Callable[[], None]] = {}

    def named(name: str) -> Callable[[CloudState], None]:
        def callback(state: CloudState) -> None:
            told.append(name)
            if told.count("a") == 2:
                for cancel in cancels.values():
                    cancel()

        return callback

    for name in ("a", "b"):
        cancels[name] = observer.subscribe(named(name))
    assert told == ["a", "b"]
    make_registry(connection, settings, settings.staging_registry)
    eventually(lambda: threads() == [])
    assert told == ["a", "b", "a"]  # b was cancelled before it was its turn
    connection.clients.resources.resource_groups.begin_delete(settings.staging_group).result()


def test_azure_is_looked_at_again_and_again(
    connection: Connection,
    settings: Settings,
    running: daemon.Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As on Azure: this process knows of no local cloud, and reaches it by its environment alone.
    monkeypatch.setenv("LOCALCLOUD_HOME", str(tmp_path))
    azure = connect("azure", github_owner="somebody")
    with watching(azure, settings) as seen:
        assert threads() == ["observer"]
        assert names(seen.states[0]) == [settings.registry]
        make_registry(connection, settings, settings.staging_registry)
        both = [settings.registry, settings.staging_registry]
        seen.until(lambda state: names(state) == both)

        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
        lost = seen.until(lambda state: state.problem.startswith("Azure does not answer"))
        assert names(lost) == both
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, running.proxy_url)
        seen.until(lambda state: not state.problem)
    connection.clients.resources.resource_groups.begin_delete(settings.staging_group).result()


def test_who_finds_no_room_is_told_and_watches_as_soon_as_there_is(
    connection: Connection, settings: Settings, running: daemon.Running
) -> None:
    token = (home_of(connection) / TOKEN_FILE).read_text()
    with ExitStack() as others, requests.Session() as session:
        session.trust_env = False
        for _ in range(LISTENERS):
            others.enter_context(
                session.get(
                    f"{running.proxy_url}{PATH}",
                    headers={"Authorization": f"Bearer {token}"},
                    stream=True,
                    timeout=30,
                )
            )
        with watching(connection, settings) as seen:
            assert "shut down one that you do not need" in seen.states[0].problem
            others.close()
            seen.until(lambda state: not state.problem and names(state) == [settings.registry])


def test_a_cloud_that_was_reset_is_another_one(tmp_path: Path) -> None:
    before = dict(os.environ)
    home = tmp_path / "reset"
    try:
        first = connect("local", home=home)
        settings = new_settings()
        make_registry(first, settings, settings.registry)
        with watching(first, settings) as seen:
            daemon.down(home)
            delete_state(home)
            second = connect("local", home=home)
            lost = seen.until(lambda state: "was reset" in state.problem)
            assert "restart the kernel" in lost.problem
            assert names(lost) == [settings.registry]
            assert observe(second, settings) is not observe(first, settings)
            assert observe(second, settings).state.registries == ()
            assert "was reset" in observe(first, settings).state.problem
    finally:
        daemon.down(home)
        os.environ.clear()
        os.environ.update(before)
