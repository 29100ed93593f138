"""Microsoft.ContainerRegistry/registries/credentialSets: what cache rules log in to upstreams with."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from ..errors import CloudError
from ..key_vault.reader import SecretIdentifier
from ..registry.credential_sets import health
from ..resource_types import CREDENTIAL_SET_TYPE
from ..store import Resource
from . import registry_children as children
from .models import Model, ResourceModel
from .pages import below
from .registries import REGISTRY, of
from .routing import Call, Reply, Router, invalid

_SETS = REGISTRY + "/credentialSets"
_SET = _SETS + "/{name}"
_NAME = "Credential1"  # the only one that the API knows
router = Router()


class AuthCredential(Model):
    """Two secrets of a vault by their URLs."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("credentialHealth",)
    name: str | None = None
    username_secret_identifier: str | None = None
    password_secret_identifier: str | None = None


class CredentialSetProperties(Model):
    """``login_server`` is the upstream's; it cannot be changed later."""

    login_server: str | None = None
    auth_credentials: list[AuthCredential] | None = None


class IdentityProperties(Model):
    """The identity that reads the secrets."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("principalId", "tenantId")
    type: str | None = None


class CredentialSet(ResourceModel):
    """The body of CredentialSets_Create and CredentialSets_Update."""

    identity: IdentityProperties | None = None
    properties: CredentialSetProperties | None = None


@router.operation("PUT", _SET, f"{CREDENTIAL_SET_TYPE}/write", CredentialSet)
def create(call: Call, given: CredentialSet) -> Reply:
    """CredentialSets_Create: creates, or replaces, a credential set."""
    children.check_name("credential set", call.params["name"])
    properties = given.properties or CredentialSetProperties()
    server = (properties.login_server or "").lower()
    if not server:
        raise invalid("The property 'loginServer' of a credential set is required.")
    resource = children.begun(call, CREDENTIAL_SET_TYPE)
    _keep_server(resource, server)
    state = "Updating" if "loginServer" in resource.properties else "Creating"
    resource.properties["loginServer"] = server
    resource.properties["authCredentials"] = _credentials(properties.auth_credentials)
    _identify(call, resource, given.identity)
    call.cloud.store.put(resource)
    return children.written(call, resource, _shown(call, resource), state)


@router.operation("PATCH", _SET, f"{CREDENTIAL_SET_TYPE}/write", CredentialSet)
def update(call: Call, given: CredentialSet) -> Reply:
    """CredentialSets_Update: other secrets, another identity; what is not given stays."""
    resource = call.get(CREDENTIAL_SET_TYPE)
    properties = given.properties or CredentialSetProperties()
    if properties.login_server is not None:
        _keep_server(resource, properties.login_server.lower())
    if properties.auth_credentials is not None:
        resource.properties["authCredentials"] = _credentials(properties.auth_credentials)
    if given.identity is not None:
        _identify(call, resource, given.identity)
    call.cloud.store.put(resource)
    return children.written(call, resource, _shown(call, resource), "Updating")


@router.operation("GET", _SET, f"{CREDENTIAL_SET_TYPE}/read")
def get(call: Call) -> Reply:
    """CredentialSets_Get, with the health that each credential has now."""
    return Reply(200, _shown(call, call.get(CREDENTIAL_SET_TYPE)))


@router.operation("GET", _SETS, f"{CREDENTIAL_SET_TYPE}/read")
def list_sets(call: Call) -> Reply:
    """CredentialSets_List."""
    return below(call, of(call), CREDENTIAL_SET_TYPE, lambda one: _shown(call, one))


@router.operation("DELETE", _SET, f"{CREDENTIAL_SET_TYPE}/delete")
def remove(call: Call) -> Reply:
    """CredentialSets_Delete, with its identity; cache rules that use it pull no more."""
    return children.deleted(call)


router.operation(
    "GET", _SET + "/operationStatuses/{operation}", f"{CREDENTIAL_SET_TYPE}/operationStatuses/read"
)(children.status)


def _keep_server(resource: Resource, server: str) -> None:
    """Raise 400 where a request would have a credential set log in to another upstream."""
    before = resource.properties.get("loginServer", server)
    if before != server:
        raise invalid(
            f"The login server of the credential set '{resource.name}' is {before} and cannot be "
            "changed. Create another credential set."
        )


def _credentials(given: list[AuthCredential] | None) -> list[dict[str, str]]:
    if not given or len(given) != 1:
        raise invalid(f"A credential set has one credential, named {_NAME}, in 'authCredentials'.")
    one = given[0]
    if one.name != _NAME:
        raise invalid(f"The credential name '{one.name}' is invalid: it must be {_NAME}.")
    return [
        {
            "name": _NAME,
            "usernameSecretIdentifier": _identifier("username", one.username_secret_identifier),
            "passwordSecretIdentifier": _identifier("password", one.password_secret_identifier),
        }
    ]


def _identifier(what: str, given: str | None) -> str:
    if given is None or SecretIdentifier.parse(given) is None:
        raise invalid(
            f"The {what}SecretIdentifier '{given or ''}' is invalid. It must be the identifier of a "
            "secret in Key Vault: https://<vault>.vault.azure.net/secrets/<name>[/<version>]."
        )
    return given


def _identify(call: Call, resource: Resource, given: IdentityProperties | None) -> None:
    """Give the set the identity that reads its secrets, or take it away."""
    kind = ((given.type if given else None) or "None").replace(" ", "")
    if kind.lower() == "none":
        resource.body.pop("identity", None)
        call.cloud.principals.remove_identity_of(resource.id)
        return
    if "userassigned" in kind.lower():
        raise CloudError.not_implemented(
            f"user-assigned identities of credential sets (type {kind})"
        )
    if kind.lower() != "systemassigned":
        raise invalid(
            f"The identity type '{kind}' is invalid: it is SystemAssigned or None.",
            "IdentityTypeNotSupported",
        )
    principals = call.cloud.principals
    principal = principals.find(resource_id=resource.id) or principals.add(
        f"{call.params['registry']}/credentialSets/{resource.name}", resource_id=resource.id
    )
    resource.body["identity"] = {
        "principalId": principal.object_id,
        "tenantId": call.cloud.account.tenant_id,
        "type": "systemAssigned",  # as Azure spells it here
    }


def _shown(call: Call, resource: Resource) -> dict[str, Any]:
    body = copy.deepcopy(resource.body)
    for one in body["properties"]["authCredentials"]:
        one["credentialHealth"] = dict(health(call.cloud, resource))
    return body
