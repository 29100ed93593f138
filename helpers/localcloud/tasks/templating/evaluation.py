"""Pipelines of templates and their values: fields, variables, functions, methods.

Source: Go documentation, text/template; package text/template, exec.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .budget import Budget, weigh
from .constants import Number
from .functions import FUNCTIONS
from .go_types import FunctionError, Object, StringMap, Values, truth, type_name
from .lexer import NAME, TemplateError, fail
from .parser import Chain, Function, Literal, Operand, Pipeline
from .signatures import GoFunction, Signature, checked, constant, ideal, signature


class _Nil:
    """An element that is nil: other than nil itself, it has no fields."""


NIL = _Nil()
Variables = list[list[Any]]


class Evaluator:
    """Gives pipelines their values. Its methods raise :class:`TemplateError`."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._variables: Variables = []

    # -- variables ---------------------------------------------------------------------------

    def start(self, data: Any) -> None:
        """Begin with the whole data."""
        self._variables = [["$", data]]

    def mark(self) -> int:
        """How many variables there are now."""
        return len(self._variables)

    def reset(self, mark: int) -> None:
        """Forget the variables that have come since."""
        del self._variables[mark:]

    def enter(self, data: Any) -> Variables:
        """Begin another template, which sees none of the variables; they are given back."""
        outer = self._variables
        self.start(data)
        return outer

    def leave(self, outer: Variables) -> None:
        """Return from another template."""
        self._variables = outer

    def iterate(self, pipeline: Pipeline, key: Any, element: Any) -> None:
        """Set the variables of a range."""
        names = pipeline.variables
        values = (key, element) if len(names) > 1 else (element,)
        if not pipeline.declares:
            for name, value in zip(names, values, strict=False):
                self._assign(name, value, pipeline)
            return
        for position, value in enumerate(values[: len(names)]):
            self._variables[position - len(names)][1] = value

    def _assign(self, name: str, value: Any, pipeline: Pipeline) -> None:
        self._variable(name, pipeline)[1] = value

    def _variable(self, name: str, pipeline: Pipeline) -> list[Any]:
        """The name of a variable and its value."""
        for one in reversed(self._variables):
            if one[0] == name:
                return one
        raise self.error(pipeline, f"undefined variable: {name}")

    # -- pipelines ---------------------------------------------------------------------------

    @staticmethod
    def error(pipeline: Pipeline, message: str) -> TemplateError:
        """An error at an expression."""
        return fail(
            pipeline.line, f'executing "{NAME}" at <{pipeline.text}>: {message}', pipeline.column
        )

    def pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        """The value of a pipeline; its variables are set."""
        value: Any = None
        for number, command in enumerate(pipeline.commands):
            try:
                value = self._command(command, dot, [value] if number else [], pipeline)
            except FunctionError as error:
                raise self.error(pipeline, str(error)) from None
            value = None if value is NIL else value
        for name in pipeline.variables:
            if pipeline.declares:
                self._variables.append([name, value])
            else:
                self._assign(name, value, pipeline)
        return value

    def _command(
        self, operands: tuple[Operand, ...], dot: Any, piped: list[Any], pipeline: Pipeline
    ) -> Any:
        first, *rest = operands
        if isinstance(first, Function):
            return self._function(first.name, rest, dot, piped, pipeline)
        if isinstance(first, Chain) and first.fields:
            return self._chain(first, dot, pipeline, rest, piped)
        if rest or piped:
            raise FunctionError("can't give argument to non-function")
        if isinstance(first, Literal):
            if first.value is None:
                raise FunctionError("nil is not a command")
            return ideal(first.value) if isinstance(first.value, Number) else first.value
        return self._start(first, dot, pipeline)

    def _function(
        self, name: str, rest: list[Operand], dot: Any, piped: list[Any], pipeline: Pipeline
    ) -> Any:
        function = FUNCTIONS[name]
        function.takes.check_count(name, len(rest) + len(piped))
        if name in ("and", "or"):
            return self._lazy(name, rest, dot, piped, pipeline)
        return self._called(name, function, (rest, dot, piped), pipeline)

    def _called(
        self,
        name: str,
        function: GoFunction,
        given: tuple[list[Operand], Any, list[Any]],
        pipeline: Pipeline,
    ) -> Any:
        arguments = self._arguments(function.takes, given, pipeline)
        try:
            self._budget.call(name, arguments)
            return weigh(function(arguments))
        except FunctionError as error:
            raise FunctionError(f"error calling {name}: {error}") from None

    def _arguments(
        self, takes: Signature, given: tuple[list[Operand], Any, list[Any]], pipeline: Pipeline
    ) -> list[Any]:
        rest, dot, piped = given
        values: list[Any] = []
        for position, one in enumerate(rest):
            wanted = takes.wanted(position)
            if isinstance(one, Literal):
                values.append(constant(one.value, wanted))
                continue
            value = self._operand(one, dot, pipeline)
            element = value is NIL or (isinstance(one, Chain) and bool(one.fields))
            values.append(checked(None if value is NIL else value, wanted, element))
        return values + [checked(one, takes.wanted(len(rest))) for one in piped]

    def _lazy(
        self, name: str, rest: list[Operand], dot: Any, piped: list[Any], pipeline: Pipeline
    ) -> Any:
        """``and`` and ``or`` stop at the first value that decides."""
        value: Any = None
        for one in rest:
            value = self._operand(one, dot, pipeline)
            value = None if value is NIL else value
            if truth(value) == (name == "or"):
                return value
        return piped[0] if piped else value

    def _operand(self, operand: Operand, dot: Any, pipeline: Pipeline) -> Any:
        if isinstance(operand, Literal):
            return constant(operand.value, "any")
        if isinstance(operand, Function):
            return self._function(operand.name, [], dot, [], pipeline)
        if operand.fields:
            return self._chain(operand, dot, pipeline, [], [])
        return self._start(operand, dot, pipeline)

    # -- fields ------------------------------------------------------------------------------

    def _start(self, chain: Chain, dot: Any, pipeline: Pipeline) -> Any:
        if chain.start is None:
            return dot
        if isinstance(chain.start, Pipeline):
            return self.pipeline(chain.start, dot)
        if isinstance(chain.start, Function):
            return self._function(chain.start.name, [], dot, [], pipeline)
        return self._variable(chain.start, pipeline)[1]

    def _chain(
        self, chain: Chain, dot: Any, pipeline: Pipeline, rest: list[Operand], piped: list[Any]
    ) -> Any:
        value = self._start(chain, dot, pipeline)
        last = len(chain.fields) - 1
        for position, name in enumerate(chain.fields):
            given = (rest, dot, piped) if position == last else ([], dot, [])
            value = self._field(value, name, given, pipeline)
            if value is None and position < last:
                value = NIL
        return value

    def _field(
        self,
        value: Any,
        name: str,
        given: tuple[list[Operand], Any, list[Any]],
        pipeline: Pipeline,
    ) -> Any:
        if value is None:
            return None
        if value is NIL:
            raise FunctionError(f"nil pointer evaluating interface {{}}.{name}")
        if isinstance(value, Object):
            if name in value.methods:
                takes = signature(value.methods[name])
                takes.check_count(name, len(given[0]) + len(given[2]))
                return self._called(name, GoFunction(takes, value.method(name)), given, pipeline)
            fields: Mapping[Any, Any] = value.fields()
            known = name in fields
        elif isinstance(value, Values) and name == "ToYAMLString":
            raise FunctionError("the local cloud does not implement ToYAMLString: use toJson")
        else:
            fields = value if isinstance(value, Mapping) else {}
            known = isinstance(value, Mapping)
        if not known:
            raise FunctionError(f"can't evaluate field {name} in type {type_name(value)}")
        if given[0] or given[2]:
            raise FunctionError(f"{name} is not a method but has arguments")
        return fields.get(name, "" if isinstance(value, StringMap) else None)
