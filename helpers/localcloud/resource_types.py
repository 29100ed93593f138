"""The types of Azure Resource Manager's resources that the local cloud has."""

from __future__ import annotations

RESOURCE_GROUP_TYPE = "Microsoft.Resources/resourceGroups"
SUBSCRIPTION_TYPE = "Microsoft.Resources/subscriptions"
ASSIGNMENT_TYPE = "Microsoft.Authorization/roleAssignments"
DEFINITION_TYPE = "Microsoft.Authorization/roleDefinitions"
LOCK_TYPE = "Microsoft.Authorization/locks"
TAGS_TYPE = "Microsoft.Resources/tags"
DEPLOYMENT_TYPE = "Microsoft.Resources/deployments"
REGISTRY_TYPE = "Microsoft.ContainerRegistry/registries"
CACHE_RULE_TYPE = f"{REGISTRY_TYPE}/cacheRules"
CREDENTIAL_SET_TYPE = f"{REGISTRY_TYPE}/credentialSets"
RUN_TYPE = f"{REGISTRY_TYPE}/runs"
SCOPE_MAP_TYPE = f"{REGISTRY_TYPE}/scopeMaps"
TASK_RUN_TYPE = f"{REGISTRY_TYPE}/taskRuns"
TASK_TYPE = f"{REGISTRY_TYPE}/tasks"
TOKEN_TYPE = f"{REGISTRY_TYPE}/tokens"
WEBHOOK_TYPE = f"{REGISTRY_TYPE}/webhooks"
CONTAINER_GROUP_TYPE = "Microsoft.ContainerInstance/containerGroups"
USER_ASSIGNED_IDENTITY_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
VAULT_TYPE = "Microsoft.KeyVault/vaults"
VAULT_SECRET_TYPE = f"{VAULT_TYPE}/secrets"
DELETED_VAULT_TYPE = "Microsoft.KeyVault/deletedVaults"

TYPES = (
    ASSIGNMENT_TYPE,
    CACHE_RULE_TYPE,
    CONTAINER_GROUP_TYPE,
    CREDENTIAL_SET_TYPE,
    DEFINITION_TYPE,
    DELETED_VAULT_TYPE,
    DEPLOYMENT_TYPE,
    LOCK_TYPE,
    TAGS_TYPE,
    REGISTRY_TYPE,
    RESOURCE_GROUP_TYPE,
    SCOPE_MAP_TYPE,
    SUBSCRIPTION_TYPE,
    TASK_RUN_TYPE,
    TASK_TYPE,
    TOKEN_TYPE,
    USER_ASSIGNED_IDENTITY_TYPE,
    VAULT_SECRET_TYPE,
    VAULT_TYPE,
    WEBHOOK_TYPE,
)
NAMESPACES = sorted({one.partition("/")[0] for one in TYPES})


def types_of(namespace: str) -> list[str]:
    """The types of a provider, without its name: registries, registries/tasks …"""
    start = f"{namespace}/"
    return sorted(one.removeprefix(start) for one in TYPES if one.startswith(start))
