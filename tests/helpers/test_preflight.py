"""What is found before anything is created, in a real local cloud and from what others answer."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest

from helpers import preflight
from helpers.clouds import Connection
from helpers.errors import HelpersError
from tests.helpers.conftest import new_settings


def group(connection: Connection, name: str) -> str:
    connection.clients.resources.resource_groups.create_or_update(name, {"location": "eastus"})
    return name


def vault(connection: Connection, where: str, name: str) -> Any:
    """A vault in a group of that name; nobody may use its secrets. The client of vaults."""
    vaults: Any = connection.clients.vaults.vaults  # its types know no JSON, which it takes
    properties = {
        "tenantId": connection.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": False,
        "accessPolicies": [],
    }
    body = {"location": "eastus", "properties": properties}
    vaults.begin_create_or_update(group(connection, where), name, body).result()
    return vaults


def test_everything_is_there_and_nothing_is_created(connection: Connection) -> None:
    names = new_settings()
    before = [one.name for one in connection.clients.resources.resource_groups.list()]
    found = preflight.check(connection, names)
    assert [what for what, _ in found.findings] == [
        "subscription",
        "resource providers",
        "registries",
        "vault",
        "GitHub",
        "costs",
    ]
    text = repr(found)
    assert "enabled, and not on free credit" in text
    assert "ContainerInstance, ContainerRegistry, KeyVault" in text
    assert f"{names.registry}: free, or yours already" in text
    assert names.staging_registry not in text
    staged = repr(preflight.check(connection, names, staging=True))
    assert f"{names.registry}, {names.staging_registry}: free, or yours already" in staged
    assert "the token may push and set webhooks" in text
    assert "nothing: it all runs on this machine" in text
    assert connection.git_token not in text
    assert "<table>" in found._repr_html_()
    assert [one.name for one in connection.clients.resources.resource_groups.list()] == before


def test_everything_that_is_wrong_is_told_at_once(connection: Connection) -> None:
    names = new_settings()
    elsewhere = group(connection, f"{names.registry}-elsewhere")
    connection.clients.registries.registries.begin_create(
        elsewhere, names.registry, {"location": "eastus", "sku": {"name": "Basic"}}
    ).result()
    vaults = vault(connection, names.vault_group, names.vault)
    assert preflight._vault(connection, names)  # it is where the workflow would make it
    vaults.delete(names.vault_group, names.vault)
    stranger = dataclasses.replace(
        connection, environment={**connection.environment, "GIT_TOKEN": "ghp_wrong"}
    )
    with pytest.raises(preflight.PreflightError) as caught:
        preflight.check(stranger, names)
    message = str(caught.value)
    assert "Nothing was created. 3 of 6 checks" in message
    assert f"{names.registry} is in your resource group {elsewhere}" in message
    assert f"az keyvault purge --name {names.vault} --location eastus" in message
    assert "GitHub does not accept the token in GIT_TOKEN (HTTP 401)" in message
    assert "ghp_wrong" not in message


def test_a_registry_for_staging_that_cannot_be_made_is_told_to_who_needs_it(
    connection: Connection,
) -> None:
    names = new_settings()
    elsewhere = group(connection, f"{names.staging_registry}-elsewhere")
    connection.clients.registries.registries.begin_create(
        elsewhere, names.staging_registry, {"location": "eastus", "sku": {"name": "Basic"}}
    ).result()
    assert preflight.check(connection, names)
    with pytest.raises(preflight.PreflightError, match=f"is in your resource group {elsewhere}"):
        preflight.check(connection, names, staging=True)
    other = dataclasses.replace(names, cloud="azure", staging_registry="acmestaging")
    with pytest.raises(HelpersError, match="own for staging_registry"):
        preflight.check(connection, other, staging=True)


def test_a_subscription_that_is_somebody_elses(connection: Connection) -> None:
    other = dataclasses.replace(connection, subscription_id=str(uuid.uuid4()))
    with pytest.raises(HelpersError, match="cannot be read"):
        preflight.check(other, new_settings())


def test_a_missing_variable_is_named(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_TOKEN")
    without = dataclasses.replace(connection, environment={})
    with pytest.raises(HelpersError, match="GIT_TOKEN is not set"):
        preflight.check(without, new_settings())
    monkeypatch.delenv("GITHUB_OWNER")
    with pytest.raises(HelpersError, match="GITHUB_OWNER is not set.* GIT_TOKEN is not set"):
        preflight.check(without, new_settings())


# As ARM answers for https://management.azure.com/subscriptions/{id} of other people's offers.
@pytest.mark.parametrize(
    ("state", "offer", "problem"),
    [
        ("Enabled", "PayAsYouGo_2014-09-01", None),
        ("Enabled", "MSDN_2014-09-01", None),
        ("Enabled", "FreeTrial_2014-09-01", "ACR Tasks are paused"),
        ("Enabled", "AzureForStudents_2018-01-01", "ACR Tasks are paused"),
        ("Disabled", "PayAsYouGo_2014-09-01", "is Disabled"),
    ],
)
def test_free_credit_is_found_out(state: str, offer: str, problem: str | None) -> None:
    record = {
        "displayName": "Mine",
        "state": state,
        "subscriptionPolicies": {"quotaId": offer, "spendingLimit": "Off"},
    }
    if problem is None:
        assert "tasks run" in preflight.usable(record)
    else:
        with pytest.raises(preflight._ProblemError, match=problem):
            preflight.usable(record)


# As GitHub answers in X-OAuth-Scopes; without that header for fine-grained tokens.
@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        ("repo, admin:repo_hook", None),
        ("admin:repo_hook, public_repo, repo:status", None),
        (None, None),
        ("repo", "lacks admin:repo_hook"),
        ("admin:repo_hook", "lacks repo "),
        ("admin:repo_hook, public_repo", "public_repo and repo:status"),
        ("", "it has: nothing"),
        ("repo:status, read:org", "lacks repo .* and admin:repo_hook"),
    ],
)
def test_scopes_that_are_missing_are_named(scopes: str | None, missing: str | None) -> None:
    if missing is None:
        assert "token" in preflight.sufficient(scopes)
    else:
        with pytest.raises(preflight._ProblemError, match=missing):
            preflight.sufficient(scopes)
