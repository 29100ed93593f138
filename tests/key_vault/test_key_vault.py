"""Secrets through the real SecretClient, under access policies and under roles."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud

GROUP = "vaults-rg"


def policy(cloud: LocalCloud, object_id: str, *permissions: str) -> dict[str, Any]:
    return {
        "tenantId": cloud.account.tenant_id,
        "objectId": object_id,
        "permissions": {"secrets": list(permissions)},
    }


def create_vault(
    cloud: LocalCloud, *policies: dict[str, Any], rbac: bool = False, location: str = "eastus"
) -> str:
    groups = cloud.client(ResourceManagementClient).resource_groups
    groups.create_or_update(GROUP, {"location": "eastus"})
    name = f"kv-{uuid.uuid4().hex[:12]}"
    properties = {
        "tenantId": cloud.account.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": list(policies),
        "enableRbacAuthorization": rbac,
    }
    vaults = cloud.client(KeyVaultManagementClient).vaults
    created = vaults.begin_create_or_update(
        GROUP, name, {"location": location, "properties": properties}
    ).result()
    assert created.properties.vault_uri == f"https://{name}.vault.azure.net/"
    return name


def secrets(cloud: LocalCloud, name: str, credential: Any = None) -> SecretClient:
    return SecretClient(
        f"https://{name}.vault.azure.net", credential or cloud.credential, **cloud.options
    )


@pytest.fixture
def vault(local_cloud: LocalCloud) -> str:
    return create_vault(
        local_cloud, policy(local_cloud, local_cloud.account.object_id, "all", "purge")
    )


@pytest.fixture
def other(local_cloud: LocalCloud) -> Iterator[tuple[str, ClientSecretCredential]]:
    """A second service principal, without any right."""
    store = Store(local_cloud.home / "state.db")
    principals = Principals(
        store, local_cloud.account.tenant_id, local_cloud.home / "signing-key.pem"
    )
    one = principals.add("other", secret="other-secret")
    yield (
        one.object_id,
        ClientSecretCredential(
            local_cloud.account.tenant_id, one.app_id, "other-secret", **local_cloud.options
        ),
    )
    store.close()


def test_a_new_value_is_a_new_version(local_cloud: LocalCloud, vault: str) -> None:
    client = secrets(local_cloud, vault)
    first = client.set_secret("token", "one", content_type="text/plain", tags={"a": "b"})
    second = client.set_secret("token", "two")
    assert (first.properties.tags, second.properties.tags) == ({"a": "b"}, {})
    assert client.get_secret("token").value == "two"
    assert client.get_secret("token", first.properties.version).value == "one"
    versions = list(client.list_properties_of_secret_versions("token"))
    assert {one.version for one in versions} == {
        first.properties.version,
        second.properties.version,
    }
    [listed] = client.list_properties_of_secrets()
    assert (listed.name, listed.version) == ("token", None)


def test_delete_recover_purge(local_cloud: LocalCloud, vault: str) -> None:
    client = secrets(local_cloud, vault)
    client.set_secret("token", "one")
    client.begin_delete_secret("token").wait()
    with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
        client.get_secret("token")
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        client.set_secret("token", "two")
    assert [one.name for one in client.list_deleted_secrets()] == ["token"]
    client.begin_recover_deleted_secret("token").wait()
    assert client.get_secret("token").value == "one"
    client.begin_delete_secret("token").wait()
    client.purge_deleted_secret("token")
    assert client.set_secret("token", "three").value == "three"
    assert len(list(client.list_properties_of_secret_versions("token"))) == 1


def test_what_was_not_deleted_is_not_recovered_or_purged(
    local_cloud: LocalCloud, vault: str
) -> None:
    client = secrets(local_cloud, vault)
    client.set_secret("token", "one")
    for refused in (
        client.get_deleted_secret,
        client.begin_recover_deleted_secret,
        client.purge_deleted_secret,
    ):
        with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
            refused("token")
    assert client.get_secret("token").value == "one"


def test_the_recovery_level_follows_the_vault(local_cloud: LocalCloud, vault: str) -> None:
    client = secrets(local_cloud, vault)
    made = client.set_secret("token", "one").properties
    assert (made.recovery_level, made.recoverable_days) == ("Recoverable+Purgeable", 90)
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    vaults.update(GROUP, vault, {"properties": {"enablePurgeProtection": True}})
    client.begin_delete_secret("token").wait()
    with pytest.raises(HttpResponseError, match="purge protection is enabled"):
        client.purge_deleted_secret("token")
    assert client.get_deleted_secret("token").properties.recovery_level == "Recoverable"
    client.begin_recover_deleted_secret("token").wait()
    assert client.get_secret("token").value == "one"


def test_a_disabled_secret_is_not_read(local_cloud: LocalCloud, vault: str) -> None:
    client = secrets(local_cloud, vault)
    client.set_secret("token", "one")
    client.update_secret_properties("token", enabled=False)
    with pytest.raises(HttpResponseError, match="disabled secret"):
        client.get_secret("token")


def test_a_name_with_a_space_is_refused(local_cloud: LocalCloud, vault: str) -> None:
    answer = local_cloud.http().put(
        f"https://{vault}.vault.azure.net/secrets/a%20b?api-version=7.4",
        json={"value": "x"},
        headers={"Authorization": f"Bearer {local_cloud.token('https://vault.azure.net')}"},
    )
    assert answer.status_code == 400
    assert "invalid name: a b" in answer.json()["error"]["message"]


def test_without_a_policy_it_is_forbidden(
    local_cloud: LocalCloud, vault: str, other: tuple[str, ClientSecretCredential]
) -> None:
    secrets(local_cloud, vault).set_secret("token", "one")
    object_id, credential = other
    mine = secrets(local_cloud, vault, credential)
    with pytest.raises(HttpResponseError, match="does not have secrets get permission") as caught:
        mine.get_secret("token")
    assert caught.value.status_code == 403
    assert f"oid={object_id}" in caught.value.message
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    added = {"properties": {"accessPolicies": [policy(local_cloud, object_id, "get")]}}
    vaults.update_access_policy(GROUP, vault, "add", added)
    assert mine.get_secret("token").value == "one"
    with pytest.raises(HttpResponseError, match="does not have secrets set permission"):
        mine.set_secret("token", "two")
    assert secrets(local_cloud, vault).get_secret("token").value == "one"


def test_all_permissions_are_all_but_purge(local_cloud: LocalCloud) -> None:
    name = create_vault(local_cloud, policy(local_cloud, local_cloud.account.object_id, "all"))
    client = secrets(local_cloud, name)
    client.set_secret("token", "one")
    assert client.get_secret("token").value == "one"
    assert [one.name for one in client.list_properties_of_secrets()] == ["token"]
    client.begin_delete_secret("token").wait()
    with pytest.raises(HttpResponseError, match="does not have secrets purge permission"):
        client.purge_deleted_secret("token")
    client.begin_recover_deleted_secret("token").wait()
    assert client.get_secret("token").value == "one"


@pytest.mark.parametrize(
    "held", ["get", "list", "set", "delete", "recover", "purge", "backup", "restore"]
)
def test_a_permission_is_for_its_own_operation(local_cloud: LocalCloud, held: str) -> None:
    me = local_cloud.account.object_id
    name = create_vault(local_cloud, policy(local_cloud, me, "all", "purge"))
    full = secrets(local_cloud, name)
    for one in ("kept", "gone"):
        full.set_secret(one, "value")
    full.begin_delete_secret("gone").wait()
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    policies = {"properties": {"accessPolicies": [policy(local_cloud, me, held)]}}
    vaults.update_access_policy(GROUP, name, "replace", policies)
    http = local_cloud.http()
    http.headers["Authorization"] = f"Bearer {local_cloud.token('https://vault.azure.net')}"

    def status(method: str, path: str) -> int:
        url = f"https://{name}.vault.azure.net/{path}?api-version=7.4"
        body = {"value": "new"} if method in ("PUT", "POST") else None
        return http.request(method, url, json=body).status_code

    # In this order: each leaves what the later ones need.
    operations = {
        "get": ("GET", "secrets/kept"),
        "list": ("GET", "secrets"),
        "set": ("PUT", "secrets/new"),
        "backup": ("POST", "secrets/kept/backup"),
        "restore": ("POST", "secrets/restore"),
        "recover": ("POST", "deletedsecrets/gone/recover"),
        "purge": ("DELETE", "deletedsecrets/gone"),
        "delete": ("DELETE", "secrets/kept"),
    }
    answers = {one: status(*call) for one, call in operations.items()}
    assert {one for one, answer in answers.items() if answer != 403} == {held}
    assert answers[held] in ((400,) if held == "restore" else (200, 204))


def test_roles_decide_in_a_vault_with_rbac(
    local_cloud: LocalCloud, other: tuple[str, ClientSecretCredential]
) -> None:
    name = create_vault(local_cloud, rbac=True)
    owner = secrets(local_cloud, name)
    with pytest.raises(HttpResponseError, match="setSecret/action"):
        owner.set_secret("token", "one")  # Owner has no data actions
    grant(local_cloud, name, local_cloud.account.object_id, "b86a8fe4-44ce-4948-aee5-eccb2c155cd7")
    owner.set_secret("token", "one")
    object_id, credential = other
    grant(local_cloud, name, object_id, "4633458b-17de-408a-b874-0445c86b69e6")
    assert secrets(local_cloud, name, credential).get_secret("token").value == "one"
    with pytest.raises(HttpResponseError, match="not authorized to perform action"):
        secrets(local_cloud, name, credential).set_secret("token", "two")


def grant(cloud: LocalCloud, vault: str, object_id: str, role: str) -> None:
    definition = f"{cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    cloud.client(AuthorizationManagementClient).role_assignments.create(
        f"{cloud.subscription}/resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{vault}",
        str(uuid.uuid4()),
        {"properties": {"roleDefinitionId": definition, "principalId": object_id}},
    )


def test_a_deleted_vault_is_kept_until_it_is_purged(local_cloud: LocalCloud, vault: str) -> None:
    secrets(local_cloud, vault).set_secret("token", "one")
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    vaults.delete(GROUP, vault)
    with pytest.raises(HttpResponseError, match="VaultNotFound"):
        secrets(local_cloud, vault).get_secret("token")
    parameters: dict[str, Any] = {
        "location": "eastus",
        "properties": {
            "tenantId": local_cloud.account.tenant_id,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": False,
            "accessPolicies": [],
        },
    }
    with pytest.raises(HttpResponseError, match="deleted state"):
        vaults.begin_create_or_update(GROUP, vault, parameters)
    parameters["properties"]["createMode"] = "recover"
    vaults.begin_create_or_update(GROUP, vault, parameters).result()
    assert secrets(local_cloud, vault).get_secret("token").value == "one"
    vaults.delete(GROUP, vault)
    vaults.begin_purge_deleted(vault, "eastus").result()
    with pytest.raises(HttpResponseError, match="does not exist"):
        vaults.get_deleted(vault, "eastus")


def test_a_vault_made_again_after_purge_has_no_old_secret(
    local_cloud: LocalCloud, vault: str
) -> None:
    secrets(local_cloud, vault).set_secret("token", "one")
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    vaults.delete(GROUP, vault)
    store = Store(local_cloud.home / "state.db")
    assert store.query("SELECT name FROM secrets WHERE vault=?", (vault,))
    vaults.begin_purge_deleted(vault, "eastus").result()
    assert store.query("SELECT name FROM secrets WHERE vault=?", (vault,)) == []
    store.close()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"tenantId": "00000000-0000-0000-0000-000000000000"}, "InvalidTenantId"),
        ({"sku": {"family": "A", "name": "free"}}, "InvalidSku"),
        ({"softDeleteRetentionInDays": 0}, "between 7 and 90"),
        ({"softDeleteRetentionInDays": 6}, "between 7 and 90"),
        ({"softDeleteRetentionInDays": 91}, "between 7 and 90"),
        ({"networkAcls": {"virtualNetworkRules": [{"id": "/x"}]}}, "virtualNetworkRules"),
        (
            {"networkAcls": {"defaultAction": "Perhaps"}},
            "networkAcls.defaultAction is Allow or Deny",
        ),
        ({"networkAcls": {"bypass": "Everybody"}}, "networkAcls.bypass is AzureServices or None"),
        ({"networkAcls": {"ipRules": [{"value": "10.0.0.300"}]}}, "'10.0.0.300' of a rule"),
        ({"networkAcls": {"ipRules": [{"value": None}]}}, "'None' of a rule"),
        ({"networkAcls": []}, "'properties.networkAcls' must be an object"),
        ({"publicNetworkAccess": "Sometimes"}, "not 'Sometimes'"),
        ({"enabledForDeployment": True}, "'properties.enabledForDeployment'"),
        ({"enabledForDiskEncryption": True}, "'properties.enabledForDiskEncryption'"),
        ({"enableSoftDelete": False}, "enableSoftDelete"),
        ({"hsmPoolResourceId": "/x"}, "hsmPoolResourceId"),
        ({"createMode": "again"}, "not 'again'"),
        ({"sku": {"family": "B", "name": "standard"}}, "InvalidSku"),
        ({"sku": None}, "InvalidSku"),
        ({"accessPolicies": [{"objectId": "a", "permissions": {"keys": ["set"]}}]}, "'set' is not"),
        ({"accessPolicies": [{"objectId": "a"}] * 1025}, "up to 1024 access policies"),
        ({"accessPolicies": [{"permissions": {"secrets": ["get"]}}]}, "InvalidAccessPolicy"),
        (
            {"accessPolicies": [{"objectId": "a", "permissions": {"secrets": ["reed"]}}]},
            "'reed' is not one",
        ),
        (
            {"accessPolicies": [{"tenantId": "a", "objectId": "b"}]},
            "The tenant 'a' of an access policy",
        ),
        ({"accessPolicies": [{"objectId": "b"}]}, "must use the same tenant ID"),
        ({"createMode": "recover"}, "VaultNotFound"),
    ],
)
def test_a_vault_that_azure_refuses(
    local_cloud: LocalCloud, vault: str, changed: dict[str, Any], named: str
) -> None:
    tenant = local_cloud.account.tenant_id
    good = {"tenantId": tenant, "sku": {"family": "A", "name": "standard"}, "accessPolicies": []}
    body = {"location": "eastus", "properties": {**good, **changed}}
    answer = local_cloud.http().put(
        f"https://management.azure.com{local_cloud.subscription}/resourceGroups/{GROUP}/providers/"
        f"Microsoft.KeyVault/vaults/{vault}-b?api-version=2023-07-01",
        json=body,
        headers={"Authorization": f"Bearer {local_cloud.token()}"},
    )
    assert answer.status_code in (400, 404, 501)
    assert named in answer.text
    found = local_cloud.client(KeyVaultManagementClient).vaults.list_by_resource_group(GROUP)
    assert f"{vault}-b" not in [one.name for one in found]


def test_purge_protection_cannot_be_taken_back(local_cloud: LocalCloud, vault: str) -> None:
    vaults = local_cloud.client(KeyVaultManagementClient).vaults
    vaults.update(GROUP, vault, {"properties": {"enablePurgeProtection": True}})
    with pytest.raises(HttpResponseError, match="cannot be set to false"):
        vaults.update(GROUP, vault, {"properties": {"enablePurgeProtection": False}})
    before = vaults.get(GROUP, vault)
    properties = {
        "tenantId": before.properties.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": False,
        "accessPolicies": [],
    }
    replaced = {"location": "eastus", "properties": properties}
    vaults.begin_create_or_update(GROUP, vault, replaced).result()
    assert vaults.get(GROUP, vault).properties.enable_purge_protection
    vaults.delete(GROUP, vault)
    with pytest.raises(HttpResponseError, match="purge protection"):
        vaults.begin_purge_deleted(vault, "eastus").result()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": 5}, "'value' must be a string"),
        ({}, "value must be a string of up to 25600 bytes"),
        ({"value": "é" * 12801}, "value must be a string of up to 25600 bytes"),
        ([], "not a JSON object"),
        ({"value": "a", "tags": ["b"]}, "'tags' must be an object"),
        ({"value": "a", "attributes": {"exp": "soon"}}, "'attributes.exp' must be an integer"),
        ({"value": "a", "attributes": {"enabled": "no"}}, "must be true or false"),
    ],
)
def test_a_secret_of_other_types_is_refused(
    local_cloud: LocalCloud, vault: str, body: Any, field: str
) -> None:
    answer = local_cloud.http().put(
        f"https://{vault}.vault.azure.net/secrets/name?api-version=7.4",
        json=body,
        headers={"Authorization": f"Bearer {local_cloud.token('https://vault.azure.net')}"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadParameter"
    assert field in answer.json()["error"]["message"]
    assert list(secrets(local_cloud, vault).list_properties_of_secrets()) == []


@pytest.mark.parametrize("path", ["keys", "keys/one/create", "certificates", "rng"])
def test_an_operation_that_is_missing_names_itself(
    local_cloud: LocalCloud, vault: str, path: str
) -> None:
    answer = local_cloud.http().post(
        f"https://{vault}.vault.azure.net/{path}?api-version=7.4",
        headers={"Authorization": f"Bearer {local_cloud.token('https://vault.azure.net')}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    assert f"POST /{path} of Key Vault" in answer.json()["error"]["message"]


def test_a_managed_hsm_says_what_it_is_before_anybody_is_known(local_cloud: LocalCloud) -> None:
    """az would ask three times for a host that is refused, and name the proxy."""
    for method in ("GET", "PUT"):
        answer = local_cloud.http().request(method, "https://mine.managedhsm.azure.net/keys/one")
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
        assert "Managed HSM, which mine.managedhsm.azure.net is" in answer.text


def test_the_challenge_names_tenant_and_resource(local_cloud: LocalCloud, vault: str) -> None:
    answer = local_cloud.http().get(f"https://{vault}.vault.azure.net/secrets?api-version=7.4")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer authorization="https://login.microsoftonline.com/{local_cloud.account.tenant_id}"'
        ', resource="https://vault.azure.net"'
    )
    answer = local_cloud.http().get(
        f"https://{vault}.vault.azure.net/secrets",
        headers={"Authorization": f"Bearer {local_cloud.token()}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNzd29yZA=="])
def test_without_a_bearer_token_nothing_is_told(
    local_cloud: LocalCloud, vault: str, header: str
) -> None:
    secrets(local_cloud, vault).set_secret("hidden", "value")
    answer = local_cloud.http().get(
        f"https://{vault}.vault.azure.net/secrets/hidden", headers={"Authorization": header}
    )
    assert answer.status_code == 401
    assert answer.json()["error"]["message"].startswith("AKV10000: Request is missing a Bearer")
