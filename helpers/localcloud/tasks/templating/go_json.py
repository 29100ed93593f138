"""JSON as Go writes it (package encoding/json)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from .go_numbers import format_float
from .go_types import FunctionError, Object, StringList, is_integer, runes, to_bytes, type_name

_HTML = str.maketrans({"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"})
_LINES = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029"})
_BROKEN = str.maketrans({"\ufffd": "\\ufffd"})


def to_json(value: Any, indent: str = "") -> str:
    """JSON: names in order, and what HTML would read escaped. Raises :class:`FunctionError`."""
    return _written(value, "\n" if indent else "", indent)


def _written(value: Any, line: str, indent: str) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Mapping):
        named = sorted(((_name(key), one) for key, one in value.items()), key=_bytes_of_name)
        return _pairs(named, line, indent)
    if isinstance(value, StringList) and value.is_nil:
        return "null"
    if isinstance(value, list):
        inner = line + indent if line else ""
        items = [_written(one, inner, indent) for one in value]
        return "[" + inner + f",{inner}".join(items) + line + "]" if items else "[]"
    return _object(value, line, indent)


def _bytes_of_name(pair: tuple[str, Any]) -> bytes:
    return to_bytes(pair[0])


def _name(key: Any) -> str:
    """A map's key as a name: texts and numbers can be one."""
    if isinstance(key, str):
        return key
    if is_integer(key) or isinstance(key, float):
        return _written(key, "", "")
    raise FunctionError(f"json: unsupported type of a map's key: {type_name(key)}")


def _object(value: Any, line: str, indent: str) -> str:
    if isinstance(value, Object):
        if value.go_type == "time.Time":
            return _text(value.method("Format")("2006-01-02T15:04:05.999999999Z07:00"))
        if value.go_type == "*semver.Version":
            return _text(str(value))
        if value.fields():
            return _pairs(value.fields().items(), line, indent)
        if value.integer() is not None:
            return str(value.integer())
    raise FunctionError(f"json: unsupported type: {type_name(value)}")


def _pairs(named: Iterable[tuple[str, Any]], line: str, indent: str) -> str:
    inner = line + indent if line else ""
    colon = ": " if line else ":"
    items = [f"{_text(name)}{colon}{_written(one, inner, indent)}" for name, one in named]
    return "{" + inner + f",{inner}".join(items) + line + "}" if items else "{}"


def _text(value: str) -> str:
    plain = runes(value)
    shown = json.dumps(plain, ensure_ascii=False).translate(_HTML).translate(_LINES)
    return shown if plain == value else shown.translate(_BROKEN)


def _float(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        raise FunctionError(f"json: unsupported value: {format_float(value, 'g', None)}")
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21):
        return format_float(value, "e", None).replace("e-0", "e-")
    return format_float(value, "f", None)
