"""Microsoft.Resources/tags: the tags of a subscription, a group or a resource, by themselves.

Source: REST reference, Tags; Azure documentation, "Use tags to organize your Azure resources".
"""

from __future__ import annotations

from ..resource_types import RESOURCE_GROUP_TYPE, TAGS_TYPE
from ..store import Resource
from . import tag_rules
from .models import Model, ResourceModel
from .routing import Call, Reply, Router, invalid
from .scopes import everywhere, scope_of
from .subscriptions import subscription_tags

router = Router()
_TAGS = f"/providers/{TAGS_TYPE}/default"
_OPERATIONS = ("Merge", "Replace", "Delete")


class TagSet(Model):
    """Names and values."""

    tags: dict[str, str] | None = None


class TagsBody(ResourceModel):
    """The body of Tags_CreateOrUpdateAtScope."""

    properties: TagSet | None = None


class TagsPatch(Model):
    """The body of Tags_UpdateAtScope."""

    operation: str | None = None
    properties: TagSet | None = None


def _holder(call: Call) -> Resource:
    """What has the tags: a group, a resource, or what keeps those of the subscription."""
    scope = scope_of(call)
    if scope == call.cloud.subscription:
        return subscription_tags(call.cloud)
    found = call.cloud.store.get(scope)
    if found is None or not (found.type == RESOURCE_GROUP_TYPE or "location" in found.body):
        raise invalid(
            f"The resource '{scope}' does not support tags.", "ResourceTypeDoesNotSupportTags"
        )
    return found


def _reply(holder: Resource) -> Reply:
    tags_id = holder.id if holder.type == TAGS_TYPE else f"{holder.id}{_TAGS}"
    identity = {"id": tags_id, "name": "default", "type": TAGS_TYPE}
    return Reply(200, {**identity, "properties": {"tags": holder.body.get("tags") or {}}})


def _put(call: Call, holder: Resource, tags: dict[str, str]) -> Reply:
    tags = tag_rules.checked(tags)
    if tags:
        holder.body["tags"] = tags
    else:
        holder.body.pop("tags", None)
    call.cloud.store.put(holder)
    return _reply(holder)


@everywhere(router, "GET", _TAGS, f"{TAGS_TYPE}/read")
def get(call: Call) -> Reply:
    """Tags_GetAtScope."""
    return _reply(_holder(call))


@everywhere(router, "PUT", _TAGS, f"{TAGS_TYPE}/write", TagsBody)
def create(call: Call, given: TagsBody) -> Reply:
    """Tags_CreateOrUpdateAtScope: replaces all tags."""
    return _put(call, _holder(call), _given(given.properties))


@everywhere(router, "PATCH", _TAGS, f"{TAGS_TYPE}/write", TagsPatch)
def update(call: Call, given: TagsPatch) -> Reply:
    """Tags_UpdateAtScope: Merge, Replace or Delete; names compare without case."""
    operation, tags = (given.operation or "").capitalize(), _given(given.properties)
    if operation not in _OPERATIONS:
        raise invalid(
            f"The tags patch operation '{given.operation or ''}' is invalid: it is "
            f"{', '.join(_OPERATIONS)}.",
            "InvalidTagsPatchOperation",
        )
    holder = _holder(call)
    if operation == "Replace":
        return _put(call, holder, tags)
    old = dict(holder.body.get("tags") or {})
    spelled = {name.lower(): name for name in old}
    for name, value in tags.items():
        key = spelled.get(name.lower(), name)
        if operation == "Merge":
            old[key] = value
        elif old.get(key) == value:  # Delete takes what is the same in name and value
            del old[key]
    return _put(call, holder, old)


def _given(properties: TagSet | None) -> dict[str, str]:
    if properties is None or properties.tags is None:
        raise invalid("The tags of the request are missing: 'properties.tags' is an object.")
    return properties.tags


@everywhere(router, "DELETE", _TAGS, f"{TAGS_TYPE}/delete")
def remove(call: Call) -> Reply:
    """Tags_DeleteAtScope: all of them."""
    _put(call, _holder(call), {})
    return Reply(200)
