"""Subscriptions, tenants, regions, and the list of all resources."""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime, timezone
from typing import Any

from ..cloud import Cloud
from ..regions import GEOGRAPHY_GROUPS, LOCATIONS, category
from ..resource_types import TAGS_TYPE
from ..store import Resource
from .pages import page, top
from .resource_filters import ResourceFilter
from .routing import Call, Reply, Router, readable

router = Router()
DISPLAY_NAME = "Local cloud"  # of the subscription
# What `/resources` does not list: groups, assignments, and what exists only inside a resource.
_HIDDEN = ("microsoft.resources/", "microsoft.authorization/", "microsoft.keyvault/deletedvaults")


def subscription_tags(cloud: Cloud) -> Resource:
    """What keeps the tags of the subscription, which is no resource itself."""
    name = f"{cloud.subscription}/providers/{TAGS_TYPE}/default"
    return cloud.store.get(name) or Resource(name, TAGS_TYPE, "default", "", {})


def render(call: Call) -> dict[str, Any]:
    """The subscription as ARM shows it."""
    account = call.cloud.account
    return {
        "id": call.cloud.subscription,
        "authorizationSource": "RoleBased",
        "subscriptionId": account.subscription_id,
        "tenantId": account.tenant_id,
        "displayName": DISPLAY_NAME,
        "state": "Enabled",
        **({"tags": tags} if (tags := subscription_tags(call.cloud).body.get("tags")) else {}),
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


@router.operation("GET", "/subscriptions", "")
def list_subscriptions(call: Call) -> Reply:
    """Subscriptions_List: a caller sees a subscription in which it holds any role at all."""
    seen = call.cloud.permissions.any_role(call.principal.object_id)
    value = [render(call)] if seen else []
    return Reply(200, {"value": value, "count": {"type": "Total", "value": len(value)}})


@router.operation("GET", "/subscriptions/{subscription}", "Microsoft.Resources/subscriptions/read")
def get_subscription(call: Call) -> Reply:
    """Subscriptions_Get."""
    return Reply(200, render(call))


@router.operation("GET", "/tenants", "")
def list_tenants(call: Call) -> Reply:
    """Tenants_List."""
    tenant = call.cloud.account.tenant_id
    domain = f"{tenant}.onmicrosoft.com"
    shown = {
        "id": f"/tenants/{tenant}",
        "tenantId": tenant,
        "countryCode": "US",
        "displayName": DISPLAY_NAME,
        "domains": [domain],
        "defaultDomain": domain,
        "tenantCategory": "Home",
        "tenantType": "AAD",
    }
    return Reply(200, {"value": [shown]})


@router.operation("GET", "/subscriptions/{subscription}/locations", "")
def list_locations(call: Call) -> Reply:
    """Subscriptions_ListLocations."""
    return Reply(
        200,
        {
            "value": [
                {
                    "id": f"{call.cloud.subscription}/locations/{name}",
                    "name": name,
                    "displayName": display,
                    "regionalDisplayName": f"({GEOGRAPHY_GROUPS[name]}) {display}",
                    "type": "Region",
                    "metadata": {
                        "regionType": "Physical",
                        "regionCategory": category(name),
                        "geographyGroup": GEOGRAPHY_GROUPS[name],
                    },
                }
                for name, display in LOCATIONS.items()
            ]
        },
    )


@router.operation("GET", "/subscriptions/{subscription}/resources", "")
def list_resources(call: Call) -> Reply:
    """Resources_List, with the filters resource type, name, group, location and tag."""
    return _listing(call, None)


@router.operation(
    "GET",
    "/subscriptions/{subscription}/resourceGroups/{group}/resources",
    "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
)
def list_group_resources(call: Call) -> Reply:
    """Resources_ListByResourceGroup."""
    return _listing(call, call.params["group"])


def _times(resource: Resource) -> dict[str, str]:
    """What ``$expand`` may ask for: az resource list asks for all of it."""
    return {
        "createdTime": datetime.fromtimestamp(resource.created, timezone.utc).isoformat(),
        "changedTime": datetime.fromtimestamp(resource.updated, timezone.utc).isoformat(),
        "provisioningState": str(resource.properties.get("provisioningState", "Succeeded")),
    }


def _listed(resource: Resource) -> bool:
    kind = resource.type.lower()
    return not kind.startswith(_HIDDEN) and kind.count("/") == 1


def _listing(call: Call, group: str | None) -> Reply:
    """A page of the top-level resources, in the generic form that ARM lists them in."""
    wanted = ResourceFilter(call)
    found = call.cloud.store.find(
        type=wanted.only.get("resourcetype"),
        name=wanted.only.get("name"),
        resource_group=group or wanted.only.get("resourcegroup"),
    )
    listed = readable(call, (one for one in found if _listed(one)))
    fitting = (one for one in listed if wanted.fits(one))
    expanded = call.query.get("$expand", "").lower().replace(" ", "").split(",")
    return page(call, fitting, functools.partial(_generic, expanded), top(call))


def _generic(expanded: Collection[str], resource: Resource) -> dict[str, Any]:
    """A resource of any type, with what ``$expand`` asks for."""
    shown = ("location", "tags", "sku", "identity", "kind", "systemData")
    return (
        {"id": resource.id, "name": resource.name, "type": resource.type}
        | {key: resource.body[key] for key in shown if key in resource.body}
        | {key: text for key, text in _times(resource).items() if key.lower() in expanded}
    )
