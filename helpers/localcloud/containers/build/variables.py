"""Variables in the words of a Dockerfile: quotes, escapes, ``${NAME:-default}``.

Source: Dockerfile reference, "Environment replacement"; the lexer of moby/buildkit
(frontend/dockerfile/shell) tells what it does with everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .frontend import BUILDKIT, Frontend

# Go's unicode.IsSpace: Python's str.isspace knows some more.
SPACES = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
    + "".join(map(chr, range(0x2000, 0x200B)))
)
_SPECIAL = frozenset("@*#?-$!0")
_DEEPEST = 100  # substitutions inside of substitutions
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\v": "\\v"}


class VariableError(ValueError):
    """A substitution that is malformed or refuses to go on."""


def quoted(text: str) -> str:
    """The text as Go's %q shows it."""
    return '"' + "".join(_ESCAPES.get(one, one) for one in text) + '"'


def expand(
    word: str,
    variables: Mapping[str, str],
    escape: str = "\\",
    frontend: Frontend = BUILDKIT,
    *,
    keep_quotes: bool = False,
) -> str:
    """The word with its variables replaced and its quotes and escapes taken away.

    Raises :class:`VariableError` in Docker's words.
    """
    return _Reader(word, variables, escape, frontend, keep_quotes=keep_quotes).read()


def expand_words(
    text: str, variables: Mapping[str, str], escape: str = "\\", frontend: Frontend = BUILDKIT
) -> list[str]:
    """As :func:`expand`, then split at blanks that are not quoted, those of values, too."""
    reader = _Reader(text, variables, escape, frontend)
    reader.read()
    return reader.words


