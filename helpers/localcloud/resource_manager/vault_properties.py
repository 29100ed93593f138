"""What a vault's properties may be: types, defaults, what Azure refuses, and access policies."""

from __future__ import annotations

import ipaddress
from typing import Any, ClassVar

import msgspec

from ..errors import CloudError
from ..store import Resource
from .models import Lacking, Model, ResourceModel, Tags
from .routing import Call, invalid

PERMISSIONS = {  # REST reference, "Permissions": what each kind of object has
    "secrets": "all get list set delete backup restore recover purge",
    "keys": "all encrypt decrypt wrapkey unwrapkey sign verify get list create update import delete "
    "backup restore recover purge release rotate getrotationpolicy setrotationpolicy",
    "certificates": "all get list delete create import update managecontacts getissuers listissuers "
    "setissuers deleteissuers manageissuers recover purge backup restore",
    "storage": "all get list delete set update regeneratekey recover purge backup restore setsas "
    "listsas getsas deletesas",
}
_ROLES_BY_DEFAULT = "2026-02-01"  # since this version
_MOST_POLICIES = 1024  # Key Vault service limits


class Sku(Model):
    """``standard`` or ``premium``, of the family A."""

    family: str | None = None
    name: str | None = None


class Permissions(Model):
    """What an identity may do, by kind of object."""

    keys: list[str] | None = None
    secrets: list[str] | None = None
    certificates: list[str] | None = None
    storage: list[str] | None = None


class AccessPolicy(Model):
    """Who may do what; with an ``application_id`` only that application on behalf of a user."""

    tenant_id: str | None = None
    object_id: str | None = None
    application_id: str | None = None
    permissions: Permissions | None = None


class AddressRule(Model):
    """An IPv4 address, or a range of them, that may ask."""

    value: str | None = None


class NetworkAcls(Model):
    """From where the vault may be asked; ``bypass`` is for deployments of templates."""

    bypass: str | None = None
    default_action: str | None = None
    ip_rules: list[AddressRule] | None = None
    virtual_network_rules: list[Any] | None = None


class VaultProperties(Model):
    """The properties of a vault; those that a client has only read are not looked at."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("vaultUri", "privateEndpointConnections")
    tenant_id: str | None = None
    sku: Sku | None = None
    access_policies: list[AccessPolicy] | None = None
    enabled_for_deployment: bool | None = None
    enabled_for_disk_encryption: bool | None = None
    enabled_for_template_deployment: bool | None = None
    enable_soft_delete: bool | None = None
    soft_delete_retention_in_days: int | None = None
    enable_rbac_authorization: bool | None = None
    enable_purge_protection: bool | None = None
    create_mode: str | None = None
    network_acls: NetworkAcls | None = None
    public_network_access: str | None = None
    hsm_pool_resource_id: Lacking | None = None


class Vault(ResourceModel):
    """The body of Vaults_CreateOrUpdate and Vaults_Update."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    properties: VaultProperties | None = None


class AccessPolicies(Model):
    """The properties of Vaults_UpdateAccessPolicy."""

    access_policies: list[AccessPolicy] | None = None


