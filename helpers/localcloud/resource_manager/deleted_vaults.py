"""Microsoft.KeyVault/deletedVaults: kept until they are recovered, purged, or their time is over."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from .. import timestamps
from ..cloud import Cloud
from ..errors import CloudError
from ..key_vault.secrets import forget_vault
from ..resource_types import DELETED_VAULT_TYPE, VAULT_TYPE
from ..store import Resource
from .deletion import delete
from .routing import Call, Reply, Router

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_DELETED = _PROVIDER + "/locations/{location}/deletedVaults/{vault}"
router = Router()


def deleted_id(cloud: Cloud, name: str, location: str) -> str:
    """ARM id of a soft-deleted vault."""
    return f"{cloud.subscription}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{name}"


def tombstones(cloud: Cloud, name: str | None = None) -> list[Resource]:
    """The deleted vaults, or those of a name, that can still be recovered."""
    found = cloud.store.find(type=DELETED_VAULT_TYPE, name=name)
    now = timestamps.microseconds()
    return [one for one in found if one.properties["scheduledPurgeDate"] > now]


def soft_delete(cloud: Cloud, vault: Resource) -> None:
    """Keep the vault and its secrets as deleted, until they are purged or recovered."""
    now = datetime.now(timezone.utc)
    purge = now + timedelta(days=vault.properties["softDeleteRetentionInDays"])
    tombstone = deleted_id(cloud, vault.name, vault.body["location"])
    body = {
        "id": tombstone,
        "name": vault.name,
        "type": DELETED_VAULT_TYPE,
        "properties": {
            "vaultId": vault.id,
            "location": vault.body["location"],
            "tags": vault.body["tags"],
            "deletionDate": timestamps.microseconds(now),
            "scheduledPurgeDate": timestamps.microseconds(purge),
            "purgeProtectionEnabled": bool(vault.properties.get("enablePurgeProtection")),
        },
    }
    kept = Resource(tombstone, DELETED_VAULT_TYPE, vault.name, "", body, {"body": vault.body})
    cloud.store.put(kept)
    delete(cloud, vault.id)


def recover(call: Call, tombstone: Resource) -> Resource:
    """A deleted vault as it was, in the group and place of the request."""
    body = tombstone.private["body"]
    resource = Resource(call.resource_id, VAULT_TYPE, body["name"], call.params["group"], body)
    resource.body["id"] = call.resource_id
    call.cloud.store.remove(tombstone.id)
    return call.cloud.store.put(resource)


def forget(cloud: Cloud, name: str) -> None:
    """Purge the deleted vaults of a name, with their secrets."""
    found = cloud.store.find(type=DELETED_VAULT_TYPE, name=name)
    for one in found:
        cloud.store.remove(one.id)
    if found:
        forget_vault(cloud.store, name)


def _tombstone(call: Call) -> Resource:
    location = call.params["location"].replace(" ", "").lower()
    wanted = deleted_id(call.cloud, call.params["vault"], location).lower()
    for found in tombstones(call.cloud, call.params["vault"]):
        if found.key == wanted:
            return found
    raise CloudError(
        404,
        "DeletedVaultNotFound",
        f"The specified deleted vault '{call.params['vault']}' does not exist in '{location}'.",
    )


@router.operation("GET", _DELETED, "Microsoft.KeyVault/locations/deletedVaults/read")
def get_deleted(call: Call) -> Reply:
    """Vaults_GetDeleted."""
    return Reply(200, _tombstone(call).body)


@router.operation("GET", _PROVIDER + "/deletedVaults", f"{DELETED_VAULT_TYPE}/read")
def list_deleted(call: Call) -> Reply:
    """Vaults_ListDeleted."""
    return Reply(200, {"value": [resource.body for resource in tombstones(call.cloud)]})


@router.operation(
    "GET", _PROVIDER + "/deletedManagedHSMs", "Microsoft.KeyVault/deletedManagedHsms/read"
)
def list_deleted_hsms(_: Call) -> Reply:
    """ManagedHsms_ListDeleted: none, as none can be made. ``az keyvault list-deleted`` asks it."""
    return Reply(200, {"value": []})


@router.operation(
    "POST", _DELETED + "/purge", "Microsoft.KeyVault/locations/deletedVaults/purge/action"
)
def purge(call: Call) -> Reply:
    """Vaults_PurgeDeleted: the vault and its secrets are gone for good."""
    tombstone = _tombstone(call)
    if tombstone.properties["purgeProtectionEnabled"]:
        raise CloudError(
            409,
            "MethodNotAllowed",
            f"Operation 'DeletedVaultPurge' is not allowed: '{tombstone.name}' has purge "
            f"protection, and is purged on {tombstone.properties['scheduledPurgeDate']}.",
        )
    forget(call.cloud, tombstone.name)
    return Reply(200)
