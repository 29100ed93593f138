"""Executes Go templates with the functions that task files use; a missing key is empty.

Source: Go documentation, text/template; package text/template, exec.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .budget import STEPS, Budget, BudgetError, limit, weigh
from .evaluation import NIL, Evaluator
from .functions import FUNCTIONS
from .go_format import in_order, show
from .go_types import FunctionError, is_integer, truth
from .lexer import TemplateError, fail
from .parser import Node, Parser, Pipeline

__all__ = ["TemplateError", "render"]

_NO_VALUE = "<no value>"  # as Go shows nil; the engine takes it out again
_DEEPEST = 100  # templates that call each other


def render(text: str, data: Mapping[str, Any]) -> str:
    """``text`` with its actions evaluated on ``data``.

    As acb renders: a missing key is the zero value, and prints nothing. Raises
    :class:`TemplateError` with line, column and expression.
    """
    try:
        parser = Parser(text, FUNCTIONS)
        nodes = parser.parse()
        return _Execution(parser.templates).render(nodes, data)
    except RecursionError:
        raise fail(1, "it is nested too deeply") from None


class _Break(Exception):  # noqa: N818
    pass


class _Continue(Exception):  # noqa: N818
    pass


class _Execution:
    def __init__(self, templates: Mapping[str, list[Node]]) -> None:
        self._templates = templates
        self._budget = Budget()
        self._evaluator = Evaluator(self._budget)
        self._output: list[str] = []
        self._depth = 0

    def render(self, nodes: list[Node], data: Any) -> str:
        self._evaluator.start(data)
        self._walk(nodes, data)
        return "".join(self._output).replace(_NO_VALUE, "")

    def _walk(self, nodes: Sequence[Node], dot: Any) -> None:
        for node in nodes:
            self._node(node, dot)

    def _node(self, node: Node, dot: Any) -> None:
        self._step(node)
        if node.kind == "text":
            self._print(node.text, node)
        elif node.kind == "action":
            assert node.pipeline is not None
            value = self._evaluator.pipeline(node.pipeline, dot)
            if not node.pipeline.variables:
                self._print(_NO_VALUE if value is None else value, node)
        elif node.kind in ("if", "with"):
            self._choose(node, dot)
        elif node.kind == "range":
            self._range(node, dot)
        elif node.kind == "template":
            self._call(node, dot)
        elif node.kind == "break":
            raise _Break
        else:
            raise _Continue

    def _step(self, node: Node) -> None:
        try:
            self._budget.step()
        except BudgetError as error:
            raise fail(node.line, str(error)) from None

    def _print(self, value: Any, node: Node) -> None:
        try:
            weigh(value)
            self._output.append(self._budget.show(show(value)))
        except BudgetError as error:
            if node.pipeline is None:
                raise fail(node.line, str(error)) from None
            raise self._evaluator.error(node.pipeline, str(error)) from None

    def _choose(self, node: Node, dot: Any) -> None:
        assert node.pipeline is not None
        mark = self._evaluator.mark()
        value = self._evaluator.pipeline(node.pipeline, dot)
        if truth(value):
            self._walk(node.body, value if node.kind == "with" else dot)
        else:
            self._walk(node.otherwise, dot)
        self._evaluator.reset(mark)

    def _range(self, node: Node, dot: Any) -> None:
        assert node.pipeline is not None
        start = self._evaluator.mark()
        value = self._evaluator.pipeline(node.pipeline, dot)
        mark = self._evaluator.mark()
        try:
            items = _items(value, node.pipeline)
        except FunctionError as error:
            raise self._evaluator.error(node.pipeline, str(error)) from None
        if not items:
            self._walk(node.otherwise, dot)
        for key, item in items:
            self._step(node)
            element = NIL if item is None else item
            self._evaluator.iterate(node.pipeline, NIL if key is None else key, element)
            try:
                self._walk(node.body, element)
            except _Continue:
                continue
            except _Break:
                break
            finally:
                self._evaluator.reset(mark)
        self._evaluator.reset(start)

    def _call(self, node: Node, dot: Any) -> None:
        body = self._templates.get(node.text)
        if body is None:
            raise fail(node.line, f'template "{node.text}" not defined')
        if self._depth > _DEEPEST:
            raise fail(node.line, f'exceeded maximum template depth in "{node.text}"')
        inner = self._evaluator.pipeline(node.pipeline, dot) if node.pipeline else None
        outer = self._evaluator.enter(inner)
        self._depth += 1
        try:
            self._walk(body, inner)
        finally:
            self._depth -= 1
            self._evaluator.leave(outer)


def _items(value: Any, pipeline: Pipeline) -> Sequence[tuple[Any, Any]]:
    """Keys and elements that a range goes through. Raises :class:`FunctionError`."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return in_order(value)
    if isinstance(value, list):
        return list(enumerate(value))
    if is_integer(value):
        if len(pipeline.variables) > 1:
            raise FunctionError(f"can't use {value} to iterate over more than one variable")
        if value > STEPS:
            raise limit(f"{value} rounds")
        return _Numbers(value)
    raise FunctionError(f"range can't iterate over {show(value)}")


class _Numbers(Sequence[tuple[Any, Any]]):
    """The numbers from 0, of the type of the end; not all of them at once."""

    def __init__(self, end: int) -> None:
        self._end = end

    def __len__(self) -> int:
        return max(self._end, 0)

    def __getitem__(self, position: Any) -> Any:
        if not 0 <= position < self._end:
            raise IndexError(position)
        return None, type(self._end)(position)
