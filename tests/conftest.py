"""Fixtures that every test may use: a real local cloud, and the environment of its clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Account


@dataclass(frozen=True)
class LocalCloud:
    """A running daemon, and what its clients need."""

    home: Path
    proxy_url: str
    ca_file: str
    account: Account
    env: dict[str, str]
    pid: int

    @property
    def subscription(self) -> str:
        """ARM id of its subscription."""
        return f"/subscriptions/{self.account.subscription_id}"


def start(home: Path) -> LocalCloud:
    """Start (or find) the daemon of ``home``."""
    running = daemon.up(home)
    kept = {k: v for k, v in os.environ.items() if k.lower() not in ("no_proxy", "http_proxy")}
    return LocalCloud(
        home,
        running.proxy_url,
        running.ca_file,
        running.account,
        {**kept, **daemon.environment(running)},
        running.pid,
    )


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One local cloud for all tests that leave no trace for others."""
    home = tmp_path_factory.mktemp("localcloud")
    yield start(home)
    daemon.down(home)


@pytest.fixture
def fresh_cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """A local cloud of the test's own."""
    home = tmp_path / "localcloud"
    yield start(home)
    daemon.down(home)
