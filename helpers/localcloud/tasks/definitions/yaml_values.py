"""Values of a YAML text by the types that the engine reads them into, with its reader's errors.

Scalars keep their spelling where a text is wanted (``yes``, ``1.10``, ``2001-01-01``). What does
not fit is collected, all of it with its place, and told together; unknown properties are ignored.

Source: yaml.v2, decode.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..templating.yaml_nodes import BINARY, TIMESTAMP, Node, YamlError, read, resolve

__all__ = ["LINE", "Document", "ListOf", "MapOfTexts", "Scalar", "Shape", "Struct", "YamlError"]

_MOST = 1 << 63
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
LINE = "\0line"  # the name by which the properties of a mapping have its line
# How many of the nodes read may be repeated ones, by how many there are (allowedAliasRatio).
_FEW, _MANY = 400_000, 4_000_000


@dataclass(frozen=True)
class Shape:
    """A type that a value is read into: its name in an error, and what a reader is told."""

    name: str
    wanted: str


class Scalar(Shape):
    """A text (``string``), a whole number (``int``), a switch (``bool``), a moment (``time.Time``).

    Of any other name it takes nothing but null; ``anything`` takes all.
    """


@dataclass(frozen=True)
class ListOf(Shape):
    """A list; an item is None where it is null and ``pointers``."""

    item: Shape
    pointers: bool = False


@dataclass(frozen=True)
class MapOfTexts(Shape):
    """A mapping of names to texts."""


@dataclass(frozen=True)
class Struct(Shape):
    """A mapping whose properties have types of their own."""

    fields: Mapping[str, Shape]


class Document:
    """A YAML text that is read into a shape."""

    def __init__(self, text: str) -> None:
        self._errors: list[str] = []
        self._root = read(text)
        self._decoded = self._repeated = self._depth = 0
        self._inside: set[int] = set()

    def read(self, shape: Struct | MapOfTexts) -> dict[str, Any]:
        """The properties that the text has; none that it has not.

        Raises :class:`YamlError` that tells everything that does not fit.
        """
        found: dict[str, Any] = {}
        try:
            if self._root is not None:
                self._decode(self._root, shape, "", found)
        except RecursionError:
            raise YamlError("yaml: it is nested too deeply") from None
        if self._errors:
            raise YamlError("\n".join(["yaml: unmarshal errors:", *self._errors]))
        return found

    def _decode(self, node: Node, shape: Shape, name: str, into: dict[str, Any]) -> Any:
        self._decoded += 1
        self._repeated += self._depth > 0
        if self._repeated > 100 and self._decoded > 1000:
            share = min(max((self._decoded - _FEW) / (_MANY - _FEW), 0), 1)
            if self._repeated / self._decoded > 0.99 - 0.89 * share:
                raise YamlError("yaml: document contains excessive aliasing")
        if node.target is not None:
            return self._follow(node, shape, name, into)
        if shape.name == "anything":
            return None
        if node.is_scalar:
            return self._scalar(node, shape, name)
        if node.is_sequence and isinstance(shape, ListOf):
            return [self._item(one, shape, name) for one in node.children]
        if node.is_mapping and isinstance(shape, (Struct, MapOfTexts)):
            if isinstance(shape, Struct):
                into.setdefault(LINE, node.line)
            self._mapping(node, shape, into)
            return into
        if node.is_mapping and shape.name == "time.Time":
            return None  # of whose fields none can be set
        return self._refuse(node, shape, name)

    def _item(self, node: Node, shape: ListOf, name: str) -> Any:
        value = self._decode(node, shape.item, name, {})
        if value is not None or not isinstance(shape.item, Struct):
            return value
        written = node.target or node
        return None if shape.pointers and written.value in ("", "~", "null") else {}

    def _follow(self, node: Node, shape: Shape, name: str, into: dict[str, Any]) -> Any:
        assert node.target is not None
        if id(node) in self._inside:
            raise node.wrong(f"anchor '{node.value}' value contains itself")
        self._inside.add(id(node))
        self._depth += 1
        value = self._decode(node.target, shape, name, into)
        self._depth -= 1
        self._inside.remove(id(node))
        return value

    def _mapping(self, node: Node, shape: Struct | MapOfTexts, into: dict[str, Any]) -> None:
        for key, value in node.pairs():
            if key.is_merge:
                self._merge(value, shape, into)
                continue
            errors = len(self._errors)
            name = self._decode(key, _TEXT, "a name", {})
            if len(self._errors) > errors:
                continue
            if isinstance(shape, MapOfTexts):
                text = self._decode(value, _TEXT, name, {})
                if len(self._errors) == errors:
                    into[name] = text
            elif name in shape.fields:
                field = shape.fields[name]
                known = into.get(name)  # a mapping that is given again is filled further
                given = known if isinstance(known, dict) else {}
                into[name] = self._decode(value, field, name, given)
            # What nobody asks for is not looked at.

    def _merge(self, node: Node, shape: Struct | MapOfTexts, into: dict[str, Any]) -> None:
        """``<<``: what it takes over counts from where it stands (decode.go, merge)."""
        for one in node.merged():
            self._decode(one, shape, "", into)

    def _scalar(self, node: Node, shape: Shape, name: str) -> Any:
        tag, value = resolve(node)
        if value is None:
            return None if isinstance(shape, (Struct, ListOf)) else _zero(shape)
        if shape.name == "string":
            text = value if tag == BINARY else node.value
            if not _UNUSABLE.search(text):
                return text
            # No command line, variable or path can hold a NUL, or what is no Unicode.
            return self._refuse(node, Shape("string", "a text without NUL"), name)
        if shape.name == "bool" and isinstance(value, bool):
            return value
        if shape.name == "int" and isinstance(value, (int, float)) and not isinstance(value, bool):
            if value < _MOST:  # not so for what is no number at all
                # What is too small becomes the smallest, as the processor has it.
                return int(value) if value >= -_MOST else -_MOST
        elif shape.name == "time.Time":
            if tag == TIMESTAMP or _RFC3339.fullmatch(node.value):
                return node.value
            raise node.wrong(f"{name}: {node.value!r} is no date")
        return self._refuse(node, shape, name)

    def _refuse(self, node: Node, shape: Shape, name: str) -> None:
        """Note that a node is not of the wanted type."""
        self._errors.append(f"{node.unfit(shape.name)} ({name or 'it'} must be {shape.wanted})")


def _zero(shape: Shape) -> Any:
    return {"string": "", "int": 0, "bool": False}.get(shape.name)


_TEXT = Scalar("string", "a text")
