"""Reading a secret inside the process, for the cloud's own services: with the checks of its route."""

from __future__ import annotations

from ..cloud import Cloud
from ..principals import Principal
from .access import check, vault_of
from .secrets import Secrets


def read(cloud: Cloud, principal: Principal, vault: str, name: str, version: str = "") -> str:
    """The value of a secret of the vault of that name, its newest ``version`` when that is ''.

    Raises :class:`..errors.CloudError` with the words of ``GET /secrets/NAME/VERSION``: 403 where
    ``principal`` may not read it or it is disabled, 404 for a vault or secret that there is not.
    """
    found = vault_of(cloud, vault)
    check(cloud, found, principal, "get", name)
    return str(Secrets(cloud).get(found, {"name": name, "version": version}, {})["value"])
