"""Scope maps and tokens of a registry: who may do what with which repository."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from .. import timestamps
from ..errors import CloudError
from ..passwords import hashed, new_password
from ..reference import valid_repository
from ..resource_types import REGISTRY_TYPE, SCOPE_MAP_TYPE, TOKEN_TYPE
from ..store import Resource
from .deletion import delete
from .pages import below
from .registries import REGISTRY, of
from .registry_children import check_name
from .routing import Call, Reply, Router, invalid
from .token_models import (
    GenerateCredentials,
    ScopeMap,
    ScopeMapProperties,
    Token,
    TokenCredentials,
    TokenProperties,
)

_SCOPE_MAPS = REGISTRY + "/scopeMaps"
_SCOPE_MAP = _SCOPE_MAPS + "/{name}"
_TOKENS = REGISTRY + "/tokens"
_TOKEN = _TOKENS + "/{name}"
_ACTION = re.compile(
    r"repositories/(\*|[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?:/\*)?)/(content|metadata)/(\w+)"
)
_MOST_ACTIONS = 500  # learn.microsoft.com, "Azure Container Registry SKU features and limits"
_VERBS = {"content": ("read", "write", "delete"), "metadata": ("read", "write")}

router = Router()


# -- scope maps ----------------------------------------------------------------------------------


@router.operation("PUT", _SCOPE_MAP, f"{SCOPE_MAP_TYPE}/write", ScopeMap)
def create_scope_map(call: Call, given: ScopeMap) -> Reply:
    """ScopeMaps_Create: actions of the form repositories/NAME/content/read."""
    registry = of(call)
    name = call.params["name"]
    properties = given.properties or ScopeMapProperties()
    existing = call.cloud.store.get(call.resource_id)
    if existing is not None:
        _refuse_built_in(existing)
    else:
        check_name("scope map", name)
    resource = existing or Resource(
        call.resource_id, SCOPE_MAP_TYPE, name, registry.resource_group, {}, parent=registry.id
    )
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": SCOPE_MAP_TYPE,
        "properties": {
            "description": properties.description or "",
            "type": "UserDefined",
            "creationDate": existing.properties["creationDate"]
            if existing
            else timestamps.microseconds(),
            "provisioningState": "Succeeded",
            "actions": _actions(properties.actions),
        },
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


def _actions(given: list[str] | None) -> list[str]:
    if not given:
        raise invalid("A scope map needs at least one action.", "InvalidScopeMapActions")
    if len(given) > _MOST_ACTIONS:
        raise invalid(
            f"The scope map has {len(given)} actions: it may have {_MOST_ACTIONS}.",
            "InvalidScopeMapActions",
        )
    for action in given:
        if action.startswith("gateway/"):
            raise CloudError.not_implemented(f"scope maps of connected registries ({action})")
        match = _ACTION.fullmatch(action)
        named = match is not None and (
            match[1] == "*" or valid_repository(match[1].removesuffix("/*"))
        )
        if match is None or not named or match[3] not in _VERBS[match[2]]:
            raise invalid(
                f"The scope map action '{action}' is invalid. It has the form "
                "repositories/<repository>/<permission>, where the permission is one of "
                "content/read, content/write, content/delete, metadata/read, metadata/write. A "
                "repository is a name, * for all of them, or a path that ends with /*.",
                "InvalidScopeMapActions",
            )
    return given


def _refuse_built_in(resource: Resource) -> None:
    if resource.properties["type"] != "UserDefined":
        raise CloudError(
            400,
            "SystemDefinedScopeMap",
            f"The scope map '{resource.name}' is system-defined and cannot be changed or deleted.",
        )


@router.operation("GET", _SCOPE_MAP, f"{SCOPE_MAP_TYPE}/read")
def get_scope_map(call: Call) -> Reply:
    """ScopeMaps_Get."""
    return Reply(200, call.get(SCOPE_MAP_TYPE).body)


@router.operation("GET", _SCOPE_MAPS, f"{SCOPE_MAP_TYPE}/read")
def list_scope_maps(call: Call) -> Reply:
    """ScopeMaps_List."""
    return below(call, of(call), SCOPE_MAP_TYPE)


@router.operation("PATCH", _SCOPE_MAP, f"{SCOPE_MAP_TYPE}/write", ScopeMap)
def update_scope_map(call: Call, given: ScopeMap) -> Reply:
    """ScopeMaps_Update: the actions are replaced as a whole."""
    resource = call.get(SCOPE_MAP_TYPE)
    _refuse_built_in(resource)
    properties = given.properties or ScopeMapProperties()
    if properties.actions is not None:
        resource.properties["actions"] = _actions(properties.actions)
    if properties.description is not None:
        resource.properties["description"] = properties.description
    call.cloud.store.put(resource)
    return Reply(200, resource.body)


@router.operation("DELETE", _SCOPE_MAP, f"{SCOPE_MAP_TYPE}/delete")
def delete_scope_map(call: Call) -> Reply:
    """ScopeMaps_Delete: refused while a token uses it."""
    resource = call.cloud.store.get(call.resource_id)
    if resource is None:
        return Reply(204)
    _refuse_built_in(resource)
    users = [
        token.name
        for token in call.cloud.store.find(type=TOKEN_TYPE, parent=of(call).key)
        if token.properties["scopeMapId"].lower() == resource.key
    ]
    if users:
        raise CloudError(
            409,
            "ScopeMapInUse",
            f"The scope map '{resource.name}' is used by the token {', '.join(users)}. Delete the "
            "token first, or give it another scope map.",
        )
    delete(call.cloud, resource.id)
    return Reply(200)


# -- tokens --------------------------------------------------------------------------------------


@router.operation("PUT", _TOKEN, f"{TOKEN_TYPE}/write", Token)
def create_token(call: Call, given: Token) -> Reply:
    """Tokens_Create; passwords are made by generateCredentials."""
    registry = of(call)
    name = call.params["name"]
    existing = call.cloud.store.get(call.resource_id)
    if existing is None:
        check_name("token", name)
    properties = given.properties or TokenProperties()
    resource = existing or Resource(
        call.resource_id,
        TOKEN_TYPE,
        name,
        registry.resource_group,
        {},
        {"passwords": {}},
        parent=registry.id,
    )
    _keep_passwords(resource, properties.credentials)
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": TOKEN_TYPE,
        "properties": {
            "creationDate": existing.properties["creationDate"]
            if existing
            else timestamps.microseconds(),
            "provisioningState": "Succeeded",
            "scopeMapId": _scope_map(call, registry, properties.scope_map_id),
            "status": properties.status or "enabled",
            "credentials": {"certificates": [], "passwords": _shown(resource)},
        },
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


def _keep_passwords(token: Resource, given: TokenCredentials | None) -> None:
    """Of a token's passwords those stay that a request names; all, where it says nothing of them."""
    if given is None or given.passwords is None:
        return
    passwords = token.private["passwords"]
    for one in given.passwords:
        held = passwords.get(one.name)
        if held is None or (one.expiry or held["expiry"]) != held["expiry"]:
            raise CloudError.not_implemented(
                f"a password of registries/tokens that the token does not have ('{one.name}'): "
                "Registries_GenerateCredentials makes them (az acr token credential generate)"
            )
    names = {one.name for one in given.passwords}
    token.private["passwords"] = {name: one for name, one in passwords.items() if name in names}


