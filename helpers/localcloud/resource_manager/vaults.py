"""Microsoft.KeyVault/vaults: vaults with access policies or roles; deleted ones can be recovered."""

from __future__ import annotations

import copy
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..errors import CloudError
from ..key_vault.secrets import forget_vault
from ..resource_types import DELETED_VAULT_TYPE, VAULT_TYPE
from ..shapes import TAGS, Shape
from ..store import Resource
from .deletion import delete
from .locations import keep_location, location_of
from .routing import Call, Reply, Router, authorize, invalid, readable

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_VAULTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + VAULT_TYPE
_VAULT = _VAULTS + "/{vault}"
_DELETED = _PROVIDER + "/locations/{location}/deletedVaults/{vault}"
SECRET_PERMISSIONS = (
    "all",
    "get",
    "list",
    "set",
    "delete",
    "backup",
    "restore",
    "recover",
    "purge",
)
_POLICY: Shape = {
    "tenantId": str,
    "objectId": str,
    "applicationId": str,
    "permissions": {str: [str]},
}
_BODY: Shape = {
    "location": str,
    "tags": TAGS,
    "properties": {
        "tenantId": str,
        "sku": {"family": str, "name": str},
        "accessPolicies": [_POLICY],
        "enabledForDeployment": bool,
        "enableSoftDelete": bool,
        "softDeleteRetentionInDays": int,
        "enableRbacAuthorization": bool,
        "enablePurgeProtection": bool,
        "createMode": str,
        "networkAcls": {"defaultAction": str},
    },
}
router = Router()


def check_name(name: str) -> None:
    """Raise 400 VaultNameNotValid unless ``name`` may name a vault."""
    if not re.fullmatch(r"[a-zA-Z](?:[a-zA-Z0-9]|-(?!-)){1,22}[a-zA-Z0-9]", name):
        raise invalid(
            f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric "
            "characters. The name must begin with a letter, end with a letter or digit, and not "
            "contain consecutive hyphens.",
            "VaultNameNotValid",
        )


def deleted_id(cloud: Cloud, name: str, location: str) -> str:
    """ARM id of a soft-deleted vault."""
    return f"{cloud.subscription}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{name}"


