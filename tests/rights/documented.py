"""Which operation of Azure Resource Manager needs which action, and which roles allow that.

Actions of operations: learn.microsoft.com, Azure/role-based-access-control/permissions. Actions of
roles: …/built-in-roles. Each action tells the page of either.
"""

from __future__ import annotations

from dataclasses import dataclass

from .roles import ADMIN, DEPLOY, READ, READ_GROUPS, READ_ROLES, READ_VAULTS, named

RBAC = "https://learn.microsoft.com/azure/role-based-access-control"
CONTAINERS = f"{RBAC}/permissions/containers"
SECURITY = f"{RBAC}/permissions/security"
IDENTITY = f"{RBAC}/permissions/identity"
GOVERNANCE = f"{RBAC}/permissions/management-and-governance"
REST = "https://learn.microsoft.com/rest/api"
ANYBODY = "anybody"  # every principal of the tenant
SOMEBODY = "somebody"  # who holds a role in the subscription; sees what that lets it read


@dataclass(frozen=True)
class Action:
    """The roles that allow an action (or ANYBODY, SOMEBODY), and the page that says so."""

    roles: frozenset[str]
    page: str


def _actions(namespace: str, page: str, rows: dict[str, frozenset[str]]) -> dict[str, Action]:
    return {f"{namespace}/{name}": Action(roles, page) for name, roles in rows.items()}


