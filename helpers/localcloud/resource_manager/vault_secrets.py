"""Microsoft.KeyVault/vaults/secrets: secrets that deployments of templates write; none is shown.

Source: REST reference of Key Vault's resource provider, "Secrets": for use in deployments, values are
never returned.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..key_vault.secrets import Secrets
from ..resource_types import VAULT_SECRET_TYPE, VAULT_TYPE
from ..store import Resource
from .models import Model, ResourceModel
from .routing import Call, Reply, Router, invalid, not_found
from .vaults import VAULT

_SECRETS = VAULT + "/secrets"
_SECRET = _SECRETS + "/{name}"
router = Router()


class SecretAttributes(Model):
    """From when to when a secret is meant to be used; seconds since 1970."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("created", "updated", "recoveryLevel")
    enabled: bool | None = None
    nbf: int | None = None
    exp: int | None = None


class SecretProperties(Model):
    """What a secret is."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("secretUri", "secretUriWithVersion")
    value: str | None = None
    content_type: str | None = None
    attributes: SecretAttributes | None = None


class Secret(ResourceModel):
    """The body of Secrets_CreateOrUpdate and Secrets_Update."""

    tags: dict[str, str] | None = None
    properties: SecretProperties | None = None


def _vault(call: Call) -> Resource:
    return call.get(VAULT_TYPE, call.resource_id.rsplit("/", 2)[0])


def _shown(vault: Resource, bundle: dict[str, Any], name: str) -> dict[str, Any]:
    """A secret as ARM shows it, out of the vault's own answer."""
    attributes = bundle["attributes"]
    uri = f"{vault.properties['vaultUri']}secrets/{name}"
    return {
        "id": f"{vault.id}/secrets/{name}",
        "name": name,
        "type": VAULT_SECRET_TYPE,
        "location": vault.body["location"],
        "tags": bundle["tags"],
        "properties": {
            **({"contentType": bundle["contentType"]} if "contentType" in bundle else {}),
            "attributes": {
                key: attributes[key]
                for key in ("enabled", "nbf", "exp", "created", "updated")
                if key in attributes
            },
            "secretUri": uri,
            **({"secretUriWithVersion": bundle["id"]} if bundle["id"] != uri else {}),
        },
    }


def _body(given: Secret) -> dict[str, Any]:
    """The body of the same request to the vault itself."""
    properties = given.properties or SecretProperties()
    attributes = properties.attributes or SecretAttributes()
    held = {key: getattr(attributes, key) for key in ("enabled", "nbf", "exp")}
    body = {
        "value": properties.value,
        "contentType": properties.content_type,
        "tags": given.tags,
        "attributes": {key: value for key, value in held.items() if value is not None},
    }
    return {key: value for key, value in body.items() if value is not None}


@router.operation("PUT", _SECRET, f"{VAULT_SECRET_TYPE}/write", Secret)
def create(call: Call, given: Secret) -> Reply:
    """Secrets_CreateOrUpdate: a new version."""
    vault, name = _vault(call), call.params["name"]
    if given.properties is None or given.properties.value is None:
        raise invalid("The property 'properties.value' of a secret is required.")
    secrets = Secrets(call.cloud)
    existed = secrets.newest(vault, name) is not None
    bundle = secrets.set(vault, {"name": name}, _body(given))
    return Reply(200 if existed else 201, _shown(vault, bundle, name))


def _newest(call: Call, vault: Resource) -> dict[str, Any]:
    found = Secrets(call.cloud).newest(vault, call.params["name"])
    if found is None:
        raise not_found(VAULT_SECRET_TYPE, call.resource_id)
    return found


@router.operation("PATCH", _SECRET, f"{VAULT_SECRET_TYPE}/write", Secret)
def update(call: Call, given: Secret) -> Reply:
    """Secrets_Update: what is not named stays; another value is another version."""
    vault, name = _vault(call), call.params["name"]
    before = _newest(call, vault)
    secrets = Secrets(call.cloud)
    body = _body(given)
    if "value" in body:
        attributes = {**before["attributes"], **body["attributes"]}
        bundle = secrets.set(vault, {"name": name}, {**before, **body, "attributes": attributes})
    else:
        bundle = secrets.update(vault, {"name": name, "version": ""}, body)
    return Reply(200, _shown(vault, bundle, name))


@router.operation("GET", _SECRET, f"{VAULT_SECRET_TYPE}/read")
def get(call: Call) -> Reply:
    """Secrets_Get."""
    vault = _vault(call)
    return Reply(200, _shown(vault, _newest(call, vault), call.params["name"]))


@router.operation("GET", _SECRETS, f"{VAULT_SECRET_TYPE}/read")
def list_secrets(call: Call) -> Reply:
    """Secrets_List."""
    vault = call.get(VAULT_TYPE)
    found = Secrets(call.cloud).all(vault)
    return Reply(
        200, {"value": [_shown(vault, one, one["id"].rsplit("/", 1)[-1]) for one in found]}
    )
