"""Applications of Microsoft Graph: registered, listed, changed and deleted, with client secrets.

Source: Microsoft Graph REST reference v1.0, "application".
"""

from __future__ import annotations

import functools
from typing import Any

from starlette.routing import BaseRoute

from .. import timestamps
from ..cloud import Cloud
from ..directory import Application, ClientSecret
from ..errors import CloudError
from ..shapes import Shape
from ..threads import Threads
from .graph_call import (
    CONTEXT,
    Call,
    Collection,
    Operation,
    bad_request,
    directory_objects,
    entity,
    listing,
    named,
    route,
)

_NOTES = ("description", "notes", "serviceManagementReference")
_AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount")
_BODY: Shape = {
    "displayName": str,
    "signInAudience": str,
    "tags": [str],
    **dict.fromkeys(_NOTES, str),
}
_LONGEST = 256  # characters of a name
_SECRET: Shape = {
    "passwordCredential": {"displayName": str, "startDateTime": str, "endDateTime": str}
}
_UNUSED: dict[str, Any] = {  # what every application shows, and the local cloud does not have
    "applicationTemplateId": None,
    "disabledByMicrosoftStatus": None,
    "groupMembershipClaims": None,
    "identifierUris": [],
    "isDeviceOnlyAuthSupported": None,
    "isFallbackPublicClient": None,
    "tokenEncryptionKeyId": None,
    "defaultRedirectUri": None,
    "certification": None,
    "optionalClaims": None,
    "addIns": [],
    "api": {
        "acceptMappedClaims": None,
        "knownClientApplications": [],
        "requestedAccessTokenVersion": None,
        "oauth2PermissionScopes": [],
        "preAuthorizedApplications": [],
    },
    "appRoles": [],
    "keyCredentials": [],
    "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
    "publicClient": {"redirectUris": []},
    "requiredResourceAccess": [],
    "web": {
        "homePageUrl": None,
        "logoutUrl": None,
        "redirectUris": [],
        "implicitGrantSettings": {
            "enableAccessTokenIssuance": False,
            "enableIdTokenIssuance": False,
        },
    },
    "spa": {"redirectUris": []},
}
_READ_ONLY = ("id", "appId", "createdDateTime", "deletedDateTime", "publisherDomain")


def routes(cloud: Cloud, threads: Threads) -> list[BaseRoute]:
    """The operations of ``/applications``."""
    one = "/applications/{id}"
    operations: list[tuple[str, str, Operation]] = [
        ("GET", "/applications", list_applications),
        ("POST", "/applications", create),
        ("GET", one, get),
        ("PATCH", one, update),
        ("DELETE", one, delete),
        ("POST", f"{one}/addPassword", add_password),
        ("POST", f"{one}/removePassword", remove_password),
        ("GET", f"{one}/owners", owners),
    ]
    return [route(cloud, threads, *operation) for operation in operations]


def list_applications(call: Call) -> tuple[int, Any]:
    """application-list, by appId, displayName and identifierUris."""
    call.check_administrator()
    directory = call.cloud.directory
    every = Collection(
        directory.applications,
        directory.application,
        _keys,
        functools.partial(render, call.cloud),
        {"appid": "eq", "id": "eq", "displayname": "startswith", "identifieruris/any": "eq"},
    )
    return 200, listing(call, "applications", every)


def _keys(one: Application) -> dict[str, tuple[str, ...]]:
    return {
        "appid": (one.app_id,),
        "id": (one.object_id,),
        "displayname": (one.display_name,),
        "identifieruris/any": (),
    }


def create(call: Call) -> tuple[int, Any]:
    """application-post-applications."""
    call.check_administrator()
    name, properties = _understood(call, {})
    if not name:
        raise bad_request(
            "A value is required for property 'displayName' of resource 'Application'."
        )
    made = call.cloud.directory.register(name, properties)
    return 201, entity("applications", render(call.cloud, made))


def get(call: Call) -> tuple[int, Any]:
    """application-get."""
    call.check_administrator()
    return 200, entity("applications", render(call.cloud, _find(call)))


def update(call: Call) -> tuple[int, Any]:
    """application-update; its service principal has its name."""
    call.check_administrator()
    made = _find(call)
    name, properties = _understood(call, made.properties)
    call.cloud.directory.change(made, name or made.display_name, properties)
    return 204, None