class VaultAccessPolicy(ResourceModel):
    """The body of Vaults_UpdateAccessPolicy."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("location",)
    properties: AccessPolicies | None = None


def properties_of(
    call: Call, name: str, given: VaultProperties, before: dict[str, Any]
) -> dict[str, Any]:
    """The properties that a vault has from now on; ``before``: those of one that is there, or {}.

    A PATCH leaves what it does not name. Raises 400 for what Azure refuses, 501 for what is lacking.
    """
    kept = before if call.method == "PATCH" else {}
    named = msgspec.to_builtins(given)

    def value(key: str, default: Any) -> Any:
        found = named[key]
        return kept.get(key, default) if found is None else found

    tenant = str(value("tenantId", ""))
    if tenant.lower() != call.cloud.account.tenant_id:
        raise invalid(
            f"The tenant '{tenant}' of the vault is not the subscription's tenant "
            f"'{call.cloud.account.tenant_id}'.",
            "InvalidTenantId",
        )
    for unused in ("enabledForDeployment", "enabledForDiskEncryption"):
        if named[unused]:
            raise CloudError.not_implemented(
                f"the property 'properties.{unused}' of vaults (there are no virtual machines)"
            )
    if named["enableSoftDelete"] is False:
        raise _irreversible("enableSoftDelete", "soft delete")
    if named["enablePurgeProtection"] is False:
        raise _irreversible("enablePurgeProtection", "purge protection")
    protected = named["enablePurgeProtection"] or before.get("enablePurgeProtection")
    encryption = value("enabledForDiskEncryption", None)
    template = value("enabledForTemplateDeployment", None)
    policies = (
        policies_of(given.access_policies, tenant)
        if given.access_policies is not None
        else list(kept.get("accessPolicies", []))
    )
    return {
        "sku": {"family": "A", "name": _sku(value("sku", {}))},
        "tenantId": tenant,
        "accessPolicies": policies,
        "enabledForDeployment": False,
        **({"enabledForDiskEncryption": False} if encryption is not None else {}),
        **({"enabledForTemplateDeployment": template} if template is not None else {}),
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": _retention(named["softDeleteRetentionInDays"], before),
        "enableRbacAuthorization": _has_roles(call, given, before),
        **({"enablePurgeProtection": True} if protected else {}),
        **_network(given.network_acls, kept),
        "vaultUri": f"https://{name.lower()}.vault.azure.net/",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": one_of(
            "publicNetworkAccess", value("publicNetworkAccess", "Enabled"), "Enabled", "Disabled"
        ),
    }


def _has_roles(call: Call, given: VaultProperties, before: dict[str, Any]) -> bool:
    """Whether roles decide, and not access policies: by default in new versions of the API.

    Source: "Prepare for Key Vault API version 2026-02-01 and later: Azure RBAC as default".
    """
    if given.enable_rbac_authorization is not None:
        return given.enable_rbac_authorization
    newest = call.query.get("api-version", "")[:10] >= _ROLES_BY_DEFAULT
    return bool(before.get("enableRbacAuthorization", newest))


def _irreversible(name: str, what: str) -> CloudError:
    return invalid(
        f'The property "{name}" cannot be set to false. Enabling the {what} for a vault is an '
        "irreversible action.",
        "BadRequest",
    )


def _sku(given: dict[str, Any]) -> str:
    name, family = str(given.get("name") or ""), given.get("family") or "A"
    if name.lower() not in ("standard", "premium") or family.upper() != "A":
        raise invalid(f"The vault SKU '{family} {name}' is A standard or A premium.", "InvalidSku")
    return name.lower()


def _retention(days: int | None, before: dict[str, Any]) -> int:
    held = before.get("softDeleteRetentionInDays")
    if days is None:
        return int(held or 90)
    if not 7 <= days <= 90:
        raise invalid("softDeleteRetentionInDays must be between 7 and 90.")
    if held not in (None, days):
        raise invalid(
            'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.',
            "BadRequest",
        )
    return days


def one_of(name: str, given: str, first: str, second: str) -> str:
    """What a property that has two values is given, as Azure spells it. Raises 400."""
    known = {first.lower(): first, second.lower(): second}
    if given.lower() not in known:
        raise invalid(f"{name} is {first} or {second}, not '{given}'.")
    return known[given.lower()]


def _network(given: NetworkAcls | None, kept: dict[str, Any]) -> dict[str, Any]:
    """``networkAcls`` as Azure shows them: not at all where everybody may ask."""
    if given is None:
        return {"networkAcls": kept["networkAcls"]} if "networkAcls" in kept else {}
    if given.virtual_network_rules:
        raise CloudError.not_implemented(
            "the property 'properties.networkAcls.virtualNetworkRules' of vaults"
        )
    action = one_of("networkAcls.defaultAction", given.default_action or "Allow", "Allow", "Deny")
    bypass = one_of("networkAcls.bypass", given.bypass or "AzureServices", "AzureServices", "None")
    rules = [{"value": _range(rule.value)} for rule in given.ip_rules or []]
    if action == "Allow" and bypass == "AzureServices" and not rules:
        return {}
    return {
        "networkAcls": {
            "bypass": bypass,
            "defaultAction": action,
            "ipRules": rules,
            "virtualNetworkRules": [],
        }
    }


def _range(given: str | None) -> str:
    """An IPv4 address or range, in CIDR notation."""
    try:
        return str(ipaddress.IPv4Network(given or "", strict=False))
    except ValueError:
        raise invalid(
            f"The value '{given}' of a rule of networkAcls.ipRules is no IPv4 address and no range "
            "in CIDR notation, like 203.0.113.0/24."
        ) from None


# -- access policies -----------------------------------------------------------------------------


def policies_of(given: list[AccessPolicy], tenant: str) -> list[dict[str, Any]]:
    """Access policies as a vault of ``tenant`` keeps them. Raises 400 InvalidAccessPolicy."""
    if len(given) > _MOST_POLICIES:
        raise invalid(f"A vault has up to {_MOST_POLICIES} access policies.", "InvalidAccessPolicy")
    return [_policy(one, tenant) for one in given]


def _policy(given: AccessPolicy, tenant: str) -> dict[str, Any]:
    permissions = given.permissions or Permissions()
    held = {kind: getattr(permissions, kind) for kind in PERMISSIONS}
    for kind, names in held.items():
        known = PERMISSIONS[kind].split()
        unknown = {name.lower() for name in names or []} - set(known)
        if unknown:
            raise invalid(
                f"An access policy has {kind} permissions out of {', '.join(known)}; "
                f"'{', '.join(sorted(unknown))}' is not one.",
                "InvalidAccessPolicy",
            )
    if not given.object_id:
        raise invalid("An access policy needs an objectId.", "InvalidAccessPolicy")
    # REST reference, "Vaults - Create Or Update", VaultProperties.accessPolicies
    if (given.tenant_id or "").lower() != tenant.lower():
        raise invalid(
            f"The tenant '{given.tenant_id or ''}' of an access policy is not the vault's: all "
            f"identities in the array must use the same tenant ID, '{tenant}'.",
            "InvalidAccessPolicy",
        )
    return {
        "tenantId": given.tenant_id,
        "objectId": given.object_id,
        **({"applicationId": given.application_id} if given.application_id else {}),
        "permissions": {kind: names for kind, names in held.items() if names is not None},
    }


def changed_policies(vault: Resource, kind: str, given: list[AccessPolicy]) -> list[dict[str, Any]]:
    """The policies of a vault after ``add``, ``replace`` or ``remove`` of identities' permissions."""
    policies = {_holder(one): one for one in vault.properties["accessPolicies"]}
    for policy in policies_of(given, vault.properties["tenantId"]):
        before = policies.get(_holder(policy), {**policy, "permissions": {}})
        permissions = _changed(kind, before["permissions"], policy["permissions"])
        policies[_holder(policy)] = {**before, "permissions": permissions}
    return [policy for policy in policies.values() if any(policy["permissions"].values())]


def _holder(policy: dict[str, Any]) -> tuple[str, str]:
    return policy["objectId"].lower(), str(policy.get("applicationId") or "").lower()


def _changed(kind: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if kind == "replace":
        return new
    changed = dict(old)
    for area, given in new.items():
        held = list(old.get(area) or [])
        if kind == "add":
            changed[area] = held + [one for one in given if one not in held]
        else:
            changed[area] = [one for one in held if one not in given]
    return changed
