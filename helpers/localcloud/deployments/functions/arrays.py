"""Array functions, of which many take texts and objects, too: first, take, contains, union …"""

from __future__ import annotations

import functools
import json
from typing import Any

from ..values import key_of, same, text_of, type_name
from .function import Functions, check, refuse

FUNCTIONS = Functions()


@FUNCTIONS.add("createArray", 0, None)
def create_array(arguments: list[Any]) -> list[Any]:
    """A list of the arguments."""
    return list(arguments)


@FUNCTIONS.add("array", 1)
def array(arguments: list[Any]) -> list[Any]:
    """A list of one value."""
    value = arguments[0]
    return value if isinstance(value, list) else [value]


@FUNCTIONS.add("length", 1)
def length(arguments: list[Any]) -> int:
    """How many items, properties or characters there are."""
    return len(check("length", 1, arguments[0], "Array", "String", "Object"))


@FUNCTIONS.add("empty", 1)
def empty(arguments: list[Any]) -> bool:
    """Whether there are none; null is empty, too."""
    return arguments[0] is None or not check("empty", 1, arguments[0], "Array", "String", "Object")


@FUNCTIONS.add("contains", 2)
def contains(arguments: list[Any]) -> bool:
    """Whether a list has an item, an object a property (in any case), a text a text."""
    where, wanted = arguments
    check("contains", 1, where, "Array", "String", "Object")
    if isinstance(where, list):
        return any(same(one, wanted) for one in where)
    text = text_of(check("contains", 2, wanted, "String", "Integer"))
    return key_of(where, text) is not None if isinstance(where, dict) else text in where


@FUNCTIONS.add("indexOf", 2)
def index_of(arguments: list[Any]) -> int:
    """Where the first such item, or text (in any case), is; -1 where there is none."""
    where, wanted = arguments
    if isinstance(where, list):
        return next((index for index, one in enumerate(where) if same(one, wanted)), -1)
    text = check("indexOf", 1, where, "String", "Array")
    return int(text.lower().find(check("indexOf", 2, wanted, "String").lower()))


@FUNCTIONS.add("lastIndexOf", 2)
def last_index_of(arguments: list[Any]) -> int:
    """Where the last such item, or text (in any case), is; -1 where there is none."""
    where, wanted = arguments
    if isinstance(where, list):
        places = (index for index in reversed(range(len(where))) if same(where[index], wanted))
        return next(places, -1)
    text = check("lastIndexOf", 1, where, "String", "Array")
    return int(text.lower().rfind(check("lastIndexOf", 2, wanted, "String").lower()))


def _end(name: str, index: int) -> None:
    @FUNCTIONS.add(name, 1)
    def end(arguments: list[Any]) -> Any:
        value = check(name, 1, arguments[0], "Array", "String")
        if value:
            return value[index]
        return "" if isinstance(value, str) else None


_end("first", 0)
_end("last", -1)


@FUNCTIONS.add("take", 2)
def take(arguments: list[Any]) -> Any:
    """The first so many."""
    value = check("take", 1, arguments[0], "Array", "String")
    return value[: max(check("take", 2, arguments[1], "Integer"), 0)]


@FUNCTIONS.add("skip", 2)
def skip(arguments: list[Any]) -> Any:
    """All but the first so many."""
    value = check("skip", 1, arguments[0], "Array", "String")
    return value[max(check("skip", 2, arguments[1], "Integer"), 0) :]


@FUNCTIONS.add("indexFromEnd", 2)
def index_from_end(arguments: list[Any]) -> Any:
    """The item that is so many from the end."""
    value = check("indexFromEnd", 1, arguments[0], "Array")
    place = check("indexFromEnd", 2, arguments[1], "Integer")
    if not 1 <= place <= len(value):
        raise refuse("indexFromEnd", f"the array index '{place}' is out of bounds")
    return value[-place]


@FUNCTIONS.add("tryIndexFromEnd", 2)
def try_index_from_end(arguments: list[Any]) -> Any:
    """The item that is so many from the end, else null."""
    value = check("tryIndexFromEnd", 1, arguments[0], "Array")
    place = check("tryIndexFromEnd", 2, arguments[1], "Integer")
    return value[-place] if 1 <= place <= len(value) else None


@FUNCTIONS.add("flatten", 1)
def flatten(arguments: list[Any]) -> list[Any]:
    """The items of the lists in a list."""
    lists = check("flatten", 1, arguments[0], "Array")
    return [item for one in lists for item in check("flatten", 1, one, "Array")]


@FUNCTIONS.add("union", 2, None)
def union(arguments: list[Any]) -> Any:
    """All items of several lists, each once; all properties of several objects, the last wins."""
    _check_alike("union", arguments)
    if isinstance(arguments[0], dict):
        return functools.reduce(_merged, arguments)
    return list({_key(item): item for one in arguments for item in one}.values())


def _check_alike(name: str, arguments: list[Any]) -> None:
    """All are lists, or all are objects."""
    kind = type_name(check(name, 1, arguments[0], "Array", "Object"))
    for n, one in enumerate(arguments[1:], 2):
        check(name, n, one, kind)


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for name, value in other.items():
        old = merged.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[name] = _merged(old, value)
        else:
            merged[name] = value
    return merged


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@FUNCTIONS.add("intersection", 2, None)
def intersection(arguments: list[Any]) -> Any:
    """The items that all lists have; the properties that all objects have with the same value."""
    _check_alike("intersection", arguments)
    first, *others = arguments
    if isinstance(first, dict):
        return {
            name: value
            for name, value in first.items()
            if all(name in one and same(one[name], value) for one in others)
        }
    kept = [{_key(item) for item in one} for one in others]
    found = {_key(item): item for item in first}
    return [item for key, item in found.items() if all(key in one for one in kept)]