def _scope_map(call: Call, registry: Resource, given: str | None) -> str:
    found = call.cloud.store.get(given or "")
    if found is None or found.type != SCOPE_MAP_TYPE or found.parent.lower() != registry.key:
        raise invalid(
            f"The scope map '{given}' of the token does not exist in the registry "
            f"'{registry.name}'. Create it first, or use a built-in one such as "
            "_repositories_pull.",
            "InvalidScopeMap",
        )
    return found.id


def _shown(token: Resource) -> list[dict[str, Any]]:
    """The passwords as a GET shows them: never their values."""
    return [
        {
            "creationTime": password["creationTime"],
            **({"expiry": password["expiry"]} if password["expiry"] else {}),
            "name": name,
        }
        for name, password in sorted(token.private["passwords"].items())
    ]


@router.operation("GET", _TOKEN, f"{TOKEN_TYPE}/read")
def get_token(call: Call) -> Reply:
    """Tokens_Get."""
    return Reply(200, call.get(TOKEN_TYPE).body)


@router.operation("GET", _TOKENS, f"{TOKEN_TYPE}/read")
def list_tokens(call: Call) -> Reply:
    """Tokens_List."""
    return below(call, of(call), TOKEN_TYPE)


@router.operation("PATCH", _TOKEN, f"{TOKEN_TYPE}/write", Token)
def update_token(call: Call, given: Token) -> Reply:
    """Tokens_Update: status, scope map; of the passwords those stay that the request names.

    A request without ``credentials`` keeps all. ``az acr token credential delete`` sends those
    that it does not delete.
    """
    token = call.get(TOKEN_TYPE)
    properties = given.properties or TokenProperties()
    _keep_passwords(token, properties.credentials)
    token.properties["credentials"]["passwords"] = _shown(token)
    if properties.scope_map_id is not None:
        token.properties["scopeMapId"] = _scope_map(call, of(call), properties.scope_map_id)
    if properties.status is not None:
        token.properties["status"] = properties.status
    call.cloud.store.put(token)
    return Reply(200, token.body)


