"""Values as Go's templates see them: printed, formatted, compared, true or not.

Source: Go documentation, packages fmt and text/template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any


class FunctionError(ValueError):
    """A function that cannot give a value."""


_TYPES = {str: "string", bool: "bool", int: "int", float: "float64", datetime: "time.Time"}
_DIGITS = 6  # before the point of a float; with more it has an exponent
_VERB = re.compile(r"%([-+ #0]*)(\d*)((?:\.\d*)?)(.)", re.DOTALL)


def type_name(value: Any) -> str:
    """The name of a value's type in Go."""
    if value is None:
        return "<nil>"
    if isinstance(value, Mapping):
        return "map[string]interface {}"
    if isinstance(value, (list, tuple)):
        return "[]interface {}"
    return _TYPES.get(type(value), type(value).__name__)


def truth(value: Any) -> bool:
    """Whether a value counts as true: not false, 0, nil or empty."""
    return bool(value)


def show(value: Any) -> str:
    """A value as Go prints it with %v; nothing for nil."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _show_float(value)
    if isinstance(value, Mapping):
        inner = " ".join(f"{key}:{_inner(value[key])}" for key in sorted(value, key=str))
        return f"map[{inner}]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(_inner, value)) + "]"
    return str(value)


def _inner(value: Any) -> str:
    return "<nil>" if value is None else show(value)


def _show_float(value: float) -> str:
    """The shortest digits; with an exponent where they are many."""
    number = Decimal(repr(value))
    if not number.is_finite():
        return {"Infinity": "+Inf", "-Infinity": "-Inf"}.get(str(number), "NaN")
    sign, digits, exponent = number.normalize().as_tuple()
    assert isinstance(exponent, int)
    power = len(digits) + exponent - 1
    if number and (power < -4 or power >= _DIGITS):
        text = "".join(map(str, digits))
        fraction = f".{text[1:]}" if text[1:] else ""
        return f"{'-' if sign else ''}{text[0]}{fraction}e{power:+03d}"
    return format(number.normalize(), "f")


def print_values(*values: Any) -> str:
    """Go's print: blanks between two operands of which neither is a text."""
    shown: list[str] = []
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            shown.append(" ")
        shown.append(_inner(value))
    return "".join(shown)


def print_line(*values: Any) -> str:
    """Go's println."""
    return " ".join(map(_inner, values)) + "\n"


def print_format(pattern: str, *arguments: Any) -> str:
    """Go's printf."""
    rest = list(arguments)

    def verb(match: re.Match[str]) -> str:
        flags, width, precision, letter = match.groups()
        if letter == "%":
            return "%"
        if not rest:
            return f"%!{letter}(MISSING)"
        text = _format(flags, precision, letter, rest.pop(0))
        if not width:
            return text
        if "-" in flags:
            return text.ljust(int(width))
        return text.rjust(int(width), "0" if "0" in flags else " ")

    text = _VERB.sub(verb, pattern)
    extra = ", ".join(
        f"{type_name(one)}={show(one)}" if one is not None else "<nil>" for one in rest
    )
    return text + (f"%!(EXTRA {extra})" if rest else "")


def _format(flags: str, precision: str, letter: str, value: Any) -> str:
    if isinstance(value, (list, tuple)) and letter in "sdqxXfgeto":
        return "[" + " ".join(_format(flags, precision, letter, one) for one in value) + "]"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    cut = int(precision[1:] or 0) if precision else None
    if letter == "T":
        return type_name(value)
    if letter == "v":
        return _inner(value)
    if letter in "sqxX" and isinstance(value, str):
        return _format_text(letter, value[:cut] if letter == "s" else value)
    if letter == "t" and isinstance(value, bool):
        return show(value)
    if letter in "dxXobc" and isinstance(value, int) and number:
        return ("+" if "+" in flags and value >= 0 else "") + format(value, letter)
    if letter in "feEgG" and isinstance(value, float):
        shortest = letter in "gG" and cut is None
        digits = 6 if cut is None else cut
        return _show_float(value) if shortest else format(value, f".{digits}{letter}")
    told = "<nil>" if value is None else f"{type_name(value)}={show(value)}"
    return f"%!{letter}({told})"


def _format_text(letter: str, value: str) -> str:
    if letter == "q":
        return json.dumps(value, ensure_ascii=False)
    if letter == "s":
        return value
    digits = value.encode().hex()
    return digits.upper() if letter == "X" else digits


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON as Go writes it: names in order, and what HTML would read escaped."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(
        value, sort_keys=True, ensure_ascii=False, indent=indent, separators=separators
    )
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def equal(first: Any, *others: Any) -> bool:
    """Go's eq: whether the first equals one of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    for other in others:
        if None not in (first, other) and type(first) is not type(other):
            raise FunctionError("incompatible types for comparison")
        if first == other:
            return True
    return False


def less(first: Any, second: Any) -> bool:
    """Go's lt."""
    if not all(isinstance(one, (str, int, float)) for one in (first, second)):
        raise FunctionError("invalid type for comparison")
    if type(first) is not type(second):
        raise FunctionError("incompatible types for comparison")
    if isinstance(first, bool):  # there is no order of them
        raise FunctionError("invalid type for comparison")
    return bool(first < second)


def escape_html(*values: Any) -> str:
    """Go's html."""
    text = print_values(*values)
    for plain, escaped in (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;")):
        text = text.replace(plain, escaped)
    return text.replace(">", "&gt;")


def escape_js(*values: Any) -> str:
    """Go's js."""
    named = {"\\": "\\\\", "'": "\\'", '"': '\\"'}
    return "".join(
        named.get(one) or (f"\\u{ord(one):04X}" if one < " " or one in "<>&=" else one)
        for one in print_values(*values)
    )
