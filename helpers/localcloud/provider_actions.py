"""The actions that providers have: a role that names another one is refused.

Source: learn.microsoft.com, "Azure permissions for Containers": each type with its verbs. Of the
providers that are not here in full, every action that has the form of one is taken.
"""

from __future__ import annotations

from .built_in_roles import ROLES
from .role_definitions import matches

_ALL = "read write delete"
_INSIGHTS = "providers/Microsoft.Insights"
_VALIDATED = f"{_ALL} validate/action operationStatuses/read"
_REGISTRIES = {
    "": "register/action unregister/action checkNameAvailability/read operations/read "
    "locations/deleteVirtualNetworkOrSubnets/action locations/operationResults/read",
    "registries": f"{_ALL} listCredentials/action regenerateCredential/action "
    "generateCredentials/action importImage/action getBuildSourceUploadUrl/action "
    "queueBuild/action listBuildSourceUploadUrl/action scheduleRun/action "
    "privateEndpointConnectionsApproval/action artifacts/delete listPolicies/read listUsages/read "
    "metadata/read metadata/write operationStatuses/read pull/read push/write quarantine/read "
    "quarantine/write sign/write updatePolicies/write deleted/read deleted/restore/action",
    "registries/agentpools": f"{_ALL} listQueueStatus/action operationResults/status/read "
    "operationStatuses/read",
    "registries/builds": "read write getLogLink/action cancel/action",
    "registries/buildTasks": f"{_ALL} listSourceRepositoryProperties/action steps/read steps/write "
    "steps/delete steps/listBuildArguments/action",
    "registries/cacheRules": f"{_ALL} operationStatuses/read",
    "registries/connectedRegistries": f"{_ALL} deactivate/action",
    "registries/credentialSets": f"{_ALL} operationStatuses/read",
    "registries/eventGridFilters": _ALL,
    "registries/exportPipelines": _ALL,
    "registries/importPipelines": _ALL,
    "registries/packages/archives": f"{_ALL} versions/read versions/write versions/delete "
    "versions/operationStatuses/read",
    "registries/pipelineRuns": f"{_ALL} operationStatuses/read",
    "registries/privateEndpointConnectionProxies": _VALIDATED,
    "registries/privateEndpointConnections": f"{_ALL} operationStatuses/read",
    f"registries/{_INSIGHTS}": "diagnosticSettings/read diagnosticSettings/write "
    "logDefinitions/read metricDefinitions/read",
    "registries/replications": f"{_ALL} operationStatuses/read",
    "registries/runs": "read write listLogSasUrl/action cancel/action",
    "registries/scopeMaps": f"{_ALL} operationStatuses/read",
    "registries/taskruns": f"{_ALL} listDetails/action operationStatuses/read",
    "registries/tasks": f"{_ALL} listDetails/action",
    "registries/tokens": f"{_ALL} operationStatuses/read",
    "registries/webhooks": f"{_ALL} getCallbackConfig/action ping/action listEvents/action "
    "operationStatuses/read",
}
_REGISTRIES_DATA = {
    "registries": "catalog/read quarantinedArtifacts/read quarantinedArtifacts/write "
    "trustedCollections/write",
    "registries/repositories": "content/read content/write content/delete metadata/read "
    "metadata/write metadata/delete",
}
_INSTANCES = {
    "": "register/action operations/read serviceassociationlinks/delete",
    "containerGroupProfiles": f"{_ALL} revisions/read revisions/deregister/action",
    "containerGroups": f"{_ALL} restart/action stop/action start/action detectors/read "
    "refreshDelegatedResourceIdentity/action operationResults/read "
    "outboundNetworkDependenciesEndpoints/read",
    "containerGroups/containers": "exec/action attach/action buildlogs/read logs/read",
    f"containerGroups/{_INSIGHTS}": "diagnosticSettings/read diagnosticSettings/write "
    "metricDefinitions/read",
    "containerScaleSets": f"{_ALL} containerGroups/restart/action containerGroups/start/action "
    "containerGroups/stop/action containerGroups/delete/action",
    "locations": "validateDeleteVirtualNetworkOrSubnets/action cachedImages/read capabilities/read "
    "deleteVirtualNetworkOrSubnets/action operationResults/read operations/read usages/read",
}


def _named(provider: str, types: dict[str, str]) -> list[str]:
    return [
        "/".join(filter(None, (provider, kind, verb)))
        for kind, verbs in types.items()
        for verb in verbs.split()
    ]


_KNOWN: dict[bool, dict[str, list[str]]] = {  # by whether they are data actions, and by provider
    data: {
        provider.lower(): [
            *_named(provider, types),
            *(
                action
                for role in ROLES
                for action in (role.data_actions if data else role.actions)
                if action.startswith(f"{provider}/") and "*" not in action
            ),
        ]
        for provider, types in providers.items()
    }
    for data, providers in (
        (
            False,
            {"Microsoft.ContainerRegistry": _REGISTRIES, "Microsoft.ContainerInstance": _INSTANCES},
        ),
        (
            True,
            {"Microsoft.ContainerRegistry": _REGISTRIES_DATA, "Microsoft.ContainerInstance": {}},
        ),
    )
}


def stands_for_some(pattern: str, *, data: bool) -> bool:
    """Whether there is an action (or data action) that ``pattern`` names, with a wildcard or not.

    Of a provider that is not known in full, it is taken that there is.
    """
    known = _KNOWN[data].get(pattern.partition("/")[0].lower())
    return known is None or any(matches(pattern, action) for action in known)
