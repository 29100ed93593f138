"""Microsoft.KeyVault/vaults: vaults with access policies or roles."""

from __future__ import annotations

import re

from ..errors import CloudError
from ..resource_types import VAULT_TYPE
from ..store import Resource
from .deleted_vaults import forget, recover, soft_delete, tombstones
from .locations import keep_location, location_of
from .models import Model, patch_tags
from .pages import SIZE, body_of, page, top
from .routing import Call, Reply, Router, invalid, readable
from .vault_properties import (
    Vault,
    VaultAccessPolicy,
    VaultProperties,
    changed_policies,
    one_of,
    properties_of,
)

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_VAULTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/" + VAULT_TYPE
VAULT = _VAULTS + "/{vault}"
router = Router()


class NameAvailability(Model):
    """The body of CheckNameAvailability."""

    name: str | None = None
    type: str | None = None


def check_name(name: str) -> None:
    """Raise 400 VaultNameNotValid unless ``name`` may name a vault."""
    if not re.fullmatch(r"[a-zA-Z](?:[a-zA-Z0-9]|-(?!-)){1,22}[a-zA-Z0-9]", name):
        raise invalid(
            f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric "
            "characters. The name must begin with a letter, end with a letter or digit, and not "
            "contain consecutive hyphens.",
            "VaultNameNotValid",
        )


@router.operation("PUT", VAULT, f"{VAULT_TYPE}/write", Vault)
def create_or_update(call: Call, given: Vault) -> Reply:
    """Vaults_CreateOrUpdate; createMode ``recover`` brings a deleted vault back."""
    name = call.params["vault"]
    check_name(name)
    location = location_of(given.location)
    existing = call.cloud.store.get(call.resource_id)
    for other in call.cloud.store.find(type=VAULT_TYPE, name=name):
        if other.key != call.resource_id.lower():
            raise CloudError(
                409,
                "VaultAlreadyExists",
                f"The vault name '{name}' is already in use. Vault names are globally unique so it "
                "is possible that the name is already taken.",
            )
    properties = given.properties or VaultProperties()
    mode = one_of("createMode", properties.create_mode or "default", "default", "recover")
    if existing is None:
        deleted = tombstones(call.cloud, name)
        if mode == "recover":
            if not deleted:
                raise CloudError(
                    404, "VaultNotFound", f"There is no deleted vault '{name}' to recover."
                )
            return Reply(200, recover(call, deleted[0]).body)
        if deleted:
            raise CloudError(
                409,
                "ConflictError",
                "A vault with the same name already exists in deleted state. You need to either "
                f"recover or purge existing key vault '{name}'. Follow this link for more "
                "information on soft delete: https://go.microsoft.com/fwlink/?linkid=2149745",
            )
        forget(call.cloud, name)  # one whose time was over
    else:
        keep_location(existing, location)
    resource = existing or Resource(call.resource_id, VAULT_TYPE, name, call.params["group"], {})
    before = existing.properties if existing is not None else {}
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": VAULT_TYPE,
        "location": location,
        "tags": given.tags or {},
        "properties": properties_of(call, name, properties, before),
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


@router.operation("GET", VAULT, f"{VAULT_TYPE}/read")
def get(call: Call) -> Reply:
    """Vaults_Get."""
    return Reply(200, call.get(VAULT_TYPE).body)


@router.operation("GET", _VAULTS, f"{VAULT_TYPE}/read")
def list_in_group(call: Call) -> Reply:
    """Vaults_ListByResourceGroup."""
    found = call.cloud.store.find(type=VAULT_TYPE, resource_group=call.params["group"])
    return page(call, found, body_of, top(call, SIZE))


@router.operation("GET", _PROVIDER + "/vaults", "")
def list_all(call: Call) -> Reply:
    """Vaults_ListBySubscription: what the caller may read."""
    found = readable(call, call.cloud.store.find(type=VAULT_TYPE))
    return page(call, found, body_of, top(call, SIZE))


@router.operation("PATCH", VAULT, f"{VAULT_TYPE}/write", Vault)
def update(call: Call, given: Vault) -> Reply:
    """Vaults_Update: what is not named stays."""
    resource = call.get(VAULT_TYPE)
    keep_location(resource, given.location)
    patch_tags(resource.body, given.tags)
    resource.body["properties"] = properties_of(
        call, resource.name, given.properties or VaultProperties(), resource.properties
    )
    call.cloud.store.put(resource)
    return Reply(200, resource.body)


@router.operation(
    "PUT",
    VAULT + "/accessPolicies/{kind}",
    f"{VAULT_TYPE}/accessPolicies/write",
    VaultAccessPolicy,
)
def update_access_policy(call: Call, given: VaultAccessPolicy) -> Reply:
    """Vaults_UpdateAccessPolicy: ``add`` to, ``replace`` or ``remove`` an identity's permissions."""
    kind = call.params["kind"].lower()
    if kind not in ("add", "replace", "remove"):
        raise invalid(f"The access policy operation '{kind}' is add, replace or remove.")
    vault = call.get(VAULT_TYPE, call.resource_id.rsplit("/", 1)[0])
    policies = (given.properties.access_policies if given.properties else None) or []
    vault.properties["accessPolicies"] = changed_policies(vault, kind, policies)
    call.cloud.store.put(vault)
    return Reply(
        200,
        {
            "id": f"{vault.id}/accessPolicies/",
            "type": f"{VAULT_TYPE}/accessPolicies",
            "properties": {"accessPolicies": vault.properties["accessPolicies"]},
        },
    )


@router.operation("DELETE", VAULT, f"{VAULT_TYPE}/delete")
def remove(call: Call) -> Reply:
    """Vaults_Delete."""
    vault = call.cloud.store.get(call.resource_id)
    if vault is None:
        return Reply(204)
    soft_delete(call.cloud, vault)
    return Reply(200)


@router.operation(
    "POST",
    _PROVIDER + "/checkNameAvailability",
    "Microsoft.KeyVault/checkNameAvailability/read",
    NameAvailability,
)
def check_name_availability(call: Call, given: NameAvailability) -> Reply:
    """Vaults_CheckNameAvailability."""
    if (given.type or VAULT_TYPE).lower() != VAULT_TYPE.lower():
        raise invalid(f"The type '{given.type}' is {VAULT_TYPE}.")
    name = given.name or ""
    found = call.cloud.store.find(type=VAULT_TYPE, name=name) or tombstones(call.cloud, name)
    return Reply(200, _availability(name, taken=bool(found)))


@router.operation(
    "POST",
    _PROVIDER + "/checkMhsmNameAvailability",
    "Microsoft.KeyVault/checkMhsmNameAvailability/read",
    NameAvailability,
)
def check_hsm_name_availability(_: Call, given: NameAvailability) -> Reply:
    """ManagedHsms_CheckMhsmNameAvailability: there are none, so every right name is free."""
    return Reply(200, _availability(given.name or "", taken=False))


def _availability(name: str, *, taken: bool) -> dict[str, object]:
    try:
        check_name(name)
    except CloudError as error:
        return {"nameAvailable": False, "reason": "AccountNameInvalid", "message": error.message}
    if taken:
        message = f"The vault name '{name}' is already in use, or belongs to a deleted vault."
        return {"nameAvailable": False, "reason": "AlreadyExists", "message": message}
    return {"nameAvailable": True}
