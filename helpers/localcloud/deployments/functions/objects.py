"""Object functions: createObject, items, objectKeys, shallowMerge, tryGet."""

from __future__ import annotations

from typing import Any

from ..errors import ExpressionError
from ..values import item
from .function import Functions, check, refuse

FUNCTIONS = Functions()


@FUNCTIONS.add("createObject", 0, None)
def create_object(arguments: list[Any]) -> dict[str, Any]:
    """An object of names and values."""
    if len(arguments) % 2:
        raise refuse("createObject", "it needs a value for each name")
    names = [check("createObject", n, one, "String") for n, one in enumerate(arguments[::2], 1)]
    return dict(zip(names, arguments[1::2], strict=True))


@FUNCTIONS.add("items", 1)
def items(arguments: list[Any]) -> list[dict[str, Any]]:
    """The properties of an object, in the order of their names, as a list."""
    value = check("items", 1, arguments[0], "Object")
    return [{"key": name, "value": value[name]} for name in sorted(value)]


@FUNCTIONS.add("objectKeys", 1)
def object_keys(arguments: list[Any]) -> list[str]:
    """The names of the properties of an object, in their order."""
    return sorted(check("objectKeys", 1, arguments[0], "Object"))


@FUNCTIONS.add("shallowMerge", 1)
def shallow_merge(arguments: list[Any]) -> dict[str, Any]:
    """All properties of a list of objects; the last of a name wins."""
    merged: dict[str, Any] = {}
    for one in check("shallowMerge", 1, arguments[0], "Array"):
        merged |= check("shallowMerge", 1, one, "Object")
    return merged


@FUNCTIONS.add("tryGet", 2, None)
def try_get(arguments: list[Any]) -> Any:
    """A property or an item, however deep, else null."""
    value, *keys = arguments
    for key in keys:
        try:
            value = item(value, key)
        except ExpressionError:
            return None
    return value
