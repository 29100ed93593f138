"""The tokens that a registry issues: refresh tokens for an identity, access tokens for a scope.

Source: Azure/acr docs, AAD-OAuth.md and Token-BasicAuth.md; distribution spec, token authentication.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from typing import Any

import jwt

from ..cloud import Cloud
from ..errors import CloudError
from ..principals import MANAGEMENT, REGISTRY, Principal, TokenError
from ..store import Resource
from .access import (
    AGENT,
    CATALOG,
    DELETED_CATALOG,
    IDENTITY_USER,
    UNAUTHORIZED,
    Caller,
    Registry,
    admitted,
    allowed,
    may_list,
    registry_of,
    still_there,
)
from .credentials import Credential, ProvenCredential

ISSUER = "Azure Container Registry"
REFRESH_LIFETIME = 3 * 3600  # seconds
ACCESS_LIFETIME = 75 * 60  # seconds
Access = list[dict[str, Any]]
# What an action gives besides to whom a role allows it: a client that pulls asks for no other, and who
# marks an image asks to push (Azure/acr docs/preview/quarantine).
_WITH = {
    **dict.fromkeys(("pull", "metadata_read"), "quarantine_read"),
    **dict.fromkeys(("push", "metadata_write"), "quarantine_write"),
}


def lifetime(caller: Caller, most: int) -> int:
    """Seconds that a token is good: it does not outlive the password that its caller has shown."""
    return most if caller.until is None else max(min(most, int(caller.until - time.time())), 0)


def _issue(cloud: Cloud, server: str, caller: Caller, claims: dict[str, Any], life: int) -> str:
    now = int(time.time())
    until = {} if caller.until is None else {"until": caller.until}
    return cloud.principals.sign(
        {
            "jti": str(uuid.uuid4()),
            "sub": caller.name or "anonymous",
            "nbf": now - 60,
            "exp": now + lifetime(caller, life),
            "iat": now - 60,
            "iss": ISSUER,
            "aud": server,
            "version": "2.0",
            "caller": caller.kind,
            **until,
            **claims,
        }
    )


def _decode(cloud: Cloud, server: str, token: str, grant: str) -> dict[str, Any] | None:
    try:
        claims = cloud.principals.decode(
            token, issuer=ISSUER, audience=server, options={"require": ["exp"]}
        )
    except jwt.PyJWTError:
        return None
    return claims if claims.get("grant_type") == grant else None


def refresh_token(cloud: Cloud, server: str, caller: Caller) -> str:
    """A token by which a client gets access tokens for scopes, for three hours."""
    return _issue(cloud, server, caller, {"grant_type": "refresh_token"}, REFRESH_LIFETIME)


def caller_of_refresh_token(cloud: Cloud, server: str, token: str) -> Caller | None:
    """Who a refresh token of that registry stands for, or None when it is worthless."""
    claims = _decode(cloud, server, token, "refresh_token")
    if claims is None:
        return None
    caller = Caller(claims["caller"], claims["sub"], claims.get("until"))
    return caller if still_there(cloud, registry_of(cloud, server), caller) else None


def access_token(
    cloud: Cloud,
    registry: Registry,
    caller: Caller,
    scopes: Iterable[str],
    within: Access | None = None,
) -> str:
    """An access token for what the caller may do out of the scopes that it asks for.

    ``within`` is what another access token is for: this one is for nothing else.
    """
    access = granted(cloud, registry, caller, scopes)
    if within is not None:
        for one in access:
            may = actions_of(within, one["type"], one["name"])
            one["actions"] = [action for action in one["actions"] if action in may or "*" in may]
    claims = {"grant_type": "access_token", "access": access}
    return _issue(cloud, registry.server, caller, claims, ACCESS_LIFETIME)


def granted(cloud: Cloud, registry: Registry, caller: Caller, scopes: Iterable[str]) -> Access:
    """The ``access`` claim for scopes like ``repository:hello-world:pull,push``."""
    access: Access = []
    for scope in scopes:
        kind, name, asked = parts_of(scope)
        actions: list[str] = []
        if kind == "repository" and name:
            may = allowed(cloud, registry, caller, name)
            wanted = dict.fromkeys([*asked, *(_WITH[one] for one in asked if one in _WITH)])
            actions = sorted(may) if "*" in asked else [one for one in wanted if one in may]
        elif kind == "registry" and name in (CATALOG, DELETED_CATALOG):
            listed = may_list(cloud, registry, caller, name)
            actions = [one for one in asked if one == "*" and listed]
        access.append({"type": kind, "name": name, "actions": actions})
    return access


def parts_of(scope: str) -> tuple[str, str, list[str]]:
    """Type, name and actions of a scope (distribution, "Token Scope Documentation")."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return kind, name, actions.split(",")


