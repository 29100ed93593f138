"""What expressions say: the tree is walked, in the scope of its place in the template."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import functions
from .errors import ExpressionError
from .limits import COPIES, LONG
from .scope import Scope
from .syntax import Access, Call, Literal, Node, is_expression, parse, unescaped
from .values import item, text_of


def resolve(value: Any, scope: Scope) -> Any:
    """A value of a template with all expressions in it evaluated, those in names, too.

    Raises :class:`ExpressionError`.
    """
    if isinstance(value, str):
        scope.budget.take(1)
        return evaluate(parse(value), scope) if is_expression(value) else unescaped(value)
    if isinstance(value, dict):
        resolved: dict[str, Any] = {}
        for name, inner in value.items():
            if name == "copy" and is_copied(inner):
                for one in inner:
                    resolved[text_of(resolve(one["name"], scope))] = repeated(one, scope)
            else:
                key = resolve(name, scope) if name.startswith("[") else name
                resolved[text_of(key)] = resolve(inner, scope)
        return resolved
    if isinstance(value, list):
        return [resolve(inner, scope) for inner in value]
    return value


def is_copied(value: Any) -> bool:
    """Whether the value of a property ``copy`` makes lists of properties."""
    return isinstance(value, list) and all(
        isinstance(one, dict) and {"name", "count", "input"} <= one.keys() for one in value
    )


def repeated(copy: dict[str, Any], scope: Scope) -> list[Any]:
    """The list that a loop of a property or a variable makes. Raises :class:`ExpressionError`."""
    name = text_of(resolve(copy["name"], scope))
    return [
        resolve(copy["input"], scope.looped(name, turn))
        for turn in range(copy_count(name, copy["count"], scope))
    ]


def copy_count(name: str, given: Any, scope: Scope) -> int:
    """How many turns a loop has. Raises :class:`ExpressionError`."""
    count = resolve(given, scope)
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= COPIES:
        raise ExpressionError(
            f"The copy count of the loop '{name}' must be an integer from 0 to {COPIES}: it is "
            f"'{text_of(count)[:100]}'. Please see https://aka.ms/arm-copy for usage details"
        )
    return count


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression. Raises :class:`ExpressionError`."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Access):
        value = evaluate(node.value, scope)
        for key in node.keys:
            value = item(value, evaluate(key, scope))
        return value
    with scope.budget:
        return _call(node, scope)


def _call(node: Call, scope: Scope) -> Any:
    own = scope.functions.get(node.name)
    if own is not None:
        return _call_own(node, own, scope)
    found = functions.find(node.name, node.written)
    found.check_count(len(node.arguments))
    if found.kind == "lazy":
        value = found.call(scope, evaluate, node.arguments)
    else:
        arguments = [evaluate(argument, scope) for argument in node.arguments]
        if found.kind == "scoped":
            return found.call(scope, arguments)
        value = found.call(arguments)
    if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > LONG):
        scope.budget.take_value(value)
    return value


def _call_own(node: Call, own: Any, scope: Scope) -> Any:
    """A function of the template's own sees nothing but its parameters."""
    names = own["parameters"]
    if len(names) != len(node.arguments):
        raise ExpressionError(
            f"The template function '{node.written}' requires {len(names)} argument(s) while "
            f"{len(node.arguments)} were provided"
        )
    given = dict(zip(names, (evaluate(one, scope) for one in node.arguments), strict=True))

    def parameter(name: str) -> Any:
        if name.lower() not in given:
            raise ExpressionError(
                f"The template parameter '{name}' is not found in the function '{node.written}'"
            )
        return given[name.lower()]

    def variable(name: str) -> Any:
        raise ExpressionError(
            f"The template variable '{name}' is not found: a function of a template has none"
        )

    inside = replace(
        scope, parameter=parameter, variable=variable, runtime=None, copies=(), lambdas={}
    )
    return resolve(own["output"], inside)
