"""The names and values of tags that a subscription has predefined, and those that are in use.

Source: REST reference, Tags: List, Create Or Update, Create Or Update Value, Delete, Delete Value.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..errors import CloudError
from ..store import Resource
from .routing import Call, Reply, Router, readable

router = Router()
_NAMES = "/subscriptions/{subscription}/tagNames"
_NAME = _NAMES + "/{tag}"
_VALUE = _NAME + "/tagValues/{value}"
_TYPE = "Microsoft.Resources/tagNames"
_ACTION = "Microsoft.Resources/subscriptions/tagNames"


def _shown(name: Resource, used: Counter[str]) -> dict[str, Any]:
    values = {**dict.fromkeys(name.private.get("values", []), 0), **used}
    return {
        "id": name.id,
        "tagName": name.name,
        "count": {"type": "Total", "value": used.total()},
        "values": [_value(name, one, values[one]) for one in sorted(values)],
    }


def _value(name: Resource, value: str, count: int) -> dict[str, Any]:
    counted = {"type": "Total", "value": count}
    return {"id": f"{name.id}/tagValues/{value}", "tagValue": value, "count": counted}


def _used(call: Call) -> dict[str, tuple[str, Counter[str]]]:
    """The tags of groups and resources, by their names in lower case: as one is spelled, its values."""
    found: dict[str, tuple[str, Counter[str]]] = {}
    tagged = (one for one in call.cloud.store.find() if one.body.get("tags"))
    for one in readable(call, tagged):
        for name, value in one.body["tags"].items():
            found.setdefault(name.lower(), (name, Counter()))[1][value] += 1
    return found


def _named(call: Call, name: str) -> Resource:
    place = f"{call.cloud.subscription}/tagNames/{name}"
    return call.cloud.store.get(place) or Resource(place, _TYPE, name, "", {})


@router.operation("GET", _NAMES, f"{_ACTION}/read")
def list_names(call: Call) -> Reply:
    """Tags_List: what is predefined, and what groups and resources have."""
    shown = {one.name.lower(): _shown(one, Counter()) for one in call.cloud.store.find(type=_TYPE)}
    for name, (spelled, values) in _used(call).items():
        shown[name] = _shown(_named(call, spelled), values)
    value = [shown[name] for name in sorted(shown)]
    return Reply(200, {"value": value})


@router.operation("PUT", _NAME, f"{_ACTION}/write")
def create(call: Call) -> Reply:
    """Tags_CreateOrUpdate: predefines a name."""
    name = _named(call, call.params["tag"])
    status = 200 if name.created else 201
    call.cloud.store.put(name)
    return Reply(status, _shown(name, Counter()))


@router.operation("DELETE", _NAME, f"{_ACTION}/delete")
def remove(call: Call) -> Reply:
    """Tags_Delete: a name that no resource has; 204 when it is not predefined."""
    name = call.params["tag"]
    if name.lower() in _used(call):
        raise _in_use(f"The tag '{name}' cannot be deleted: resources have it.")
    return Reply(200 if call.cloud.store.remove(_named(call, name).id) else 204)


@router.operation("PUT", _VALUE, f"{_ACTION}/tagValues/write")
def create_value(call: Call) -> Reply:
    """Tags_CreateOrUpdateValue: predefines a value of a name that is predefined."""
    name, value = _predefined(call), call.params["value"]
    values = name.private.setdefault("values", [])
    status = 200 if value in values else 201
    if status == 201:
        values.append(value)
    call.cloud.store.put(name)
    return Reply(status, _value(name, value, 0))


@router.operation("DELETE", _VALUE, f"{_ACTION}/tagValues/delete")
def remove_value(call: Call) -> Reply:
    """Tags_DeleteValue: a value that no resource has; 204 when it is not predefined."""
    name, value = _predefined(call), call.params["value"]
    used = _used(call).get(name.name.lower())
    if used is not None and value in used[1]:
        raise _in_use(
            f"The value '{value}' of the tag '{name.name}' cannot be deleted: resources have it."
        )
    values = name.private.get("values", [])
    if value not in values:
        return Reply(204)
    values.remove(value)
    call.cloud.store.put(name)
    return Reply(200)


def _predefined(call: Call) -> Resource:
    name = _named(call, call.params["tag"])
    if not name.created:
        raise CloudError(
            404, "TagNotFound", f"The tag '{name.name}' is not predefined. Create it first."
        )
    return name


def _in_use(message: str) -> CloudError:
    return CloudError(409, "TagInUse", message)