def access_of(cloud: Cloud, server: str, token: str) -> Access | None:
    """The ``access`` claim of a good access token of that registry, else None."""
    claims = _decode(cloud, server, token, "access_token")
    return None if claims is None else list(claims["access"])


def actions_of(access: Access, kind: str, name: str) -> set[str]:
    """What an ``access`` claim allows with a repository, or with the registry."""
    return {
        action
        for one in access
        if (one["type"], one["name"]) == (kind, name)
        for action in one["actions"]
    }


def caller_of_access_token(
    cloud: Cloud, registry: Registry, token: str
) -> tuple[Caller, Access] | None:
    """Who an access token of that registry stands for until it expires, and for what; None for no good one.

    A registry takes it as the password of an identity. Source: the recording of azure-cli's test of
    ``az acr artifact-streaming``, 2.72.
    """
    claims = _decode(cloud, registry.server, token, "access_token")
    if claims is None:
        return None
    caller = Caller(claims["caller"], claims["sub"], claims["exp"])
    return (caller, list(claims["access"])) if still_there(cloud, registry, caller) else None


def exchange(cloud: Cloud, registry: Registry, entra_token: str) -> str:
    """A refresh token for whom an Entra token proves. Raises 401 UNAUTHORIZED."""
    try:
        principal = cloud.principals.verify(entra_token, (*MANAGEMENT, *REGISTRY))
    except TokenError as error:
        raise CloudError(401, "UNAUTHORIZED", f"{UNAUTHORIZED} {error.message}") from None
    caller = Caller("principal", principal.object_id)
    if not admitted(cloud, registry, caller):
        raise CloudError(401, "UNAUTHORIZED", UNAUTHORIZED)
    return refresh_token(cloud, registry.server, caller)


def task_credential(registry: Resource) -> ProvenCredential:
    """What a task's agent logs in with at the registry that the task belongs to."""
    server = str(registry.properties["loginServer"])
    return ProvenCredential(IDENTITY_USER, "", server, AGENT, registry.name)


def sendable(cloud: Cloud, credential: Credential, agent_token: str = "") -> Credential:
    """A credential that a client can send: who was shown to be there gets a refresh token.

    ``agent_token``: that of the agent of a task, of :class:`AgentTokens`.
    """
    if not isinstance(credential, ProvenCredential):
        return credential
    if credential.kind == AGENT and agent_token:
        return Credential(credential.username, agent_token)
    caller = Caller(credential.kind, credential.name)
    return Credential(credential.username, refresh_token(cloud, credential.server, caller))


class AgentTokens:
    """The refresh tokens of agents of tasks, by registry: signing takes longer than all else in it.

    A token is given to runs for a quarter of its life. Thread-safe.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._made: dict[str, tuple[str, float]] = {}  # by id: a token, until when

    def of(self, registry_id: str) -> str:
        """What a registry knows the agent of its tasks by; nothing when there is no registry."""
        now = time.monotonic()
        with self._lock:
            token, until = self._made.get(registry_id.lower(), ("", 0.0))
            if now < until:
                return token
            registry = self._cloud.store.get(registry_id)
            if registry is None:
                return ""
            token = sendable(self._cloud, task_credential(registry)).password
            self._made[registry_id.lower()] = token, now + REFRESH_LIFETIME / 4
            return token


def exchange_credential(cloud: Cloud, login_server: str, principal: Principal) -> Credential:
    """What an identity logs in with: as if its management token was exchanged at the registry.

    Raises 401 UNAUTHORIZED when the identity has no role there, 404 when there is no registry.
    """
    registry = registry_of(cloud, login_server)
    caller = Caller("principal", principal.object_id)
    if not admitted(cloud, registry, caller):
        raise CloudError(401, "UNAUTHORIZED", UNAUTHORIZED)
    return ProvenCredential(IDENTITY_USER, "", registry.server, caller.kind, caller.name)


def entra_credential(cloud: Cloud, login_server: str, token: str) -> Credential:
    """What whoever an Entra token proves logs in with, as ``docker login`` does after its exchange.

    Raises 401 UNAUTHORIZED, 404 when there is no registry.
    """
    return Credential(IDENTITY_USER, exchange(cloud, registry_of(cloud, login_server), token))
