"""Executes Go templates with the functions that task files use; a missing key is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .budget import ITEMS, Budget, BudgetError, limit, weigh
from .functions import FUNCTIONS, FunctionError, call, show, truth
from .parser import (
    NAME,
    Chain,
    Function,
    Literal,
    Node,
    Operand,
    Parser,
    Pipeline,
    TemplateError,
    fail,
)

__all__ = ["TemplateError", "render"]


def render(text: str, data: Mapping[str, Any]) -> str:
    """``text`` with its actions evaluated on ``data``.

    As acb renders: a missing key is the zero value, and prints nothing. Raises
    :class:`TemplateError` with line and expression.
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
        self._output: list[str] = []
        self._variables: list[dict[str, Any]] = []
        self._depth = 0

    def render(self, nodes: list[Node], data: Any) -> str:
        self._variables.append({"$": data})
        self._walk(nodes, data)
        return "".join(self._output)

    def _walk(self, nodes: list[Node], dot: Any) -> None:
        self._variables.append({})
        try:
            for node in nodes:
                self._node(node, dot)
        finally:
            self._variables.pop()

    def _node(self, node: Node, dot: Any) -> None:
        self._step(node)
        if node.kind == "text":
            self._print(node.text, node.line)
        elif node.kind == "action":
            assert node.pipeline is not None
            value = self._pipeline(node.pipeline, dot)
            if not node.pipeline.variables:
                self._print(value, node.line, node.pipeline.text)
        elif node.kind in ("if", "with"):
            assert node.pipeline is not None
            self._variables.append({})
            value = self._pipeline(node.pipeline, dot)
            inner = value if node.kind == "with" and truth(value) else dot
            self._walk(node.body if truth(value) else node.otherwise, inner)
            self._variables.pop()
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

    def _print(self, value: Any, line: int, expression: str = "") -> None:
        try:
            self._output.append(self._budget.show(show(weigh(value))))
        except BudgetError as error:
            raise (
                self._error(line, expression, str(error)) if expression else fail(line, str(error))
            ) from None

    def _range(self, node: Node, dot: Any) -> None:
        assert node.pipeline is not None
        pipeline = node.pipeline
        bare = Pipeline(pipeline.commands, pipeline.line, pipeline.text)
        value = self._pipeline(bare, dot)
        items: list[tuple[Any, Any]]
        if isinstance(value, Mapping):
            items = sorted(value.items(), key=lambda pair: str(pair[0]))
        elif isinstance(value, (list, tuple)):
            items = list(enumerate(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            if value > ITEMS:
                raise self._error(node.line, pipeline.text, str(limit(f"{value} rounds")))
            items = [(number, number) for number in range(value)]
        elif value is None or value == "":
            items = []
        else:
            raise self._error(node.line, pipeline.text, f"range can't iterate over {show(value)}")
        if not items:
            self._walk(node.otherwise, dot)
            return
        for key, item in items:
            self._step(node)
            names = pipeline.variables
            scope = dict(zip(names, (key, item) if len(names) == 2 else (item,), strict=False))
            self._variables.append(scope)
            try:
                self._walk(node.body, item)
            except _Continue:
                continue
            except _Break:
                break
            finally:
                self._variables.pop()

    def _call(self, node: Node, dot: Any) -> None:
        body = self._templates.get(node.text)
        if body is None:
            raise fail(node.line, f'template "{node.text}" not defined')
        if self._depth > 100:
            raise fail(node.line, f'exceeded maximum template depth in "{node.text}"')
        inner = self._pipeline(node.pipeline, dot) if node.pipeline else None
        outer, self._variables = self._variables, [{"$": inner}]
        self._depth += 1
        try:
            self._walk(body, inner)
        finally:
            self._depth -= 1
            self._variables = outer

    # -- values ------------------------------------------------------------------------------

    def _error(self, line: int, text: str, message: str) -> TemplateError:
        return fail(line, f'executing "{NAME}" at <{text}>: {message}')

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        value: Any = None
        for number, command in enumerate(pipeline.commands):
            value = self._command(command, dot, [value] if number else [], pipeline)
        for name in pipeline.variables:
            self._assign(name, value, pipeline)
        return value

    def _assign(self, name: str, value: Any, pipeline: Pipeline) -> None:
        if pipeline.declares:
            self._variables[-1][name] = value
            return
        for scope in reversed(self._variables):
            if name in scope:
                scope[name] = value
                return
        raise fail(pipeline.line, f'undefined variable "{name}"')

    def _command(
        self, operands: tuple[Operand, ...], dot: Any, piped: list[Any], pipeline: Pipeline
    ) -> Any:
        first, *rest = operands
        if isinstance(first, Function):
            if first.name in ("and", "or") and (rest or piped):
                return self._lazy(first.name, rest, dot, piped, pipeline)
            arguments = [self._operand(one, dot, pipeline) for one in rest] + piped
            try:
                self._budget.call(first.name, arguments)
                return weigh(call(first.name, arguments))
            except FunctionError as error:
                message = f"error calling {first.name}: {error}"
            raise self._error(pipeline.line, pipeline.text, message)
        value = self._operand(first, dot, pipeline)
        if isinstance(first, Literal) and first.value is None:
            raise self._error(pipeline.line, pipeline.text, "nil is not a command")
        if rest or piped:
            raise self._error(pipeline.line, pipeline.text, "can't give argument to non-function")
        return value

    def _lazy(
        self, name: str, rest: list[Operand], dot: Any, piped: list[Any], pipeline: Pipeline
    ) -> Any:
        """``and`` and ``or`` stop at the first value that decides."""
        value: Any = None
        for one in rest:
            value = self._operand(one, dot, pipeline)
            if truth(value) == (name == "or"):
                return value
        return piped[0] if piped else value

    def _operand(self, operand: Operand, dot: Any, pipeline: Pipeline) -> Any:
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Function):
            return self._command((operand,), dot, [], pipeline)
        start: Any
        if operand.start is None:
            start = dot
        elif isinstance(operand.start, Pipeline):
            start = self._pipeline(operand.start, dot)
        else:
            start = self._variable(operand.start, pipeline)
        return self._fields(start, operand, pipeline)

    def _variable(self, name: str, pipeline: Pipeline) -> Any:
        for scope in reversed(self._variables):
            if name in scope:
                return scope[name]
        raise fail(pipeline.line, f'undefined variable "{name}" in {{{{{pipeline.text}}}}}')

    def _fields(self, value: Any, chain: Chain, pipeline: Pipeline) -> Any:
        for name in chain.fields:
            if isinstance(value, Mapping):
                value = value.get(name)
            elif value is None:
                raise self._error(
                    pipeline.line, pipeline.text, f"nil pointer evaluating interface {{}}.{name}"
                )
            else:
                kind = "string" if isinstance(value, str) else type(value).__name__
                raise self._error(
                    pipeline.line, pipeline.text, f"can't evaluate field {name} in type {kind}"
                )
        return value
