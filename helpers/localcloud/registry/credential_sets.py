"""Credential sets: what a cache rule logs in to its upstream with, out of a vault.

A set has an identity of its own, which must be allowed to read the secrets that the set names.
Source: learn.microsoft.com, "Enable artifact cache in your Azure Container Registry".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..cloud import Cloud
from ..errors import CloudError
from ..key_vault.reader import SecretIdentifier, read
from ..store import Resource
from .credentials import Credential


def credential(cloud: Cloud, credential_set: Resource) -> Credential:
    """User name and password of a set. Raises :class:`CloudError` with the vault's reason."""
    given = credential_set.properties["authCredentials"][0]
    return Credential(
        _secret(cloud, credential_set, given["usernameSecretIdentifier"]),
        _secret(cloud, credential_set, given["passwordSecretIdentifier"]),
    )


def health(cloud: Cloud, credential_set: Resource) -> Mapping[str, Any]:
    """``credentialHealth``: whether the set's identity gets both secrets now, or why not."""
    try:
        credential(cloud, credential_set)
    except CloudError as error:
        return {"status": "Unhealthy", "errorCode": error.code, "errorMessage": error.message}
    return {"status": "Healthy"}


def _secret(cloud: Cloud, credential_set: Resource, url: str) -> str:
    identity = cloud.principals.find(resource_id=credential_set.id)
    if identity is None:
        raise CloudError(
            403,
            "Forbidden",
            f"The credential set '{credential_set.name}' has no identity to read {url} with.",
        )
    wanted = SecretIdentifier.parse(url)
    if wanted is None:  # what is written is checked: the record was changed by hand
        raise CloudError(400, "BadParameter", f"'{url}' is not the identifier of a secret.")
    return read(cloud, identity, wanted.vault, wanted.name, wanted.version)
