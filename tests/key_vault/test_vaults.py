"""Vaults as resources: networks, retention, defaults, secrets of templates. The clients are real."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient

from helpers.localcloud import timestamps
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.key_vault.reader import read
from helpers.localcloud.store import Store
from tests.az import Az
from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import GROUP, create_vault, policy, secrets
from tests.resource_manager.refusing import assert_refused
from tests.resource_manager.test_requests import send


@pytest.fixture(scope="module")
def shared(local_cloud: LocalCloud) -> str:
    return create_vault(
        local_cloud, policy(local_cloud, local_cloud.account.object_id, "all", "purge")
    )


@pytest.fixture
def vault(local_cloud: LocalCloud) -> str:
    return create_vault(
        local_cloud, policy(local_cloud, local_cloud.account.object_id, "all", "purge")
    )


@pytest.fixture
def store(local_cloud: LocalCloud) -> Iterator[Store]:
    opened = Store(local_cloud.home / "state.db")
    yield opened
    opened.close()


def patch(cloud: LocalCloud, vault: str, **properties: Any) -> dict[str, Any]:
    path = f"resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{vault}"
    answer = send(cloud, "PATCH", path, {"properties": properties})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["properties"])


def test_az_closes_a_vault_to_networks_and_opens_it(
    az: Az, local_cloud: LocalCloud, vault: str
) -> None:
    client = secrets(local_cloud, vault)
    client.set_secret("token", "one")
    where = ("keyvault", "update", "-g", GROUP, "-n", vault)
    closed = az.json(*where, "--public-network-access", "Disabled")
    assert closed["properties"]["publicNetworkAccess"] == "Disabled"
    with pytest.raises(HttpResponseError, match="Public network access is disabled") as caught:
        client.get_secret("token")
    assert caught.value.status_code == 403
    az.json(*where, "--public-network-access", "Enabled")
    assert client.get_secret("token").value == "one"
    az.json(*where, "--default-action", "Deny", "--bypass", "None")
    with pytest.raises(HttpResponseError, match="Client address is not authorized"):
        client.get_secret("token")
    rule = ("keyvault", "network-rule")
    added = az.json(*rule, "add", "-g", GROUP, "-n", vault, "--ip-address", "127.0.0.0/8")
    assert added["properties"]["networkAcls"] == {
        "bypass": "None",
        "defaultAction": "Deny",
        "ipRules": [{"value": "127.0.0.0/8"}],
        "virtualNetworkRules": [],
    }
    assert client.get_secret("token").value == "one"
    az.json(*rule, "add", "-g", GROUP, "-n", vault, "--ip-address", "203.0.113.7")
    listed = az.json(*rule, "list", "-g", GROUP, "-n", vault)
    assert [one["value"] for one in listed["ipRules"]] == ["127.0.0.0/8", "203.0.113.7/32"]
    opened = az.json(*where, "--default-action", "Allow", "--bypass", "AzureServices")
    assert opened["properties"]["networkAcls"]["defaultAction"] == "Allow"


def test_a_service_of_the_cloud_is_refused_as_anybody(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="There is no vault"):
        read(cloud, cloud.owner, "nowhere", "token")


def test_an_update_leaves_what_it_does_not_name(local_cloud: LocalCloud, vault: str) -> None:
    rules = {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.1"}]}
    before = patch(local_cloud, vault, networkAcls=rules, enabledForTemplateDeployment=True)
    assert before["enabledForTemplateDeployment"] is True
    assert before["networkAcls"]["ipRules"] == [{"value": "127.0.0.1/32"}]
    assert patch(local_cloud, vault, enabledForDiskEncryption=False) == {
        **before,
        "enabledForDiskEncryption": False,
    }
    path = f"resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{vault}"
    assert send(local_cloud, "PATCH", path, {"location": "East US", "tags": {"a": "b"}}).ok
    assert send(local_cloud, "GET", path, None).json()["tags"] == {"a": "b"}
    moved = send(local_cloud, "PATCH", path, {"location": "westus"})
    assert_refused(moved, 409, "InvalidResourceLocation", "'eastus'")
    without = patch(local_cloud, vault, networkAcls={"defaultAction": "Allow"})
    assert "networkAcls" not in without


def test_the_retention_is_set_once(local_cloud: LocalCloud, vault: str) -> None:
    path = f"resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{vault}"
    body = {"properties": {"softDeleteRetentionInDays": 7}}
    told = 'The property "softDeleteRetentionInDays" has been set already'
    assert_refused(send(local_cloud, "PATCH", path, body), 400, "BadRequest", told)
    body["properties"]["softDeleteRetentionInDays"] = 90
    assert send(local_cloud, "PATCH", path, body).ok


@pytest.mark.parametrize(("version", "roles"), [("2025-05-01", False), ("2026-02-01", True)])
def test_new_versions_of_the_api_make_vaults_with_roles(
    local_cloud: LocalCloud, version: str, roles: bool
) -> None:
    name = f"kv-{uuid.uuid4().hex[:12]}"
    create_vault(local_cloud)
    sku = {"family": "A", "name": "premium"}
    body = {
        "location": "eastus",
        "properties": {"tenantId": local_cloud.account.tenant_id, "sku": sku},
    }
    url = (
        f"https://management.azure.com{local_cloud.subscription}/resourceGroups/{GROUP}/providers/"
        f"Microsoft.KeyVault/vaults/{name}?api-version="
    )
    http = local_cloud.http()
    http.headers["Authorization"] = f"Bearer {local_cloud.token()}"
    made = http.put(url + version, json=body).json()
    assert made["properties"]["enableRbacAuthorization"] is roles
    for other in ("2025-05-01", "2026-02-01"):
        again = http.put(url + other, json=body).json()
        assert again["properties"]["enableRbacAuthorization"] is roles


def test_a_policy_for_an_application_of_a_user_is_none_of_the_application(
    local_cloud: LocalCloud,
) -> None:
    mine = policy(local_cloud, local_cloud.account.object_id, "all")
    name = create_vault(local_cloud, {**mine, "applicationId": str(uuid.uuid4())})
    with pytest.raises(HttpResponseError, match="does not have secrets set permission"):
        secrets(local_cloud, name).set_secret("token", "one")
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    vaults.update_access_policy(GROUP, name, "add", {"properties": {"accessPolicies": [mine]}})
    assert len(vaults.get(GROUP, name).properties.access_policies) == 2
    secrets(local_cloud, name).set_secret("token", "one")


def test_a_deleted_secret_is_gone_when_its_time_is_over(
    local_cloud: LocalCloud, shared: str, store: Store
) -> None:
    client = secrets(local_cloud, shared)
    for one in ("first-due", "second-due"):
        client.set_secret(one, "old")
        client.begin_delete_secret(one).wait()
        fate = client.get_deleted_secret(one)
        assert fate.scheduled_purge_date
        assert fate.deleted_date
        assert (fate.scheduled_purge_date - fate.deleted_date).days == 90
    due = "UPDATE deleted_secrets SET purge=? WHERE vault=? AND name LIKE '%-due'"
    store.execute(due, (int(time.time()) - 1, shared))
    assert "first-due" not in [one.name for one in client.list_deleted_secrets()]
    for refused in (client.get_deleted_secret, client.get_secret):
        with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
            refused("first-due")
    with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
        client.begin_recover_deleted_secret("second-due")
    client.set_secret("first-due", "new")
    assert len(list(client.list_properties_of_secret_versions("first-due"))) == 1
    assert not store.query("SELECT 1 FROM secrets WHERE vault=? AND name='second-due'", (shared,))


def test_a_deleted_vault_is_gone_when_its_time_is_over(
    local_cloud: LocalCloud, vault: str, store: Store
) -> None:
    secrets(local_cloud, vault).set_secret("token", "old")
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    vaults.delete(GROUP, vault)
    assert vaults.get_deleted(vault, "eastus").properties.purge_protection_enabled is False
    [tombstone] = store.find(type="Microsoft.KeyVault/deletedVaults", name=vault)
    tombstone.properties["scheduledPurgeDate"] = timestamps.microseconds()
    store.put(tombstone)
    with pytest.raises(HttpResponseError, match="does not exist"):
        vaults.get_deleted(vault, "eastus")
    assert vault not in [one.name for one in vaults.list_deleted()]
    asked = {"name": vault, "type": "Microsoft.KeyVault/vaults"}
    assert vaults.check_name_availability(asked).name_available is True
    sku = {"family": "A", "name": "standard"}
    mine = policy(local_cloud, local_cloud.account.object_id, "all")
    properties = {"tenantId": local_cloud.account.tenant_id, "sku": sku, "accessPolicies": [mine]}
    body = {"location": "eastus", "properties": {**properties, "enableRbacAuthorization": False}}
    vaults.begin_create_or_update(GROUP, vault, body).result()
    assert list(secrets(local_cloud, vault).list_properties_of_secrets()) == []


def test_az_asks_whether_a_name_is_free(az: Az, local_cloud: LocalCloud, shared: str) -> None:
    ask = ("keyvault", "check-name", "--resource-type", "hsm", "--name")
    assert az.json(*ask, "neverused")["nameAvailable"] is True
    assert az.json(*ask, "1x")["reason"] == "AccountNameInvalid"
    path = "providers/Microsoft.KeyVault/checkNameAvailability"
    taken = send(local_cloud, "POST", path, {"name": shared, "type": "Microsoft.KeyVault/vaults"})
    assert (taken.json()["nameAvailable"], taken.json()["reason"]) == (False, "AlreadyExists")
    other = send(local_cloud, "POST", path, {"name": shared, "type": "Microsoft.Web/sites"})
    assert_refused(other, 400, "InvalidRequestContent", "'Microsoft.Web/sites'")


def test_secrets_of_templates_are_written_and_never_shown(
    local_cloud: LocalCloud, shared: str
) -> None:
    manager = local_cloud.client(KeyVaultManagementClient).secrets
    body = {
        "tags": {"a": "b"},
        "properties": {
            "value": "shibboleth",
            "contentType": "text/plain",
            "attributes": {"exp": 2000000000},
        },
    }
    made = manager.create_or_update(GROUP, shared, "arm-secret", body)
    assert made.properties.secret_uri_with_version.startswith(made.properties.secret_uri)
    assert (made.tags, made.properties.value) == ({"a": "b"}, None)
    client = secrets(local_cloud, shared)
    found = client.get_secret("arm-secret")
    assert (found.value, found.properties.content_type) == ("shibboleth", "text/plain")
    assert found.id == made.properties.secret_uri_with_version
    off = {"properties": {"attributes": {"enabled": False}}}
    assert manager.update(GROUP, shared, "arm-secret", off).properties.attributes.enabled is False
    with pytest.raises(HttpResponseError, match="disabled secret"):
        client.get_secret("arm-secret")
    assert manager.get(GROUP, shared, "arm-secret").properties.attributes.enabled is False
    change: dict[str, Any] = {"properties": {"value": "another", "attributes": {"enabled": True}}}
    manager.update(GROUP, shared, "arm-secret", change)
    latest = client.get_secret("arm-secret")
    assert (latest.value, latest.properties.content_type) == ("another", "text/plain")
    assert "arm-secret" in [one.name for one in manager.list(GROUP, shared)]
    for call in (manager.get, lambda *names: manager.update(*names, change)):
        with pytest.raises(HttpResponseError, match="vaults/.*/secrets/never' under"):
            call(GROUP, shared, "never")
    with pytest.raises(HttpResponseError, match=r"'properties.value' of a secret is required"):
        manager.create_or_update(GROUP, shared, "arm-secret", {"properties": {}})
    with pytest.raises(HttpResponseError, match="ResourceNotFound"):
        manager.create_or_update(GROUP, "never-made", "arm-secret", body)
