"""What must be made before what: ``dependsOn``, and what expressions ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ..errors import CloudError
from .declared import Declared
from .errors import ExpressionError, UnreadableError
from .evaluation import evaluate
from .functions import needs_runtime
from .syntax import Call, calls, parse
from .template import expressions, validation, without_template


class Graph:
    """The resources of one template, by their places in the list, and what each waits for."""

    def __init__(self, declared: list[Declared]) -> None:
        """Raises :class:`TemplateError` for what is not there, and for a circle."""
        self.declared = declared
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for place, one in enumerate(declared):
            for word in _words(one):
                self._by_word[word.lower()].add(place)
        self.needs: list[set[int]] = [self._needed(place) for place in range(len(declared))]
        self._check_circles()

    def _needed(self, place: int) -> set[int]:
        one = self.declared[place]
        found: set[int] = set()
        for word in one.depends_on:
            named = self._by_word.get(word.strip("/").lower()) or self._by_word.get(word.lower())
            if named is None:
                raise validation(
                    f"The resource '{word}' is not defined in the template. Please see "
                    "https://aka.ms/arm-syntax for usage details",
                    path=(*one.path, "dependsOn"),
                )
            found |= named
        for word in _references(one):
            found |= self._by_word.get(word.lower(), set())
        if one.batch:
            first = one.turn - one.turn % one.batch
            found |= {
                other
                for other in self._by_word[one.loop.lower()]
                if self.declared[other].loop == one.loop
                and first - one.batch <= self.declared[other].turn < first
            }
        return found

    def _check_circles(self) -> None:
        try:
            TopologicalSorter(dict(enumerate(self.needs))).prepare()
        except CycleError as error:
            place = min(error.args[1])
            raise validation(
                f"Circular dependency detected on resource: '{self.declared[place].id}'. Please see "
                "https://aka.ms/arm-syntax-resources for usage details"
            ) from None


def _words(one: Declared) -> Iterator[str]:
    """What a template may call a resource."""
    yield one.id
    yield one.name
    yield f"{one.type}/{one.name}"
    yield one.id.rpartition("/providers/")[2]
    if one.symbol:
        yield one.symbol
        yield one.symbol.partition("[")[0]
    if one.loop:
        yield one.loop


def _references(one: Declared) -> Iterator[str]:
    """What ``reference()`` and ``list*()`` ask for, where that is known beforehand."""
    asked: dict[str, list[Call]] = {}
    for text in expressions(_own(one)):
        if text not in asked:
            asked[text] = _asking(text)
        for call in asked[text]:
            try:
                word = evaluate(call.arguments[0], one.scope)
            except (ExpressionError, CloudError):
                continue  # it depends on what is known later only: it is asked for then
            if isinstance(word, str):
                yield word


def _asking(text: str) -> list[Call]:
    """The calls of an expression that ask for a resource."""
    try:
        found = calls(parse(text))
    except UnreadableError:
        return []  # within a nested template, which says so when it is read
    return [call for call in found if call.arguments and needs_runtime(call.name)]


def _own(one: Declared) -> Any:
    """What is written of a resource alone: not its children; of a nested template, if it is outer."""
    own = {
        name: value for name, value in one.written.items() if name not in ("resources", "dependsOn")
    }
    properties = own.get("properties")
    inner = one.nested and isinstance(properties, dict) and is_inner(properties)
    return without_template(own) if inner else own


def is_inner(properties: dict[str, Any]) -> bool:
    """Whether the expressions of a nested template are evaluated within it."""
    options = properties.get("expressionEvaluationOptions")
    scope = options.get("scope") if isinstance(options, dict) else None
    return str(scope or "").lower() == "inner"
