"""Who calls a registry: by user name and password, or by a token that the registry has issued."""

from __future__ import annotations

import hmac
import time

from .. import timestamps
from ..cloud import Cloud
from ..errors import CloudError
from ..passwords import hashed
from ..request_values import basic_credentials, bearer_token
from ..store import Resource
from .access import (
    ANONYMOUS,
    CATALOG,
    IDENTITY_USER,
    UNAUTHORIZED,
    Caller,
    Registry,
    admitted,
    allowed,
    may_list,
)
from .tokens import access_of, actions_of, caller_of_refresh_token, parts_of


def login(cloud: Cloud, registry: Registry, user: str, password: str) -> Caller | None:
    """The caller that user name and password prove, or None."""
    account = cloud.account
    if registry.resource is None:
        good = hmac.compare_digest(password.encode(), account.github_token.encode())
        return Caller("account", user) if good and user == account.github_owner else None
    if user == IDENTITY_USER:
        return caller_of_refresh_token(cloud, registry.server, password)
    token = cloud.store.get(f"{registry.resource.id}/tokens/{user}")
    if token is not None:
        return _token_caller(token, password)
    if user.lower() == registry.resource.name.lower():
        enabled = registry.resource.properties.get("adminUserEnabled")
        good = any(
            hmac.compare_digest(password.encode(), one.encode())
            for one in registry.resource.private["admin"]
        )
        return Caller("admin", user) if enabled and good else None
    if cloud.principals.check_secret(user, password):
        principal = cloud.principals.find(app_id=user)
        return Caller("principal", principal.object_id) if principal else None
    return None


def enter(cloud: Cloud, registry: Registry, user: str, password: str) -> Caller | None:
    """The caller that may log in with user name and password, as ``docker login`` does, or None."""
    caller = login(cloud, registry, user, password)
    return caller if caller is not None and admitted(cloud, registry, caller) else None


def _token_caller(token: Resource, password: str) -> Caller | None:
    """Who a token's password proves, as long as it is good; None when it is not."""
    if token.properties["status"] != "enabled":
        return None
    given = hashed(password)
    for stored in token.private["passwords"].values():
        if hmac.compare_digest(stored["sha256"], given):
            until = timestamps.parse(stored["expiry"]).timestamp() if stored["expiry"] else None
            good = until is None or until > time.time()
            return Caller("token", token.name, until) if good else None
    return None


def caller_of(cloud: Cloud, registry: Registry, authorization: str | None) -> Caller:
    """The caller of a token request. Raises 401 when user name or password are wrong."""
    pair = basic_credentials(authorization)
    if pair is None:
        return ANONYMOUS
    found = enter(cloud, registry, *pair)
    if found is None:
        raise CloudError(401, "UNAUTHORIZED", UNAUTHORIZED)
    return found


def challenge(registry: Registry, scope: str = "", error: str = "") -> dict[str, str]:
    """The WWW-Authenticate header that tells a client where to get a token, and for what."""
    if registry.is_hub:
        value = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'
    else:
        host = registry.server
        value = f'Bearer realm="https://{host}/oauth2/token",service="{host}"'
    value += f',scope="{scope}"' if scope else ""
    value += f',error="{error}"' if error else ""
    return {"WWW-Authenticate": value}


def authorize(
    cloud: Cloud,
    registry: Registry,
    authorization: str | None,
    name: str,
    action: str,
    *others: str,
    listing: str = CATALOG,
) -> set[str]:
    """All that the request may do with a repository.

    Raises 401 with a challenge for ``action`` unless that, or one of ``others``, is among it. ``name``
    "" is the registry itself: any authenticated caller may ask for its API version, and the action
    ``*`` is to list its repositories, those that are there or, by ``listing``, the deleted ones.
    """
    scope = f"repository:{name}:{action}" if name else (f"registry:{listing}:*" if action else "")
    if name and action == "push":
        scope = f"repository:{name}:pull,push"
    token = bearer_token(authorization)
    if token is not None:
        access = access_of(cloud, registry.server, token)
        if access is None:
            raise _refuse(registry, scope, "invalid_token")
        kind = "repository" if name else "registry"
        may = actions_of(access, kind, name or listing)
        if not action or "*" in may or not may.isdisjoint((action, *others)):
            return may
        raise _refuse(registry, scope, "insufficient_scope")
    pair = basic_credentials(authorization)
    if pair is None:
        raise _refuse(registry, scope, "")
    caller = enter(cloud, registry, *pair)
    if caller is None:
        raise _refuse(registry, scope, "invalid_token")
    if not action:
        return set()
    if name:
        may = allowed(cloud, registry, caller, name)
    else:
        may = {"*"} if may_list(cloud, registry, caller, listing) else set()
    if may.isdisjoint((action, *others)):
        raise _refuse(registry, scope, "insufficient_scope")
    return may


def _refuse(registry: Registry, scope: str, error: str) -> CloudError:
    """401 as a registry words it: the challenge has the scope, the detail each action of it."""
    kind, name, actions = parts_of(scope)
    lacking = [{"Type": kind, "Name": name, "Action": one} for one in actions if one]
    return CloudError(
        401,
        "UNAUTHORIZED",
        UNAUTHORIZED,
        headers=challenge(registry, scope, error),
        detail=lacking or None,
    )
