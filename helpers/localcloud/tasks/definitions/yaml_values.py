"""Values of a YAML text by their types, with the errors that the engine's reader (yaml.v2) has.

Scalars keep their spelling where a text is wanted (``yes``, ``1.10``, ``2001-01-01``). What does not
fit is collected, all of it with its line, and told together; unknown properties are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_TAGS = "tag:yaml.org,2002:"
_TRUE = {"y", "yes", "on", "true"}
_FALSE = {"n", "no", "off", "false"}
_DEEPEST = 200  # levels that a text may have at most, by its brackets and by where its lines begin
_LONGEST = 4000  # characters of a line
_BLOCKS = re.compile(r"^[ \t?:-]*", re.MULTILINE)  # what lines of nested blocks begin with
_SHOWN = 10  # characters of a value that an error shows


class YamlError(ValueError):
    """A text that is no YAML, or not of the wanted shape; names the lines."""


class Document:
    """A YAML text; call :meth:`check` when everything has been read from it."""

    def __init__(self, text: str) -> None:
        self._errors: list[str] = []
        try:
            # Nothing, as most alias blocks are, is nothing without a parser, too.
            self._root = _first(text) if text else None
        except yaml.YAMLError as error:
            raise YamlError(_where(error)) from None
        except RecursionError:
            raise YamlError("yaml: it is nested too deeply") from None

    def root(self, kind: str) -> Properties:
        """The top-level mapping; ``kind`` is its type in an error."""
        return self.properties(self._root, kind)

    def properties(self, node: Node | None, kind: str) -> Properties:
        """The properties of a mapping; none for a missing or null one."""
        found: dict[str, Node] = {}
        if isinstance(node, MappingNode):
            # Merge keys (<<) need the mapping whole; the method uses nothing of its instance.
            try:
                SafeConstructor().flatten_mapping(node)
            except yaml.YAMLError as error:
                raise YamlError(_where(error)) from None
            found = {key.value: value for key, value in node.value if isinstance(key, ScalarNode)}
        elif node is not None and not _is_null(node):
            self.refuse(node, kind, "a mapping")
        return Properties(self, found)

    def refuse(self, node: Node, kind: str, wanted: str, name: str = "") -> None:
        """Note that a node is not of the wanted type."""
        tag = "!!" + node.tag.removeprefix(_TAGS)
        shown = ""
        if isinstance(node, ScalarNode):
            text = node.value
            text = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
            shown = f" `{text}`"
        what = f"{name} must be" if name else "it must be"
        self._errors.append(
            f"  line {node.start_mark.line + 1}: cannot unmarshal {tag}{shown} into {kind} "
            f"({what} {wanted})"
        )

    def check(self) -> None:
        """Raise :class:`YamlError` if anything did not fit."""
        if self._errors:
            raise YamlError("\n".join(["yaml: unmarshal errors:", *self._errors]))


class Properties:
    """The properties of one mapping; a missing or null one is the empty value of its type."""

    def __init__(self, document: Document, nodes: dict[str, Node]) -> None:
        self._document = document
        self._nodes = nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def _node(self, name: str) -> Node | None:
        node = self._nodes.get(name)
        return None if node is None or _is_null(node) else node

    def text(self, name: str) -> str:
        """A scalar, as it is spelled."""
        return self._text(self._node(name), name)

    def _text(self, node: Node | None, name: str) -> str:
        if node is None or _is_null(node):
            return ""
        if isinstance(node, ScalarNode) and "\0" not in node.value:
            return str(node.value)
        # No command line, variable or path can hold a NUL.
        wanted = "a text without NUL" if isinstance(node, ScalarNode) else "a text"
        self._document.refuse(node, "string", wanted, name)
        return ""

    def texts(self, name: str) -> list[str]:
        """A list of scalars."""
        nodes = self._items(name, "[]string", "a list of texts, even of one")
        return [self._text(node, name) for node in nodes]

    def mappings(self, name: str, kind: str) -> list[Properties]:
        """A list of mappings; ``kind`` is their type in an error."""
        nodes = self._items(name, f"[]*{kind}", "a list")
        return [self._document.properties(node, kind) for node in nodes]

    def mapping(self, name: str, kind: str) -> Properties:
        """A mapping."""
        return self._document.properties(self._node(name), kind)

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """Names and texts of a mapping, or of a list of mappings (or of one)."""
        node = self._node(name)
        if node is None or isinstance(node, MappingNode):
            return self.mapping(name, "map[string]string").all()
        return [pair for one in self.mappings(name, "map[string]string") for pair in one.all()]

    def all(self) -> list[tuple[str, str]]:
        """Every property as a text."""
        return [(name, self.text(name)) for name in self._nodes]

    def _items(self, name: str, kind: str, wanted: str) -> list[Node]:
        node = self._node(name)
        if node is None:
            return []
        if isinstance(node, SequenceNode):
            return list(node.value)
        self._document.refuse(node, kind, wanted, name)
        return []

    def number(self, name: str) -> int:
        """A whole number; the fraction of another one is dropped."""
        node = self._node(name)
        if node is None:
            return 0
        if isinstance(node, ScalarNode) and not node.style:
            text = node.value.replace("_", "")
            for base in (0, 8):  # 0x10, 0b1, 0o7; then 012, which Go reads as octal
                try:
                    return int(text, base)
                except ValueError:
                    continue
            try:
                return int(float(text))
            except (ValueError, OverflowError):
                pass
        self._document.refuse(node, "int", "a whole number", name)
        return 0

    def flag(self, name: str) -> bool:
        """true or false."""
        node = self._node(name)
        if node is None:
            return False
        if isinstance(node, ScalarNode) and not node.style and node.value.lower() in _TRUE | _FALSE:
            return node.value.lower() in _TRUE
        self._document.refuse(node, "bool", "true or false", name)
        return False


def _first(text: str) -> Node | None:
    """The first document of a YAML text: read by libyaml, which yaml.v2 was made after.

    It is ten times as fast as the reader in Python. That reads what libyaml refuses, and says where
    it is wrong; and what could be nested deeply, which libyaml's stack has no limit for.
    """
    depth = text.count("[") + text.count("{") + max(map(len, _BLOCKS.findall(text)))
    longest = max(map(len, text.splitlines()), default=0)
    if yaml.__with_libyaml__ and depth <= _DEEPEST and longest <= _LONGEST:
        with suppress(yaml.YAMLError, ValueError):  # a text that is no Unicode is refused below
            return next(yaml.compose_all(text, yaml.CSafeLoader), None)
    return next(yaml.compose_all(text, yaml.SafeLoader), None)


def _is_null(node: Node) -> bool:
    return bool(node.tag == _TAGS + "null")


def _where(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"yaml: line {mark.line + 1}: {problem}" if mark else f"yaml: {problem}"
