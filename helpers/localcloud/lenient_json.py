"""JSON as Azure Resource Manager reads it: with comments, bare names, single quotes, last commas.

az sends the template of a deployment as it was written, below a name without quotes. What is lenient
becomes RFC 8259 in one pass; lines stay where they are, so that an error names the right one. Where a
value is in a text is found by :func:`position`, when somebody asks: who reads pays nothing for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

_TOKEN = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*"?)|(?P<single>\'(?:[^\'\\]|\\.)*\'?)'
    r"|(?P<comment>//[^\r\n]*|/\*.*?(?:\*/|\Z))|(?P<space>\s+)|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<sign>[,:\]}])|(?P<other>[^\"'/\sA-Za-z_$,:\]}]+|.)",
    re.DOTALL,
)
# The same, with every bracket on its own, and no space.
_PLACED = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*"?)|(?P<single>\'(?:[^\'\\]|\\.)*\'?)'
    r"|(?P<comment>//[^\r\n]*|/\*.*?(?:\*/|\Z))|(?P<sign>[][{},:])|(?P<bare>[^][{},:\"'/\s]+|/)",
    re.DOTALL,
)
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
    found = None
    for end, here, what in _read(text, path):
        if what == part and here == len(path):
            found = end
    return None if found is None else _counted(text, found)


def _read(text: str, path: Sequence[str | int]) -> Iterator[tuple[int, int, Part]]:
    """What is read on the way along ``path``: where it ends, how many steps lead there, and what it is."""
    # Of each open bracket: how many steps of the path lead to it (-1: it is elsewhere), and the place
    # that comes next, which is unknown while a name is read.
    steps: list[int] = []
    places: list[str | int | None] = []
    name = ""

    def reached() -> int:
        if not steps:
            return 0
        on = steps[-1]
        return on + 1 if 0 <= on < len(path) and path[on] == places[-1] else -1

    for match in _PLACED.finditer(text):
        kind, word = match.lastgroup, match[0]
        if kind == "comment":
            continue
        if kind != "sign":
            if steps and places[-1] is None:
                name = _name(str(kind), word) if steps[-1] >= 0 else ""
            else:
                yield match.end(), reached(), "value"
        elif word in "{[":
            here = reached()
            yield match.end(), here, "value"
            steps.append(here)
            places.append(0 if word == "[" else None)
        elif not steps:
            return
        elif word == ":":
            places[-1] = name
            yield match.end(), reached(), "name"
        elif word == ",":
            place = places[-1]
            places[-1] = place + 1 if isinstance(place, int) else None
        else:
            places.pop()
            yield match.end(), steps.pop(), "end"


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
    wide = sum(one > "\uffff" for one in text[start:offset])
    return Position(line, offset - start + wide)
