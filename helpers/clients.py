"""The clients of the Azure SDK, each made when it is first used and as the SDK makes it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

_POLLING = 1  # seconds between two looks at a long-running operation; the SDK's default is 30


class Clients:
    """One client per service, all for one credential and one subscription."""

    def __init__(self, credential: Any, subscription_id: str) -> None:
        self._credential = credential
        self._subscription_id = subscription_id
        self._by_address: dict[str, Any] = {}

    @cached_property
    def resources(self) -> Any:
        """ResourceManagementClient: resource groups, and what is in them."""
        from azure.mgmt.resource.resources import ResourceManagementClient

        return self._management(ResourceManagementClient)

    @cached_property
    def registries(self) -> Any:
        """ContainerRegistryManagementClient: registries, scope maps, tokens."""
        from azure.mgmt.containerregistry import ContainerRegistryManagementClient

        return self._management(ContainerRegistryManagementClient)

    @cached_property
    def tasks(self) -> Any:
        """ContainerRegistryTasksMgmtClient: tasks and their runs."""
        from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

        return self._management(ContainerRegistryTasksMgmtClient)

    @cached_property
    def container_instances(self) -> Any:
        """ContainerInstanceManagementClient: container groups, their logs."""
        from azure.mgmt.containerinstance import ContainerInstanceManagementClient

        return self._management(ContainerInstanceManagementClient)

    @cached_property
    def vaults(self) -> Any:
        """KeyVaultManagementClient: vaults and who may use them, not what is in them."""
        from azure.mgmt.keyvault import KeyVaultManagementClient

        return self._management(KeyVaultManagementClient)

    @cached_property
    def authorization(self) -> Any:
        """AuthorizationManagementClient: roles and role assignments."""
        from azure.mgmt.authorization import AuthorizationManagementClient

        return self._management(AuthorizationManagementClient)

    def secrets(self, vault: str) -> Any:
        """SecretClient: the secrets in a vault."""
        from azure.keyvault.secrets import SecretClient

        url = f"https://{vault}.vault.azure.net"
        if url not in self._by_address:
            self._by_address[url] = SecretClient(url, self._credential)
        return self._by_address[url]

    def registry(self, login_server: str) -> Any:
        """ContainerRegistryClient: the repositories, manifests and tags in a registry."""
        from azure.containerregistry import ContainerRegistryClient

        url = f"https://{login_server}"
        if url not in self._by_address:
            self._by_address[url] = ContainerRegistryClient(url, self._credential)
        return self._by_address[url]

    def _management(self, kind: Any) -> Any:
        return kind(self._credential, self._subscription_id, polling_interval=_POLLING)
