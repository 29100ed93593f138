"""Credentials of a task for further registries: plain, from a vault, and by the task's identity."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.engine import Engine
from helpers.localcloud.identities import Identities
from helpers.localcloud.principals import Principal
from helpers.localcloud.registry.credentials import Credential
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks.execution.credentials import CredentialError, resolve
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy, secrets
from tests.tasks.running import Registry

OTHER = "other.azurecr.io"
SYSTEM = "[system]"
CLIENT = "00000000-0000-0000-0000-000000000001"
NOBODY = Identities()


@pytest.fixture(scope="module")
def vault(local_cloud: LocalCloud) -> str:
    """The URL of a vault that the account may read, with the secrets user and password."""
    name = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    client = secrets(local_cloud, name)
    client.set_secret("user", "somebody")
    client.set_secret("password", "from the vault")
    return client.vault_url


@pytest.fixture
def own(cloud: Cloud, registry: Registry) -> Resource:
    found = cloud.store.get(registry.id)
    assert found is not None
    return found


@pytest.fixture
def stranger(registry: Registry, cloud: Cloud) -> Principal:
    """The identity of a task, which has no role anywhere."""
    step = {"type": "EncodedTask", "encodedTaskContent": "c3RlcHM6IFtd"}
    made = registry.task(f"task-{uuid.uuid4().hex[:8]}", step)
    found = cloud.principals.find(object_id=made["identity"]["principalId"])
    assert found is not None
    return found


def custom(**credential: Any) -> dict[str, Any]:
    return {"customRegistries": {OTHER: credential}}


def opaque(value: str) -> dict[str, str]:
    return {"type": "Opaque", "value": value}


def secret(url: str) -> dict[str, str]:
    return {"type": "Vaultsecret", "value": url}


def test_the_runs_own_registry_comes_first_unless_it_is_not_wanted(
    cloud: Cloud, own: Resource, registry: Registry
) -> None:
    assert list(resolve(cloud, own, None, NOBODY)) == [registry.server]
    given = custom(userName=opaque("u"), password={"value": "p"})
    found = resolve(cloud, own, given, NOBODY)
    assert list(found) == [registry.server, OTHER]
    assert found[OTHER] == Credential("u", "p")
    none = {"sourceRegistry": {"loginMode": "None"}, "customRegistries": {OTHER: None}}
    assert resolve(cloud, own, none, NOBODY) == {}


def test_user_and_password_come_from_a_vault(cloud: Cloud, own: Resource, vault: str) -> None:
    given = custom(
        userName=secret(f"{vault}/secrets/user"),
        password=secret(f"{vault}/secrets/password"),
        identity=SYSTEM,
    )
    assert resolve(cloud, own, given, Identities((cloud.owner,)))[OTHER] == Credential(
        "somebody", "from the vault"
    )
    only = custom(userName=opaque(""), password=opaque("alone"))
    assert resolve(cloud, own, only, NOBODY)[OTHER] == Credential("", "alone")


def test_an_identity_with_a_role_logs_in_and_one_without_does_not(
    cloud: Cloud, own: Resource, registry: Registry, stranger: Principal
) -> None:
    given = {"customRegistries": {registry.server: {"identity": SYSTEM}}}
    found = resolve(cloud, own, given, Identities((cloud.owner,)))[registry.server]
    session = Engine(cloud).session()
    try:
        session.login(registry.server, found)
    finally:
        session.close()
    with pytest.raises(CredentialError) as caught:
        resolve(cloud, own, given, Identities((stranger,)))
    assert str(caught.value).startswith(
        f"failed to log in to {registry.server} as the task's managed identity "
        f"({stranger.object_id}): "
    )
    assert str(caught.value).endswith("Assign it a role there, AcrPull or AcrPush.")


@pytest.mark.parametrize(
    ("credential", "told"),
    [
        ({"identity": CLIENT}, f"the user-assigned identity with the client id '{CLIENT}'"),
        ({"identity": CLIENT}, "assign it (az acr task identity assign --identities"),
        ({"identity": SYSTEM}, "the task has none: give it one (--assign-identity)"),
        ({}, f"the credential of {OTHER} has neither user name and password nor an identity"),
        (
            {"userName": secret("https://example.org/user")},
            "invalid keyvault secret URL 'https://example.org/user'",
        ),
        (
            {"userName": secret("https://v.vault.azure.net/secrets/user")},
            f"failed to resolve the credential of {OTHER}: the secret "
            "https://v.vault.azure.net/secrets/user needs a managed identity",
        ),
    ],
)
def test_a_credential_that_cannot_be_had_is_told(
    cloud: Cloud, own: Resource, credential: dict[str, Any], told: str
) -> None:
    with pytest.raises(CredentialError) as caught:
        resolve(cloud, own, custom(**credential), NOBODY)
    assert told in str(caught.value)
    assert OTHER in str(caught.value)


def test_a_secret_that_the_identity_may_not_read_is_told_without_it(
    cloud: Cloud, own: Resource, vault: str, stranger: Principal
) -> None:
    given = custom(
        userName=opaque("u"), password=secret(f"{vault}/secrets/password"), identity=SYSTEM
    )
    with pytest.raises(CredentialError, match="password could not be read") as caught:
        resolve(cloud, own, given, Identities((stranger,)))
    assert "from the vault" not in str(caught.value)
    missing = custom(userName=secret(f"{vault}/secrets/never"), identity=SYSTEM)
    with pytest.raises(CredentialError, match="never could not be read"):
        resolve(cloud, own, missing, Identities((cloud.owner,)))
