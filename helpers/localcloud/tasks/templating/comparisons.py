"""How templates compare values: eq, ne, lt, le, gt, ge (package text/template, funcs.go)."""

from __future__ import annotations

import math
from typing import Any

from .go_format import show
from .go_types import FunctionError, is_integer, kind, to_bytes, type_name

_NO_ORDER = "invalid type for comparison"


def _basic(value: Any) -> str:
    """The kind by which it is compared; nothing for lists, maps, times and nil."""
    if isinstance(value, bool):
        return "bool"
    if is_integer(value):
        return "integer"  # signed and unsigned ones can be compared
    if isinstance(value, float):
        return "float"
    if isinstance(value, complex):
        return "complex"
    return "string" if isinstance(value, str) else ""


def _incompatible(first: Any, second: Any) -> FunctionError:
    return FunctionError(
        f"incompatible types for comparison: {type_name(first)} and {type_name(second)}"
    )


def equal(first: Any, *others: Any) -> bool:
    """Whether the first equals one of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(_same(first, other) for other in others)


def _same(first: Any, second: Any) -> bool:
    one, other = _basic(first), _basic(second)
    if one != other:
        if first is not None and second is not None:
            raise _incompatible(first, second)
        return False
    if one:
        return bool(first == second)
    if first is None or second is None:
        return first is second
    if kind(first) != kind(second) or kind(first) in ("map", "slice"):
        raise FunctionError(
            f"non-comparable types {show(first)}: {type_name(first)}, "
            f"{show(second)}: {type_name(second)}"
        )
    return bool(first == second)


def less(first: Any, second: Any) -> bool:
    """Whether the first comes before the second."""
    one, other = _basic(first), _basic(second)
    if not one or not other:
        raise FunctionError(_NO_ORDER)
    if one != other:
        raise _incompatible(first, second)
    if one in ("bool", "complex"):
        raise FunctionError(_NO_ORDER)
    if isinstance(first, str):
        return to_bytes(first) < to_bytes(second)
    return bool(first < second)


def less_or_equal(first: Any, second: Any) -> bool:
    """le."""
    return less(first, second) or equal(first, second)


def greater(first: Any, second: Any) -> bool:
    """gt: not le, which tells of what is no number, too."""
    return not less_or_equal(first, second)


def greater_or_equal(first: Any, second: Any) -> bool:
    """ge."""
    return not less(first, second)


def deep_equal(first: Any, second: Any) -> bool:
    """Whether two values are of the same types and equal all through (reflect.DeepEqual)."""
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return len(first) == len(second) and all(
            key in second and deep_equal(one, second[key]) for key, one in first.items()
        )
    if isinstance(first, list):
        return len(first) == len(second) and all(map(deep_equal, first, second))
    if isinstance(first, float) and math.isnan(first):
        return False
    if kind(first) == "ptr":  # what they point to
        return bool(vars(first) == vars(second))
    return bool(first == second)
