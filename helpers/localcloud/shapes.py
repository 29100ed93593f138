"""The types that the fields of a request body must have: Azure refuses others before it looks closer.

A shape is ``str``, ``bool``, ``int`` or ``float``; ``[shape]`` is a list of such; ``{str: shape}``
an object with any names; ``{"name": shape, …}`` one whose named fields have those shapes, and
others any. A field may always be missing or null.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

Shape: TypeAlias = (
    type[str] | type[bool] | type[int] | type[float] | list[Any] | dict[Any, Any] | None
)
TAGS: Shape = {str: str}
_WORDS: dict[type, str] = {
    **{dict: "an object", list: "a list", str: "a string", bool: "true or false"},
    **{int: "an integer", float: "a number"},
}
LARGEST = 2**53  # what JSON's numbers hold exactly (RFC 8259, section 6)


class ShapeError(ValueError):
    """A field that has another type than it must have; the message names both."""


def check_shape(value: Any, shape: Any, path: str = "") -> None:
    """Raise :class:`ShapeError` unless ``value`` has the shape."""
    kind = type(shape) if isinstance(shape, (dict, list)) else shape
    if not _is(value, kind):
        raise ShapeError(f"'{path}' must be {_WORDS[kind]}.")
    if isinstance(shape, dict):
        for name, given in value.items():
            inner = shape.get(str, shape.get(name))
            if inner is not None and given is not None:
                check_shape(given, inner, f"{path}.{name}" if path else str(name))
    elif isinstance(shape, list):
        for index, given in enumerate(value):
            check_shape(given, shape[0], f"{path}[{index}]")


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _finite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and _finite(value)
    return isinstance(value, kind)


def _finite(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= LARGEST
