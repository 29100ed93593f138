"""What of the workflow is in the cloud: what nobody made is missing, and what fails says so."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ClientSecretCredential

from helpers import forks, preflight, progress
from helpers.clouds import Connection, connect
from helpers.errors import HelpersError
from helpers.localcloud import daemon
from helpers.settings import Settings
from helpers.views.elapsed import Elapsed
from tests.conftest import LocalCloud
from tests.helpers.conftest import new_settings
from tests.helpers.front_end import front_end
from tests.helpers.test_preflight import vault


@pytest.fixture
def settings() -> Settings:
    return new_settings()


def test_in_an_empty_cloud_everything_is_missing(
    connection: Connection, settings: Settings
) -> None:
    for number, is_there in progress._EVIDENCE.items():
        if number != "05":  # the runs of a registry that is not there cannot be listed
            assert not is_there(connection, settings), number
    assert progress.first_missing("07", settings, connection) == "01"
    assert progress.first_missing("01", settings, connection) is None


def test_the_gate_of_staging_puts_the_first_one_out_of_service_and_06_puts_it_back(
    connection: Connection, settings: Settings
) -> None:
    group, registry = settings.base_artifacts_registry_group, settings.base_artifacts_registry
    clients: Any = connection.clients  # the types of its operations know no JSON, which they take
    clients.resources.resource_groups.create_or_update(group, {"location": "eastus"})
    body = {"location": "eastus", "sku": {"name": "Premium"}}
    clients.registries.registries.begin_create(group, registry, body).result()
    step = {"type": "EncodedTask", "encodedTaskContent": "dmVyc2lvbjogdjEuMS4wCnN0ZXBzOiBbXQo="}
    task = {"location": "eastus", "properties": {"platform": {"os": "Linux"}, "step": step}}
    clients.tasks.tasks.create(group, registry, "base-import-node", task)
    assert not progress._old_gate_disabled(connection, settings)
    disabled = {"properties": {"status": "Disabled"}}
    clients.tasks.tasks.update(group, registry, "base-import-node", disabled)
    for number in ("08", "09"):
        [(changed, restores)] = progress._CHANGED[number]
        assert (changed(connection, settings), restores) == (True, "06")


def test_a_public_image_that_is_broken_still_is_put_right_before_05_and_06(
    local_cloud: LocalCloud, own_environment: None, settings: Settings
) -> None:
    connection = connect("local", github_owner="broken-upstream", home=local_cloud.home)
    forks.publish(connection)
    assert not progress._broken_still(connection, settings)
    settings = dataclasses.replace(settings, bad_color="Crimson")
    for color in ("Red", "Crimson"):
        forks.set_color(connection, color)
        assert progress._broken_still(connection, settings)
    forks.publish(connection, restore=True)
    assert not progress._broken_still(connection, settings)
    restored = {
        number: [restores for changed, restores in found if changed is progress._broken_still]
        for number, found in progress._CHANGED.items()
    }
    assert (restored["05"], restored["06"]) == (["01"], ["05"])


def test_what_cannot_be_looked_at_is_not_called_missing(connection: Connection) -> None:
    wrong = ClientSecretCredential(
        connection.tenant_id, os.environ["AZURE_CLIENT_ID"], "not-the-secret"
    )
    with pytest.raises(ClientAuthenticationError):
        progress._exists(lambda: wrong.get_token("https://management.azure.com/.default"))
    groups: Any = connection.clients.resources.resource_groups
    with pytest.raises(HttpResponseError) as caught:
        progress._exists(lambda: groups.create_or_update("no-place-rg", {}))
    assert caught.value.status_code == 400
    assert progress._exists(lambda: list(groups.list()))


def test_secrets_that_nobody_may_read_are_missing(
    connection: Connection, settings: Settings
) -> None:
    vault(connection, settings.vault_group, settings.vault)
    with pytest.raises(HttpResponseError, match="Forbidden"):
        connection.clients.secrets(settings.vault).get_secret("any")
    assert not progress._has_secrets(connection, settings, "any")


def test_a_notebook_that_fails_to_catch_up_is_reported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in a kernel
    with pytest.raises(HelpersError, match="Catching up failed") as caught:
        progress._run("98", "99", settings, Elapsed("Catching up"))
    assert "98" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_catching_up_ends_when_it_takes_too_long(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_CATCH_UP_WITHIN", 0.01)
    with pytest.raises(HelpersError, match="Catching up took longer than 0 minutes"):
        progress._run("01", "01", settings, Elapsed("Catching up"))


CATCH_UP = """
from helpers import catch_up
catch_up("02")
"""


@pytest.mark.timeout(300)
def test_a_reader_sees_which_cell_is_run_and_for_how_long(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        with front_end({"LOCALCLOUD_HOME": str(home)}) as tab:
            tab.run(CATCH_UP, timeout=240)
            shown = [one["text/plain"] for one in tab.outputs]
            assert shown[-1] == progress._IN_PLACE
            cells = [
                one for one in shown if re.search(r": 01-\S+: cell \d+ of \d+ \(0:\d\d\)$", one)
            ]
            assert cells, shown
            assert all(one.startswith("Catching up: ") for one in cells)
            assert any(
                re.search(r'<progress [^>]*value="0\.', one["text/html"])
                for one in tab.outputs[:-1]
            )

            # What is in place says so in the same words.
            assert tab.run(CATCH_UP)["text/plain"].strip() == progress._IN_PLACE
    finally:
        daemon.down(home)


# -- a cloud that cannot be reached, and one that is Azure -----------------------------------------


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of a proxy that nobody runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_a_cloud_that_cannot_be_reached_is_told(
    connection: Connection, settings: Settings, nobody: str
) -> None:
    assert preflight._subscription(connection, settings)  # its token is known from now on
    for name in ("HTTPS_PROXY", "https_proxy"):
        os.environ[name] = nobody
    with pytest.raises(preflight._ProblemError, match="Azure cannot be reached"):
        preflight._subscription(connection, settings)
    with pytest.raises(preflight._ProblemError, match="GitHub cannot be reached: ProxyError"):
        preflight._github(connection, settings)


def test_a_vault_in_another_group_is_told(connection: Connection, settings: Settings) -> None:
    vault(connection, f"{settings.vault}-elsewhere", settings.vault)
    with pytest.raises(preflight._ProblemError, match=f"{settings.vault}-elsewhere; the workflow"):
        preflight._vault(connection, settings)


def test_the_only_subscription_is_taken(connection: Connection, tmp_path: Path) -> None:
    """As on Azure: by the address, the environment and the credential alone."""
    os.environ["LOCALCLOUD_HOME"] = str(tmp_path)  # this process knows of no local cloud
    del os.environ["AZURE_SUBSCRIPTION_ID"]
    found = connect("azure", github_owner="somebody")
    assert not found.is_local
    assert found.subscription_id == connection.subscription_id
    assert found.tenant_id == connection.tenant_id
    assert found.github_owner == "somebody"
    assert found.poll_seconds == 2.0
    assert dataclasses.replace(found, cloud="local").poll_seconds == 0.2
