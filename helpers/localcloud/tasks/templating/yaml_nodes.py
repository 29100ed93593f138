"""A YAML text as nodes, and what a plain scalar means, in the dialect of the engine's reader (yaml.v2).

The syntax is libyaml's, which yaml.v2 was made after. The meaning is its own: YAML 1.1's booleans
(``yes``, ``on``), Go's numbers (``0o17``, ``1_000``), no numbers of base 60; an anchor may be set
again, tags of sequences and mappings mean nothing, and a date is a text.

Source: yaml.v2, decode.go and resolve.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from .base_encodings import decode64
from .go_types import to_bytes, to_text

_LONG = "tag:yaml.org,2002:"
STR, INT, FLOAT, BOOL, NULL = "!!str", "!!int", "!!float", "!!bool", "!!null"
BINARY, TIMESTAMP, MERGE = "!!binary", "!!timestamp", "!!merge"
_RESOLVABLE = {"", BOOL, INT, FLOAT, NULL, TIMESTAMP}
_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_WORDS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(_TRUE, (BOOL, True)),
    **dict.fromkeys(_FALSE, (BOOL, False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (NULL, None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (FLOAT, float("nan"))),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), (FLOAT, float("inf"))),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), (FLOAT, float("-inf"))),
    "<<": (MERGE, "<<"),
}
_INTEGER = re.compile(r"[+-]?(?:0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?(?:[Tt]\d\d?:\d\d?:\d\d?(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
    r"| \d\d?:\d\d?:\d\d?(?:\.\d+)?)?"
)
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_SHOWN = 10  # characters of a value that an error shows
_DEEPEST = 10_000  # levels
_REPAIRS = 200  # a text is read so many times at most
_COLON = "\ue000"  # stands for a colon that is text


class YamlError(ValueError):
    """A text that is no YAML, or not of the wanted shape; names the lines."""


@dataclass(slots=True)
class Node:
    """One node; ``line`` and ``column`` count from 1.

    ``implicit``: a scalar that is neither quoted nor tagged. An alias has its node in ``target``;
    a mapping has its keys and values in turns in ``children``.
    """

    kind: type[Event]
    line: int
    column: int
    tag: str = ""
    value: str = ""
    implicit: bool = False
    target: Node | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def is_scalar(self) -> bool:
        """Whether it is a scalar."""
        return self.kind is ScalarEvent

    @property
    def is_sequence(self) -> bool:
        """Whether it is a sequence."""
        return self.kind is SequenceStartEvent

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return self.kind is MappingStartEvent

    @property
    def is_null(self) -> bool:
        """Whether it is a scalar that says nothing."""
        return self.is_scalar and resolve(self)[1] is None

    @property
    def is_merge(self) -> bool:
        """Whether it is the key ``<<`` of a mapping that takes over others."""
        return self.is_scalar and self.value == "<<" and (self.implicit or self.tag == MERGE)

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Keys and values of a mapping."""
        return zip(self.children[::2], self.children[1::2], strict=True)

    def merged(self) -> Iterator[Node]:
        """What ``<<`` with this value takes over; what comes later counts (decode.go, merge).

        Raises :class:`YamlError` for anything but mappings.
        """
        for one in reversed(self.children) if self.is_sequence else [self]:
            if not (one.target or one).is_mapping:
                raise one.wrong("map merge requires map or sequence of maps as the value")
            yield one

    def wrong(self, problem: str) -> YamlError:
        """An error at this line."""
        return YamlError(f"yaml: line {self.line}: {problem}")

    def unfit(self, wanted: str) -> str:
        """One line of an error: that this is not of the wanted type."""
        if self.is_scalar:
            shown = self.value if len(self.value) <= _SHOWN else self.value[: _SHOWN - 3] + "..."
            what = f"{self.tag or resolve(self)[0]} `{shown}`"
        else:
            what = "!!seq" if self.is_sequence else "!!map"
        return f"  line {self.line}, column {self.column}: cannot unmarshal {what} into {wanted}"


def read(text: str) -> Node | None:
    """The first document of a text; None when it has none. Raises :class:`YamlError`."""
    text = text.removeprefix("\ufeff")
    colon = _COLON if _COLON not in text else ""
    for _ in range(_REPAIRS):
        try:
            return _compose(_LOADER(text), colon)
        except yaml.MarkedYAMLError as error:
            told, mark = _told(error, text), error.problem_mark
        except yaml.YAMLError as error:
            raise YamlError(_told(error, text)) from None
        except UnicodeError:  # half a surrogate pair
            raise YamlError("yaml: the text is no Unicode") from None
        repaired = _repaired(text, mark.index, told, colon) if mark else None
        if repaired is None:
            raise YamlError(told)
        text = repaired
    raise YamlError(f"yaml: more than {_REPAIRS} places that only the engine's reader takes")


