"""Values of a task's secrets, read from their vaults as an identity of the run.

Source: acr-builder, secretmgmt/secrets.go and vaults/azurekeyvault.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...cloud import Cloud
from ...errors import CloudError
from ...identities import Identities, IdentityError
from ...key_vault.reader import SecretIdentifier, read
from ...principals import Principal
from ..definitions.definition import SecretReference
from ..errors import TaskError

_FAILURE = (
    "unable to render task: failed to resolve secrets in the task with error: timeout in fetching "
    "secrets. please check permissions are valid"
)
_VAULT = re.compile(r"^\s*(?:-\s+)?[\"']?keyvault[\"']?\s*:(.*)$", re.IGNORECASE | re.MULTILINE)
_VALUE = re.compile(r"\.Values\.(\w+)")


class SecretError(TaskError):
    """A secret that the run's identity does not get."""


def fetch(cloud: Cloud, identity: Principal | None, url: str) -> str:
    """The value of the secret at a Key Vault URL, read as ``identity``.

    Raises :class:`SecretError` with the vault's own reason.
    """
    wanted = SecretIdentifier.parse(url)
    if wanted is None:
        raise SecretError(
            f"invalid keyvault secret URL '{url}': it must be like "
            "https://<vault>.vault.azure.net/secrets/<name>[/<version>]"
        )
    if identity is None:
        raise SecretError(
            f"the secret {url} needs a managed identity, and the task has none: give it one "
            "(--assign-identity), and the right to read the vault's secrets"
        )
    try:
        return read(cloud, identity, wanted.vault, wanted.name, wanted.version)
    except CloudError as error:
        raise SecretError(f"the secret {url} could not be read: {error.message}") from None


def unset(text: str, values: Mapping[str, Any]) -> list[str]:
    """The names of values that are in a task file's addresses of vaults, and that have none."""
    used = [name for line in _VAULT.findall(text) for name in _VALUE.findall(line)]
    return [name for name in dict.fromkeys(used) if values.get(name) in (None, "")]


def resolve(
    cloud: Cloud,
    identities: Identities,
    secrets: Iterable[SecretReference],
    lacking: Sequence[str] = (),
) -> dict[str, str]:
    """The values of the file's ``secrets`` by their ids; ``lacking`` are values that are not set.

    Raises :class:`SecretError`.
    """
    found: dict[str, str] = {}
    for secret in secrets:
        try:
            identity = _identity(identities, secret.client_id)
            found[secret.id] = fetch(cloud, identity, secret.key_vault)
        except SecretError as error:
            unknown = SecretIdentifier.parse(secret.key_vault) is None
            reason = f". {_set(lacking)}" if lacking and unknown else ""
            raise SecretError(f"{_FAILURE}\nsecret '{secret.id}': {error}{reason}") from None
    return found


def _identity(identities: Identities, client_id: str) -> Principal | None:
    """Who reads a secret: whom it names, else whom the task is by default; None without any."""
    if not identities and not client_id:
        return None
    try:
        return identities.chosen(client_id=client_id)
    except IdentityError as error:
        advice = (
            f"the task has no identity of the clientID {client_id}: assign it (az acr task identity "
            "assign --identities <resource id>)"
            if client_id
            else "name the clientID of one of them beside the secret's keyvault"
        )
        raise SecretError(f"{error}; {advice}") from None


def _set(names: Sequence[str]) -> str:
    given = " ".join(f"--set {name}=…" for name in names)
    named = ", ".join(f"{{{{.Values.{name}}}}}" for name in names)
    return f"It is made with {named}, which has no value: give it one ({given})"
