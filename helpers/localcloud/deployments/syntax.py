"""The language of expressions: ``[concat(parameters('name'), '-', copyIndex())]`` as a tree.

Source: Azure documentation, "Syntax and expressions in ARM templates". Reading takes linear time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import shortened
from .errors import UnreadableError
from .limits import DEPTH, EXPRESSION

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<name>[A-Za-z_$][\w$]*)|(?P<number>[-+]?[0-9]+(?![\w.]))"
    r"|(?P<text>'(?:[^']|'')*')|(?P<sign>[()\[\],.])"
)
_SIGNS = {
    **{"(": "LeftParenthesis", ")": "RightParenthesis", ",": "Comma", ".": "Dot"},
    **{"[": "LeftSquareBracket", "]": "RightSquareBracket"},
}


@dataclass(frozen=True)
class Literal:
    """A text or an integer."""

    value: str | int


@dataclass(frozen=True)
class Call:
    """A function of that name, in lower case, and its arguments; ``written`` is as it was."""

    name: str
    written: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Access:
    """Properties and items of a value, one after the other."""

    value: Node
    keys: tuple[Node, ...]


Node = Literal | Call | Access


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def is_expression(text: str) -> bool:
    """Whether a text of a template is an expression; ``[[`` begins a text that is none."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def unescaped(text: str) -> str:
    """A text that is no expression, as it is meant: ``[[a]`` is ``[a]``."""
    return text[1:] if text.startswith("[[") and text.endswith("]") else text


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of an expression, with its brackets. Raises :class:`UnreadableError`."""
    if len(text) > EXPRESSION:
        raise UnreadableError(
            f"The language expression length limit exceeded. Limit: '{EXPRESSION}' and actual: "
            f"'{len(text)}'"
        )
    reader = _Reader(text[1:-1])
    node = reader.expression(0)
    reader.expect("EndOfData")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._read()
        self._next = next(self._tokens)

    def _read(self) -> Iterator[_Token]:
        position, text = 0, self._text
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise UnreadableError(
                    f"The language expression '{shortened(text)}' is not valid: the string character "
                    f"'{text[position]}' at position '{position}' is not expected"
                )
            position = match.end()
            if match["name"]:
                yield _Token("Identifier", match["name"])
            elif match["number"]:
                yield _Token("Integer", match["number"])
            elif match["text"]:
                yield _Token("StringLiteral", match["text"][1:-1].replace("''", "'"))
            elif match["sign"]:
                yield _Token(_SIGNS[match["sign"]], match["sign"])
        yield _Token("EndOfData", "")

    def _take(self) -> _Token:
        token = self._next
        self._next = next(self._tokens, token)
        return token

    def expect(self, kind: str) -> _Token:
        """The next token, which must be of that kind. Raises :class:`UnreadableError`."""
        if self._next.kind != kind:
            raise UnreadableError(
                f"Unable to parse language expression '{shortened(self._text)}': expected token "
                f"'{kind}' and actual '{self._next.kind}'"
            )
        return self._take()

    def expression(self, depth: int) -> Node:
        """One expression. Raises :class:`UnreadableError`, also where calls nest too deeply."""
        if depth > DEPTH:
            raise UnreadableError(
                f"The language expression '{shortened(self._text)}' is not valid: its calls are "
                f"nested more than {DEPTH} levels deep"
            )
        if self._next.kind == "StringLiteral":
            return Literal(self._take().text)
        if self._next.kind == "Integer":
            return Literal(int(self._take().text))
        node: Node = self._call(depth)
        keys: list[Node] = []
        while self._next.kind in ("Dot", "LeftSquareBracket"):
            if self._take().kind == "Dot":
                keys.append(Literal(self.expect("Identifier").text))
            else:
                keys.append(self.expression(depth + 1))
                self.expect("RightSquareBracket")
        return Access(node, tuple(keys)) if keys else node

    def _call(self, depth: int) -> Call:
        written = self.expect("Identifier").text
        while self._next.kind == "Dot":  # a function of the template's own: contoso.name()
            self._take()
            written += "." + self.expect("Identifier").text
        self.expect("LeftParenthesis")
        arguments: list[Node] = []
        if self._next.kind != "RightParenthesis":
            arguments.append(self.expression(depth + 1))
            while self._next.kind == "Comma":
                self._take()
                arguments.append(self.expression(depth + 1))
        self.expect("RightParenthesis")
        return Call(written.lower(), written, tuple(arguments))


def calls(node: Node) -> Iterator[Call]:
    """Every call in a tree."""
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, Call):
            yield one
            pending.extend(one.arguments)
        elif isinstance(one, Access):
            pending.append(one.value)
            pending.extend(one.keys)
