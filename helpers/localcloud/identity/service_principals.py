"""Service principals of Microsoft Graph: those of applications, and managed identities.

Source: Microsoft Graph REST reference v1.0, "servicePrincipal".
"""

from __future__ import annotations

import functools
from typing import Any

from starlette.routing import BaseRoute

from ..cloud import Cloud
from ..errors import CloudError
from ..principals import Principal
from ..shapes import Shape
from ..threads import Threads
from .applications import new_secret, remove_secret, secrets_of
from .graph_call import (
    Call,
    Collection,
    Operation,
    bad_request,
    denied,
    directory_objects,
    entity,
    listing,
    named,
    route,
)

_BODY: dict[str, Shape] = {"appId": str, "accountEnabled": bool}
_KINDS = ("directoryobject", "serviceprincipal")
_TYPE = "#microsoft.graph.servicePrincipal"


def routes(cloud: Cloud, threads: Threads) -> list[BaseRoute]:
    """The operations of ``/servicePrincipals`` and ``/directoryObjects``."""
    one = "/servicePrincipals/{id}"
    operations: list[tuple[str, str, Operation]] = [
        ("GET", "/servicePrincipals", list_service_principals),
        ("POST", "/servicePrincipals", create),
        ("GET", one, get),
        ("DELETE", one, delete),
        ("POST", f"{one}/addPassword", add_password),
        ("POST", f"{one}/removePassword", remove_password),
        ("GET", f"{one}/owners", owners),
        ("POST", "/directoryObjects/getByIds", get_by_ids),
    ]
    return [route(cloud, threads, *operation) for operation in operations]


def list_service_principals(call: Call) -> tuple[int, Any]:
    """serviceprincipal-list, by its names, appId, id and displayName."""
    principals = call.cloud.principals
    known = {
        "appid": "eq",
        "id": "eq",
        "displayname": "startswith",
        "serviceprincipalnames/any": "eq",
    }
    rendered = functools.partial(render, call.cloud)
    every = Collection(principals.all, principals.find, _keys, rendered, known)
    return 200, listing(call, "servicePrincipals", every)


def _keys(one: Principal) -> dict[str, tuple[str, ...]]:
    return {
        "appid": (one.app_id,),
        "id": (one.object_id,),
        "displayname": (one.display_name,),
        "serviceprincipalnames/any": (one.app_id,),
    }


def create(call: Call) -> tuple[int, Any]:
    """serviceprincipal-post-serviceprincipals: of an application of this tenant."""
    call.check_administrator()
    call.check(dict(_BODY))
    for name, value in call.body.items():
        if name not in _BODY:
            raise CloudError.not_implemented(f"the property '{name}' of service principals")
        if name == "accountEnabled" and value is False:
            raise CloudError.not_implemented("service principals that are not enabled")
    app_id = call.body.get("appId") or ""
    made = call.cloud.directory.application(app_id=app_id)
    if made is None:
        raise bad_request(
            f"The appId '{app_id}' of the service principal does not reference a valid application "
            "object."
        )
    if call.cloud.principals.find(app_id=app_id) is not None:
        raise CloudError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The service principal cannot be created, updated, or restored because the service "
            f"principal name {app_id} is already in use.",
        )
    principal = call.cloud.directory.add_service_principal(made)
    return 201, entity("servicePrincipals", render(call.cloud, principal))


def get(call: Call) -> tuple[int, Any]:
    """serviceprincipal-get."""
    return 200, entity("servicePrincipals", render(call.cloud, _find(call)))


def delete(call: Call) -> tuple[int, Any]:
    """serviceprincipal-delete; roles that it had go on to name it."""
    call.check_administrator()
    call.cloud.directory.remove_service_principal(_own(call))
    return 204, None


def add_password(call: Call) -> tuple[int, Any]:
    """serviceprincipal-addPassword."""
    call.check_administrator()
    return 200, new_secret(call, _own(call).object_id)


def remove_password(call: Call) -> tuple[int, Any]:
    """serviceprincipal-removePassword."""
    call.check_administrator()
    return remove_secret(call, _own(call).object_id)


def owners(call: Call) -> tuple[int, Any]:
    """serviceprincipal-list-owners: none, as for what a service principal has made."""
    _find(call)
    return 200, directory_objects()


def get_by_ids(call: Call) -> tuple[int, Any]:
    """directoryobject-getByIds: the service principals among the ids."""
    call.check({"ids": [str], "types": [str]})
    types = {one.lower() for one in call.body.get("types") or _KINDS}
    if not types.intersection(_KINDS):  # all that it has are service principals
        return 200, directory_objects()
    found = (call.cloud.principals.find(object_id=one) for one in call.body.get("ids") or [])
    return 200, directory_objects([render(call.cloud, one) for one in found if one is not None])


def _find(call: Call) -> Principal:
    return named(call, call.cloud.principals.find)


def _own(call: Call) -> Principal:
    """One that may be changed: not a managed identity, not the tutorial's own."""
    found = _find(call)
    if found.resource_id or found.object_id == call.cloud.account.object_id:
        raise denied()
    return found


def render(cloud: Cloud, principal: Principal) -> dict[str, Any]:
    """A service principal as Graph shows it."""
    managed = bool(principal.resource_id)
    tenant = cloud.account.tenant_id
    return {
        "@odata.type": _TYPE,
        "id": principal.object_id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": [f"isExplicit={principal.user_assigned}", principal.resource_id]
        if managed
        else [],
        "appDisplayName": None if managed else principal.display_name,
        "appId": principal.app_id,
        "appOwnerOrganizationId": None if managed else tenant,
        "displayName": principal.display_name,
        "servicePrincipalNames": [principal.app_id],
        "servicePrincipalType": "ManagedIdentity" if managed else "Application",
        "tags": [],
        "keyCredentials": [],
        "passwordCredentials": secrets_of(cloud, principal.object_id),
    }
