"""The values of templates: JSON's, with Azure Resource Manager's names of their types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import ExpressionError

_NAMES = {str: "String", bool: "Boolean", int: "Integer", float: "Float", list: "Array"}


def type_name(value: Any) -> str:
    """String, Boolean, Integer, Float, Array, Object or Null."""
    return "Null" if value is None else _NAMES.get(type(value), "Object")


def text_of(value: Any) -> str:
    """A value as ``string()`` and ``format()`` write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal: of the same type, texts with their case."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def key_of(value: Mapping[str, Any], name: str) -> str | None:
    """The property of that name, in any case; None where there is none."""
    if name in value:
        return name
    lowered = name.lower()
    return next((key for key in value if key.lower() == lowered), None)


def item(value: Any, key: Any) -> Any:
    """What ``value.key`` or ``value[key]`` is. Raises :class:`ExpressionError`."""
    if isinstance(value, dict) and isinstance(key, str):
        found = key_of(value, key)
        if found is None:
            raise ExpressionError(
                f"The language expression property '{key}' doesn't exist, available properties are "
                f"'{', '.join(value)}'"
            )
        return value[found]
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        if not 0 <= key < len(value):
            raise ExpressionError(
                f"The language expression property array index '{key}' is out of bounds"
            )
        return value[key]
    raise ExpressionError(
        f"The language expression property '{text_of(key)[:200]}' can't be evaluated: the value is "
        f"of type '{type_name(value)}'"
    )
