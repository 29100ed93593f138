"""Sprig's functions of numbers (Sprig documentation, "Math Functions")."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from .go_format import show
from .go_numbers import parse_float, parse_int, to_int64
from .go_types import FunctionError, Int64, IntList, is_integer, wrap64
from .signatures import table

_LARGEST = (1 << 63) - 1


def whole(value: Any) -> int:
    """A value as a whole number; 0 for what is none (Sprig's toInt64)."""
    if isinstance(value, str):
        try:
            return parse_int(value)
        except ValueError:
            return 0
    if is_integer(value):
        return min(int(value), _LARGEST)
    if isinstance(value, float):
        return to_int64(value)
    return int(value is True)


def _float(value: Any) -> float:
    if isinstance(value, str):
        try:
            return parse_float(value)
        except ValueError:
            return 0.0
    if isinstance(value, (int, float)):
        return float(value)
    return 0.0


def _divide(first: Any, second: Any) -> int:
    one, other = whole(first), whole(second)
    if other == 0:
        raise FunctionError("runtime error: integer divide by zero")
    quotient = abs(one) // abs(other)
    return Int64(wrap64(quotient if (one < 0) == (other < 0) else -quotient))


def _remainder(first: Any, second: Any) -> int:
    return Int64(whole(first) - whole(second) * _divide(first, second))


def _product(*values: Any) -> int:
    return Int64(reduce(lambda one, other: wrap64(one * other), map(whole, values)))


def _round(value: Any, places: int, *half: float) -> float:
    power = 10.0 ** min(max(places, -330), 308) if places <= 308 else math.inf
    scaled = _float(value) * power
    if math.isinf(scaled) or math.isnan(scaled):
        return scaled / power if power else math.nan
    up = math.modf(scaled)[0] >= (half[0] if half else 0.5)
    rounded = float(math.ceil(scaled) if up else math.floor(scaled))
    rounded = math.copysign(rounded, scaled) if rounded == 0 else rounded
    if not power:
        return math.nan if rounded == 0 else math.copysign(math.inf, rounded)
    return rounded / power


def _edge(function: Any, value: Any) -> float:
    number = _float(value)
    if math.isinf(number) or math.isnan(number):
        return number
    found = float(function(number))
    return math.copysign(found, number) if found == 0 else found


def _octal(value: Any) -> int:
    try:
        return Int64(parse_int(show(value), 8))
    except ValueError:
        return Int64(0)


def _until(first: int, last: int, step: int) -> IntList:
    if (last < first) != (step < 0) or step == 0:
        return IntList()
    return IntList(range(first, last, step))


def _atoi(text: str) -> int:
    try:
        return parse_int(text)
    except ValueError:
        digits = text.lstrip("+-")
        if digits.isdecimal() and digits.isascii():  # too great: as great as may be
            return -_LARGEST - 1 if text[0] == "-" else _LARGEST
        return 0


NUMBERS = table(
    """
    any: int int64 float64 toDecimal add1 floor ceil
    string: atoi
    ...any: add
    any any: sub div mod
    any ...any: mul max biggest min
    any int ...float64: round
    int: until
    int int int: untilStep
    """,
    {
        "int": lambda value: int(whole(value)),
        "int64": lambda value: Int64(whole(value)),
        "float64": _float,
        "toDecimal": _octal,
        "atoi": _atoi,
        "add1": lambda value: Int64(wrap64(whole(value) + 1)),
        "add": lambda *values: Int64(wrap64(sum(map(whole, values)))),
        "sub": lambda one, other: Int64(wrap64(whole(one) - whole(other))),
        "div": _divide,
        "mod": _remainder,
        "mul": _product,
        "max": lambda *values: Int64(max(map(whole, values))),
        "biggest": lambda *values: Int64(max(map(whole, values))),
        "min": lambda *values: Int64(min(map(whole, values))),
        "floor": lambda value: _edge(math.floor, value),
        "ceil": lambda value: _edge(math.ceil, value),
        "round": _round,
        "until": lambda count: _until(0, count, 1 if count >= 0 else -1),
        "untilStep": _until,
    },
)
