"""Reading a secret inside the process, for the cloud's own services: with the checks of its route."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..cloud import Cloud
from ..principals import Principal
from ..store import Resource
from .access import check, check_template, vault_of
from .secrets import Secrets

_URL = re.compile(
    r"https://(?P<vault>[a-z0-9-]+)\.vault\.azure\.net/secrets/(?P<name>[0-9a-z-]+)"
    r"(?:/(?P<version>[0-9a-z]*))?/?"
)


@dataclass(frozen=True)
class SecretIdentifier:
    """A secret of a vault by its URL; without ``version`` the newest."""

    vault: str
    name: str
    version: str = ""

    @classmethod
    def parse(cls, url: str) -> SecretIdentifier | None:
        """Read https://VAULT.vault.azure.net/secrets/NAME[/VERSION]; None for any other text."""
        match = _URL.fullmatch(url.strip().lower())
        return cls(match["vault"], match["name"], match["version"] or "") if match else None


def read(cloud: Cloud, principal: Principal, vault: str, name: str, version: str = "") -> str:
    """The value of a secret of the vault of that name, its newest ``version`` when that is ''.

    Raises :class:`..errors.CloudError` with the words of ``GET /secrets/NAME/VERSION``: 403 where
    ``principal`` may not read it or it is disabled, 404 for a vault or secret that there is not.
    """
    found = vault_of(cloud, vault)
    check(cloud, found, principal, "get", name)
    return str(Secrets(cloud).get(found, {"name": name, "version": version}, {})["value"])


def read_for_template(cloud: Cloud, vault: Resource, name: str, version: str = "") -> str:
    """The value of a secret, as Azure Resource Manager reads it for a deployment.

    Raises :class:`..errors.CloudError`: 403 where the vault is not enabled for that, or its networks
    let no service by, 404 for a secret that there is not.
    """
    check_template(cloud, vault)
    return str(Secrets(cloud).get(vault, {"name": name, "version": version}, {})["value"])
