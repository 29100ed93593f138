"""The clients of the Azure SDK, each made when it is first used and as the SDK makes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # importing all of them takes half a second
    from azure.containerregistry import ContainerRegistryClient
    from azure.keyvault.secrets import SecretClient
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.containerinstance import ContainerInstanceManagementClient
    from azure.mgmt.containerregistry import ContainerRegistryManagementClient
    from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
    from azure.mgmt.keyvault import KeyVaultManagementClient
    from azure.mgmt.resource.resources import ResourceManagementClient

ClientT = TypeVar("ClientT")

_POLLING = 1  # seconds between two looks at a long-running operation; the SDK's default is 30


class Clients:
    """One client per service, all for one credential and one subscription.

    ``options`` makes what each of them is given besides, anew for each.
    """

    def __init__(
        self, credential: Any, subscription_id: str, options: Callable[[], dict[str, Any]] = dict
    ) -> None:
        self._credential = credential
        self._subscription_id = subscription_id
        self._options = options
        self._secrets: dict[str, SecretClient] = {}
        self._registries: dict[str, ContainerRegistryClient] = {}

    @cached_property
    def resources(self) -> ResourceManagementClient:
        """Resource groups, and what is in them."""
        from azure.mgmt.resource.resources import ResourceManagementClient

        return self._management(ResourceManagementClient)

    @cached_property
    def registries(self) -> ContainerRegistryManagementClient:
        """Registries, scope maps, tokens."""
        from azure.mgmt.containerregistry import ContainerRegistryManagementClient

        return self._management(ContainerRegistryManagementClient)

    @cached_property
    def tasks(self) -> ContainerRegistryTasksMgmtClient:
        """Tasks and their runs."""
        from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

        return self._management(ContainerRegistryTasksMgmtClient)

    @cached_property
    def container_instances(self) -> ContainerInstanceManagementClient:
        """Container groups, their logs."""
        from azure.mgmt.containerinstance import ContainerInstanceManagementClient

        return self._management(ContainerInstanceManagementClient)

    @cached_property
    def vaults(self) -> KeyVaultManagementClient:
        """Vaults and who may use them, not what is in them."""
        from azure.mgmt.keyvault import KeyVaultManagementClient

        return self._management(KeyVaultManagementClient)

    @cached_property
    def authorization(self) -> AuthorizationManagementClient:
        """Roles and role assignments."""
        from azure.mgmt.authorization import AuthorizationManagementClient

        return self._management(AuthorizationManagementClient)

    def secrets(self, vault: str) -> SecretClient:
        """The secrets in a vault."""
        from azure.keyvault.secrets import SecretClient

        if vault not in self._secrets:
            self._secrets[vault] = SecretClient(
                f"https://{vault}.vault.azure.net", self._credential, **self._options()
            )
        return self._secrets[vault]

    def registry(self, login_server: str) -> ContainerRegistryClient:
        """The repositories, manifests and tags in a registry."""
        from azure.containerregistry import ContainerRegistryClient

        if login_server not in self._registries:
            self._registries[login_server] = ContainerRegistryClient(
                f"https://{login_server}", self._credential, **self._options()
            )
        return self._registries[login_server]

    def _management(self, kind: Callable[..., ClientT]) -> ClientT:
        return kind(
            self._credential,
            self._subscription_id,
            polling_interval=_POLLING,
            **self._options(),
        )
