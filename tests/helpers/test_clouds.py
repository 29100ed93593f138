"""Connecting: the environment of this process, and clear words when there is no cloud."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import HelpersError, Settings, forks, preflight
from helpers.clouds import MISLEADING, ConnectError, Connection, connect
from helpers.localcloud import daemon
from helpers.state import delete_state
from tests.conftest import LocalCloud


def test_unmodified_clients_reach_the_local_cloud(
    local_cloud: LocalCloud, connection: Connection
) -> None:
    assert connection.is_local
    assert connection.subscription_id == local_cloud.account.subscription_id
    assert connection.tenant_id == local_cloud.account.tenant_id
    assert connection.object_id == local_cloud.account.object_id
    assert connection.github_owner == local_cloud.account.github_owner
    groups = connection.clients.resources.resource_groups
    assert not groups.check_existence("nobody-made-this-rg")
    assert connection.clients.secrets("some-vault") is connection.clients.secrets("some-vault")


def test_secrets_are_in_no_representation(local_cloud: LocalCloud, connection: Connection) -> None:
    for secret in (local_cloud.account.client_secret, local_cloud.account.github_token):
        assert secret not in repr(connection)


def test_what_would_lead_elsewhere_is_removed(
    local_cloud: LocalCloud, own_environment: None
) -> None:
    for name in MISLEADING:
        os.environ[name] = "elsewhere"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    connection = connect("local", home=local_cloud.home)
    assert not set(MISLEADING) & set(os.environ)
    assert not connection.clients.resources.resource_groups.check_existence("none-rg")


def test_an_unknown_cloud_is_refused() -> None:
    with pytest.raises(ConnectError, match="'local' or 'azure'"):
        connect("aws")


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectError, match="not writable"):
        connect("local", home=tmp_path / "file" / "state")


def test_azure_from_an_environment_of_the_local_cloud_is_refused(connection: Connection) -> None:
    with pytest.raises(ConnectError, match="talks to the local cloud"):
        connect("azure")


def test_azure_without_anybody_signed_in_says_how_to_sign_in(
    own_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    with pytest.raises(ConnectError, match="az login"):
        connect("azure")


def test_what_is_missing_from_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Connection("azure", None, "s", "t", None)  # type: ignore[arg-type]
    for name in ("GITHUB_OWNER", "GIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConnectError, match="GIT_TOKEN is not set.*admin:repo_hook"):
        _ = bare.git_token
    with pytest.raises(ConnectError, match="GITHUB_OWNER is not set"):
        _ = bare.github_owner


def test_a_cloud_that_is_stopped_or_reset_under_a_notebook_is_told_in_words(
    fresh_cloud: LocalCloud, own_environment: None
) -> None:
    connection = connect("local", home=fresh_cloud.home)
    groups = connection.clients.resources.resource_groups
    assert not groups.check_existence("none-rg")
    forks.publish(connection)
    tries: list[Callable[[], object]] = [
        lambda: groups.check_existence("none-rg"),
        lambda: connection.clients.registry("none.azurecr.io").list_repository_names().next(),
        lambda: connection.clients.secrets("none").get_secret("none"),
        lambda: forks.read(connection, "hello-world", "Dockerfile"),
        lambda: forks.publish(connection),
        lambda: preflight.check(connection, Settings()),
    ]

    def told(words: str) -> None:
        for one in tries:
            with pytest.raises(HelpersError, match=words):
                one()

    daemon.down(fresh_cloud.home)
    told("it was stopped. Nothing is lost. .* python -m helpers up")
    daemon.up(fresh_cloud.home)
    assert not groups.check_existence("none-rg")
    daemon.down(fresh_cloud.home)
    delete_state(fresh_cloud.home)
    told("was reset meanwhile: everything in it is gone. Restart the kernel")
    daemon.up(fresh_cloud.home)  # another cloud, maybe at the same address
    told("was reset meanwhile: everything in it is gone. Restart the kernel")