@router.operation("PUT", _VAULT, f"{VAULT_TYPE}/write", _BODY)
def create_or_update(call: Call) -> Reply:
    """Vaults_CreateOrUpdate; createMode ``recover`` brings a deleted vault back."""
    name = call.params["vault"]
    check_name(name)
    location = location_of(call.body)
    existing = call.cloud.store.get(call.resource_id)
    for other in call.cloud.store.find(type=VAULT_TYPE, name=name):
        if other.key != call.resource_id.lower():
            raise CloudError(
                409,
                "VaultAlreadyExists",
                f"The vault name '{name}' is already in use. Vault names are globally unique so it "
                "is possible that the name is already taken.",
            )
    deleted = call.cloud.store.find(type=DELETED_VAULT_TYPE, name=name)
    recover = call.properties.get("createMode") == "recover"
    if deleted and not existing:
        if not recover:
            raise CloudError(
                409,
                "ConflictError",
                f"A vault with the same name already exists in deleted state. You need to either "
                f"recover or purge existing key vault '{name}'. Follow this link for more "
                "information on soft delete: https://go.microsoft.com/fwlink/?linkid=2149745",
            )
        return _recover(call, deleted[0])
    if recover and not existing:
        raise CloudError(404, "VaultNotFound", f"There is no deleted vault '{name}' to recover.")
    resource = existing or Resource(call.resource_id, VAULT_TYPE, name, call.params["group"], {})
    if existing is not None:
        keep_location(existing, location)
    resource.body = {
        "id": resource.id,
        "name": name,
        "type": VAULT_TYPE,
        "location": location,
        "tags": call.body.get("tags") or {},
        "properties": _properties(call, name, existing),
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


def _properties(call: Call, name: str, existing: Resource | None) -> dict[str, Any]:
    given = call.properties
    tenant = str(given.get("tenantId") or "")
    if tenant.lower() != call.cloud.account.tenant_id:
        raise invalid(
            f"The tenant '{tenant}' of the vault is not the subscription's tenant "
            f"'{call.cloud.account.tenant_id}'.",
            "InvalidTenantId",
        )
    sku = given.get("sku") or {}
    if str(sku.get("name", "")).lower() not in ("standard", "premium"):
        raise invalid(f"The vault SKU '{sku.get('name')}' is standard or premium.", "InvalidSku")
    days = given.get("softDeleteRetentionInDays")
    days = 90 if days is None else int(days)
    if not 7 <= days <= 90:
        raise invalid("softDeleteRetentionInDays must be between 7 and 90.")
    acls = given.get("networkAcls") or {}
    if acls.get("defaultAction") == "Deny":
        raise CloudError.not_implemented("vaults with networkAcls.defaultAction=Deny")
    if given.get("enablePurgeProtection") is False:
        raise invalid(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge '
            "protection for a vault is an irreversible action.",
            "BadRequest",
        )
    before = existing.properties if existing else {}
    protected = given.get("enablePurgeProtection") or before.get("enablePurgeProtection")
    rbac = given.get("enableRbacAuthorization")
    return {
        "sku": {"family": "A", "name": str(sku["name"]).lower()},
        "tenantId": tenant,
        "accessPolicies": [_policy(policy) for policy in given.get("accessPolicies") or []],
        "enabledForDeployment": bool(given.get("enabledForDeployment")),
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": days,
        "enableRbacAuthorization": bool(rbac),
        **({"enablePurgeProtection": True} if protected else {}),
        "vaultUri": f"https://{name.lower()}.vault.azure.net/",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
    }


def _policy(given: dict[str, Any]) -> dict[str, Any]:
    permissions = copy.deepcopy(given.get("permissions") or {})
    unknown = {str(p).lower() for p in permissions.get("secrets") or []} - set(SECRET_PERMISSIONS)
    if unknown or not given.get("objectId"):
        raise invalid(
            "An access policy needs an objectId, and secret permissions out of "
            f"{', '.join(SECRET_PERMISSIONS)}"
            + (f"; '{', '.join(sorted(unknown))}' is not one." if unknown else "."),
            "InvalidAccessPolicy",
        )
    return {
        "tenantId": given.get("tenantId"),
        "objectId": given["objectId"],
        **({"applicationId": given["applicationId"]} if given.get("applicationId") else {}),
        "permissions": permissions,
    }


@router.operation("GET", _VAULT, f"{VAULT_TYPE}/read")
def get(call: Call) -> Reply:
    """Vaults_Get."""
    return Reply(200, call.get(VAULT_TYPE).body)


@router.operation("GET", _VAULTS, f"{VAULT_TYPE}/read")
def list_in_group(call: Call) -> Reply:
    """Vaults_ListByResourceGroup."""
    found = call.cloud.store.find(type=VAULT_TYPE, resource_group=call.params["group"])
    return Reply(200, {"value": [resource.body for resource in found]})


@router.operation("GET", _PROVIDER + "/vaults", "")
def list_all(call: Call) -> Reply:
    """Vaults_ListBySubscription: what the caller may read."""
    found = readable(call, call.cloud.store.find(type=VAULT_TYPE))
    return Reply(200, {"value": [resource.body for resource in found]})


@router.operation("PATCH", _VAULT, f"{VAULT_TYPE}/write", _BODY)
def update(call: Call) -> Reply:
    """Vaults_Update: what is not named stays."""
    resource = call.get(VAULT_TYPE)
    given = {name: value for name, value in call.properties.items() if value is not None}
    merged = {**call.body, "properties": {**resource.properties, **given}}
    if "tags" in call.body:
        resource.body["tags"] = call.body["tags"] or {}
    changed = Call(
        call.cloud,
        call.principal,
        call.method,
        call.params,
        call.query,
        merged,
        resource.id,
        call.url,
    )
    resource.body["properties"] = _properties(changed, resource.name, resource)
    call.cloud.store.put(resource)
    return Reply(200, resource.body)


@router.operation(
    "PUT",
    _VAULT + "/accessPolicies/{kind}",
    f"{VAULT_TYPE}/accessPolicies/write",
    {"properties": {"accessPolicies": [_POLICY]}},
)
def update_access_policy(call: Call) -> Reply:
    """Vaults_UpdateAccessPolicy: ``add`` to, ``replace`` or ``remove`` an identity's permissions."""
    kind = call.params["kind"].lower()
    if kind not in ("add", "replace", "remove"):
        raise invalid(f"The access policy operation '{kind}' is add, replace or remove.")
    vault = call.get(VAULT_TYPE, call.resource_id.rsplit("/", 1)[0])
    policies = {p["objectId"].lower(): p for p in vault.properties["accessPolicies"]}
    for given in call.properties.get("accessPolicies") or []:
        policy = _policy(given)
        before = policies.get(policy["objectId"].lower(), {**policy, "permissions": {}})
        permissions = _changed(kind, before["permissions"], policy["permissions"])
        policies[policy["objectId"].lower()] = {**before, "permissions": permissions}
    vault.properties["accessPolicies"] = [
        policy for policy in policies.values() if any(policy["permissions"].values())
    ]
    call.cloud.store.put(vault)
    return Reply(
        200,
        {
            "id": f"{vault.id}/accessPolicies/",
            "type": f"{VAULT_TYPE}/accessPolicies",
            "properties": {"accessPolicies": vault.properties["accessPolicies"]},
        },
    )


def _changed(kind: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if kind == "replace":
        return new
    changed = dict(old)
    for area, given in new.items():
        held = list(old.get(area) or [])
        if kind == "add":
            changed[area] = held + [one for one in given or [] if one not in held]
        else:
            changed[area] = [one for one in held if one not in (given or [])]
    return changed


# -- deleting ------------------------------------------------------------------------------------


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


@router.operation("DELETE", _VAULT, f"{VAULT_TYPE}/delete")
def remove(call: Call) -> Reply:
    """Vaults_Delete."""
    vault = call.cloud.store.get(call.resource_id)
    if vault is None:
        return Reply(204)
    soft_delete(call.cloud, vault)
    return Reply(200)


def _recover(call: Call, tombstone: Resource) -> Reply:
    body = tombstone.private["body"]
    resource = Resource(call.resource_id, VAULT_TYPE, body["name"], call.params["group"], body)
    resource.body["id"] = call.resource_id
    call.cloud.store.remove(tombstone.id)
    call.cloud.store.put(resource)
    return Reply(200, resource.body)


def _tombstone(call: Call) -> Resource:
    location = call.params["location"].replace(" ", "").lower()
    found = call.cloud.store.get(deleted_id(call.cloud, call.params["vault"], location))
    if found is None:
        raise CloudError(
            404,
            "DeletedVaultNotFound",
            f"The specified deleted vault '{call.params['vault']}' does not exist in '{location}'.",
        )
    return found


@router.operation("GET", _DELETED, f"{DELETED_VAULT_TYPE}/read")
def get_deleted(call: Call) -> Reply:
    """Vaults_GetDeleted."""
    return Reply(200, _tombstone(call).body)


@router.operation("GET", _PROVIDER + "/deletedVaults", f"{DELETED_VAULT_TYPE}/read")
def list_deleted(call: Call) -> Reply:
    """Vaults_ListDeleted."""
    found = call.cloud.store.find(type=DELETED_VAULT_TYPE)
    return Reply(200, {"value": [resource.body for resource in found]})


@router.operation(
    "GET", _PROVIDER + "/deletedManagedHSMs", "Microsoft.KeyVault/deletedManagedHsms/read"
)
def list_deleted_hsms(_: Call) -> Reply:
    """ManagedHsms_ListDeleted: none, as none can be made. ``az keyvault list-deleted`` asks it."""
    return Reply(200, {"value": []})


@router.operation("POST", _DELETED + "/purge", "")
def purge(call: Call) -> Reply:
    """Vaults_PurgeDeleted: the vault and its secrets are gone for good."""
    action = "Microsoft.KeyVault/locations/deletedVaults/purge/action"
    authorize(call.cloud, call.principal, action, call.cloud.subscription)
    tombstone = _tombstone(call)
    if tombstone.properties["purgeProtectionEnabled"]:
        raise CloudError(
            409,
            "MethodNotAllowed",
            f"Operation 'DeletedVaultPurge' is not allowed: '{tombstone.name}' has purge "
            f"protection, and is purged on {tombstone.properties['scheduledPurgeDate']}.",
        )
    call.cloud.store.remove(tombstone.id)
    forget_vault(call.cloud.store, tombstone.name)
    return Reply(200)


@router.operation("POST", _PROVIDER + "/checkNameAvailability", f"{VAULT_TYPE}/read")
def check_name_availability(call: Call) -> Reply:
    """Vaults_CheckNameAvailability."""
    name = str(call.body.get("name", ""))
    try:
        check_name(name)
    except CloudError as error:
        return Reply(
            200, {"nameAvailable": False, "reason": "AccountNameInvalid", "message": error.message}
        )
    store = call.cloud.store
    if store.find(type=VAULT_TYPE, name=name) or store.find(type=DELETED_VAULT_TYPE, name=name):
        message = f"The vault name '{name}' is already in use, or belongs to a deleted vault."
        return Reply(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": message})
    return Reply(200, {"nameAvailable": True})
