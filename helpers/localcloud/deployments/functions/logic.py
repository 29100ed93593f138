"""Logical and comparison functions: if, and, or, not, equals, less, coalesce …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ExpressionError
from ..scope import Scope
from ..values import same, text_of
from .function import Functions, check, refuse

FUNCTIONS = Functions()


@FUNCTIONS.add("if", 3, kind="lazy")
def if_(scope: Scope, evaluate: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Only the value that is chosen is evaluated."""
    chosen = check("if", 1, evaluate(arguments[0], scope), "Boolean")
    return evaluate(arguments[1 if chosen else 2], scope)


@FUNCTIONS.add("and", 2, None, kind="lazy")
def and_(scope: Scope, evaluate: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether all are true; what comes after a false one is not evaluated."""
    return all(check("and", n, evaluate(one, scope), "Boolean") for n, one in _each(arguments))


@FUNCTIONS.add("or", 2, None, kind="lazy")
def or_(scope: Scope, evaluate: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether any is true; what comes after a true one is not evaluated."""
    return any(check("or", n, evaluate(one, scope), "Boolean") for n, one in _each(arguments))


@FUNCTIONS.add("coalesce", 1, None, kind="lazy")
def coalesce(scope: Scope, evaluate: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The first that is not null."""
    values = (evaluate(one, scope) for one in arguments)
    return next((one for one in values if one is not None), None)


def _each(arguments: tuple[Any, ...]) -> Any:
    return enumerate(arguments, 1)


@FUNCTIONS.add("not", 1)
def not_(arguments: list[Any]) -> bool:
    """The opposite."""
    return not check("not", 1, arguments[0], "Boolean")


@FUNCTIONS.add("true", 0)
def true(_arguments: list[Any]) -> bool:
    """True."""
    return True


@FUNCTIONS.add("false", 0)
def false(_arguments: list[Any]) -> bool:
    """False."""
    return False


@FUNCTIONS.add("null", 0)
def null(_arguments: list[Any]) -> None:
    """Null."""


@FUNCTIONS.add("fail", 1)
def fail(arguments: list[Any]) -> None:
    """Ends the deployment with a message of the template's author."""
    raise ExpressionError(check("fail", 1, arguments[0], "String"))


@FUNCTIONS.add("bool", 1)
def bool_(arguments: list[Any]) -> bool:
    """A boolean from a text or a number."""
    value = arguments[0]
    if isinstance(value, bool | int):
        return bool(value)
    wanted = text_of(check("bool", 1, value, "String", "Integer", "Boolean")).lower()
    if wanted not in ("true", "false", "1", "0"):
        raise refuse("bool", f"the text '{wanted[:100]}' is neither 'true' nor 'false'")
    return wanted in ("true", "1")


@FUNCTIONS.add("equals", 2)
def equals(arguments: list[Any]) -> bool:
    """Whether two values are the same; texts compare with their case."""
    return same(*arguments)


def _compared(name: str, holds: Callable[[Any, Any], bool]) -> None:
    @FUNCTIONS.add(name, 2)
    def compare(arguments: list[Any]) -> bool:
        first = check(name, 1, arguments[0], "Integer", "String")
        kind = "String" if isinstance(first, str) else "Integer"
        return holds(first, check(name, 2, arguments[1], kind))


_compared("less", lambda one, other: one < other)
_compared("lessOrEquals", lambda one, other: one <= other)
_compared("greater", lambda one, other: one > other)
_compared("greaterOrEquals", lambda one, other: one >= other)
