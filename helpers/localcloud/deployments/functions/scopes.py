"""What a template may know of itself and its place: parameters, variables, resourceGroup() …"""

from __future__ import annotations

from typing import Any

from ..scope import Scope
from .function import Functions, check, misplaced

FUNCTIONS = Functions()
_ENVIRONMENT = {
    "name": "AzureCloud",
    "gallery": "https://gallery.azure.com/",
    "graph": "https://graph.windows.net/",
    "portal": "https://portal.azure.com",
    "graphAudience": "https://graph.windows.net/",
    "activeDirectoryDataLake": "https://datalake.azure.net/",
    "batch": "https://batch.core.windows.net/",
    "media": "https://rest.media.azure.net",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "suffixes": {
        "acrLoginServer": ".azurecr.io",
        "azureDatalakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
        "azureFrontDoorEndpointSuffix": "azurefd.net",
        "keyvaultDns": ".vault.azure.net",
        "sqlServerHostname": ".database.windows.net",
        "storage": "core.windows.net",
    },
}


@FUNCTIONS.add("parameters", 1, kind="scoped")
def parameters(scope: Scope, arguments: list[Any]) -> Any:
    """The value of a parameter."""
    return scope.parameter(check("parameters", 1, arguments[0], "String"))


@FUNCTIONS.add("variables", 1, kind="scoped")
def variables(scope: Scope, arguments: list[Any]) -> Any:
    """The value of a variable."""
    return scope.variable(check("variables", 1, arguments[0], "String"))


@FUNCTIONS.add("copyIndex", 0, 2, kind="scoped")
def copy_index(scope: Scope, arguments: list[Any]) -> int:
    """Which turn of a copy loop this is, counted from 0 or the offset."""
    named = bool(arguments) and isinstance(arguments[0], str)
    offsets = arguments[1:] if named else arguments
    offset = check("copyIndex", 2, offsets[0], "Integer") if offsets else 0
    return scope.copy_index(arguments[0] if named else None) + int(offset)


@FUNCTIONS.add("resourceGroup", 0, kind="scoped")
def resource_group(scope: Scope, _arguments: list[Any]) -> Any:
    """The resource group of the deployment."""
    if scope.place.group is None:
        raise misplaced("resourceGroup")
    return dict(scope.place.group)


@FUNCTIONS.add("subscription", 0, kind="scoped")
def subscription(scope: Scope, _arguments: list[Any]) -> Any:
    """The subscription of the deployment."""
    return dict(scope.place.subscription)


@FUNCTIONS.add("tenant", 0, kind="scoped")
def tenant(scope: Scope, _arguments: list[Any]) -> Any:
    """The tenant of the caller."""
    return {"tenantId": scope.place.tenant_id}


@FUNCTIONS.add("deployer", 0, kind="scoped")
def deployer(scope: Scope, _arguments: list[Any]) -> Any:
    """Who has begun the deployment."""
    return dict(scope.place.deployer)


@FUNCTIONS.add("deployment", 0, kind="scoped")
def deployment(scope: Scope, _arguments: list[Any]) -> Any:
    """The deployment itself: its name and properties."""
    return dict(scope.place.deployment)


@FUNCTIONS.add("environment", 0)
def environment(_arguments: list[Any]) -> Any:
    """The hosts of Azure, which are those of the local cloud."""
    return dict(_ENVIRONMENT)
