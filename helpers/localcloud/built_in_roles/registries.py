"""The built-in roles of container registries.

Source: learn.microsoft.com, "Azure built-in roles" (containers): names, GUIDs, descriptions and actions, also
those of services that are not here.
"""

from __future__ import annotations

from ..resource_types import REGISTRY_TYPE
from ..role_definitions import Role
from .actions import DEPLOYMENTS, GROUPS, READ_ROLES, below

_ALERT_RULES = below(
    "Microsoft.Insights/AlertRules",
    "Write Delete Read Activated/Action Resolved/Action Throttled/Action Incidents/Read",
)
_DIAGNOSTICS = below(
    f"{REGISTRY_TYPE}/providers/Microsoft.Insights",
    "diagnosticSettings/read diagnosticSettings/write logDefinitions/read metricDefinitions/read",
)

REGISTRIES: tuple[Role, ...] = (
    Role(
        "AcrPull",
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "acr pull",
        below(REGISTRY_TYPE, "pull/read"),
    ),
    Role(
        "AcrPush",
        "8311e382-0749-4cb8-b61a-304f252e45ec",
        "acr push",
        below(REGISTRY_TYPE, "pull/read push/write"),
    ),
    Role(
        "AcrDelete",
        "c2f4ef07-c644-48eb-af81-4b1b4947fb11",
        "acr delete",
        below(REGISTRY_TYPE, "artifacts/delete"),
    ),
    Role(
        "AcrImageSigner",
        "6cef56e8-d556-48e5-a04f-b8e64114680f",
        "acr image signer",
        below(REGISTRY_TYPE, "sign/write"),
        data_actions=below(REGISTRY_TYPE, "trustedCollections/write"),
    ),
    Role(
        "AcrQuarantineReader",
        "cdda3590-29a3-44f6-95f2-9f980659eb04",
        "acr quarantine data reader",
        below(REGISTRY_TYPE, "quarantine/read"),
        data_actions=below(REGISTRY_TYPE, "quarantinedArtifacts/read"),
    ),
    Role(
        "AcrQuarantineWriter",
        "c8d4ff99-41c3-41a8-9f60-21dfdad59608",
        "acr quarantine data writer",
        below(REGISTRY_TYPE, "quarantine/read quarantine/write"),
        data_actions=below(REGISTRY_TYPE, "quarantinedArtifacts/read quarantinedArtifacts/write"),
    ),
    Role(
        "Container Registry Data Importer and Data Reader",
        "577a9874-89fd-4f24-9dbd-b5034d0ad23a",
        "Provides the ability to import images into a registry through the registry import "
        "operation. Provides the ability to list repositories, view images and tags, get manifests, "
        "and pull images. Does not provide permissions for importing images through configuring "
        "registry transfer pipelines such as import and export pipelines. Does not provide "
        "permissions for importing through configuring Artifact Cache or Sync rules.",
        below(REGISTRY_TYPE, "importImage/action read pull/read"),
        data_actions=below(
            REGISTRY_TYPE, "repositories/content/read repositories/metadata/read catalog/read"
        ),
    ),
    Role(
        "Container Registry Repository Reader",
        "b93aa761-3e63-49ed-ac28-beffa264f7ac",
        "Allows for read access to Azure Container Registry repositories, but excluding catalog "
        "listing. This role is in preview and subject to change.",
        data_actions=below(f"{REGISTRY_TYPE}/repositories", "metadata/read content/read"),
    ),
    Role(
        "Container Registry Repository Writer",
        "2a1e307c-b015-4ebd-883e-5b7698a07328",
        "Allows for read and write access to Azure Container Registry repositories, but excluding "
        "catalog listing. This role is in preview and subject to change.",
        data_actions=below(
            f"{REGISTRY_TYPE}/repositories",
            "metadata/read content/read metadata/write content/write",
        ),
    ),
    Role(
        "Container Registry Repository Contributor",
        "2efddaa5-3f1f-4df3-97df-af3f13818f4c",
        "Allows for read, write, and delete access to Azure Container Registry repositories, but "
        "excluding catalog listing. This role is in preview and subject to change.",
        data_actions=below(
            f"{REGISTRY_TYPE}/repositories",
            "metadata/read content/read metadata/write content/write metadata/delete content/delete",
        ),
    ),
    Role(
        "Container Registry Repository Catalog Lister",
        "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7",
        "Allows for listing all repositories in an Azure Container Registry. This role is in preview "
        "and subject to change.",
        data_actions=below(REGISTRY_TYPE, "catalog/read"),
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
            *below(
                f"{REGISTRY_TYPE}/agentpools",
                "read write delete listQueueStatus/action operationResults/status/read "
                "operationStatuses/read",
            ),
            *below(f"{REGISTRY_TYPE}/tasks", "read write delete listDetails/action"),
            *below(REGISTRY_TYPE, "scheduleRun/action listBuildSourceUploadUrl/action"),
            *below(f"{REGISTRY_TYPE}/runs", "read write listLogSasUrl/action cancel/action"),
            *below(
                f"{REGISTRY_TYPE}/taskruns",
                "read write delete listDetails/action operationStatuses/read",
            ),
            *(DEPLOYMENTS, GROUPS, f"{REGISTRY_TYPE}/read"),
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
            *below(f"{REGISTRY_TYPE}/exportPipelines", "read write delete"),
            *below(f"{REGISTRY_TYPE}/importPipelines", "read write delete"),
            *below(f"{REGISTRY_TYPE}/pipelineRuns", "read write delete operationStatuses/read"),
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
            *below(
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
            GROUPS,
            *below(
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
            *(*_DIAGNOSTICS, DEPLOYMENTS, READ_ROLES),
            *below(
                REGISTRY_TYPE,
                "connectedRegistries/read connectedRegistries/write connectedRegistries/delete "
                "connectedRegistries/deactivate/action webhooks/read webhooks/write webhooks/delete "
                "webhooks/getCallbackConfig/action webhooks/ping/action webhooks/listEvents/action "
                "webhooks/operationStatuses/read",
            ),
            *_ALERT_RULES,
            "Microsoft.ContainerRegistry/locations/operationResults/read",
            *below(
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
        below(f"{REGISTRY_TYPE}/cacheRules", "read write delete operationStatuses/read"),
    ),
    Role(
        "Container Registry Cache Rule Reader",
        "c357b964-0002-4b64-a50d-7a28f02edc52",
        "Read the configuration of Cache Rules in Container Registry. This permission doesn't grant "
        "permission to read Credential Sets.",
        below(f"{REGISTRY_TYPE}/cacheRules", "read"),
    ),
    Role(
        "Container Registry Credential Set Administrator",
        "f094fb07-0703-4400-ad6a-e16dd8000e14",
        "Create, Read, Update, and Delete Credential Sets in Container Registry. This role doesn't "
        "affect the needed permissions for storing content inside Azure Key Vault. This role also "
        "doesn't grant permissions to manage Cache Rules.",
        below(f"{REGISTRY_TYPE}/credentialSets", "read write delete operationStatuses/read"),
    ),
    Role(
        "Container Registry Credential Set Reader",
        "29093635-9924-4f2c-913b-650a12949526",
        "Read the configuration of Credential Sets in Container Registry. This permission doesn't "
        "allow permission to see content inside Azure Key vault only the content inside Container "
        "Registry. This permission doesn't grant permission to read Cache Rules.",
        below(f"{REGISTRY_TYPE}/credentialSets", "read"),
    ),
)
