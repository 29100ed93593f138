"""A template with its parameters: what is to be made, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import CloudError
from ..lenient_json import Path
from . import parameters, template
from .declared import Declared, declare
from .errors import ExpressionError
from .evaluation import repeated, resolve
from .functions import needs_runtime
from .functions.function import misplaced
from .graph import Graph
from .limits import Budget
from .scope import Place, Scope
from .syntax import calls, parse
from .template import (
    Template,
    check_expressions,
    expressions,
    invalid,
    validation,
    without_template,
)
from .values import type_name
from .variables import Variables


@dataclass
class Plan:
    """What one template says, for one place and one set of parameters."""

    template: Template
    scope: Scope = field(repr=False)
    values: dict[str, Any] = field(repr=False)
    graph: Graph
    references: dict[str, Any] = field(default_factory=dict)  # of parameters, to secrets
    links: dict[str, Any] = field(default_factory=dict)  # templateLink, parametersLink as shown
    text: str = field(default="", repr=False)  # of a linked template

    @property
    def resources(self) -> list[Declared]:
        """All that it declares, with what exists already and what is not wanted."""
        return self.graph.declared

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters as the deployment shows them."""
        declared, definitions = self.template.parameters, self.template.definitions
        return parameters.shown(declared, definitions, self.values, self.references)


def plan(
    document: Any, given: Any, place: Place, budget: Budget | None = None, at: Path = template.ROOT
) -> Plan:
    """Read a template, which is ``at`` that place, with the parameters that are given for it.

    Raises :class:`TemplateError`; 501 for what the local cloud does not have.
    """
    with _bounded():
        found = template.read(document, at)
        for _, resource, path in found.resources:
            what = f"The template resource '{resource['name'][:200]}'"
            check_expressions(found, without_template(resource), what, path, told=True)
        values: dict[str, Any] = {}

        def parameter(name: str) -> Any:
            if name.lower() not in values:
                raise parameters.not_found(name)
            return values[name.lower()]

        scope = Scope(place, parameter, _no_variable, budget or Budget(), found.functions)
        place_of_parameters = (*at, "parameters")
        values |= parameters.read(
            found.parameters, found.definitions, given, scope, place_of_parameters
        )
        variables = Variables(found, scope)
        _evaluate_variables(found, variables)
        made = planned(found, values, variables.scope, place.id)
        made.references = {
            name.lower(): reference
            for name, wrapped in (given or {}).items()
            if (reference := parameters.reference_of(wrapped)) is not None
        }
        return made


def outer(document: Any, scope: Scope, base: str, at: Path) -> Plan:
    """A nested template, ``at`` that place, whose expressions are those of the one around it."""
    with _bounded():
        return planned(template.read(document, at), {}, scope, base)


def planned(found: Template, values: dict[str, Any], scope: Scope, base: str) -> Plan:
    """What a template declares at ``base``, in that scope. Raises :class:`TemplateError`."""
    declared = declare(found, scope, base)
    symbols = {one.symbol: one.id for one in declared if one.symbol}
    scope = replace(scope, symbols={**scope.symbols, **symbols})
    for one in declared:
        one.scope = replace(one.scope, symbols=scope.symbols)
    return Plan(found, scope, values, Graph(declared))


@dataclass
class Outputs:
    """The outputs of a deployment: as it shows them, without secure values, and all values.

    ``failed`` are those that cannot be evaluated, with what is wrong.
    """

    shown: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    failed: dict[str, ExpressionError | CloudError] = field(default_factory=dict)


def outputs(found: Plan, scope: Scope) -> Outputs:
    """The outputs of a template. Raises :class:`TemplateError`."""
    told = Outputs()
    for name, written in found.template.outputs.items():
        try:
            with _bounded():
                _add_output(found, scope, told, name, written)
        except (ExpressionError, CloudError) as error:
            told.failed[name] = error
    return told


def _add_output(
    found: Plan, scope: Scope, told: Outputs, name: str, written: dict[str, Any]
) -> None:
    definition = parameters.complete(written, found.template.definitions)
    kind = parameters.kind_of(definition)
    if resolve(definition.get("condition", True), scope) is not True:
        return
    copy = definition.get("copy")
    if copy is not None:
        if not isinstance(copy, dict) or not {"count", "input"} <= copy.keys():
            raise ExpressionError("the copy of an output needs a count and an input")
        value: Any = repeated({"name": name, **copy}, scope)
    else:
        value = resolve(definition.get("value"), scope)
    told.shown[name] = {"type": parameters.shown_type(kind)}
    told.values[name] = value
    if value is None and definition.get("nullable"):
        return
    if type_name(value) != parameters.TYPES[kind]:
        raise ExpressionError(
            "Template output JToken type is not valid. Expected "
            f"'{parameters.TYPES[kind]}'. Actual '{type_name(value)}'. Please see "
            "https://aka.ms/arm-syntax-outputs for usage details."
        )
    if kind not in parameters.SECURE:
        told.shown[name]["value"] = value


def check_outputs(found: Plan) -> None:
    """Read the expressions of the outputs. Raises :class:`TemplateError`."""
    for name, written in found.template.outputs.items():
        path = (*found.template.at, "outputs", name)
        check_expressions(found.template, written, f"The template output '{name}'", path, told=True)


def _evaluate_variables(found: Template, variables: Variables) -> None:
    """Every variable, also one that nobody asks for, as Azure does."""
    for name, written in found.named_variables.items():
        try:
            for text in expressions(written):
                for call in calls(parse(text)):
                    if needs_runtime(call.name):
                        raise misplaced(call.written)
            variables(name)
        except ExpressionError as error:
            path = (*found.at, "variables", name)
            what = f"The template variable '{name}'"
            raise invalid(what, str(error), path, told=False) from None


def _no_variable(name: str) -> Any:
    """What defaults of parameters get, which have no variables."""
    raise ExpressionError(
        f"The template function 'variables' ('{name}') is not expected at this location. Please "
        "see https://aka.ms/arm-functions for usage details"
    )


@contextmanager
def _bounded() -> Iterator[None]:
    """Turns the end of Python's recursion into the error of a template."""
    try:
        yield
    except RecursionError:
        raise validation("The values of the template are nested too deeply") from None
