"""Whether what a request's path names is there: subscription, resource group, and parent resource."""

from __future__ import annotations

from collections.abc import Mapping

from ..cloud import Cloud
from ..errors import CloudError
from ..store import READING, Resource
from .path_templates import parent_of, resource_of

DELETING = "Deleting"  # provisioning state of a group until its deletion has ended


def check_subscription(cloud: Cloud, params: Mapping[str, str]) -> None:
    """Raise 404 SubscriptionNotFound for any but this cloud's own."""
    asked = params.get("subscription")
    if asked is not None and asked.lower() != cloud.account.subscription_id:
        raise CloudError(
            404, "SubscriptionNotFound", f"The subscription '{asked}' could not be found."
        )


def check_group(cloud: Cloud, method: str, template: str, params: Mapping[str, str]) -> None:
    """Raise 404 ResourceGroupNotFound, 409 where its deletion goes on; the group's own operations ask."""
    group = params.get("group")
    if group is None or template.endswith("{group}"):
        return
    found = cloud.store.get(f"{cloud.subscription}/resourceGroups/{group}")
    if found is None:
        raise group_not_found(group)
    if method not in (*READING, "DELETE"):
        check_not_deleting(found)


def check_parent(
    cloud: Cloud, template: str, type: str, permission: str, params: Mapping[str, str]
) -> None:
    """Raise 404 ParentResourceNotFound where what a resource is below is not there."""
    above = parent_of(template, type)
    if not above:
        return
    parent = resource_of(above, params)
    if cloud.store.get(parent) is None:
        raise CloudError(
            404,
            "ParentResourceNotFound",
            f"Failed to perform '{permission.rpartition('/')[2]}' on resource(s) of type "
            f"'{type.partition('/')[2]}', because the parent resource '{parent}' could not be found.",
        )


def check_not_deleting(group: Resource) -> None:
    """Raise 409 ResourceGroupBeingDeleted for a resource group whose deletion goes on."""
    if group.properties.get("provisioningState") == DELETING:
        raise CloudError(
            409,
            "ResourceGroupBeingDeleted",
            f"The resource group '{group.name}' is in deprovisioning state and cannot perform this "
            "operation.",
        )


def resource_id(cloud: Cloud, template: str, params: Mapping[str, str], path: str) -> str:
    """The ARM id that a request to an operation's path is about, spelled as its group was created."""
    wanted = resource_of(template, params) or path
    if "group" in params:  # ARM keeps the spelling that a group was created with
        prefix = f"{cloud.subscription}/resourceGroups/{params['group']}"
        group = cloud.store.get(prefix)
        if group is not None and wanted.lower().startswith(prefix.lower()):
            wanted = group.id + wanted[len(prefix) :]
    return wanted


def group_not_found(group: str) -> CloudError:
    """404 ResourceGroupNotFound in ARM's words."""
    return CloudError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
