"""One function of templates: its name, how many arguments it takes, and what checks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import ExpressionError
from ..values import type_name

_KINDS: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Boolean": (bool,),
    "Array": (list,),
    "Object": (dict,),
}


@dataclass(frozen=True)
class Function:
    """``call`` gets the arguments, as its ``kind`` says.

    ``plain``: their values. ``scoped``: the scope, too. ``lazy``: the scope, the function that
    evaluates, and the arguments as they are written.
    """

    name: str
    least: int
    most: int | None
    call: Callable[..., Any]
    kind: str = "plain"

    def check_count(self, given: int) -> None:
        """Raise :class:`ExpressionError` for another number of arguments."""
        if given >= self.least and (self.most is None or given <= self.most):
            return
        if self.least == self.most:
            needed = f"exactly {self.least}"
        elif self.most is None or given < self.least:
            needed = f"at least {self.least}"
        else:
            needed = f"at most {self.most}"
        raise ExpressionError(
            f"Unable to evaluate template language function '{self.name}': function requires "
            f"{needed} argument(s) while {given} were provided. Please see "
            f"https://aka.ms/arm-functions/#{self.name} for usage details"
        )


class Functions(dict[str, Function]):
    """Functions by their names in lower case."""

    def add(
        self, name: str, least: int, most: int | None = -1, *, kind: str = "plain"
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a function with ``least`` to ``most`` arguments (None: any number more)."""

        def register(call: Callable[..., Any]) -> Callable[..., Any]:
            self[name.lower()] = Function(name, least, least if most == -1 else most, call, kind)
            return call

        return register


def check(function: str, position: int, value: Any, *kinds: str) -> Any:
    """``value``, which must be of one of those types. Raises :class:`ExpressionError`."""
    found = isinstance(value, tuple(one for kind in kinds for one in _KINDS[kind]))
    if found and not (isinstance(value, bool) and "Boolean" not in kinds):
        return value
    raise ExpressionError(
        f"The template language function '{function}' expects its parameter at position "
        f"{position} to be of type '{' or '.join(kinds)}'. The provided value is of type "
        f"'{type_name(value)}'. Please see https://aka.ms/arm-functions/#{function} for usage "
        "details"
    )


def misplaced(function: str) -> ExpressionError:
    """The error of a function where nothing could answer it."""
    return ExpressionError(
        f"The template function '{function}' is not expected at this location. Please see "
        "https://aka.ms/arm-functions for usage details"
    )


def refuse(function: str, why: str) -> ExpressionError:
    """The error of a function whose arguments make no sense."""
    return ExpressionError(
        f"Unable to evaluate template language function '{function}': {why}. Please see "
        f"https://aka.ms/arm-functions/#{function} for usage details"
    )