class _Reader:
    """One word from its beginning to its end; ``words`` are its pieces between blanks."""

    def __init__(
        self,
        source: str,
        variables: Mapping[str, str],
        escape: str,
        frontend: Frontend,
        *,
        keep_quotes: bool = False,
    ) -> None:
        self._source = source
        self._variables = variables
        self._escape = escape
        self._frontend = frontend
        self._keep = keep_quotes
        self._position = 0
        self._depth = 0
        self.words: list[str] = []

    def read(self) -> str:
        """The whole word, expanded."""
        try:
            return self._until("")
        except VariableError as error:
            raise VariableError(f"failed to process {quoted(self._source)}: {error}") from None

    def _peek(self) -> str:
        return self._source[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += len(character)
        return character

    def _until(self, stop: str) -> str:
        """Everything up to ``stop``, "" for the end."""
        result: list[str] = []
        words = _Words()
        while character := self._peek():
            if character == stop:
                self._position += 1
                break
            if character == "$":
                value = self._dollar()
                words.add(value)
            elif character in "\"'":
                value = self._single() if character == "'" else self._double()
                words.add_raw(value)
            elif character == self._escape:
                value = self._escaped()
                words.add_raw(value)
            else:
                value = self._next()
                words.add(value)
            result.append(value)
        else:
            if stop:
                raise VariableError(
                    f"unexpected end of statement while looking for matching {stop}"
                )
        if not stop:
            self.words = words.end()
        return "".join(result)

    def _escaped(self) -> str:
        escape, character = self._next(), self._next()
        if self._keep and character not in ("$", self._escape):
            return escape + character
        return character

    def _single(self) -> str:
        start = self._position
        end = self._source.find("'", start + 1)
        if end < 0:
            raise VariableError(
                "unexpected end of statement while looking for matching single-quote"
            )
        self._position = end + 1
        return self._source[start : end + 1] if self._keep else self._source[start + 1 : end]

    def _double(self) -> str:
        result = [self._next()] if self._keep else [self._next()][1:]
        while character := self._peek():
            if character == "$":
                result.append(self._dollar())
                continue
            self._position += 1
            if character == '"':
                return "".join([*result, '"'] if self._keep else result)
            if character == self._escape:
                following = self._peek()
                if not following:
                    break
                if following in ('"', "$", self._escape):
                    self._position += 1
                    character = self._escape + following if self._keep else following
            result.append(character)
        raise VariableError("unexpected end of statement while looking for matching double-quote")

    def _dollar(self) -> str:
        self._position += 1
        if self._peek() != "{":
            name = self._name()
            return self._variables.get(name, "") if name else "$"
        self._position += 1
        following = self._peek()
        if not following:
            raise VariableError("syntax error: missing '}'")
        if following in "{}:":
            raise VariableError("syntax error: bad substitution")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise VariableError(f"more than {_DEEPEST} substitutions inside of each other")
        try:
            return self._substitution(self._name())
        finally:
            self._depth -= 1

    def _substitution(self, name: str) -> str:
        operator = self._next()
        value = self._variables.get(name)
        if operator == "}":
            return value or ""
        colon = operator == ":"
        if colon:
            operator = self._next()
        elif self._frontend.has(1, 7) and operator in ("#", "%", "/"):
            return self._changed(operator, value or "")
        elif operator not in (("+", "-", "?") if self._frontend.has(1, 6) else ("?",)):
            if self._frontend.has(1, 6):
                raise VariableError(f"unsupported modifier ({operator}) in substitution")
            raise VariableError("missing ':' in substitution")
        word = self._part("}")
        given = value is not None and (bool(value) or not colon)
        if operator == "-":
            return value or "" if given else word
        if operator == "+":
            return word if given else ""
        if operator == "?":
            if given:
                return value or ""
            state = "unset" if value is None else "empty"
            raise VariableError(f"{name}: {word or f'is not allowed to be {state}'}")
        shown = f":{operator}" if colon and self._frontend.buildkit else operator
        raise VariableError(f"unsupported modifier ({shown}) in substitution")

    def _changed(self, operator: str, value: str) -> str:
        """``${X#p}``, ``${X%p}`` (twice the sign: the longest match), ``${X/p/r}``, ``${X//p/r}``."""
        longest = self._peek() == operator
        if longest:
            self._position += 1
        if operator != "/":
            return trimmed(value, self._pattern("}"), operator, longest=longest)
        pattern = self._pattern("/")
        replacement = self._part("}")
        expression = re.compile(expression_of(pattern), re.DOTALL)
        return expression.sub(lambda _found: replacement, value, count=0 if longest else 1)

    def _pattern(self, stop: str) -> str:
        """A pattern as it is written: escapes in it are its own."""
        keep, self._keep = self._keep, True
        try:
            return self._part(stop)
        finally:
            self._keep = keep

    def _part(self, stop: str) -> str:
        try:
            return self._until(stop)
        except VariableError:
            if self._peek():
                raise
            raise VariableError("syntax error: missing '}'") from None

    def _name(self) -> str:
        """A name, a number, or one of the shell's special parameters; "" for none of them."""
        start = self._position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._position += 1
        elif first in _SPECIAL:
            self._position += 1
        else:
            while (one := self._peek()) and (one.isalpha() or one.isdecimal() or one == "_"):
                self._position += 1
        return self._source[start : self._position]


def expression_of(pattern: str) -> str:
    """A shell pattern as a regular expression: ``*`` and ``?`` are wild, a backslash quotes."""
    found = ""
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character in "*?":
            found += ".*" if character == "*" else "."
            continue
        if character == "\\" and position < len(pattern):
            character = pattern[position]
            position += 1
        found += re.escape(character)
    return found


def trimmed(value: str, pattern: str, side: str, *, longest: bool) -> str:
    """``value`` without what the pattern matches at its beginning (#) or end (%)."""
    expression = re.compile(expression_of(pattern), re.DOTALL)
    for length in range(len(value), -1, -1) if longest else range(len(value) + 1):
        piece = value[:length] if side == "#" else value[len(value) - length :]
        if expression.fullmatch(piece):
            return value[length:] if side == "#" else value[: len(value) - length]
    return value


class _Words:
    """Words of what is added: blanks end them, unless they are quoted."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._word: list[str] = []

    def add(self, text: str) -> None:
        """Text whose blanks separate words."""
        for character in text:
            if character not in SPACES:
                self._word.append(character)
            elif self._word:
                self._words.append("".join(self._word))
                self._word = []

    def add_raw(self, text: str) -> None:
        """Text that stays in one word."""
        if text:
            self._word.append(text)

    def end(self) -> list[str]:
        """All words."""
        return [*self._words, "".join(self._word)] if self._word else self._words
