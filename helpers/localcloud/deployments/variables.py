"""The variables of a template: each is evaluated once, when it is asked for."""

from __future__ import annotations

from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from .errors import ExpressionError
from .evaluation import repeated, resolve
from .scope import Scope
from .syntax import Literal, calls, parse
from .template import Template, expressions


class Variables:
    """What ``variables()`` answers; ``scope`` is the one that has them, where they are evaluated."""

    def __init__(self, template: Template, scope: Scope) -> None:
        self._copied = {one["name"].lower() for one in template.variables.get("copy") or []}
        self._written = {name.lower(): one for name, one in template.named_variables.items()}
        self.scope = replace(scope, variable=self)
        self._values: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        """The value of a variable. Raises :class:`ExpressionError`."""
        wanted = name.lower()
        if wanted not in self._written:
            raise ExpressionError(
                f"The template variable '{name}' is not found. Please see "
                "https://aka.ms/arm-syntax-variables for usage details"
            )
        if wanted not in self._values:
            for one in self._needed(wanted):
                self._values[one] = self._evaluated(one)
        return self._values[wanted]

    def _evaluated(self, name: str) -> Any:
        made = repeated if name in self._copied else resolve
        return made(self._written[name], self.scope)

    def _needed(self, wanted: str) -> list[str]:
        """The variables that must be evaluated first, and ``wanted``: without recursion."""
        needs: dict[str, set[str]] = {}
        pending = {wanted}
        while pending:
            name = pending.pop()
            needs[name] = self._names(self._written[name]) - self._values.keys()
            pending |= needs[name] - needs.keys()
        try:
            return list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise ExpressionError(
                f"Circular dependency detected on variable: '{min(error.args[1])}'"
            ) from None

    def _names(self, value: Any) -> set[str]:
        found = set()
        for text in expressions(value):
            for call in calls(parse(text)):
                first = call.arguments[0] if call.arguments else None
                if call.name == "variables" and isinstance(first, Literal):
                    found.add(str(first.value).lower())
        return found & self._written.keys()
