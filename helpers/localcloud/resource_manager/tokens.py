"""Scope maps and tokens of a registry: who may do what with which repository."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timezone
from typing import Any

from .. import timestamps
from ..errors import CloudError
from ..passwords import new_password
from ..resource_types import REGISTRY_TYPE, SCOPE_MAP_TYPE, TOKEN_TYPE
from ..shapes import Shape
from ..store import Resource
from .deletion import delete
from .registries import REGISTRY, of
from .registry_children import check_name
from .routing import Call, Reply, Router, invalid

_SCOPE_MAPS = REGISTRY + "/scopeMaps"
_SCOPE_MAP = _SCOPE_MAPS + "/{name}"
_TOKENS = REGISTRY + "/tokens"
_TOKEN = _TOKENS + "/{name}"
_ACTION = re.compile(
    r"repositories/(\*|[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?:/\*)?)/(content|metadata)/(\w+)"
)
_VERBS = {"content": ("read", "write", "delete"), "metadata": ("read", "write")}
_SCOPE_MAP_BODY: Shape = {"properties": {"description": str, "actions": [str]}}
_TOKEN_BODY: Shape = {
    "properties": {
        "scopeMapId": str,
        "status": str,
        "credentials": {"passwords": [{"name": str}], "certificates": [{}]},
    }
}

router = Router()


def _parts(call: Call, type: str) -> Resource:
    of(call)
    return call.get(type)


# -- scope maps ----------------------------------------------------------------------------------


@router.operation("PUT", _SCOPE_MAP, f"{SCOPE_MAP_TYPE}/write", _SCOPE_MAP_BODY)
def create_scope_map(call: Call) -> Reply:
    """ScopeMaps_Create: actions of the form repositories/NAME/content/read."""
    registry = of(call)
    name = call.params["name"]
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
        "name": name,
        "type": SCOPE_MAP_TYPE,
        "properties": {
            "description": call.properties.get("description") or "",
            "type": "UserDefined",
            "creationDate": existing.properties["creationDate"]
            if existing
            else timestamps.microseconds(),
            "provisioningState": "Succeeded",
            "actions": _actions(call.properties.get("actions")),
        },
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


def _actions(given: Any) -> list[str]:
    if not isinstance(given, list) or not given:
        raise invalid("A scope map needs at least one action.", "InvalidScopeMapActions")
    for action in given:
        match = _ACTION.fullmatch(str(action))
        if match is None or match[3] not in _VERBS[match[2]]:
            raise invalid(
                f"The scope map action '{action}' is invalid. It has the form "
                "repositories/<repository>/<permission>, where the permission is one of "
                "content/read, content/write, content/delete, metadata/read, metadata/write.",
                "InvalidScopeMapActions",
            )
    return [str(action) for action in given]


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
    return Reply(200, _parts(call, SCOPE_MAP_TYPE).body)


@router.operation("GET", _SCOPE_MAPS, f"{SCOPE_MAP_TYPE}/read")
def list_scope_maps(call: Call) -> Reply:
    """ScopeMaps_List."""
    found = call.cloud.store.find(type=SCOPE_MAP_TYPE, parent=of(call).key)
    return Reply(200, {"value": [resource.body for resource in found]})


@router.operation("PATCH", _SCOPE_MAP, f"{SCOPE_MAP_TYPE}/write", _SCOPE_MAP_BODY)
def update_scope_map(call: Call) -> Reply:
    """ScopeMaps_Update: the actions are replaced as a whole."""
    resource = _parts(call, SCOPE_MAP_TYPE)
    _refuse_built_in(resource)
    if call.properties.get("actions") is not None:
        resource.properties["actions"] = _actions(call.properties["actions"])
    if call.properties.get("description") is not None:
        resource.properties["description"] = call.properties["description"]
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


@router.operation("PUT", _TOKEN, f"{TOKEN_TYPE}/write", _TOKEN_BODY)
def create_token(call: Call) -> Reply:
    """Tokens_Create; passwords are made by generateCredentials."""
    registry = of(call)
    name = call.params["name"]
    existing = call.cloud.store.get(call.resource_id)
    if existing is None:
        check_name("token", name)
    _refuse_certificates(call)
    resource = existing or Resource(
        call.resource_id,
        TOKEN_TYPE,
        name,
        registry.resource_group,
        {},
        {"passwords": {}},
        parent=registry.id,
    )
    resource.body = {
        "id": resource.id,
        "name": name,
        "type": TOKEN_TYPE,
        "properties": {
            "creationDate": existing.properties["creationDate"]
            if existing
            else timestamps.microseconds(),
            "provisioningState": "Succeeded",
            "scopeMapId": _scope_map(call, registry, call.properties.get("scopeMapId")),
            "status": _status(call.properties.get("status") or "enabled"),
            "credentials": {"certificates": [], "passwords": _shown(resource)},
        },
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


def _refuse_certificates(call: Call) -> None:
    if (call.properties.get("credentials") or {}).get("certificates"):
        raise CloudError.not_implemented("tokens with certificates")


def _scope_map(call: Call, registry: Resource, given: Any) -> str:
    found = call.cloud.store.get(str(given or ""))
    if found is None or found.type != SCOPE_MAP_TYPE or found.parent.lower() != registry.key:
        raise invalid(
            f"The scope map '{given}' of the token does not exist in the registry "
            f"'{registry.name}'. Create it first, or use a built-in one such as "
            "_repositories_pull.",
            "InvalidScopeMap",
        )
    return found.id


def _status(given: Any) -> str:
    if given not in ("enabled", "disabled"):
        raise invalid(f"The token status '{given}' is invalid: it is enabled or disabled.")
    return str(given)


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
    return Reply(200, _parts(call, TOKEN_TYPE).body)


@router.operation("GET", _TOKENS, f"{TOKEN_TYPE}/read")
def list_tokens(call: Call) -> Reply:
    """Tokens_List."""
    found = call.cloud.store.find(type=TOKEN_TYPE, parent=of(call).key)
    return Reply(200, {"value": [resource.body for resource in found]})


@router.operation("PATCH", _TOKEN, f"{TOKEN_TYPE}/write", _TOKEN_BODY)
def update_token(call: Call) -> Reply:
    """Tokens_Update: status, scope map; of the passwords those stay that the request names.

    A request without ``credentials`` keeps all. ``az acr token credential delete`` sends those
    that it does not delete.
    """
    token = _parts(call, TOKEN_TYPE)
    _refuse_certificates(call)
    kept = (call.properties.get("credentials") or {}).get("passwords")
    if kept is not None:
        names = {password.get("name") for password in kept}
        token.private["passwords"] = {
            name: password for name, password in token.private["passwords"].items() if name in names
        }
        token.properties["credentials"]["passwords"] = _shown(token)
    if call.properties.get("scopeMapId") is not None:
        token.properties["scopeMapId"] = _scope_map(call, of(call), call.properties["scopeMapId"])
    if call.properties.get("status") is not None:
        token.properties["status"] = _status(call.properties["status"])
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
    {"tokenId": str, "name": str, "expiry": str},
)
def generate_credentials(call: Call) -> Reply:
    """Registries_GenerateCredentials: new passwords, shown this once and stored as hashes.

    Without ``name`` both passwords are renewed; ``expiry`` is an ISO 8601 time.
    """
    registry = of(call)
    token = call.cloud.store.get(str(call.body.get("tokenId") or ""))
    if token is None or token.type != TOKEN_TYPE or token.parent.lower() != registry.key:
        raise CloudError(
            404,
            "TokenNotFound",
            f"The token '{call.body.get('tokenId')}' does not exist in the registry "
            f"'{registry.name}'.",
        )
    name = call.body.get("name")
    if name not in (None, "password1", "password2"):
        raise invalid(f"The password name '{name}' is invalid: it is password1 or password2.")
    expiry = _expiry(call.body.get("expiry"))
    fresh = {}
    for one in [name] if name else ["password1", "password2"]:
        fresh[one] = new_password()
        token.private["passwords"][one] = {
            "sha256": hashlib.sha256(fresh[one].encode()).hexdigest(),
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


def _expiry(given: Any) -> str | None:
    if not given:
        return None
    try:
        moment = timestamps.parse(str(given))
    except ValueError:
        raise invalid(f"The expiry '{given}' is not an ISO 8601 time.") from None
    if moment <= datetime.now(timezone.utc):
        raise invalid(f"The expiry '{given}' is in the past.")
    return timestamps.microseconds(moment)
