"""Clouds of both kinds of sandbox, of a module, with users; a session of containers, and what it builds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud import user_namespace
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.engine import Engine, Session
from helpers.localcloud.root_folder import remove_tree

from .build_cases import Built
from .building import Context


@pytest.fixture(params=["namespaces", "chroot"])
def any_sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "chroot" and os.geteuid() != 0:
        pytest.skip("chroot needs root")
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", request.param)


@pytest.fixture
def any_cloud(any_sandbox: None, cloud: Cloud) -> Cloud:
    return cloud


@pytest.fixture(scope="module")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for the tests of a module; nothing stays of it, whosever its files are."""
    made = Cloud(tmp_path_factory.mktemp("shared") / "cloud")
    yield made
    made.close()
    remove_tree(made.home)
    assert not made.home.exists()


@pytest.fixture(scope="module")
def built(shared_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """What the build cases are built on."""
    session = Engine(shared_cloud).session()
    yield Built.make(shared_cloud, session, tmp_path_factory.mktemp("cases") / "base")
    session.close()


@pytest.fixture(scope="module")
def users() -> user_namespace.UserNamespace:
    """Several ids; where an ordinary user has none of its own, tests of them cannot be run."""
    try:
        return user_namespace.current()
    except user_namespace.NoIdentitiesError as error:
        pytest.skip(f"uidmap and /etc/subuid are needed: {error}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """One that containers write to: what is there may be other users'."""
    made = tmp_path / "folder"
    made.mkdir()
    yield made
    remove_tree(made)
    assert not made.exists()


@pytest.fixture
def session(cloud: Cloud) -> Iterator[Session]:
    session = Engine(cloud).session()
    yield session
    session.close()


@pytest.fixture
def context(tmp_path: Path, session: Session, cloud: Cloud) -> Context:
    folder = tmp_path / "context"
    folder.mkdir()
    return Context(folder, session, cloud)
