"""What the agent of a run logs in with: its own registry's, and the task's further credentials.

Source: acr-builder, graph/registry_credential.go (opaque, vaultsecret, msi).
"""

from __future__ import annotations

from typing import Any

from ...cloud import Cloud
from ...errors import CloudError
from ...identities import SYSTEM, Identities
from ...principals import Principal
from ...registry.credentials import Credential
from ...registry.modes import is_abac
from ...registry.tokens import exchange_credential, task_credential
from ...store import Resource
from ..errors import TaskError
from .secrets import SecretError, fetch

CALLER = "[caller]"
_FOR_REPOSITORIES = "Container Registry Repository Reader, Writer or Contributor"


class CredentialError(TaskError):
    """A registry credential of the task that cannot be had."""


def resolve(
    cloud: Cloud,
    registry: Resource,
    credentials: dict[str, Any] | None,
    identities: Identities,
    caller: str = "",
) -> dict[str, Credential]:
    """Credentials by login server, the run's own registry first. Raises :class:`CredentialError`.

    Where the roles of a registry are for repositories, the run logs in to it as the identity that
    ``sourceRegistry`` names and not otherwise; ``caller`` is who asked for the run (object id).
    """
    given = credentials or {}
    found: dict[str, Credential] = {}
    source = given.get("sourceRegistry") or {}
    server = str(registry.properties["loginServer"])
    if is_abac(registry):
        if source.get("identity"):
            found[server] = _source(cloud, server, str(source["identity"]), identities, caller)
    elif (source.get("loginMode") or "Default") != "None":
        found[server] = task_credential(registry)
    for server, credential in (given.get("customRegistries") or {}).items():
        if credential is not None:
            found[server] = _custom(cloud, server, credential, identities)
    return found


def _source(
    cloud: Cloud, server: str, wanted: str, identities: Identities, caller: str
) -> Credential:
    """What the run logs in to its own registry with: as the task, or as who asked for the run."""
    if wanted.lower() != CALLER:
        return _custom(cloud, server, {"identity": wanted}, identities, _FOR_REPOSITORIES)
    who = cloud.principals.find(object_id=caller) if caller else None
    if who is None:
        raise CredentialError(
            f"the credential of {server} is that of the caller, and nobody has asked for this run: "
            "what a trigger starts uses [system] (--source-acr-auth-id)"
        )
    return _exchanged(cloud, server, who, "the caller", _FOR_REPOSITORIES)


def _exchanged(cloud: Cloud, server: str, who: Principal, name: str, roles: str) -> Credential:
    try:
        return exchange_credential(cloud, server, who)
    except CloudError as error:
        raise CredentialError(
            f"failed to log in to {server} as {name} ({who.object_id}): {error.message} Assign it a "
            f"role there, {roles}."
        ) from None


def _custom(
    cloud: Cloud,
    server: str,
    credential: dict[str, Any],
    identities: Identities,
    roles: str = "AcrPull or AcrPush",
) -> Credential:
    wanted = credential.get("identity") or ""
    identity = identities.named(wanted) if wanted else None
    user, password = credential.get("userName"), credential.get("password")
    if user or password:
        try:
            return Credential(_value(cloud, user, identity), _value(cloud, password, identity))
        except SecretError as error:
            raise CredentialError(
                f"failed to resolve the credential of {server}: {error}"
            ) from None
    if not wanted:
        raise CredentialError(
            f"the credential of {server} has neither user name and password nor an identity"
        )
    if identity is None:
        raise CredentialError(_no_identity(server, wanted))
    return _exchanged(cloud, server, identity, "the task's managed identity", roles)


def _no_identity(server: str, wanted: str) -> str:
    if wanted.lower() in SYSTEM:
        return (
            f"the credential of {server} uses the task's managed identity, and the task has none: "
            "give it one (--assign-identity)"
        )
    return (
        f"the credential of {server} uses the user-assigned identity with the client id '{wanted}', "
        "and the task has none of that client id: assign it (az acr task identity assign "
        "--identities <resource id>)"
    )


def _value(cloud: Cloud, secret: dict[str, Any] | None, identity: Principal | None) -> str:
    if not secret or not secret.get("value"):
        return ""
    value = str(secret["value"])
    if str(secret.get("type") or "Opaque").lower() == "vaultsecret":
        return fetch(cloud, identity, value)
    return value
