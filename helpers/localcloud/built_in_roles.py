"""The built-in roles of Azure that have to do with what the local cloud has, as Azure defines them.

Source: learn.microsoft.com, "Azure built-in roles" (privileged, general, containers, identity,
security): names, GUIDs, descriptions and actions, also those of services that are not here.
"""

from __future__ import annotations

from .resource_types import CONTAINER_GROUP_TYPE, REGISTRY_TYPE, VAULT_TYPE
from .role_definitions import Role


def _below(type: str, names: str) -> tuple[str, ...]:
    """Actions of a type, by what follows its name."""
    return tuple(f"{type}/{name}" for name in names.split())


_AUTHORIZATION = "Microsoft.Authorization"
_READ_ROLES = f"{_AUTHORIZATION}/*/read"
_DEPLOYMENTS = "Microsoft.Resources/deployments/*"
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups/read"
_ALERTS = "Microsoft.Insights/alertRules/*"
_SUPPORT = "Microsoft.Support/*"
_ALERT_RULES = _below(
    "Microsoft.Insights/AlertRules",
    "Write Delete Read Activated/Action Resolved/Action Throttled/Action Incidents/Read",
)
_DIAGNOSTICS = _below(
    f"{REGISTRY_TYPE}/providers/Microsoft.Insights",
    "diagnosticSettings/read diagnosticSettings/write logDefinitions/read metricDefinitions/read",
)

OWNER = Role(
    "Owner",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
    ("*",),
)
_GENERAL = (
    OWNER,
    Role(
        "Contributor",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Grants full access to manage all resources, but does not allow you to assign roles in Azure "
        "RBAC, manage assignments in Azure Blueprints, or share image galleries.",
        ("*",),
        (
            f"{_AUTHORIZATION}/*/Delete",
            f"{_AUTHORIZATION}/*/Write",
            f"{_AUTHORIZATION}/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
            "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
            "Microsoft.Subscription/cancel/action",
            "Microsoft.Subscription/enable/action",
        ),
    ),
    Role(
        "Reader",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "View all resources, but does not allow you to make any changes.",
        ("*/read",),
    ),
    Role(
        "Role Based Access Control Administrator",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Manage access to Azure resources by assigning roles using Azure RBAC. This role does not "
        "allow you to manage access using other ways, such as Azure Policy.",
        (*_below(f"{_AUTHORIZATION}/roleAssignments", "write delete"), "*/read", _SUPPORT),
    ),
    Role(
        "User Access Administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "Lets you manage user access to Azure resources.",
        ("*/read", f"{_AUTHORIZATION}/*", _SUPPORT),
    ),
    Role(
        "Managed Identity Operator",
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Read and Assign User Assigned Identity",
        (
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            *(_READ_ROLES, _ALERTS, _GROUPS, _DEPLOYMENTS, _SUPPORT),
        ),
    ),
    Role(
        "Azure Container Instances Contributor Role",
        "5d977122-f97e-4b4d-a52f-6b43003ddb4d",
        "Grants read/write access to container groups provided by Azure Container Instances",
        (f"{CONTAINER_GROUP_TYPE}/*", _DEPLOYMENTS, _READ_ROLES, _ALERTS, _GROUPS),
    ),
)

