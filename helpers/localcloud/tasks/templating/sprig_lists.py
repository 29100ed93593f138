"""Sprig's functions of lists (Sprig documentation, "Lists and List Functions")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .comparisons import deep_equal
from .go_types import FunctionError, kind, truth
from .signatures import table
from .sprig_numbers import whole


def _items(values: Any, doing: str) -> list[Any]:
    """The elements of a list of any type. Raises :class:`FunctionError`."""
    if values is None:
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference")
    if not isinstance(values, list):
        raise FunctionError(f"Cannot {doing} on type {kind(values)}")
    return list(values)


def _made(doing: str, make: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    return lambda values: make(_items(values, doing))


def _is_in(value: Any, values: list[Any]) -> bool:
    return any(deep_equal(value, one) for one in values)


def _unique(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for one in values:
        if not _is_in(one, found):
            found.append(one)
    return found


def _without(values: Any, *gone: Any) -> list[Any]:
    left = list(gone)
    return [one for one in _items(values, "find without") if not _is_in(one, left)]


def _has(value: Any, values: Any) -> bool:
    return values is not None and _is_in(value, _items(values, "find has"))


def _slice(values: Any, *bounds: Any) -> Any:
    if values is not None and not isinstance(values, list):
        raise FunctionError(f"list should be type of slice or array but {kind(values)}")
    items = _items(values, "slice")
    if not items:
        return None
    start = whole(bounds[0]) if bounds else 0
    end = whole(bounds[1]) if len(bounds) > 1 else len(items)
    if not 0 <= start <= end <= len(items):
        raise FunctionError("reflect.Value.Slice: slice index out of bounds")
    sort: type[list[Any]] = type(values or items)
    return sort(items[start:end])


def _concatenated(*lists: Any) -> list[Any]:
    return [one for values in lists for one in _items(values, "concat")]


def _append(values: Any, value: Any) -> list[Any]:
    return [*_items(values, "push"), value]


LISTS = table(
    """
    ...any: list tuple concat
    any: first last rest initial reverse uniq compact
    any any: append push prepend has
    any ...any: without slice
    """,
    {
        "list": lambda *values: list(values),
        "tuple": lambda *values: list(values),
        "concat": _concatenated,
        "first": _made("find first", lambda items: items[0] if items else None),
        "last": _made("find last", lambda items: items[-1] if items else None),
        "rest": _made("find rest", lambda items: items[1:]),
        "initial": _made("find initial", lambda items: items[:-1]),
        "reverse": _made("find reverse", lambda items: items[::-1]),
        "uniq": _made("find uniq", _unique),
        "compact": _made("compact", lambda items: [one for one in items if truth(one)]),
        "append": _append,
        "push": _append,
        "prepend": lambda values, value: [value, *_items(values, "prepend")],
        "has": _has,
        "without": _without,
        "slice": _slice,
    },
)