@router.operation("DELETE", _TOKEN, f"{TOKEN_TYPE}/delete")
def delete_token(call: Call) -> Reply:
    """Tokens_Delete."""
    return Reply(200 if delete(call.cloud, call.resource_id) else 204)


@router.operation(
    "POST",
    REGISTRY + "/generateCredentials",
    f"{REGISTRY_TYPE}/generateCredentials/action",
    GenerateCredentials,
)
def generate_credentials(call: Call, given: GenerateCredentials) -> Reply:
    """Registries_GenerateCredentials: new passwords, shown this once and stored as hashes.

    Without ``name`` both passwords are renewed; ``expiry`` is an ISO 8601 time.
    """
    registry = of(call)
    token = call.cloud.store.get(given.token_id or "")
    if token is None or token.type != TOKEN_TYPE or token.parent.lower() != registry.key:
        raise CloudError(
            404,
            "TokenNotFound",
            f"The token '{given.token_id}' does not exist in the registry '{registry.name}'.",
        )
    name = given.name
    if name not in (None, "password1", "password2"):
        raise invalid(f"The password name '{name}' is invalid: it is password1 or password2.")
    expiry = _expiry(given.expiry)
    fresh = {}
    for one in [name] if name else ["password1", "password2"]:
        fresh[one] = new_password()
        token.private["passwords"][one] = {
            "sha256": hashed(fresh[one]),
            "expiry": expiry,
            "creationTime": timestamps.microseconds(),
        }
    token.properties["credentials"]["passwords"] = _shown(token)
    call.cloud.store.put(token)
    shown = [
        {**password, "value": fresh[password["name"]]}
        for password in _shown(token)
        if password["name"] in fresh
    ]
    return Reply(200, {"username": token.name, "passwords": shown})


def _expiry(given: str | None) -> str | None:
    if not given:
        return None
    try:
        moment = timestamps.parse(given)
    except ValueError:
        raise invalid(f"The expiry '{given}' is not an ISO 8601 time.") from None
    if moment <= datetime.now(timezone.utc):
        raise invalid(f"The expiry '{given}' is in the past.")
    return timestamps.microseconds(moment)
