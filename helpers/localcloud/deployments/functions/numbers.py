"""Numeric functions, of integers only, and range()."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..limits import RANGE
from ..scope import Scope
from .function import Functions, check, refuse

FUNCTIONS = Functions()
_LARGEST = 2**63 - 1


def _bounded(name: str, value: int) -> int:
    if abs(value) > _LARGEST:
        raise refuse(name, "the result has more than 64 bits")
    return value


def _operation(name: str, work: Callable[[int, int], int]) -> None:
    @FUNCTIONS.add(name, 2)
    def operate(arguments: list[Any]) -> int:
        first, second = (check(name, n, one, "Integer") for n, one in enumerate(arguments, 1))
        if name in ("div", "mod") and second == 0:
            raise refuse(name, "the divisor is zero")
        return _bounded(name, work(first, second))


def _divided(one: int, other: int) -> int:
    """.NET rounds towards zero."""
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


_operation("add", lambda one, other: one + other)
_operation("sub", lambda one, other: one - other)
_operation("mul", lambda one, other: one * other)
_operation("div", _divided)
_operation("mod", lambda one, other: one - other * _divided(one, other))


@FUNCTIONS.add("int", 1)
def int_(arguments: list[Any]) -> int:
    """An integer from a text of digits."""
    value = check("int", 1, arguments[0], "String", "Integer")
    if isinstance(value, int):
        return value
    digits = value.strip()
    if not digits.lstrip("+-").isdecimal() or len(digits) > 20:
        raise refuse("int", f"the text '{digits[:100]}' is no integer")
    try:
        return _bounded("int", int(digits))
    except ValueError:
        raise refuse("int", f"the text '{digits[:100]}' is no integer") from None


@FUNCTIONS.add("float", 1)
def float_(arguments: list[Any]) -> float:
    """A number with decimal places, which only parameters of other templates can take."""
    value = check("float", 1, arguments[0], "String", "Integer")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise refuse("float", f"the text '{str(value)[:100]}' is no number")
    return number


def _extreme(name: str, choose: Callable[..., int]) -> None:
    @FUNCTIONS.add(name, 1, None)
    def extreme(arguments: list[Any]) -> int:
        numbers = arguments[0] if isinstance(arguments[0], list) else arguments
        if not numbers:
            raise refuse(name, "there is no number")
        return choose(check(name, n, one, "Integer") for n, one in enumerate(numbers, 1))


_extreme("min", min)
_extreme("max", max)


@FUNCTIONS.add("range", 2, kind="scoped")
def range_(scope: Scope, arguments: list[Any]) -> list[int]:
    """So many integers from the first."""
    start, count = (check("range", n, one, "Integer") for n, one in enumerate(arguments, 1))
    if not 0 <= count <= RANGE or start + count > 2**31 - 1:
        raise refuse(
            "range",
            f"the count must be from 0 to {RANGE}, and the sum of both at most {2**31 - 1}",
        )
    scope.budget.take(count)
    return list(range(start, start + count))
