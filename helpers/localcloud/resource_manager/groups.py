"""Resource groups: deleting one deletes what is inside."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from ..cloud import Cloud
from ..errors import CloudError
from ..operations import Operation
from ..resource_types import RESOURCE_GROUP_TYPE, VAULT_TYPE
from ..store import Resource
from .deleted_vaults import soft_delete
from .deletion import delete
from .filters import conditions
from .locations import location_of
from .models import Model, ResourceModel, Tags, patch_tags
from .operations import RETRY, accepted, carries_out
from .pages import body_of, page, top
from .path_checks import DELETING, check_not_deleting, group_not_found
from .resource_filters import tagged
from .routing import Call, Reply, Router, readable

router = Router()
_GROUPS = "/subscriptions/{subscription}/resourceGroups"
_GROUP = _GROUPS + "/{group}"
_ACTION = "Microsoft.Resources/subscriptions/resourceGroups"
_DELETE = "resourceGroups/delete"


class GroupProperties(Model):
    """What a client sends back as it has read it."""


class Group(ResourceModel):
    """The body of ResourceGroups_CreateOrUpdate and ResourceGroups_Update."""

    location: str | None = None
    tags: Tags = msgspec.UNSET
    properties: GroupProperties | None = None


def _find(call: Call) -> Resource:
    found = call.cloud.store.get(call.resource_id)
    if found is None:
        raise group_not_found(call.params["group"])
    return found


def _keep_location(group: Resource, location: str) -> None:
    if group.body["location"] != location:
        raise CloudError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in "
            f"location '{group.body['location']}'.",
        )


@router.operation("PUT", _GROUP, f"{_ACTION}/write", Group)
def create_or_update(call: Call, given: Group) -> Reply:
    """ResourceGroups_CreateOrUpdate; a group cannot move to another location."""
    name = call.params["group"]
    if not re.fullmatch(r"[-\w._()]{1,90}", name) or name.endswith("."):
        raise CloudError(
            400,
            "InvalidResourceGroupName",
            f"The provided resource group name '{name}' is not valid: it may have letters, "
            "digits, underscores, hyphens, periods and parentheses, at most 90 characters, and "
            "must not end with a period.",
        )
    location = location_of(given.location)
    existing = call.cloud.store.get(call.resource_id)
    if existing is not None:
        _keep_location(existing, location)
        check_not_deleting(existing)
    resource = existing or Resource(call.resource_id, RESOURCE_GROUP_TYPE, name, name, {})
    resource.body = {
        "id": resource.id,
        "name": resource.name,
        "type": RESOURCE_GROUP_TYPE,
        "location": location,
        **({"tags": given.tags} if given.tags else {}),
        "properties": {"provisioningState": "Succeeded"},
    }
    call.cloud.store.put(resource)
    return Reply(200 if existing else 201, resource.body)


@router.operation("GET", _GROUP, f"{_ACTION}/read")
def get(call: Call) -> Reply:
    """ResourceGroups_Get."""
    return Reply(200, _find(call).body)


@router.operation("HEAD", _GROUP, f"{_ACTION}/read")
def exists(call: Call) -> Reply:
    """ResourceGroups_CheckExistence."""
    return Reply(204 if call.cloud.store.get(call.resource_id) else 404)


@router.operation("PATCH", _GROUP, f"{_ACTION}/write", Group)
def update(call: Call, given: Group) -> Reply:
    """ResourceGroups_Update: the tags."""
    resource = _find(call)
    if given.location is not None:
        _keep_location(resource, location_of(given.location))
    patch_tags(resource.body, given.tags)
    call.cloud.store.put(resource)
    return Reply(200, resource.body)


@router.operation("GET", _GROUPS, "")
def list_groups(call: Call) -> Reply:
    """ResourceGroups_List: those that the caller may read; ``$filter`` names a tag."""
    wanted = conditions(call, ("tagName", "tagValue"))
    found = readable(call, call.cloud.store.find(type=RESOURCE_GROUP_TYPE))
    return page(call, (one for one in found if tagged(one, wanted)), body_of, top(call))


@router.operation("DELETE", _GROUP, f"{_ACTION}/delete")
def remove(call: Call) -> Reply:
    """ResourceGroups_Delete: vaults are kept as soft-deleted, everything else is gone.

    Answers 202 with a Location and no Azure-AsyncOperation, as ARM does: a client asks there how it
    goes on. A 204 is an error for the clients.
    """
    group = _find(call)
    group.properties["provisioningState"] = DELETING
    call.cloud.store.put(group)
    operation = call.cloud.operations.begin(_DELETE, group.id)
    reply = accepted(call, operation, Reply(202), Reply(202))
    assert reply.deferred is not None
    headers = {name: reply.headers[name] for name in ("Location", *RETRY)}
    done = replace(reply.deferred.done, headers=headers)
    return replace(reply, headers=headers, deferred=replace(reply.deferred, done=done))


@carries_out(_DELETE)
def delete_all(cloud: Cloud, operation: Operation) -> None:
    """Delete the group and what is in it."""
    with cloud.store.transaction():
        group = cloud.store.get(operation.resource_id)
        if group is None:
            return
        for vault in cloud.store.find(type=VAULT_TYPE, resource_group=group.name):
            soft_delete(cloud, vault)
        delete(cloud, group.id)
