"""Go's types that have none of their own in Python: what a value is decides what may be done with it.

``int``, ``float``, ``str``, ``bool`` and None are Go's int, float64, string, bool and nil; a list is
a ``[]interface {}``, a dictionary a ``map[string]interface {}``. A text may hold bytes that are no
UTF-8: they are Python's surrogate escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")
_ESCAPED = re.compile("[\udc80-\udcff]")  # a byte that is no UTF-8


class FunctionError(ValueError):
    """A function that cannot give a value."""


class Int64(int):
    """Go's int64: what arithmetic gives."""


class Int32(int):
    """Go's int32, which a character is, too."""


class Uint8(int):
    """Go's uint8: a byte of a text."""


class Uint32(int):
    """Go's uint32."""


class Uint64(int):
    """Go's uint64: a whole number of a values file that is too great for an int."""


class StringList(list[str]):
    """Go's []string; ``is_nil`` where there is not even an empty one, which JSON shows."""

    is_nil = False

    @classmethod
    def nil(cls) -> StringList:
        """None at all."""
        made = cls()
        made.is_nil = True
        return made


class IntList(list[int]):
    """Go's []int."""


class StringMap(dict[str, str]):
    """Go's map[string]string, whose missing keys are empty texts."""


class AnyMap(dict[Any, Any]):
    """Go's map[interface {}]interface {}: a mapping inside a values file."""


class Values(dict[str, Any]):
    """The engine's type of the whole data, of the values and of the secrets."""


class Object:
    """A value with fields or methods; ``go_type`` is its type, ``go_kind`` what kind that is of."""

    go_type = "struct {}"
    go_kind = "struct"
    methods: Mapping[str, str] = {}  # name in Go → the types that it takes, as in signatures.py

    def fields(self) -> Mapping[str, Any]:
        """Its exported fields."""
        return {}

    def shown(self) -> Mapping[str, Any]:
        """What is printed of it: fields that are not exported, too."""
        return self.fields()

    def integer(self) -> int | None:
        """Its number, where it is of a kind of whole numbers."""
        return None

    def string(self) -> str:
        """As Go prints it, where its methods have a String."""
        return str(self)

    def method(self, name: str) -> Callable[..., Any]:
        """A method by its name in Go, which begins with a capital."""
        function: Callable[..., Any] = getattr(self, _CAPITAL.sub("_", name).lower())
        return function


_TYPES: dict[type, str] = {
    str: "string",
    bool: "bool",
    int: "int",
    float: "float64",
    complex: "complex128",
    Int64: "int64",
    Int32: "int32",
    Uint8: "uint8",
    Uint32: "uint32",
    Uint64: "uint64",
    list: "[]interface {}",
    StringList: "[]string",
    IntList: "[]int",
    dict: "map[string]interface {}",
    StringMap: "map[string]string",
    AnyMap: "map[interface {}]interface {}",
    Values: "templating.Values",
}


def type_name(value: Any) -> str:
    """The name of a value's type in Go."""
    if value is None:
        return "<nil>"
    if isinstance(value, Object):
        return value.go_type
    return _TYPES.get(type(value)) or type(value).__name__


def kind(value: Any) -> str:
    """What kind of type it is of (Go, reflect.Kind)."""
    if value is None:
        return "invalid"
    if isinstance(value, Mapping):
        return "map"
    if isinstance(value, list):
        return "slice"
    return value.go_kind if isinstance(value, Object) else type_name(value)


def is_integer(value: Any) -> bool:
    """Whether it is a whole number of any width."""
    return isinstance(value, int) and not isinstance(value, bool)


def truth(value: Any) -> bool:
    """Whether a value counts as true: not false, 0, nil or empty."""
    return value is not None and (isinstance(value, Object) or bool(value))


def to_bytes(text: str) -> bytes:
    """The bytes of a text."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """The text of bytes, whether they are UTF-8 or not."""
    return data.decode("utf-8", "surrogateescape")


def runes(text: str) -> str:
    """The text with each byte that is no UTF-8 as the replacement character."""
    return text if text.isascii() else _ESCAPED.sub("\ufffd", text)


def wrap64(number: int) -> int:
    """A whole number as 64 bits hold it."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
