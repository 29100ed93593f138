"""Microsoft.ContainerRegistry/registries/webhooks: what is told to whom when a registry changes.

Sources: documentation, "Using Azure Container Registry webhooks"; what Azure answers: recordings of
azure-cli's own tests, test_acr_create_webhook.yaml.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..errors import CloudError
from ..events import WebhookPinged
from ..resource_types import WEBHOOK_TYPE
from ..store import Resource
from ..webhooks.contents import ACTIONS, ping
from ..webhooks.receivers import InvalidUriError, Receiver
from ..webhooks.records import Records
from ..webhooks.scopes import InvalidScopeError, Scope
from .deletion import delete
from .locations import keep_location, location_of
from .models import Model, ResourceModel, Tags, patch_tags
from .pages import below
from .registries import REGISTRY, of
from .routing import Call, Reply, Router, invalid

_WEBHOOKS = REGISTRY + "/webhooks"
_WEBHOOK = _WEBHOOKS + "/{name}"
# Documentation, "Azure Container Registry SKU features and limits".
QUOTAS = {"Basic": 2, "Standard": 10, "Premium": 500}
_STATUSES = ("enabled", "disabled")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_LARGEST = 8192  # characters of all headers of a webhook
# What makes the message itself.
_RESERVED = (
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
)
router = Router()


class WebhookProperties(Model):
    """``custom_headers`` may hold secrets: only getCallbackConfig shows them, and the URI."""

    service_uri: str | None = None
    custom_headers: dict[str, str] | None = None
    status: str | None = None
    scope: str | None = None
    actions: list[str] | None = None


class Webhook(ResourceModel):
    """The body of Webhooks_Create and Webhooks_Update."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    properties: WebhookProperties | None = None


@router.operation("PUT", _WEBHOOK, f"{WEBHOOK_TYPE}/write", Webhook)
def create(call: Call, given: Webhook) -> Reply:
    """Webhooks_Create: creates, or replaces, a webhook."""
    registry = of(call)
    name = call.params["name"]
    if not re.fullmatch(r"[a-zA-Z0-9]{5,50}", name):
        raise invalid(
            f"The webhook name '{name}' is invalid. It may contain only letters and numbers, and "
            "must be 5-50 characters in length.",
            "InvalidResourceName",
        )
    location = location_of(given.location)
    if location != registry.body["location"]:
        raise invalid(
            f"The webhook's location '{location}' is not one of the registry '{registry.name}', "
            f"which is in {registry.body['location']} and has no replications."
        )
    existing = call.cloud.store.get(call.resource_id)
    if existing is None:
        _check_quota(call, registry)
    else:
        keep_location(existing, location)
    properties = given.properties or WebhookProperties()
    if properties.service_uri is None or properties.actions is None:
        raise invalid(f"The webhook '{name}' requires 'serviceUri' and 'actions'.")
    resource = existing or Resource(
        call.resource_id, WEBHOOK_TYPE, name, registry.resource_group, {}, parent=registry.id
    )
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": WEBHOOK_TYPE,
        "location": location,
        "tags": given.tags or {},
        "properties": {"status": "enabled", "scope": "", "provisioningState": "Succeeded"},
    }
    resource.private = {"customHeaders": {}}
    return _saved(call, resource, properties)


@router.operation("PATCH", _WEBHOOK, f"{WEBHOOK_TYPE}/write", Webhook)
def update(call: Call, given: Webhook) -> Reply:
    """Webhooks_Update: what is not given stays; ``customHeaders`` {} takes all of them away."""
    resource = call.get(WEBHOOK_TYPE)
    keep_location(resource, given.location)
    patch_tags(resource.body, given.tags)
    return _saved(call, resource, given.properties or WebhookProperties())


def _saved(call: Call, resource: Resource, given: WebhookProperties) -> Reply:
    """Store what is given, where it is right."""
    shown, callback = resource.properties, resource.private
    if given.status is not None:
        shown["status"] = _status(given.status)
    if given.scope is not None:
        shown["scope"] = _scope(given.scope)
    if given.actions is not None:
        shown["actions"] = _actions(given.actions)
    if given.service_uri is not None:
        callback["serviceUri"] = _uri(given.service_uri)
    if given.custom_headers is not None:
        callback["customHeaders"] = _headers(given.custom_headers)
    call.cloud.store.put(resource)
    return Reply(200, resource.body)


