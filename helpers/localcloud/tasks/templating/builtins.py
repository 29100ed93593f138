"""Go's own functions of templates (Go documentation, text/template "Functions")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from .comparisons import equal, greater, greater_or_equal, less, less_or_equal
from .go_format import print_format, print_line, print_values, show
from .go_types import (
    AnyMap,
    FunctionError,
    StringMap,
    Uint8,
    is_integer,
    to_bytes,
    truth,
    type_name,
)
from .signatures import table


def index(item: Any, *keys: Any) -> Any:
    """An element of lists and maps in each other; of a text, a byte."""
    if item is None:
        raise FunctionError("index of untyped nil")
    for key in keys:
        if item is None:
            raise FunctionError("index of nil pointer")
        if isinstance(item, Mapping):
            item = _entry(item, key)
        elif isinstance(item, (list, str)):
            items: Any = to_bytes(item) if isinstance(item, str) else item
            found = items[_position(key, len(items) - 1)]
            item = Uint8(found) if isinstance(item, str) else found
        else:
            raise FunctionError(f"can't index item of type {type_name(item)}")
    return item


def _entry(item: Mapping[Any, Any], key: Any) -> Any:
    if isinstance(item, AnyMap):
        if isinstance(key, (list, dict)):
            raise FunctionError(f"runtime error: hash of unhashable type {type_name(key)}")
        return item.get(key)
    if key is None:
        raise FunctionError("value is nil; should be of type string")
    if not isinstance(key, str):
        raise FunctionError(f"value has type {type_name(key)}; should be string")
    return item.get(key, "" if isinstance(item, StringMap) else None)


def _position(key: Any, last: int) -> int:
    if key is None:
        raise FunctionError("cannot index slice/array with nil")
    if not is_integer(key):
        raise FunctionError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key <= last:
        raise FunctionError(f"index out of range: {show(key)}")
    return int(key)


def length(value: Any) -> int:
    """How many elements; of a text, bytes."""
    if value is None:
        raise FunctionError("len of nil pointer")
    if isinstance(value, str):
        return len(to_bytes(value))
    if not isinstance(value, (list, Mapping)):
        raise FunctionError(f"len of type {type_name(value)}")
    return len(value)


def _texts(*values: Any) -> str:
    """What is to be escaped: nil is told from other values here."""
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return print_values(*("<no value>" if one is None else one for one in values))


_HTML = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026"}
_JS["="] = "\\u003D"


def escape_html(*values: Any) -> str:
    """Text for HTML."""
    return _texts(*values).translate(_HTML)


def escape_js(*values: Any) -> str:
    """Text for JavaScript."""
    return "".join(map(_script, _texts(*values)))


def _script(one: str) -> str:
    if one in _JS:
        return _JS[one]
    if "\udc80" <= one <= "\udcff" or (one >= " " and (one < "\x7f" or one.isprintable())):
        return one
    return f"\\u{ord(one):04X}"


def escape_query(*values: Any) -> str:
    """Text for the query of a URL."""
    return quote_plus(to_bytes(_texts(*values)), safe="")


def _call(function: Any = None, *_: Any) -> Any:
    if function is None:
        raise FunctionError("call of nil")
    raise FunctionError(f"non-function {show(function)} of type {type_name(function)}")


def _decided(first: Any, *_: Any) -> Any:
    """and, or: the template itself stops at the value that decides."""
    return first


BUILTINS = table(
    """
    any: not len
    any ...any: and or eq index call
    any any: ne lt le gt ge
    ...any: print println html js urlquery
    string ...any: printf
    """,
    {
        "and": _decided,
        "or": _decided,
        "not": lambda value: not truth(value),
        "len": length,
        "eq": equal,
        "ne": lambda first, second: not equal(first, second),
        "lt": less,
        "le": less_or_equal,
        "gt": greater,
        "ge": greater_or_equal,
        "index": index,
        "call": _call,
        "print": print_values,
        "println": print_line,
        "printf": print_format,
        "html": escape_html,
        "js": escape_js,
        "urlquery": escape_query,
    },
)
