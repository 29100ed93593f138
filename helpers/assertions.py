"""What an assertion of a notebook says when it fails: what was expected, and what was found.

An ``assert`` with a message of its own is left alone. In all others each operand is noted while it is
evaluated, once and in its order, so that its value can be told. (pytest does this for tests.)
"""

from __future__ import annotations

import ast
import os
import re
import reprlib
from typing import Any

NOTE = "@expectation"  # no name that a reader can write
_SECRET = re.compile(r"(?i)secret|password|passwd|credential|token(?!_name)|\bkey\b|\bsas\b")
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>|<(function|class|module|bound method) ")
_SHORTEST_SECRET = 8

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 160
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxdict = 12
_short.maxlevel = 4


class Expectation:
    """One assertion while it is evaluated: the operands seen so far, by their source."""

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def see(self, source: str, value: Any) -> Any:
        """Note the value of an operand; returns it."""
        self._seen[source] = value
        return value

    def see_item(self, value: Any, items: dict[str, Any]) -> Any:
        """Note the items for which ``all(…)`` does not hold; returns the value."""
        if not value:
            self._seen = items
        return value

    def told(self, source: str) -> str:
        """The message of the assertion."""
        if _SECRET.search(source):
            return f"expected {source}; what was found is not shown, as it may be secret"
        found = [f"{name} = {text}" for name, text in map(self._one, self._seen.items()) if text]
        return f"expected {source}; found {', '.join(found)}" if found else f"expected {source}"

    def _one(self, seen: tuple[str, Any]) -> tuple[str, str]:
        name, value = seen
        try:
            text = _short.repr(value)
        except Exception as error:  # noqa: BLE001 - whatever an object does when it is shown
            text = f"<{type(error).__name__} while it was shown>"
        return name, "" if _ADDRESS.search(text) else _without_secrets(text)


class Explained(ast.NodeTransformer):
    """Gives assertions without a message one that tells their operands: for IPython's cells."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """As it is: what a class body notes, a generator in it could not see."""
        return node

    def visit_Assert(self, node: ast.Assert) -> Any:
        """The assertion, between the making and the forgetting of its notes."""
        if node.msg is not None:
            return node
        source = ast.unparse(node.test)
        make = ast.parse(f"__import__({__name__!r}, fromlist=['Expectation']).Expectation()")
        noted = ast.Assign([ast.Name(NOTE, ast.Store())], make.body[0].value)  # type: ignore[attr-defined]
        message = _call("told", ast.Constant(source))
        checked = ast.Assert(_noting(node.test), message)
        forgotten = ast.Delete([ast.Name(NOTE, ast.Del())])
        made: list[ast.stmt] = [noted, checked, forgotten]
        for one in made:
            ast.copy_location(one, node)
            for inner in ast.walk(one):
                ast.copy_location(inner, node)
        return made


def _noting(test: ast.expr) -> ast.expr:
    """The same expression, which notes what it consists of."""
    if isinstance(test, ast.BoolOp):
        return ast.BoolOp(test.op, [_noting(value) for value in test.values])
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.UnaryOp(test.op, _noting(test.operand))
    if isinstance(test, ast.Compare):
        operands = [_seen(one) for one in test.comparators]
        return ast.Compare(_seen(test.left), test.ops, operands)
    if isinstance(test, ast.Call):
        return _noting_call(test)
    return _seen(test)


def _noting_call(call: ast.Call) -> ast.expr:
    """A call is told by what it is given: its answer is only that it does not hold."""
    if not isinstance(call.func, ast.Name | ast.Attribute):
        return _seen(call)
    if isinstance(call.func, ast.Name) and call.func.id in ("all", "any") and len(call.args) == 1:
        [items] = call.args
        if isinstance(items, ast.GeneratorExp | ast.ListComp):
            return ast.Call(call.func, [_noting_items(items, call.func.id)], call.keywords)
    func: ast.expr = call.func
    if isinstance(func, ast.Attribute):
        func = ast.Attribute(_seen(func.value), func.attr, func.ctx)
    arguments = [_seen(one) for one in call.args]
    keywords = [ast.keyword(one.arg, _seen(one.value)) for one in call.keywords if one.arg]
    keywords += [one for one in call.keywords if not one.arg]
    return ast.Call(func, arguments, keywords)


def _noting_items(items: ast.GeneratorExp | ast.ListComp, of: str) -> ast.expr:
    """What the items come from; of ``all(…)`` also the one for which it does not hold."""
    first, *more = items.generators
    generators = [ast.comprehension(first.target, _seen(first.iter), first.ifs, first.is_async)]
    element = items.elt
    if of == "all":
        names = {
            node.id
            for one in items.generators
            for node in ast.walk(one.target)
            if isinstance(node, ast.Name)
        }
        values = ast.Dict(
            [ast.Constant(name) for name in sorted(names)],
            [ast.Name(name, ast.Load()) for name in sorted(names)],
        )
        element = _call("see_item", element, values)
    return type(items)(element, [*generators, *more])


def _seen(value: ast.expr) -> ast.expr:
    if isinstance(value, ast.Constant | ast.Starred | ast.GeneratorExp | ast.NamedExpr):
        return value
    return _call("see", ast.Constant(ast.unparse(value)), value)


def _call(method: str, *arguments: ast.expr) -> ast.expr:
    note = ast.Name(NOTE, ast.Load())
    return ast.Call(ast.Attribute(note, method, ast.Load()), list(arguments), [])


def _without_secrets(text: str) -> str:
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "…")
    return text