_REGISTRIES = (
    Role(
        "AcrPull",
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "acr pull",
        _below(REGISTRY_TYPE, "pull/read"),
    ),
    Role(
        "AcrPush",
        "8311e382-0749-4cb8-b61a-304f252e45ec",
        "acr push",
        _below(REGISTRY_TYPE, "pull/read push/write"),
    ),
    Role(
        "AcrDelete",
        "c2f4ef07-c644-48eb-af81-4b1b4947fb11",
        "acr delete",
        _below(REGISTRY_TYPE, "artifacts/delete"),
    ),
    Role(
        "AcrImageSigner",
        "6cef56e8-d556-48e5-a04f-b8e64114680f",
        "acr image signer",
        _below(REGISTRY_TYPE, "sign/write"),
        data_actions=_below(REGISTRY_TYPE, "trustedCollections/write"),
    ),
    Role(
        "AcrQuarantineReader",
        "cdda3590-29a3-44f6-95f2-9f980659eb04",
        "acr quarantine data reader",
        _below(REGISTRY_TYPE, "quarantine/read"),
        data_actions=_below(REGISTRY_TYPE, "quarantinedArtifacts/read"),
    ),
    Role(
        "AcrQuarantineWriter",
        "c8d4ff99-41c3-41a8-9f60-21dfdad59608",
        "acr quarantine data writer",
        _below(REGISTRY_TYPE, "quarantine/read quarantine/write"),
        data_actions=_below(REGISTRY_TYPE, "quarantinedArtifacts/read quarantinedArtifacts/write"),
    ),
    Role(
        "Container Registry Data Importer and Data Reader",
        "577a9874-89fd-4f24-9dbd-b5034d0ad23a",
        "Provides the ability to import images into a registry through the registry import "
        "operation. Provides the ability to list repositories, view images and tags, get manifests, "
        "and pull images. Does not provide permissions for importing images through configuring "
        "registry transfer pipelines such as import and export pipelines. Does not provide "
        "permissions for importing through configuring Artifact Cache or Sync rules.",
        _below(REGISTRY_TYPE, "importImage/action read pull/read"),
        data_actions=_below(
            REGISTRY_TYPE, "repositories/content/read repositories/metadata/read catalog/read"
        ),
    ),
    Role(
        "Container Registry Repository Reader",
        "b93aa761-3e63-49ed-ac28-beffa264f7ac",
        "Allows for read access to Azure Container Registry repositories, but excluding catalog "
        "listing. This role is in preview and subject to change.",
        data_actions=_below(f"{REGISTRY_TYPE}/repositories", "metadata/read content/read"),
    ),
    Role(
        "Container Registry Repository Writer",
        "2a1e307c-b015-4ebd-883e-5b7698a07328",
        "Allows for read and write access to Azure Container Registry repositories, but excluding "
        "catalog listing. This role is in preview and subject to change.",
        data_actions=_below(
            f"{REGISTRY_TYPE}/repositories",
            "metadata/read content/read metadata/write content/write",
        ),
    ),
    Role(
        "Container Registry Repository Contributor",
        "2efddaa5-3f1f-4df3-97df-af3f13818f4c",
        "Allows for read, write, and delete access to Azure Container Registry repositories, but "
        "excluding catalog listing. This role is in preview and subject to change.",
        data_actions=_below(
            f"{REGISTRY_TYPE}/repositories",
            "metadata/read content/read metadata/write content/write metadata/delete content/delete",
        ),
    ),
    Role(
        "Container Registry Repository Catalog Lister",
        "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7",
        "Allows for listing all repositories in an Azure Container Registry. This role is in preview "
        "and subject to change.",
        data_actions=_below(REGISTRY_TYPE, "catalog/read"),
    ),
    Role(
        "Container Registry Tasks Contributor",
        "fb382eab-e894-4461-af04-94435c366c3f",
        "Provides permissions to configure, read, list, trigger, or cancel Container Registry Tasks, "
        "Task Runs, Task Logs, Quick Runs, Quick Builds, and Task Agent Pools. Permissions granted "
        "for Tasks management can be used for full registry data plane permissions including "
        "reading/writing/deleting container images in registries. Permissions granted for Tasks "
        "management can also be used to run customer authored build directives and run scripts to "
        "build software artifacts.",
        (
            *_below(
                f"{REGISTRY_TYPE}/agentpools",
                "read write delete listQueueStatus/action operationResults/status/read "
                "operationStatuses/read",
            ),
            *_below(f"{REGISTRY_TYPE}/tasks", "read write delete listDetails/action"),
            *_below(REGISTRY_TYPE, "scheduleRun/action listBuildSourceUploadUrl/action"),
            *_below(f"{REGISTRY_TYPE}/runs", "read write listLogSasUrl/action cancel/action"),
            *_below(
                f"{REGISTRY_TYPE}/taskruns",
                "read write delete listDetails/action operationStatuses/read",
            ),
            *(_DEPLOYMENTS, _GROUPS, f"{REGISTRY_TYPE}/read"),
        ),
    ),
    Role(
        "Container Registry Transfer Pipeline Contributor",
        "bf94e731-3a51-4a7c-8c54-a1ab9971dfc1",
        "Provides the ability to transfer, import, and export artifacts through configuring registry "
        "transfer pipelines that involve intermediary storage accounts and key vaults. Does not "
        "provide permissions to push or pull images. Does not provide permissions to create, manage, "
        "or list storage accounts or key vaults. Does not provide permissions to perform role "
        "assignments.",
        (
            *_below(f"{REGISTRY_TYPE}/exportPipelines", "read write delete"),
            *_below(f"{REGISTRY_TYPE}/importPipelines", "read write delete"),
            *_below(f"{REGISTRY_TYPE}/pipelineRuns", "read write delete operationStatuses/read"),
        ),
    ),
    Role(
        "Container Registry Configuration Reader and Data Access Configuration Reader",
        "69b07be0-09bf-439a-b9a6-e73de851bd59",
        "Provides permissions to list container registries and registry configuration properties. "
        "Provides permissions to list data access configuration such as admin user credentials, "
        "scope maps, and tokens, which can be used to read, write or delete repositories and images. "
        "Does not provide direct permissions to read, list, or write registry contents including "
        "repositories and images. Does not provide permissions to modify data plane content such as "
        "imports, Artifact Cache or Sync, and Transfer Pipelines. Does not provide permissions for "
        "managing Tasks.",
        (
            *_below(
                REGISTRY_TYPE,
                "operationStatuses/read read privateEndpointConnections/read "
                "privateEndpointConnections/operationStatuses/read listCredentials/action tokens/read "
                "tokens/operationStatuses/read scopeMaps/read scopeMaps/operationStatuses/read "
                "webhooks/read webhooks/getCallbackConfig/action webhooks/listEvents/action "
                "webhooks/operationStatuses/read replications/read "
                "replications/operationStatuses/read connectedRegistries/read",
            ),
            *_DIAGNOSTICS,
            *_ALERT_RULES,
        ),
    ),
    Role(
        "Container Registry Contributor and Data Access Configuration Administrator",
        "3bc748fc-213d-45c1-8d91-9da5725539b9",
        "Provides permissions to create, list, and update container registries and registry "
        "configuration properties. Provides permissions to configure data access such as admin user "
        "credentials, scope maps, and tokens, which can be used to read, write or delete repositories "
        "and images. Does not provide direct permissions to read, list, or write registry contents "
        "including repositories and images. Does not provide permissions to modify data plane content "
        "such as imports, Artifact Cache or Sync, and Transfer Pipelines. Does not provide "
        "permissions for managing Tasks.",
        (
            _GROUPS,
            *_below(
                REGISTRY_TYPE,
                "operationStatuses/read read write delete listCredentials/action "
                "regenerateCredential/action generateCredentials/action replications/read "
                "replications/write replications/delete replications/operationStatuses/read "
                "privateEndpointConnectionsApproval/action privateEndpointConnections/read "
                "privateEndpointConnections/write privateEndpointConnections/delete "
                "privateEndpointConnections/operationStatuses/read tokens/read tokens/write "
                "tokens/delete tokens/operationStatuses/read scopeMaps/read scopeMaps/write "
                "scopeMaps/delete scopeMaps/operationStatuses/read",
            ),
            *(*_DIAGNOSTICS, _DEPLOYMENTS, _READ_ROLES),
            *_below(
                REGISTRY_TYPE,
                "connectedRegistries/read connectedRegistries/write connectedRegistries/delete "
                "connectedRegistries/deactivate/action webhooks/read webhooks/write webhooks/delete "
                "webhooks/getCallbackConfig/action webhooks/ping/action webhooks/listEvents/action "
                "webhooks/operationStatuses/read",
            ),
            *_ALERT_RULES,
            "Microsoft.ContainerRegistry/locations/operationResults/read",
            *_below(
                "Microsoft.Network",
                "virtualNetworks/subnets/joinViaServiceEndpoint/action virtualNetworks/subnets/read "
                "virtualNetworks/subnets/write virtualNetworks/read "
                "privateEndpoints/privateLinkServiceProxies/write",
            ),
        ),
    ),
    Role(
        "Container Registry Cache Rule Administrator",
        "df87f177-bb12-4db1-9793-a413691eff94",
        "Create, Read, Update, and Delete Cache Rules in Container Registry. This role doesn't grant "
        "permissions to manage Credential Sets.",
        _below(f"{REGISTRY_TYPE}/cacheRules", "read write delete operationStatuses/read"),
    ),
    Role(
        "Container Registry Cache Rule Reader",
        "c357b964-0002-4b64-a50d-7a28f02edc52",
        "Read the configuration of Cache Rules in Container Registry. This permission doesn't grant "
        "permission to read Credential Sets.",
        _below(f"{REGISTRY_TYPE}/cacheRules", "read"),
    ),
    Role(
        "Container Registry Credential Set Administrator",
        "f094fb07-0703-4400-ad6a-e16dd8000e14",
        "Create, Read, Update, and Delete Credential Sets in Container Registry. This role doesn't "
        "affect the needed permissions for storing content inside Azure Key Vault. This role also "
        "doesn't grant permissions to manage Cache Rules.",
        _below(f"{REGISTRY_TYPE}/credentialSets", "read write delete operationStatuses/read"),
    ),
    Role(
        "Container Registry Credential Set Reader",
        "29093635-9924-4f2c-913b-650a12949526",
        "Read the configuration of Credential Sets in Container Registry. This permission doesn't "
        "allow permission to see content inside Azure Key vault only the content inside Container "
        "Registry. This permission doesn't grant permission to read Cache Rules.",
        _below(f"{REGISTRY_TYPE}/credentialSets", "read"),
    ),
)