def delete(call: Call) -> tuple[int, Any]:
    """application-delete, with the service principal; it is not kept as deleted."""
    call.check_administrator()
    call.cloud.directory.unregister(_find(call))
    return 204, None


def owners(call: Call) -> tuple[int, Any]:
    """application-list-owners: none, as for what a service principal has registered."""
    call.check_administrator()
    _find(call)
    return 200, directory_objects()


def add_password(call: Call) -> tuple[int, Any]:
    """application-addPassword."""
    call.check_administrator()
    return 200, new_secret(call, _find(call).object_id)


def remove_password(call: Call) -> tuple[int, Any]:
    """application-removePassword."""
    call.check_administrator()
    return remove_secret(call, _find(call).object_id)


def _find(call: Call) -> Application:
    return named(call, call.cloud.directory.application)


def _understood(call: Call, before: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and the further properties that a body asks for; 501 for what is lacking."""
    call.check(_BODY)
    given = {name: value for name, value in call.body.items() if not name.startswith("@")}
    for name, value in given.items():
        held = name in _UNUSED and value in (None, _UNUSED[name], [], {})
        if not held and name not in ("displayName", "signInAudience", "tags", *_NOTES):
            if name in _READ_ONLY:
                raise bad_request(f"Property '{name}' is read-only and cannot be set.")
            raise CloudError.not_implemented(f"the property '{name}' of applications")
    name = str(given.get("displayName") or "")
    if len(name) > _LONGEST:
        raise bad_request(f"Invalid value specified for property 'displayName': over {_LONGEST}.")
    audience = given.get("signInAudience") or before.get("signInAudience") or _AUDIENCES[-1]
    if audience not in _AUDIENCES:
        raise CloudError.not_implemented(f"applications of the signInAudience '{audience}'")
    properties = {**before, "signInAudience": audience}
    for key in (*_NOTES, "tags"):
        if key in given:
            properties[key] = given[key]
    return name, properties


def render(cloud: Cloud, made: Application) -> dict[str, Any]:
    """An application as Graph shows it."""
    return {
        "id": made.object_id,
        "deletedDateTime": None,
        "appId": made.app_id,
        "createdDateTime": timestamps.seconds(made.created),
        "displayName": made.display_name,
        "publisherDomain": f"{cloud.account.tenant_id}.onmicrosoft.com",
        **_UNUSED,
        **dict.fromkeys(_NOTES),
        "tags": [],
        **made.properties,
        "passwordCredentials": secrets_of(cloud, made.object_id),
    }


# -- client secrets, of applications and of service principals -----------------------------------


def secrets_of(cloud: Cloud, holder: str) -> list[dict[str, Any]]:
    """The client secrets of an object, without what they are."""
    return [_shown(one, None) for one in cloud.directory.secrets_of(holder)]


def new_secret(call: Call, holder: str) -> dict[str, Any]:
    """A new client secret; this answer is the only one that has its text."""
    call.check(_SECRET)
    given = call.body.get("passwordCredential") or {}
    starts, ends = (_moment(given, name) for name in ("startDateTime", "endDateTime"))
    made, text = call.cloud.directory.add_secret(holder, given.get("displayName"), starts, ends)
    if made.ends <= made.starts:
        raise bad_request("Key credential end date is invalid: it is not after the start date.")
    return {"@odata.context": f"{CONTEXT}microsoft.graph.passwordCredential", **_shown(made, text)}


def remove_secret(call: Call, holder: str) -> tuple[int, Any]:
    """Make a client secret worthless."""
    call.check({"keyId": str})
    key_id = call.body.get("keyId") or ""
    if not call.cloud.directory.remove_secret(holder, key_id):
        raise bad_request(f"No credentials found to be removed with keyId '{key_id}'.")
    return 204, None


def _shown(one: ClientSecret, text: str | None) -> dict[str, Any]:
    return {
        "customKeyIdentifier": None,
        "displayName": one.display_name,
        "endDateTime": timestamps.seconds(one.ends),
        "hint": one.hint,
        "keyId": one.key_id,
        "secretText": text,
        "startDateTime": timestamps.seconds(one.starts),
    }


def _moment(given: dict[str, Any], name: str) -> float | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        return timestamps.parse(text).timestamp()
    except (ValueError, OverflowError):
        raise bad_request(
            f"Cannot convert the literal '{text}' to the expected type 'Edm.DateTimeOffset'."
        ) from None
