"""Functions that take a lambda: map, filter, sort, reduce, toObject, groupBy, mapValues.

Source: Azure documentation, "Lambda functions for ARM templates".
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..errors import ExpressionError
from ..limits import CALL
from ..scope import Scope
from ..syntax import Call
from .function import Functions, check, refuse

FUNCTIONS = Functions()
Evaluate = Callable[..., Any]
Arguments = tuple[Any, ...]


class _Lambda:
    """The last argument of such a function: names, and what is made of them."""

    def __init__(self, function: str, scope: Scope, evaluate: Evaluate, node: Any) -> None:
        if not (isinstance(node, Call) and node.name == "lambda" and len(node.arguments) >= 1):
            raise refuse(function, "it needs a lambda function as its argument")
        self._names = [
            check("lambda", n, evaluate(one, scope), "String").lower()
            for n, one in enumerate(node.arguments[:-1], 1)
        ]
        self._body = node.arguments[-1]
        self._scope, self._evaluate, self._function = scope, evaluate, function

    def __call__(self, *values: Any) -> Any:
        if len(self._names) > len(values):
            raise refuse(
                self._function, f"the lambda function has more than {len(values)} variables"
            )
        self._scope.budget.take(CALL)
        named = dict(zip(self._names, values, strict=False))
        return self._evaluate(self._body, self._scope.with_values(named))


def _array(name: str, scope: Scope, evaluate: Evaluate, node: Any) -> list[Any]:
    found = check(name, 1, evaluate(node, scope), "Array")
    assert isinstance(found, list)
    return found


@FUNCTIONS.add("lambda", 1, None, kind="lazy")
def lambda_(_scope: Scope, _evaluate: Evaluate, _arguments: Arguments) -> Any:
    """A lambda is the argument of a function, and nothing else."""
    raise refuse("lambda", "it can only be the argument of a function that takes one")


@FUNCTIONS.add("lambdaVariables", 1, kind="scoped")
def lambda_variables(scope: Scope, arguments: list[Any]) -> Any:
    """The value that a variable of a lambda has now."""
    name = check("lambdaVariables", 1, arguments[0], "String")
    if name.lower() not in scope.lambdas:
        raise ExpressionError(f"The lambda variable '{name}' is not found")
    return scope.lambdas[name.lower()]


@FUNCTIONS.add("map", 2, kind="lazy")
def map_(scope: Scope, evaluate: Evaluate, arguments: Arguments) -> list[Any]:
    """What the lambda makes of each item."""
    items = _array("map", scope, evaluate, arguments[0])
    work = _Lambda("map", scope, evaluate, arguments[1])
    return [work(one, index) for index, one in enumerate(items)]


@FUNCTIONS.add("filter", 2, kind="lazy")
def filter_(scope: Scope, evaluate: Evaluate, arguments: Arguments) -> list[Any]:
    """The items for which the lambda is true."""
    items = _array("filter", scope, evaluate, arguments[0])
    work = _Lambda("filter", scope, evaluate, arguments[1])
    return [
        one for index, one in enumerate(items) if check("filter", 2, work(one, index), "Boolean")
    ]


@FUNCTIONS.add("sort", 2, kind="lazy")
def sort(scope: Scope, evaluate: Evaluate, arguments: Arguments) -> list[Any]:
    """The items, in the order in which the lambda says that one is before another."""
    items = _array("sort", scope, evaluate, arguments[0])
    work = _Lambda("sort", scope, evaluate, arguments[1])

    def compare(one: Any, other: Any) -> int:
        if check("sort", 2, work(one, other), "Boolean"):
            return -1
        return int(check("sort", 2, work(other, one), "Boolean"))

    return sorted(items, key=functools.cmp_to_key(compare))


@FUNCTIONS.add("reduce", 3, kind="lazy")
def reduce(scope: Scope, evaluate: Evaluate, arguments: Arguments) -> Any:
    """One value of all items, from a first value."""
    items = _array("reduce", scope, evaluate, arguments[0])
    value = evaluate(arguments[1], scope)
    work = _Lambda("reduce", scope, evaluate, arguments[2])
    for index, one in enumerate(items):
        value = work(value, one, index)
    return value


@FUNCTIONS.add("toObject", 2, 3, kind="lazy")
def to_object(scope: Scope, evaluate: Evaluate, arguments: Arguments) -> dict[str, Any]:
    """An object with a name, and perhaps a value, for each item."""
    items = _array("toObject", scope, evaluate, arguments[0])
    key = _Lambda("toObject", scope, evaluate, arguments[1])
    value = _Lambda("toObject", scope, evaluate, arguments[2]) if arguments[2:] else None
    return {
        check("toObject", 2, key(one), "String"): value(one) if value is not None else one
        for one in items
    }


@FUNCTIONS.add("groupBy", 2, kind="lazy")
def group_by(scope: Scope, evaluate: Evaluate, arguments: Arguments) -> dict[str, list[Any]]:
    """The items by the names that the lambda makes of them."""
    groups: dict[str, list[Any]] = {}
    key = _Lambda("groupBy", scope, evaluate, arguments[1])
    for index, one in enumerate(_array("groupBy", scope, evaluate, arguments[0])):
        groups.setdefault(check("groupBy", 2, key(one, index), "String"), []).append(one)
    return groups


@FUNCTIONS.add("mapValues", 2, kind="lazy")
def map_values(scope: Scope, evaluate: Evaluate, arguments: Arguments) -> dict[str, Any]:
    """An object with what the lambda makes of each value."""
    given = check("mapValues", 1, evaluate(arguments[0], scope), "Object")
    work = _Lambda("mapValues", scope, evaluate, arguments[1])
    return {name: work(value) for name, value in given.items()}
