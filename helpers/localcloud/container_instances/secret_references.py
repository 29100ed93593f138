"""The secrets of vaults that a container group refers to by name: read when it starts, never stored.

Source: azure-rest-api-specs, ContainerInstance 2025-09-01, ``SecretReference``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..cloud import Cloud
from ..errors import CloudError
from ..key_vault.reader import SecretIdentifier, read
from ..principals import Principal


class SecretReferenceError(Exception):
    """A secret that an identity of the group does not get; the text has the vault's own reason."""


def is_secret(url: str) -> bool:
    """Whether a URL is that of a secret of a vault."""
    return SecretIdentifier.parse(url) is not None


def values_of(
    cloud: Cloud,
    references: Iterable[Mapping[str, Any]],
    principal_of: Callable[[str], Principal | None],
) -> dict[str, str]:
    """The values of secrets by the names of their references, each read as its identity.

    ``principal_of`` tells the principal of an identity by its ARM id, None for one that is gone.
    Raises :class:`SecretReferenceError`.
    """
    found: dict[str, str] = {}
    for one in references:
        identity, url = str(one["identity"]), str(one["secretReferenceUri"])
        place = f"The secret {url} of the secret reference '{one['name']}'"
        principal, wanted = principal_of(identity), SecretIdentifier.parse(url)
        if principal is None or wanted is None:
            raise SecretReferenceError(
                f"{place} could not be read: the identity '{identity}' was deleted. Assign one that "
                "is there."
            )
        try:
            value = read(cloud, principal, wanted.vault, wanted.name, wanted.version)
        except CloudError as error:
            raise SecretReferenceError(
                f"{place} could not be read as the identity '{identity}': "
                + " ".join(error.message.split())
            ) from None
        found[str(one["name"])] = value
    return found


def with_passwords(
    credentials: Sequence[dict[str, Any]], values: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Credentials of registries with the passwords that they refer to."""
    return [
        {**one, "password": values[one["passwordReference"]]}
        if one.get("passwordReference")
        else one
        for one in credentials
    ]
