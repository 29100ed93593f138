"""What the tests of Artifact Cache begin with: two registries and a vault."""

from __future__ import annotations

import uuid
from typing import Any

import requests
from azure.keyvault.secrets import SecretClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient

from tests.conftest import LocalCloud
from tests.key_vault.test_key_vault import create_vault, policy
from tests.registry.places import INDEX, MANIFEST, Place


class World:
    """An upstream with an image, a registry that caches it, and a vault with the credentials."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.upstream = Place(cloud)
        self.place = Place(cloud)
        self.client = cloud.client(ContainerRegistryManagementClient)
        self.vault = create_vault(cloud, policy(cloud, cloud.account.object_id, "all"))
        user, password = self.upstream.token("puller", "repositories/*/content/read")
        self.user = self.secret("user", user)
        self.password = self.secret("password", password)

    @property
    def where(self) -> tuple[str, str]:
        return self.place.group, self.place.name

    @property
    def url(self) -> str:
        return f"https://management.azure.com{self.place.id}"

    def secret(self, name: str, value: str) -> str:
        url = f"https://{self.vault}.vault.azure.net"
        SecretClient(url, self.cloud.credential, **self.cloud.options).set_secret(name, value)
        return f"{url}/secrets/{name}"

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.cloud.http().request(
            method,
            f"{self.url}/{path}?api-version=2025-11-01",
            json=body,
            headers={"Authorization": f"Bearer {self.cloud.token()}"},
        )

    def credential_set(self, name: str, server: str = "", **more: str) -> Any:
        secrets = {
            "usernameSecretIdentifier": self.user,
            "passwordSecretIdentifier": self.password,
            **more,
        }
        properties = {
            "loginServer": server or self.upstream.server,
            "authCredentials": [{"name": "Credential1", **secrets}],
        }
        body = {"identity": {"type": "SystemAssigned"}, "properties": properties}
        return self.client.credential_sets.begin_create(*self.where, name, body).result()

    def allow(self, principal_id: str, change: str = "add") -> None:
        """Let an identity read the vault's secrets, or (``remove``) not any more."""
        policies = [policy(self.cloud, principal_id, "get")]
        self.cloud.client(KeyVaultManagementClient).vaults.update_access_policy(
            "vaults-rg", self.vault, change, {"properties": {"accessPolicies": policies}}
        )

    def healthy_set(self, name: str, server: str = "", **more: str) -> Any:
        made = self.credential_set(name, server, **more)
        self.allow(made.identity.principal_id)
        return made

    def rule(self, source: str, target: str, credential_set: Any = None, name: str = "") -> Any:
        properties = {
            "sourceRepository": source,
            "targetRepository": target,
            "credentialSetResourceId": credential_set.id if credential_set else None,
        }
        name = name or f"rule-{uuid.uuid4().hex[:8]}"
        begun = self.client.cache_rules.begin_create(*self.where, name, {"properties": properties})
        return begun.result()

    def pull(self, repository: str, reference: str, method: str = "GET") -> requests.Response:
        return self.place.http.request(
            method,
            self.place.url(f"{repository}/manifests/{reference}"),
            headers={"Accept": f"{MANIFEST}, {INDEX}"},
        )

    def new_registry(self) -> None:
        """Go on with another registry that caches: the rules of one must not overlap."""
        self.place = Place(self.cloud)
