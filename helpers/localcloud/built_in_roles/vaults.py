"""The built-in roles of key vaults.

Source: learn.microsoft.com, "Azure built-in roles" (security): names, GUIDs, descriptions and
actions, also those of services that are not here.
"""

from __future__ import annotations

from ..resource_types import VAULT_TYPE
from ..role_definitions import Role
from .actions import ALERTS, AUTHORIZATION, DEPLOYMENTS, GROUPS, READ_ROLES, SUPPORT, below

_VAULT_READER = (
    *(READ_ROLES, ALERTS, DEPLOYMENTS, GROUPS, SUPPORT),
    *below(
        "Microsoft.KeyVault",
        "checkNameAvailability/read deletedVaults/read locations/*/read vaults/*/read operations/read",
    ),
)
_ONLY_RBAC = (
    "Only works for key vaults that use the 'Azure role-based access control' permission model."
)


def _only_roles(*guids: str) -> str:
    """The condition that only these roles are assigned, and taken away."""
    attribute = f"[{AUTHORIZATION}/roleAssignments:RoleDefinitionId]"
    these = f"ForAnyOfAnyValues:GuidEquals{{{', '.join(guids)}}}"

    def where(verb: str, source: str) -> str:
        action = f"!(ActionMatches{{'{AUTHORIZATION}/roleAssignments/{verb}'}})"
        return f"(({action}) OR ({source}{attribute} {these}))"

    return f"{where('write', '@Request')} AND {where('delete', '@Resource')}"


VAULTS: tuple[Role, ...] = (
    Role(
        "Key Vault Administrator",
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "Perform all data plane operations on a key vault and all objects in it, including "
        "certificates, keys, and secrets. Cannot manage key vault resources or manage role "
        f"assignments. {_ONLY_RBAC}",
        _VAULT_READER,
        data_actions=(f"{VAULT_TYPE}/*",),
    ),
    Role(
        "Key Vault Contributor",
        "f25e0fa2-a7c8-4377-a976-54943a77a395",
        "Lets you manage key vaults, but not access to them.",
        (READ_ROLES, ALERTS, "Microsoft.KeyVault/*", DEPLOYMENTS, GROUPS, SUPPORT),
        below(
            "Microsoft.KeyVault", "locations/deletedVaults/purge/action hsmPools/* managedHsms/*"
        ),
    ),
    Role(
        "Key Vault Reader",
        "21090545-7ca7-4776-b22c-e363652d74d2",
        "Read metadata of key vaults and its certificates, keys, and secrets. Cannot read sensitive "
        f"values such as secret contents or key material. {_ONLY_RBAC}",
        _VAULT_READER,
        data_actions=below(VAULT_TYPE, "*/read secrets/readMetadata/action"),
    ),
    Role(
        "Key Vault Secrets Officer",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Perform any action on the secrets of a key vault, except manage permissions. "
        f"{_ONLY_RBAC}",
        _VAULT_READER,
        data_actions=(f"{VAULT_TYPE}/secrets/*",),
    ),
    Role(
        "Key Vault Secrets User",
        "4633458b-17de-408a-b874-0445c86b69e6",
        f"Read secret contents. {_ONLY_RBAC}",
        data_actions=below(VAULT_TYPE, "secrets/getSecret/action secrets/readMetadata/action"),
    ),
    Role(
        "Key Vault Certificates Officer",
        "a4417e6f-fecd-4de8-b567-7b0420556985",
        "Perform any action on the certificates of a key vault, except manage permissions. "
        f"{_ONLY_RBAC}",
        _VAULT_READER,
        data_actions=below(VAULT_TYPE, "certificatecas/* certificates/* certificatecontacts/write"),
    ),
    Role(
        "Key Vault Certificate User",
        "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
        f"Read certificate contents. {_ONLY_RBAC}",
        data_actions=below(
            VAULT_TYPE,
            "certificates/read secrets/getSecret/action secrets/readMetadata/action keys/read",
        ),
    ),
    Role(
        "Key Vault Crypto Officer",
        "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        f"Perform any action on the keys of a key vault, except manage permissions. {_ONLY_RBAC}",
        _VAULT_READER,
        data_actions=below(VAULT_TYPE, "keys/* keyrotationpolicies/*"),
    ),
    Role(
        "Key Vault Crypto Service Encryption User",
        "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        f"Read metadata of keys and perform wrap/unwrap operations. {_ONLY_RBAC}",
        below("Microsoft.EventGrid/eventSubscriptions", "write read delete"),
        data_actions=below(VAULT_TYPE, "keys/read keys/wrap/action keys/unwrap/action"),
    ),
    Role(
        "Key Vault Crypto Service Release User",
        "08bbd89e-9f13-488c-ac41-acfcb10c90ab",
        f"Release keys. {_ONLY_RBAC}",
        data_actions=below(VAULT_TYPE, "keys/release/action"),
    ),
    Role(
        "Key Vault Crypto User",
        "12338af0-0e69-4776-bea7-57ae8d297424",
        f"Perform cryptographic operations using keys. {_ONLY_RBAC}",
        data_actions=below(
            VAULT_TYPE,
            "keys/read keys/update/action keys/backup/action keys/encrypt/action "
            "keys/decrypt/action keys/wrap/action keys/unwrap/action keys/sign/action "
            "keys/verify/action",
        ),
    ),
    Role(
        "Key Vault Data Access Administrator",
        "8b54135c-b56d-4d72-a534-26097cfdc8d8",
        "Manage access to Azure Key Vault by adding or removing role assignments for the Key Vault "
        "Administrator, Key Vault Certificates Officer, Key Vault Crypto Officer, Key Vault Crypto "
        "Service Encryption User, Key Vault Crypto User, Key Vault Reader, Key Vault Secrets "
        "Officer, or Key Vault Secrets User roles. Includes an ABAC condition to constrain role "
        "assignments.",
        (
            *below(f"{AUTHORIZATION}/roleAssignments", "write delete"),
            *(READ_ROLES, DEPLOYMENTS, GROUPS, "Microsoft.Resources/subscriptions/read"),
            "Microsoft.Management/managementGroups/read",
            *(DEPLOYMENTS, SUPPORT, f"{VAULT_TYPE}/*/read"),
        ),
        condition=_only_roles(
            "00482a5a-887f-4fb3-b363-3b7fe8e74483",
            "a4417e6f-fecd-4de8-b567-7b0420556985",
            "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
            "e147488a-f6f5-4113-8e2d-b22465e65bf6",
            "12338af0-0e69-4776-bea7-57ae8d297424",
            "21090545-7ca7-4776-b22c-e363652d74d2",
            "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
            "4633458b-17de-408a-b874-0445c86b69e6",
        ),
    ),
    Role(
        "Key Vault Purge Operator",
        "a68e7c17-0ab2-4c09-9a58-125dae29748c",
        "Allows permanent deletion of soft-deleted vaults.",
        below(
            "Microsoft.KeyVault/locations",
            "deletedVaults/read deletedVaults/purge/action operationResults/read",
        ),
    ),
)
