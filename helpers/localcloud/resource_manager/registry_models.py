"""What a registry can be: its settings, and those that it has as long as nobody uses them.

Source: REST reference of Microsoft.ContainerRegistry, "Registries - Create" and "- Update", 2025-11-01
and 2026-09-01-preview.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeAlias

import msgspec

from ..registry.modes import MODES
from ..resource_types import REGISTRY_TYPE
from .models import Choice, Lacking, Model, ResourceModel, Tags, Unused

_Off: TypeAlias = Annotated[str | None, Unused("Disabled", ("Enabled",))]
_Disabled: TypeAlias = Annotated[str | None, Unused("disabled", ("enabled",))]
_Enabled: TypeAlias = Annotated[str | None, Unused("enabled", ("disabled",))]
_Status: TypeAlias = Annotated[str | None, Choice("enabled", "disabled")]
_No: TypeAlias = Annotated[bool | None, Unused(False)]
_LabelScope: TypeAlias = Annotated[
    str | None,
    Unused("Unsecure", ("TenantReuse", "SubscriptionReuse", "ResourceGroupReuse", "NoReuse")),
]
_None: TypeAlias = Annotated[list[dict[str, Any]] | None, Unused([])]


class NetworkRuleSet(Model):
    """Who may reach a registry: everybody."""

    default_action: Annotated[str | None, Unused("Allow", ("Deny",))] = None
    ip_rules: _None = None
    virtual_network_rules: _None = None


class QuarantinePolicy(Model):
    """Whether images wait until they have been scanned."""

    status: _Status = None


class TrustPolicy(Model):
    """Whether images are signed by Notary."""

    type: Annotated[str | None, Choice("Notary")] = None
    status: _Disabled = None


class RetentionPolicy(Model):
    """Whether untagged manifests go by themselves."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("lastUpdatedTime",)
    days: int | None = None
    status: _Status = None


class SoftDeletePolicy(Model):
    """Whether what is deleted can be restored."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("lastUpdatedTime",)
    retention_days: int | None = None
    status: _Status = None


class ExportPolicy(Model):
    """Whether images may be imported from here."""

    status: _Enabled = None


class AzureADAuthenticationAsArmPolicy(Model):
    """Whether tokens for Azure Resource Manager log in."""

    status: _Enabled = None


class Policies(Model):
    """What a registry does with its images by itself."""

    quarantine_policy: QuarantinePolicy | None = None
    trust_policy: TrustPolicy | None = None
    retention_policy: RetentionPolicy | None = None
    export_policy: ExportPolicy | None = None
    azure_ad_authentication_as_arm_policy: AzureADAuthenticationAsArmPolicy | None = None
    soft_delete_policy: SoftDeletePolicy | None = None


class EncryptionProperty(Model):
    """Whose key encrypts a registry: Microsoft's."""

    status: _Disabled = None
    key_vault_properties: Lacking | None = None


class RegistryProperties(Model):
    """The settings of a registry."""

    READ_ONLY: ClassVar[tuple[str, ...]] = (
        *("loginServer", "status", "dataEndpointHostNames", "regionalEndpointHostNames"),
        "privateEndpointConnections",
    )
    admin_user_enabled: bool | None = None
    network_rule_set: NetworkRuleSet | None = None
    policies: Policies | None = None
    encryption: EncryptionProperty | None = None
    data_endpoint_enabled: _No = None
    regional_endpoints: _Off = None
    endpoint_protocol: Annotated[str | None, Unused("IPv4", ("IPv4AndIPv6",))] = None
    public_network_access: Annotated[
        str | None, Unused("Enabled", ("Disabled", "SecuredByPerimeter"))
    ] = None
    network_rule_bypass_options: Annotated[str | None, Unused("AzureServices", ("None",))] = None
    network_rule_bypass_allowed_for_tasks: _No = None
    zone_redundancy: _Off = None
    anonymous_pull_enabled: _No = None
    metadata_search: _Off = None
    writable_cache_repos: Lacking | None = None
    role_assignment_mode: Annotated[str | None, Choice(*MODES)] = None
    auto_generated_domain_name_label_scope: _LabelScope = None


class Sku(Model):
    """What a registry costs."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("tier",)
    name: str | None = None


class IdentityProperties(Model):
    """The identity with which a registry reads its key: it has none."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("principalId", "tenantId")
    type: Annotated[
        str | None,
        Unused("None", ("SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned")),
    ] = None
    user_assigned_identities: Lacking | None = None


class Registry(ResourceModel):
    """The body of Registries_Create and Registries_Update."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    sku: Sku | None = None
    identity: IdentityProperties | None = None
    properties: RegistryProperties | None = None


class NameCheck(Model):
    """The body of Registries_CheckNameAvailability."""

    # It tells names apart whose scope is the group, which the local cloud does not have.
    READ_ONLY: ClassVar[tuple[str, ...]] = ("resourceGroupName",)
    name: str | None = None
    type: Annotated[str | None, Choice(REGISTRY_TYPE)] = None
    auto_generated_domain_name_label_scope: _LabelScope = None
    tenant_reuse: Lacking | None = None
    resource_group_name: str | None = None  # of the scope ResourceGroupReuse alone


class RegenerateCredential(Model):
    """The body of Registries_RegenerateCredential."""

    name: str | None = None