_VAULT_READER = (
    *(_READ_ROLES, _ALERTS, _DEPLOYMENTS, _GROUPS, _SUPPORT),
    *_below(
        "Microsoft.KeyVault",
        "checkNameAvailability/read deletedVaults/read locations/*/read vaults/*/read operations/read",
    ),
)
_ONLY_RBAC = (
    "Only works for key vaults that use the 'Azure role-based access control' permission model."
)

_VAULTS = (
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
        (_READ_ROLES, _ALERTS, "Microsoft.KeyVault/*", _DEPLOYMENTS, _GROUPS, _SUPPORT),
        _below(
            "Microsoft.KeyVault", "locations/deletedVaults/purge/action hsmPools/* managedHsms/*"
        ),
    ),
    Role(
        "Key Vault Reader",
        "21090545-7ca7-4776-b22c-e363652d74d2",
        "Read metadata of key vaults and its certificates, keys, and secrets. Cannot read sensitive "
        f"values such as secret contents or key material. {_ONLY_RBAC}",
        _VAULT_READER,
        data_actions=_below(VAULT_TYPE, "*/read secrets/readMetadata/action"),
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
        data_actions=_below(VAULT_TYPE, "secrets/getSecret/action secrets/readMetadata/action"),
    ),
)

ROLES: tuple[Role, ...] = (*_GENERAL, *_REGISTRIES, *_VAULTS)
_BY_GUID = {role.guid: role for role in ROLES}


def built_in_role(guid: str) -> Role | None:
    """The built-in role of that GUID (any case), or None."""
    return _BY_GUID.get(guid.lower())