def _repaired(text: str, at: int, told: str, colon: str) -> str | None:
    """``text`` where libyaml is stricter than yaml.v2: made so that both read the same.

    yaml.v2 takes \\' in double quotes for an apostrophe, and the colon of ``[PATH=/bin:]`` for a
    part of the text.
    """
    if "unknown escape character" in told and text[at : at + 2] == "\\'":
        return text[:at] + text[at + 1 :]
    if "found unexpected ':'" in told and text[at : at + 1] == ":" and colon:
        return text[:at] + colon + text[at + 1 :]
    return None


def _compose(loader: Any, colon: str) -> Node | None:
    anchors: dict[str, Node] = {}
    root: list[Node] = []
    open_nodes: list[list[Node]] = [root]
    while loader.check_event():
        event = loader.get_event()
        if isinstance(event, DocumentEndEvent):
            break
        if isinstance(event, CollectionEndEvent):
            open_nodes.pop()
        elif isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent, AliasEvent)):
            node = _node(event)
            if colon and colon in node.value:
                node.value = node.value.replace(colon, ":")
            if isinstance(event, AliasEvent):
                node.target = anchors.get(event.anchor or "")
                if node.target is None:
                    raise YamlError(
                        f"yaml: line {node.line}, column {node.column}: unknown anchor "
                        f"'{event.anchor}' referenced"
                    )
            elif event.anchor is not None:
                anchors[event.anchor] = node
            open_nodes[-1].append(node)
            if isinstance(event, (SequenceStartEvent, MappingStartEvent)):
                open_nodes.append(node.children)
                if len(open_nodes) > _DEEPEST:
                    raise node.wrong(f"exceeded max depth of {_DEEPEST}")
    return root[0] if root else None


def _node(event: Event) -> Node:
    mark: Any = event.start_mark
    node = Node(type(event), mark.line + 1, mark.column + 1)
    if isinstance(event, ScalarEvent):
        tag = event.tag or ""
        node.tag = "!!" + tag[len(_LONG) :] if tag.startswith(_LONG) else tag
        node.value = event.value
        node.implicit = event.implicit[0]
    elif isinstance(event, AliasEvent):
        node.value = event.anchor or ""
    return node


def resolve(node: Node) -> tuple[str, Any]:
    """The tag of a scalar, and its value: a text, a boolean, an integer, a float, or None.

    Raises :class:`YamlError` for a tag that its text is not of.
    """
    tag, text = node.tag, node.value
    if not tag and not node.implicit:
        return STR, text
    if tag == BINARY:
        return tag, _binary(node)
    if tag not in _RESOLVABLE:
        return tag, text
    found, value = _plain(text, tag)
    if tag in ("", found):
        return found, value
    if (tag, found) == (FLOAT, INT):
        return FLOAT, float(value)
    raise node.wrong(f"cannot decode {found} `{text}` as a {tag}")


def _plain(text: str, tag: str) -> tuple[str, Any]:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return STR, text
    if tag in ("", TIMESTAMP) and _DATE.fullmatch(text):
        return TIMESTAMP, text
    number = text if text[0] == "." else text.replace("_", "")
    if text[0] != "." and _INTEGER.fullmatch(number):
        value = int(number, 8 if re.fullmatch(r"[+-]?0[0-7]+", number) else 0)
        # What begins with a sign is no unsigned integer.
        if -(1 << 63) <= value < 1 << (64 if number[0].isdigit() else 63):
            return INT, value
    if _DECIMAL.fullmatch(number) and abs(float(number)) != float("inf"):
        return FLOAT, float(number)
    return STR, text


def _binary(node: Node) -> str:
    try:
        return to_text(decode64(to_bytes(node.value)))
    except ValueError:
        raise node.wrong("!!binary value contains invalid base64 data") from None


def _told(error: yaml.YAMLError, text: str) -> str:
    """What is wrong with a YAML text and where, in one line."""
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"yaml: {problem}"
    line, column = mark.line + 1, mark.column + 1
    lines = text.rstrip("\n").split("\n")
    if line > len(lines):  # where the text ends
        line, column = len(lines), len(lines[-1]) + 1
    found = lines[line - 1][column - 1 : column]
    if found == "\t" and ("cannot start any token" in problem or "tab character" in problem):
        problem = f"{problem}: it is a tab, and YAML is indented with spaces alone"
    elif found and "cannot start any token" in problem:
        problem = f"{problem}: it is {found!r}; a text that begins with it needs quotes"
    return f"yaml: line {line}, column {column}: {problem}"
