"""JSON as Azure Resource Manager reads it: with comments, bare names, single quotes, last commas.

az sends the template of a deployment as it was written, below a name without quotes. What is lenient
becomes RFC 8259 in one pass; lines stay where they are, so that an error names the right one. Where a
value is in a text is found by :func:`position`, when somebody asks: who reads pays nothing for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

_TEXT = r'"(?:[^"\\]+|\\.)*"?'
_SINGLE = r"'(?:[^'\\]+|\\.)*'?"
_COMMENT = r"//[^\r\n]*|/\*.*?(?:\*/|\Z)"
_WORDS = rf"(?P<text>{_TEXT})|(?P<single>{_SINGLE})|(?P<comment>{_COMMENT})"
_TOKEN = re.compile(
    _WORDS + r"|(?P<space>\s+)|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<sign>[,:\]}])|(?P<other>[^\"'/\sA-Za-z_$,:\]}]+|.)",
    re.DOTALL,
)
# The same, with every bracket on its own, and no space.
_PLACED = re.compile(
    _WORDS + r"|(?P<sign>[][{},:])|(?P<bare>[^][{},:\"'/\s]+|/)",
    re.DOTALL,
)
# The same, of what only has to come to its end: brackets, and what may hold some that are none.
_PASSED = re.compile(rf"{_TEXT}|{_SINGLE}|{_COMMENT}|(?P<sign>[][{{}}])", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_LINE = re.compile(r"\r\n|\n|\r")
Part = Literal["value", "name", "end"]
Path = tuple[str | int, ...]


class Position(NamedTuple):
    """A place in a text: the line, and how many UTF-16 units of it were read. Both count from 1."""

    line: int
    column: int


def strict(text: str) -> str:
    """The same, as RFC 8259 has it, where that can be; what is no JSON at all stays as it is."""
    parts: list[str] = []
    last = ""  # token that is no space, or "name": what follows a name or a comma decides about it
    place = 0  # of that token in ``parts``
    for match in _TOKEN.finditer(text):
        kind, part = str(match.lastgroup), match[0]
        if kind == "comment":
            parts.append("\n" * part.count("\n"))
        elif kind == "space":
            parts.append(part)
        else:
            if last == "name" and part == ":":
                parts[place] = f'"{parts[place]}"'
            elif last == "," and part in ("]", "}"):
                parts[place] = ""
            last = kind if kind == "name" else part
            place = len(parts)
            parts.append(_written(kind, part))
    return "".join(parts)


def _written(kind: str, part: str) -> str:
    if kind == "text":
        return _CONTROL.sub(_escaped, part)
    if kind == "single" and len(part) > 1:
        inside = part[1:-1].replace("\\'", "'")
        quoted = re.sub(r'\\.|"', lambda one: '\\"' if one[0] == '"' else one[0], inside)
        return _CONTROL.sub(_escaped, f'"{quoted}"')
    return part


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


# -- where a value is ------------------------------------------------------------------------------


def position(text: str, path: Sequence[str | int], part: Part = "value") -> Position | None:
    """Where a reader of JSON is when it has read what ``path`` leads to; None where that is not.

    A ``value`` is read when its text has ended, or its bracket is opened; a ``name``, of a property,
    with its colon; the ``end`` of an object or list with the bracket that closes it. That is how
    Newtonsoft.Json counts, and Azure Resource Manager with it. Takes linear time; of a name that is
    given twice, the last counts.
    """
    found, reader = None, _Reader(text, path)
    while (read := reader.read()) is not None:
        if read == (len(path), part):
            found = reader.offset
    return None if found is None else _counted(text, found)


class _Reader:
    """Reads along a path; what is not on the way is passed over."""

    def __init__(self, text: str, path: Sequence[str | int]) -> None:
        self.offset = 0  # how far it has read
        self._text, self._path = text, path
        # Of each open bracket the place that comes next, which is unknown while a name is read. The
        # path leads to all of them.
        self._places: list[str | int | None] = []
        self._name = ""

    def read(self) -> tuple[int, Part | None] | None:
        """How many steps of the path lead to what comes next, and what that is; None at the end."""
        match = _PLACED.search(self._text, self.offset)
        if match is None:
            return None
        self.offset = match.end()
        places, word = self._places, match[0]
        if match.lastgroup == "sign":
            return self._sign(word)
        if match.lastgroup != "comment" and places and places[-1] is None:
            self._name = _name(str(match.lastgroup), word)
        elif match.lastgroup != "comment" and self._on():
            return len(places), "value"
        return 0, None

    def _on(self) -> bool:
        """Whether the path leads to the place that comes next."""
        depth = len(self._places)
        return not depth or (depth <= len(self._path) and self._path[depth - 1] == self._places[-1])

    def _sign(self, sign: str) -> tuple[int, Part | None] | None:
        places, depth = self._places, len(self._places)
        if sign in "{[":
            if self._on():
                places.append(0 if sign == "[" else None)
                return depth, "value"
            self.offset = _end(self._text, self.offset)
        elif not places:
            return None
        elif sign == ":":
            places[-1] = self._name
            return (depth, "name") if self._on() else (0, None)
        elif sign == ",":
            place = places[-1]
            places[-1] = place + 1 if isinstance(place, int) else None
            if isinstance(place, int) and (
                depth > len(self._path) or place == self._path[depth - 1]
            ):
                self.offset = _end(self._text, self.offset) - 1  # nothing on the way comes after it
        else:
            places.pop()
            return depth - 1, "end"
        return 0, None


def _end(text: str, offset: int) -> int:
    """Where what begins before ``offset``, with a bracket, has ended; after the text where it has not."""
    depth = 1
    while depth and (match := _PASSED.search(text, offset)):
        offset = match.end()
        if match["sign"]:
            depth += 1 if match["sign"] in "{[" else -1
    return len(text) + 1 if depth else offset


def _name(kind: str, word: str) -> str:
    if kind == "bare" or len(word) < 2:
        return word
    try:
        return str(json.loads(_written(kind, word)))
    except ValueError:
        return word


def _counted(text: str, offset: int) -> Position:
    """The line and column of an offset."""
    line, start = 1, 0
    for match in _LINE.finditer(text, 0, offset):
        line, start = line + 1, match.end()
    return Position(line, len(text[start:offset].encode("utf-16-le", "surrogatepass")) // 2)
