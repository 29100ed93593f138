"""A vault and its secrets from the first to the last, with the SDK in both of its forms."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient
from azure.mgmt.keyvault import KeyVaultManagementClient

from tests.sdk import Sdk, error_of

from .test_key_vault import GROUP, create_vault, policy


@pytest.fixture
def name(sdk: Sdk) -> str:
    """A vault whose secrets the account may do everything with."""
    return create_vault(sdk.cloud, policy(sdk.cloud, sdk.cloud.account.object_id, "all", "purge"))


def client_of(sdk: Sdk, name: str) -> Any:
    """The client of the secrets of a vault."""
    return sdk.client(SecretClient, f"https://{name}.vault.azure.net")


def deleted(sdk: Sdk, client: Any, secret: str) -> Any:
    """A secret that is deleted, and whose deletion has ended."""
    if sdk.form == "synchronous":
        going_on = client.begin_delete_secret(secret)
        going_on.wait()
        return going_on.result()
    return client.delete_secret(secret)  # its client waits by itself


def recovered(sdk: Sdk, client: Any, secret: str) -> Any:
    """A secret that is there again."""
    if sdk.form == "synchronous":
        going_on = client.begin_recover_deleted_secret(secret)
        going_on.wait()
        return going_on.result()
    return client.recover_deleted_secret(secret)


def test_a_secret_from_its_first_value_to_its_end(sdk: Sdk, name: str) -> None:
    client = client_of(sdk, name)
    first = client.set_secret("pin", "1234", content_type="text", tags={"a": "b"})
    assert (first.value, first.properties.content_type) == ("1234", "text")
    assert first.properties.created_on == first.properties.updated_on
    second = client.set_secret("pin", "5678")
    assert client.get_secret("pin").value == "5678"
    assert client.get_secret("pin", first.properties.version).value == "1234"
    versions = {one.version for one in client.list_properties_of_secret_versions("pin")}
    assert versions == {first.properties.version, second.properties.version}
    changed = client.update_secret_properties("pin", enabled=False, content_type="number")
    assert (changed.enabled, changed.content_type) == (False, "number")
    with pytest.raises(HttpResponseError, match="disabled secret"):
        client.get_secret("pin")
    client.update_secret_properties("pin", enabled=True)
    backup = client.backup_secret("pin")
    assert [one.name for one in client.list_properties_of_secrets()] == ["pin"]
    gone = deleted(sdk, client, "pin")
    assert (gone.name, gone.properties.recovery_level) == ("pin", "Recoverable+Purgeable")
    assert gone.scheduled_purge_date > gone.deleted_date
    with pytest.raises(ResourceNotFoundError, match="was not found in this key vault"):
        client.get_secret("pin")
    assert client.get_deleted_secret("pin").recovery_id == gone.recovery_id
    assert [one.name for one in client.list_deleted_secrets()] == ["pin"]
    with pytest.raises(ResourceExistsError, match="ObjectIsDeletedButRecoverable"):
        client.set_secret("pin", "9")
    assert recovered(sdk, client, "pin").version == second.properties.version
    assert client.get_secret("pin").value == "5678"
    deleted(sdk, client, "pin")
    client.purge_deleted_secret("pin")
    assert list(client.list_deleted_secrets()) == []
    assert client.restore_secret_backup(backup).version == second.properties.version
    assert client.get_secret("pin", first.properties.version).value == "1234"


def test_a_vault_from_its_creation_to_its_purge(sdk: Sdk) -> None:
    client = sdk.manager(KeyVaultManagementClient)
    vaults, account = client.vaults, sdk.cloud.account
    other = create_vault(sdk.cloud)
    name = f"kv-{uuid.uuid4().hex[:12]}"
    sku = {"family": "A", "name": "standard"}
    properties = {"tenantId": account.tenant_id, "sku": sku, "enableRbacAuthorization": False}
    body = {"location": "eastus", "tags": {"a": "b"}, "properties": properties}
    asked = {"name": name, "type": "Microsoft.KeyVault/vaults"}
    assert vaults.check_name_availability(asked).name_available
    made = vaults.begin_create_or_update(GROUP, name, body).result()
    assert (made.properties.vault_uri, made.tags) == (
        *(f"https://{name}.vault.azure.net/", {"a": "b"}),
    )
    taken = vaults.check_name_availability(asked)
    assert (taken.name_available, taken.reason) == (False, "AlreadyExists")
    policies = {"accessPolicies": [policy(sdk.cloud, account.object_id, "get", "set")]}
    vaults.update_access_policy(GROUP, name, "add", {"properties": policies})
    held = vaults.get(GROUP, name).properties.access_policies
    assert [one.permissions.secrets for one in held] == [["get", "set"]]
    client_of(sdk, name).set_secret("pin", "1")
    changed = vaults.update(GROUP, name, {"tags": {"c": "d"}})
    assert (changed.tags, len(changed.properties.access_policies)) == ({"c": "d"}, 1)
    pages = [[one.name for one in page] for page in vaults.list_by_subscription(top=1).by_page()]
    assert {len(page) for page in pages if page} == {1}
    listed = [one for page in pages for one in page]
    assert {name, other} <= set(listed)
    assert listed == [one.name for one in vaults.list_by_subscription()]
    assert name in [one.name for one in vaults.list_by_resource_group(GROUP, top=1)]
    vaults.delete(GROUP, name)
    gone = vaults.get_deleted(name, "eastus")
    assert gone.properties.vault_id == made.id
    assert gone.properties.scheduled_purge_date > gone.properties.deletion_date
    assert name in [one.name for one in vaults.list_deleted()]
    with pytest.raises(HttpResponseError) as refused:
        vaults.begin_create_or_update(GROUP, name, body).result()
    assert error_of(refused).code == "ConflictError"
    vaults.begin_purge_deleted(name, "eastus").result()
    with pytest.raises(ResourceNotFoundError):
        vaults.get_deleted(name, "eastus")
