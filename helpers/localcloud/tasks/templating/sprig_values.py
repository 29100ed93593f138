"""Sprig's functions of any value: defaults, types, JSON, the environment, failing."""

from __future__ import annotations

import re
from typing import Any

from .comparisons import deep_equal
from .go_json import to_json
from .go_types import FunctionError, kind, truth, type_name
from .signatures import table

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_]\w*|[*#$@!?\-0-9]))", re.ASCII)


def _default(fallback: Any, *given: Any) -> Any:
    return given[0] if given and truth(given[0]) else fallback


def _json(value: Any, indent: str = "") -> str:
    try:
        return to_json(value, indent)
    except FunctionError:
        return ""  # Sprig says nothing


def _fail(message: str) -> Any:
    raise FunctionError(message)


def _like(name: str, value: Any) -> bool:
    return type_name(value) in (name, f"*{name}")


VALUES = table(
    """
    any ...any: default
    ...any: coalesce
    any: empty typeOf kindOf toJson toPrettyJson
    any any bool: ternary
    string any: typeIs typeIsLike kindIs
    any any: deepEqual
    string: fail env expandenv
    : hello
    """,
    {
        "default": _default,
        "coalesce": lambda *values: next((one for one in values if truth(one)), None),
        "empty": lambda value: not truth(value),
        "typeOf": type_name,
        "kindOf": kind,
        "toJson": _json,
        "toPrettyJson": lambda value: _json(value, "  "),
        "ternary": lambda yes, no, test: yes if test else no,
        "typeIs": lambda name, value: type_name(value) == name,
        "typeIsLike": _like,
        "kindIs": lambda name, value: kind(value) == name,
        "deepEqual": deep_equal,
        "fail": _fail,
        # A run never sees the environment of its host.
        "env": lambda name: "",  # noqa: ARG005
        "expandenv": lambda text: _VARIABLE.sub("", text),
        "hello": lambda: "Hello!",
    },
)