_REGISTRY_ADMIN = ADMIN | named("dac")
_REGISTRY_CONFIGURATION = READ | named("cfg dac")
_TASKS, _READ_TASKS = ADMIN | named("tsk"), READ | named("tsk")
_INSTANCES = ADMIN | named("aci")
ACTIONS: dict[str, Action] = {
    **_actions(
        "Microsoft.Authorization",
        GOVERNANCE,
        {
            "roleAssignments/read": READ_ROLES,
            # Key Vault Data Access Administrator may assign some roles: test_role_definitions.py.
            "roleAssignments/write": named("own uaa rba"),
            "roleAssignments/delete": named("own uaa rba"),
            "roleDefinitions/read": READ_ROLES,
            "roleDefinitions/write": named("own uaa"),
            "roleDefinitions/delete": named("own uaa"),
            "locks/read": READ_ROLES,
            "locks/write": named("own uaa"),
            "locks/delete": named("own uaa"),
        },
    ),
    **_actions(
        "Microsoft.ContainerInstance/containerGroups",
        CONTAINERS,
        {
            "read": READ | named("aci"),
            "write": _INSTANCES,
            "delete": _INSTANCES,
            "start/action": _INSTANCES,
            "stop/action": _INSTANCES,
            "restart/action": _INSTANCES,
            "containers/logs/read": READ | named("aci"),
            "containers/exec/action": _INSTANCES,
            "containers/attach/action": _INSTANCES,
        },
    ),
    **_actions(
        "Microsoft.ContainerInstance/locations",
        CONTAINERS,
        {"usages/read": READ, "capabilities/read": READ, "cachedImages/read": READ},
    ),
    **_actions(
        "Microsoft.ContainerRegistry",
        CONTAINERS,
        {
            "checkNameAvailability/read": READ,
            "register/action": ADMIN,
            "registries/read": READ | named("imp tsk cfg dac"),
            "registries/write": _REGISTRY_ADMIN,
            "registries/delete": _REGISTRY_ADMIN,
            "registries/listCredentials/action": ADMIN | named("cfg dac"),
            "registries/regenerateCredential/action": _REGISTRY_ADMIN,
            "registries/generateCredentials/action": _REGISTRY_ADMIN,
            "registries/importImage/action": ADMIN | named("imp"),
            "registries/listUsages/read": READ,
            "registries/tokens/read": _REGISTRY_CONFIGURATION,
            "registries/tokens/write": _REGISTRY_ADMIN,
            "registries/tokens/delete": _REGISTRY_ADMIN,
            "registries/scopeMaps/read": _REGISTRY_CONFIGURATION,
            "registries/scopeMaps/write": _REGISTRY_ADMIN,
            "registries/scopeMaps/delete": _REGISTRY_ADMIN,
            "registries/webhooks/read": _REGISTRY_CONFIGURATION,
            "registries/webhooks/write": _REGISTRY_ADMIN,
            "registries/webhooks/delete": _REGISTRY_ADMIN,
            "registries/webhooks/ping/action": _REGISTRY_ADMIN,
            "registries/webhooks/getCallbackConfig/action": ADMIN | named("cfg dac"),
            "registries/webhooks/listEvents/action": ADMIN | named("cfg dac"),
            "registries/cacheRules/read": READ | named("cra crr"),
            "registries/cacheRules/write": ADMIN | named("cra"),
            "registries/cacheRules/delete": ADMIN | named("cra"),
            "registries/cacheRules/operationStatuses/read": READ | named("cra"),
            "registries/credentialSets/read": READ | named("csa csr"),
            "registries/credentialSets/write": ADMIN | named("csa"),
            "registries/credentialSets/delete": ADMIN | named("csa"),
            "registries/credentialSets/operationStatuses/read": READ | named("csa"),
            "registries/tasks/read": _READ_TASKS,
            "registries/tasks/write": _TASKS,
            "registries/tasks/delete": _TASKS,
            "registries/tasks/listDetails/action": _TASKS,
            "registries/taskRuns/read": _READ_TASKS,
            "registries/taskRuns/write": _TASKS,
            "registries/taskRuns/delete": _TASKS,
            "registries/taskRuns/listDetails/action": _TASKS,
            "registries/taskRuns/operationStatuses/read": _READ_TASKS,
            "registries/runs/read": _READ_TASKS,
            "registries/runs/write": _TASKS,
            "registries/runs/cancel/action": _TASKS,
            "registries/runs/listLogSasUrl/action": _TASKS,
            "registries/scheduleRun/action": _TASKS,
            "registries/listBuildSourceUploadUrl/action": _TASKS,
        },
    ),
    **_actions(
        "Microsoft.KeyVault",
        SECURITY,
        {
            "checkNameAvailability/read": READ_VAULTS,
            "checkMhsmNameAvailability/read": READ | named("kvc"),
            "deletedVaults/read": READ_VAULTS,
            "deletedManagedHsms/read": READ | named("kvc"),
            "locations/deletedVaults/read": READ_VAULTS | named("kpo"),
            "locations/deletedVaults/purge/action": ADMIN | named("kpo"),
            "vaults/read": READ_VAULTS | named("kda"),
            "vaults/write": ADMIN | named("kvc"),
            "vaults/delete": ADMIN | named("kvc"),
            "vaults/accessPolicies/write": ADMIN | named("kvc"),
            "vaults/secrets/read": READ_VAULTS | named("kda"),
            "vaults/secrets/write": ADMIN | named("kvc"),
        },
    ),
    **_actions(
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        IDENTITY,
        {
            "read": READ | named("mic mio"),
            "write": ADMIN | named("mic"),
            "delete": ADMIN | named("mic"),
            "listAssociatedResources/action": ADMIN,
        },
    ),
    **_actions(
        "Microsoft.Resources",
        GOVERNANCE,
        {
            "subscriptions/read": READ | named("kda"),
            "subscriptions/providers/read": READ,
            "subscriptions/tagNames/read": READ,
            "subscriptions/tagNames/write": ADMIN,
            "subscriptions/tagNames/delete": ADMIN,
            "subscriptions/tagNames/tagValues/write": ADMIN,
            "subscriptions/tagNames/tagValues/delete": ADMIN,
            "subscriptions/resourceGroups/read": READ_GROUPS,
            "subscriptions/resourceGroups/write": ADMIN,
            "subscriptions/resourceGroups/delete": ADMIN,
            "subscriptions/resourceGroups/resources/read": READ | named("tag"),
            "deployments/read": DEPLOY | READ,
            "deployments/write": DEPLOY,
            "deployments/delete": DEPLOY,
            "deployments/validate/action": DEPLOY,
            "deployments/whatIf/action": DEPLOY,
            "deployments/cancel/action": DEPLOY,
            "deployments/exportTemplate/action": DEPLOY,
            "deployments/operations/read": DEPLOY | READ,
            "deployments/operationStatuses/read": DEPLOY | READ,
            "tags/read": READ | named("tag"),
            "tags/write": ADMIN | named("tag"),
            "tags/delete": ADMIN | named("tag"),
        },
    ),
    ANYBODY: Action(frozenset(), f"{REST}/resources"),
    SOMEBODY: Action(frozenset(), f"{RBAC}/overview"),
}

