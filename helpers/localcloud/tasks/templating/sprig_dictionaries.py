"""Sprig's functions of dictionaries (Sprig documentation, "Dictionaries and Dict Functions")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .go_format import show
from .go_types import FunctionError, StringList, truth
from .signatures import table


def _dictionary(*pairs: Any) -> dict[str, Any]:
    return dict(zip(map(show, pairs[::2]), [*pairs[1::2], ""], strict=False))


def _set(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    values[key] = value
    return values


def _unset(values: dict[str, Any], key: str) -> dict[str, Any]:
    values.pop(key, None)
    return values


def _merging(overwrite: bool) -> Callable[..., dict[str, Any]]:
    def merge(target: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
        for other in others:
            _merge_into(target, other, overwrite)
        return target

    return merge


def _merge_into(target: dict[Any, Any], source: dict[Any, Any], overwrite: bool) -> None:
    """As the library mergo does it: maps in maps are merged; what is empty gives way."""
    for key, value in source.items():
        mine = target.get(key)
        if isinstance(value, dict) and isinstance(mine, dict):
            _merge_into(mine, value, overwrite)
        elif isinstance(value, dict) and mine is not None:
            continue
        elif overwrite or key not in target or (truth(value) and not truth(mine)):
            target[key] = value


def copied(value: Any) -> Any:
    """A copy, all through; what is no list or map is the same."""
    if isinstance(value, dict):
        return type(value)((key, copied(one)) for key, one in value.items())
    if isinstance(value, list):
        return type(value)(copied(one) for one in value)
    return value


def _copy(value: Any) -> Any:
    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Interface on zero Value")
    return copied(value)


def _pick(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _omit(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: one for name, one in values.items() if name not in names}


DICTIONARIES = table(
    """
    ...any: dict
    map string any: set
    map string: unset hasKey
    ...map: keys
    map: values
    map ...string: pick omit
    string ...map: pluck
    map ...map: merge mergeOverwrite
    any: deepCopy
    """,
    {
        "dict": _dictionary,
        "set": _set,
        "unset": _unset,
        "hasKey": lambda values, key: key in values,
        "keys": lambda *maps: StringList(key for one in maps for key in sorted(one)),
        "values": lambda one: [one[key] for key in sorted(one)],
        "pick": _pick,
        "omit": _omit,
        "pluck": lambda name, *maps: [one[name] for one in maps if name in one],
        "merge": _merging(overwrite=False),
        "mergeOverwrite": _merging(overwrite=True),
        "deepCopy": _copy,
    },
)
