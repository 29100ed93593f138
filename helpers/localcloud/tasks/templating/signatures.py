"""What functions take: Go's types, and the errors of a value that is of another one.

Source: Go documentation, text/template; package text/template, exec.go (evalArg, validateType).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .constants import Number
from .go_types import FunctionError, Object, Uint32, Values, type_name

_GO = {
    "any": "interface {}",
    "list": "[]interface {}",
    "map": "map[string]interface {}",
    "time": "time.Time",
    "duration": "time.Duration",
    "month": "time.Month",
    "version": "*semver.Version",
    "certificate": "sprig.certificate",
}
_EXACT: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "bool": (bool,),
    "float64": (float,),
    "uint32": (Uint32,),
    "list": (list,),
    "map": (dict, Values),
}
_HINT = (
    ' (it has no value: give it one, like {{ .Values.NAME | default "…" }}; secrets'
    " have none while it is found out which ones there are)"
)


@dataclass(frozen=True)
class Signature:
    """The types of a function's arguments; the last may be repeated."""

    types: tuple[str, ...]
    repeated: str = ""

    def wanted(self, position: int) -> str:
        """The type of one argument."""
        return self.types[position] if position < len(self.types) else self.repeated

    def check_count(self, name: str, count: int) -> None:
        """Raise :class:`FunctionError` where there are too few or too many arguments."""
        least = len(self.types)
        if count < least if self.repeated else count != least:
            at_least = "at least " if self.repeated else ""
            raise FunctionError(
                f"wrong number of args for {name}: want {at_least}{least} got {count}"
            )


@cache
def signature(text: str) -> Signature:
    """A signature like ``string int ...any``."""
    types = text.split()
    repeated = types.pop()[3:] if types and types[-1].startswith("...") else ""
    return Signature(tuple(types), repeated)


def fits(value: Any, wanted: str) -> bool:
    """Whether a value is of the wanted type."""
    if wanted == "any":
        return True
    if isinstance(value, Object):
        return value.go_type == _GO.get(wanted)
    return type(value) in _EXACT.get(wanted, ())


def checked(value: Any, wanted: str, is_element: bool = False) -> Any:
    """The value, if it is of the wanted type.

    ``is_element``: it comes straight from a map or list; nil is a value of its own type there.
    """
    if value is None and wanted != "any":
        if is_element:
            raise FunctionError(
                f"wrong type for value; expected {go_name(wanted)}; got interface {{}}{_HINT}"
            )
        if wanted in ("map", "list"):
            return {} if wanted == "map" else []
        raise FunctionError(f"invalid value; expected {go_name(wanted)}{_HINT}")
    if not fits(value, wanted):
        raise FunctionError(
            f"wrong type for value; expected {go_name(wanted)}; got {type_name(value)}"
        )
    return value


def constant(value: Any, wanted: str) -> Any:
    """A constant of the template as the wanted type."""
    if isinstance(value, Number):
        return _number(value, wanted)
    if value is None:
        if wanted in ("any", "map", "list", "version"):
            return {"map": {}, "list": []}.get(wanted)
        raise FunctionError(f"cannot assign nil to {go_name(wanted)}")
    if wanted == "any" or fits(value, wanted):
        return value
    raise _not(value if isinstance(value, str) else str(value).lower(), wanted)


def ideal(value: Number) -> Any:
    """A number where any type will do. Raises :class:`FunctionError`."""
    found = value.ideal
    if found is None:
        raise FunctionError(f"{value.text} overflows int")
    return found


def _number(value: Number, wanted: str) -> Any:
    if wanted == "any":
        return ideal(value)
    if wanted == "float64" and value.decimal is not None:
        return value.decimal
    if wanted in ("int", "duration", "month") and value.integer is not None and not value.too_great:
        return value.integer
    if wanted == "uint32" and value.integer is not None and value.integer >= 0:
        return Uint32(value.integer % (1 << 32))
    raise _not(value.text, wanted)


_KINDS = {"int": "integer", "float64": "float", "uint32": "unsigned integer"}


def _not(shown: str, wanted: str) -> FunctionError:
    if wanted in _EXACT and wanted not in ("list", "map"):
        return FunctionError(f"expected {_KINDS.get(wanted, wanted)}; found {shown}")
    return FunctionError(f"can't handle {shown} for arg of type {go_name(wanted)}")


def go_name(wanted: str) -> str:
    """How Go names a type of a signature."""
    return _GO.get(wanted, wanted)


@dataclass(frozen=True)
class GoFunction:
    """A function of templates: what it takes, and what it does."""

    takes: Signature
    call: Callable[..., Any]

    def __call__(self, arguments: Sequence[Any]) -> Any:
        """Its value. Raises :class:`FunctionError` with the words that Go has."""
        try:
            return self.call(*arguments)
        except FunctionError:
            raise
        except (ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise FunctionError(str(error)) from None


def table(text: str, functions: dict[str, Callable[..., Any]]) -> dict[str, GoFunction]:
    """Functions with their signatures: a line of ``text`` is a signature, a colon, and names."""
    found: dict[str, GoFunction] = {}
    for line in text.strip().splitlines():
        takes, _, names = line.partition(":")
        for name in names.split():
            found[name] = GoFunction(signature(takes.strip()), functions[name])
    return found