_DEPLOYMENT_ACTIONS = ("validate", "whatIf", "cancel", "exportTemplate")
_G = "Microsoft.ContainerRegistry/registries"
# G is a resource group, S the subscription, @ any scope, * a name.
OPERATIONS: dict[str, str] = {
    "GET /subscriptions": ANYBODY,
    "GET /tenants": ANYBODY,
    "GET /ManagedIdentity/operations": ANYBODY,
    "GET /Authorization/roleDefinitions/*": ANYBODY,
    "GET S/locations": ANYBODY,
    "GET S/operationresults/*": ANYBODY,
    "GET S/providers/*/operations/*": ANYBODY,
    "GET S/providers/*/locations/*/operationResults/*": ANYBODY,
    "GET S/resourceGroups": SOMEBODY,
    "GET S/resources": SOMEBODY,
    "GET S/ContainerInstance/containerGroups": SOMEBODY,
    "GET S/ContainerRegistry/registries": SOMEBODY,
    "GET S/KeyVault/vaults": SOMEBODY,
    "GET S/ManagedIdentity/userAssignedIdentities": SOMEBODY,
    "GET S": "Microsoft.Resources/subscriptions/read",
    "GET S/providers": "Microsoft.Resources/subscriptions/providers/read",
    "GET S/providers/*": "Microsoft.Resources/subscriptions/providers/read",
    "POST S/providers/*/register": "Microsoft.ContainerRegistry/register/action",
    **{
        f"{method} G": f"Microsoft.Resources/subscriptions/resourceGroups/{verb}"
        for method, verb in (
            *(("GET", "read"), ("HEAD", "read"), ("PUT", "write"), ("PATCH", "write")),
            ("DELETE", "delete"),
        )
    },
    "GET G/resources": "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
    **{
        f"{method} @/Authorization/{kind}{name}": f"Microsoft.Authorization/{kind}/{verb}"
        for kind in ("locks", "roleAssignments", "roleDefinitions")
        for method, name, verb in (
            *(("GET", "", "read"), ("GET", "/*", "read")),
            *(("PUT", "/*", "write"), ("DELETE", "/*", "delete")),
        )
    },
    **{
        f"{method} @/Resources/tags/default": f"Microsoft.Resources/tags/{verb}"
        for method, verb in (
            *(("GET", "read"), ("PUT", "write"), ("PATCH", "write"), ("DELETE", "delete")),
        )
    },
    "GET S/tagNames": "Microsoft.Resources/subscriptions/tagNames/read",
    **{
        f"{method} S/tagNames/*{part}": f"Microsoft.Resources/subscriptions/tagNames{below}/{verb}"
        for part, below in (("", ""), ("/tagValues/*", "/tagValues"))
        for method, verb in (("PUT", "write"), ("DELETE", "delete"))
    },
    **{
        f"{method} @/Resources/deployments{name}": f"Microsoft.Resources/deployments/{verb}"
        for method, name, verb in (
            *(("GET", "", "read"), ("GET", "/*", "read"), ("HEAD", "/*", "read")),
            *(("PUT", "/*", "write"), ("DELETE", "/*", "delete")),
            *(("POST", f"/*/{one}", f"{one}/action") for one in _DEPLOYMENT_ACTIONS),
            *(("GET", f"/*/operations{name}", "operations/read") for name in ("", "/*")),
            ("GET", "/*/operationStatuses/*", "operationStatuses/read"),
        )
    },
    "GET G/deployments/*/operations": "Microsoft.Resources/deployments/operations/read",
    "GET G/deployments/*/operations/*": "Microsoft.Resources/deployments/operations/read",
    **{
        f"POST G/ContainerInstance/containerGroups/*/{one}": "Microsoft.ContainerInstance"
        f"/containerGroups/{one}/action"
        for one in ("start", "stop", "restart")
    },
    "GET G/ContainerInstance/containerGroups/*/containers/*/logs": "Microsoft.ContainerInstance"
    "/containerGroups/containers/logs/read",
    **{
        f"POST G/ContainerInstance/containerGroups/*/containers/*/{one}": "Microsoft"
        f".ContainerInstance/containerGroups/containers/{one}/action"
        for one in ("exec", "attach")
    },
    **{
        f"GET S/ContainerInstance/locations/*/{one}": "Microsoft.ContainerInstance/locations/"
        f"{one}/read"
        for one in ("usages", "capabilities", "cachedImages")
    },
    "POST S/ContainerRegistry/checkNameAvailability": "Microsoft.ContainerRegistry"
    "/checkNameAvailability/read",
    "GET G/ContainerRegistry/registries/*/listUsages": f"{_G}/listUsages/read",
    **{
        f"POST G/ContainerRegistry/registries/*/{one}": f"{_G}/{one}/action"
        for one in (
            *("generateCredentials", "importImage", "listBuildSourceUploadUrl"),
            *("listCredentials", "regenerateCredential", "scheduleRun"),
        )
    },
    **{
        f"GET G/ContainerRegistry/registries/*/{kind}/*/operationStatuses/*": f"{_G}/{kind}"
        "/operationStatuses/read"
        for kind in ("cacheRules", "credentialSets", "taskRuns")
    },
    **{
        f"POST G/ContainerRegistry/registries/*/{kind}/*/{one}": f"{_G}/{kind}/{one}/action"
        for kind, one in (
            *(("tasks", "listDetails"), ("taskRuns", "listDetails")),
            *(("runs", "cancel"), ("runs", "listLogSasUrl"), ("webhooks", "ping")),
            *(("webhooks", "getCallbackConfig"), ("webhooks", "listEvents")),
        )
    },
    "GET G/ContainerRegistry/registries/*/runs": f"{_G}/runs/read",
    "GET G/ContainerRegistry/registries/*/runs/*": f"{_G}/runs/read",
    "PATCH G/ContainerRegistry/registries/*/runs/*": f"{_G}/runs/write",
    **{
        f"{method} G/{path}{name}": f"Microsoft.{path.replace('/*', '')}/{verb}"
        for path in (
            "ContainerInstance/containerGroups",
            "ContainerRegistry/registries",
            "ContainerRegistry/registries/*/cacheRules",
            "ContainerRegistry/registries/*/credentialSets",
            "ContainerRegistry/registries/*/scopeMaps",
            "ContainerRegistry/registries/*/taskRuns",
            "ContainerRegistry/registries/*/tasks",
            "ContainerRegistry/registries/*/tokens",
            "ContainerRegistry/registries/*/webhooks",
            "KeyVault/vaults",
            "ManagedIdentity/userAssignedIdentities",
        )
        for method, name, verb in (
            *(("GET", "", "read"), ("GET", "/*", "read"), ("PUT", "/*", "write")),
            *(("PATCH", "/*", "write"), ("DELETE", "/*", "delete")),
        )
    },
    "POST G/ManagedIdentity/userAssignedIdentities/*/listAssociatedResources": "Microsoft"
    ".ManagedIdentity/userAssignedIdentities/listAssociatedResources/action",
    "PUT G/KeyVault/vaults/*/accessPolicies/*": "Microsoft.KeyVault/vaults/accessPolicies/write",
    "POST S/KeyVault/checkNameAvailability": "Microsoft.KeyVault/checkNameAvailability/read",
    "POST S/KeyVault/checkMhsmNameAvailability": "Microsoft.KeyVault/checkMhsmNameAvailability/read",
    **{
        f"{method} G/KeyVault/vaults/*/secrets{name}": f"Microsoft.KeyVault/vaults/secrets/{verb}"
        for method, name, verb in (
            *(("GET", "", "read"), ("GET", "/*", "read")),
            *(("PUT", "/*", "write"), ("PATCH", "/*", "write")),
        )
    },
    "GET S/KeyVault/deletedVaults": "Microsoft.KeyVault/deletedVaults/read",
    "GET S/KeyVault/deletedManagedHSMs": "Microsoft.KeyVault/deletedManagedHsms/read",
    "GET S/KeyVault/locations/*/deletedVaults/*": "Microsoft.KeyVault/locations/deletedVaults/read",
    "POST S/KeyVault/locations/*/deletedVaults/*/purge": "Microsoft.KeyVault/locations"
    "/deletedVaults/purge/action",
}
