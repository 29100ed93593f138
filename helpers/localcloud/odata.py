"""The part of OData's ``$filter`` that Azure's listings need: comparisons and calls joined by ``and``.

Source: OData 4.01, URL conventions, section 5.1.1; the functions of role assignments: REST reference
of Microsoft.Authorization, "Role Assignments - List For Scope". Read in one pass from left to right, so
that the time grows with the length and not faster.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import shortened
from .token_reader import Token, TokenReader

LONGEST = 4096  # characters
_MOST = 100  # comparisons
_DEEPEST = 20  # parentheses
OPERATORS = ("eq", "ne", "gt", "ge", "lt", "le")  # of comparisons
_FUNCTIONS: dict[str, tuple[str, ...]] = {  # and the kinds of their arguments
    "contains": ("word", "string"),
    "startswith": ("word", "string"),
    "substringof": ("string", "word"),
    "assignedto": ("string",),
    "atscope": (),
    "atscopeandbelow": (),
}
_ANY = "/any"  # the lambda operator: names/any(one:one eq 'x')


class FilterError(ValueError):
    """A filter that is not understood; ``part`` is where."""

    def __init__(self, reason: str, part: str) -> None:
        super().__init__(reason)
        self.part = shortened(part, 60)


@dataclass(frozen=True)
class Comparison:
    """``name operator value``: eq, ne, gt, ge, lt or le, or a function, in lower case.

    A function may have no name (``assignedTo('x')``) and no value (``atScope()``). The name of a
    comparison of any one of several values ends in ``/any``. ``quoted``: the value was a string.
    """

    name: str
    operator: str
    value: str
    quoted: bool


def parse_filter(text: str) -> list[Comparison]:
    """The comparisons that must all hold, none of an empty filter. Raises :class:`FilterError`."""
    return next(iter(_Parser(text).parse(alternatives=False)), [])


def parse_alternatives(text: str) -> list[list[Comparison]]:
    """The comparisons of which all of one list must hold, none of an empty filter.

    ``or`` stands between whole lists, and not within parentheses. Raises :class:`FilterError`.
    """
    return _Parser(text).parse(alternatives=True)


class _Parser(TokenReader):
    """Recursive descent: filter = term *( "and" term ); term = "(" filter ")" / comparison / call."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise FilterError(f"it has more than {LONGEST} characters", text)
        super().__init__(text, _tokens(text))

    def parse(self, *, alternatives: bool) -> list[list[Comparison]]:
        found: list[list[Comparison]] = []
        if self._peek().kind != "end":
            found.append(self._filter(0))
        while alternatives and self._is("or"):
            self._take()
            found.append(self._filter(0))
        if self._peek().kind != "end":
            joined = "'and', 'or'" if alternatives else "'and'"
            raise self._error(f"{joined} or the end is expected")
        if sum(map(len, found)) > _MOST:
            raise FilterError(f"it has more than {_MOST} comparisons", self._text)
        return found

    def _filter(self, depth: int) -> list[Comparison]:
        found = self._term(depth)
        while self._is("and"):
            self._take()
            found += self._term(depth)
        return found

    def _term(self, depth: int) -> list[Comparison]:
        if self._peek().kind == "(":
            if depth == _DEEPEST:
                raise self._error(f"it has more than {_DEEPEST} parentheses in one another")
            self._take()
            found = self._filter(depth + 1)
            self._expect(")")
            return found
        name = self._expect("word")
        if self._peek().kind == "(" and name.text.lower() in _FUNCTIONS:
            return [self._call(name.text.lower())]
        if self._peek().kind == "(" and name.text.lower().endswith(_ANY):
            return [self._any(name.text)]
        return [self._comparison(name.text)]

    def _comparison(self, name: str) -> Comparison:
        operator = self._peek()
        if not self._is(*OPERATORS):
            raise self._error(f"one of {', '.join(OPERATORS)} is expected")
        self._take()
        value = self._value()
        return Comparison(name, operator.text.lower(), value.text, value.kind == "string")

    def _call(self, function: str) -> Comparison:
        given = {"word": "", "string": ""}
        self._take()
        for index, kind in enumerate(_FUNCTIONS[function]):
            if index:
                self._expect(",")
            given[kind] = self._expect(kind).text
        self._expect(")")
        quoted = "string" in _FUNCTIONS[function]
        return Comparison(given["word"], function, given["string"], quoted)

    def _any(self, name: str) -> Comparison:
        """``(one:one eq 'x')``, with spaces wherever somebody likes."""
        self._take()
        words = ""
        while self._peek().kind == "word" and not (words and self._is(*OPERATORS)):
            words += self._take().text
        variable, _, used = words.partition(":")
        if not variable or used != variable:
            raise self._error("a variable is expected, like one:one eq 'x'")
        found = self._comparison(name)
        self._expect(")")
        return found

    def _value(self) -> Token:
        if self._peek().kind not in ("word", "string"):
            raise self._error("a value is expected")
        return self._take()

    def _expect(self, kind: str) -> Token:
        if self._peek().kind != kind:
            what = {"word": "a name", "string": "a string in quotes"}.get(kind, f"'{kind}'")
            raise self._error(f"{what} is expected")
        return self._take()

    def _error(self, reason: str) -> FilterError:
        return FilterError(reason, self._rest())


def _tokens(text: str) -> list[Token]:
    """Words, strings, and the signs ( ) and , which are kinds of their own."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        start, character = position, text[position]
        if character.isspace():
            position += 1
        elif character in "(),":
            found.append(Token(character, character, start))
            position += 1
        elif character == "'":
            value, position = _string(text, position)
            found.append(Token("string", value, start))
        elif _in_word(character):
            while position < len(text) and _in_word(text[position]):
                position += 1
            found.append(Token("word", text[start:position], start))
        else:
            raise FilterError(f"{character!r} has no meaning", text[start:])
    return found


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "_/:.+-"


def _string(text: str, start: int) -> tuple[str, int]:
    """The string that begins at ``start``, in which two quotes are one, and where it ends."""
    parts, position = [], start + 1
    while True:
        end = text.find("'", position)
        if end < 0:
            raise FilterError("a string has no end", text[start:])
        parts.append(text[position:end])
        if text[end + 1 : end + 2] != "'":
            return "'".join(parts), end + 1
        position = end + 2