@router.operation("GET", _WEBHOOK, f"{WEBHOOK_TYPE}/read")
def get(call: Call) -> Reply:
    """Webhooks_Get."""
    return Reply(200, call.get(WEBHOOK_TYPE).body)


@router.operation("GET", _WEBHOOKS, f"{WEBHOOK_TYPE}/read")
def list_webhooks(call: Call) -> Reply:
    """Webhooks_List."""
    return below(call, of(call), WEBHOOK_TYPE)


@router.operation("DELETE", _WEBHOOK, f"{WEBHOOK_TYPE}/delete")
def remove(call: Call) -> Reply:
    """Webhooks_Delete: with its events; what it had still to tell is told no more."""
    return Reply(200 if delete(call.cloud, call.resource_id) else 204)


@router.operation(
    "POST", _WEBHOOK + "/getCallbackConfig", f"{WEBHOOK_TYPE}/getCallbackConfig/action"
)
def get_callback_config(call: Call) -> Reply:
    """Webhooks_GetCallbackConfig: whom it calls, and with which headers."""
    callback = call.get(WEBHOOK_TYPE).private
    return Reply(
        200, {"serviceUri": callback["serviceUri"], "customHeaders": callback["customHeaders"]}
    )


@router.operation("POST", _WEBHOOK + "/ping", f"{WEBHOOK_TYPE}/ping/action")
def ping_receiver(call: Call) -> Reply:
    """Webhooks_Ping: have it call its receiver; the id of that event."""
    resource = call.get(WEBHOOK_TYPE)
    event = Records(call.cloud.store).add(resource.id, ping())
    call.cloud.outbox.add(WebhookPinged(resource.id))
    return Reply(200, {"id": event})


@router.operation("POST", _WEBHOOK + "/listEvents", f"{WEBHOOK_TYPE}/listEvents/action")
def list_events(call: Call) -> Reply:
    """Webhooks_ListEvents: the newest first."""
    found = Records(call.cloud.store).of(call.get(WEBHOOK_TYPE).id)
    return Reply(200, {"value": [one.rendered() for one in found]})


def _check_quota(call: Call, registry: Resource) -> None:
    sku = registry.body["sku"]["name"]
    if len(call.cloud.store.find(type=WEBHOOK_TYPE, parent=registry.key)) >= QUOTAS[sku]:
        raise CloudError(
            403,
            "QuotaExceeded",
            f"Quota exceeded for resource type webhooks for the registry SKU {sku}. Learn more "
            "about different SKU quotas and upgrade process: https://aka.ms/acr/tiers",
        )


def _status(given: str) -> str:
    if given.lower() not in _STATUSES:
        raise invalid(f"The webhook status '{given}' is invalid: it is {' or '.join(_STATUSES)}.")
    return given.lower()


def _scope(given: str) -> str:
    try:
        Scope.parse(given)
    except InvalidScopeError:
        raise invalid(
            f"The webhook scope '{given}' is invalid. It is a repository and a tag ('foo:bar'), a "
            "repository and all of its tags ('foo:*'), or empty for all events of the registry."
        ) from None
    return given


def _actions(given: list[str]) -> list[str]:
    allowed = ", ".join(ACTIONS)
    if not given:
        raise invalid(f"A webhook needs at least one action. Allowed actions: {allowed}.")
    for one in given:
        if one not in ACTIONS:
            raise invalid(f"The webhook action '{one}' is invalid. Allowed actions: {allowed}.")
    return list(dict.fromkeys(given))


def _uri(given: str) -> str:
    try:
        Receiver.parse(given)
    except InvalidUriError as error:
        raise invalid(f"The webhook's 'serviceUri' is invalid: {error}.") from None
    return given


def _headers(given: dict[str, str]) -> dict[str, Any]:
    """Headers that a message can have. What is wrong with a value is said without the value."""
    for name, value in given.items():
        if not _HEADER.fullmatch(name):
            raise invalid(f"The custom header name {name[:100]!r} is invalid.")
        if name.lower() in _RESERVED:
            raise invalid(f"The custom header '{name}' cannot be set: it is part of the message.")
        if not _VALUE.fullmatch(value):
            raise invalid(
                f"The value of the custom header '{name[:100]}' is invalid: it must be visible "
                "ASCII characters, with spaces between them, without line breaks."
            )
    if len({name.lower() for name in given}) < len(given):
        raise invalid("Two of the custom headers have the same name.")
    if sum(len(name) + len(value) for name, value in given.items()) > _LARGEST:
        raise invalid(f"The custom headers are longer than {_LARGEST} characters.")
    return dict(given)
