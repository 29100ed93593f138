"""Clouds of both kinds of sandbox; a session of containers, and a folder that it builds from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.engine import Engine, Session

from .building import Context


@pytest.fixture(params=["namespaces", "chroot"])
def any_cloud(
    request: pytest.FixtureRequest, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> Cloud:
    if request.param == "chroot" and os.geteuid() != 0:
        pytest.skip("chroot needs root")
    monkeypatch.setenv("LOCALCLOUD_SANDBOX", request.param)
    return cloud


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
