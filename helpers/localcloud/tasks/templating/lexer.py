"""Cuts a Go template into tokens (Go documentation, package text/template/parse)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import TaskError

NAME = "gotpl"
_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]+")
_NAME = re.compile(r"[^\W\d]\w*")
_WORD = re.compile(r"\w*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_RAW = re.compile(r"`[^`]*`")
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_SIGN = r"[+-]?"
_DIGITS = (
    r"(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*|0[bB][01_]*|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_NUMBER = re.compile(f"{_SIGN}{_DIGITS}")
_IMAGINARY = re.compile(f"[+-]{_DIGITS}")
_KEYWORDS = frozenset(
    (
        "block",
        "break",
        "continue",
        "define",
        "else",
        "end",
        "if",
        "range",
        "nil",
        "template",
        "with",
    )
)
_ENDS = frozenset(" \t\r\n.,|:()")  # what may follow a name


class TemplateError(TaskError):
    """A template that cannot be read or executed; names the line and the expression, as Go does."""

    def __init__(self, line: int, reason: str, column: int | None = None) -> None:
        place = f"{line}" if column is None else f"{line}:{column}"
        super().__init__(f"template: {NAME}:{place}: {reason}")
        self.line = line
        self.reason = reason
        self.column = column


def fail(line: int, message: str, column: int | None = None) -> TemplateError:
    """An error at a line of the template; columns are counted from 0, as Go does."""
    return TemplateError(line, message, column)


@dataclass(frozen=True)
class Token:
    """A piece of a template; ``start`` is where its text begins."""

    kind: str
    text: str
    line: int
    start: int


class Lexer:
    """Gives the tokens of one template. Raises :class:`TemplateError`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._parens = 0

    def tokens(self) -> Iterator[Token]:
        """Texts, and for each action a left delimiter, what is in it, and a right one."""
        trim = False
        while True:
            found = self._text.find("{{", self._at)
            end = len(self._text) if found < 0 else found
            text, line = self._text[self._at : end], self._line
            self._line += text.count("\n")
            if trim:
                stripped = text.lstrip(_SPACES)
                line += text.count("\n") - stripped.count("\n")
                text = stripped
            self._at = end
            trims = found >= 0 and self._trims(end + 2)
            text = text.rstrip(_SPACES) if trims else text
            if text:
                yield Token("text", text, line, end - len(text))
            if found < 0:
                yield Token("eof", "", self._line, end)
                return
            self._move(4 if trims else 2)
            if self._text.startswith("/*", self._at):
                trim = self._comment()
                continue
            yield Token("left", "{{", self._line, end)
            self._parens = 0
            yield from self._action()
            trim = self._text[self._at - 3] == "-" and self._text[self._at - 4] in _SPACES

    def _trims(self, at: int) -> bool:
        return self._text[at : at + 1] == "-" and self._text[at + 1 : at + 2] in tuple(_SPACES)

    def _move(self, count: int) -> str:
        text = self._text[self._at : self._at + count]
        self._line += text.count("\n")
        self._at += count
        return text

    def _comment(self) -> bool:
        end = self._text.find("*/", self._at)
        if end < 0:
            raise fail(self._line, "unclosed comment")
        self._move(end + 2 - self._at)
        closing = self._closing()
        if not closing:
            raise fail(self._line, "comment ends before closing delimiter")
        self._move(closing)
        return closing == 4

    def _closing(self) -> int:
        """How long the right delimiter is that stands here; 0: there is none."""
        if self._text.startswith("}}", self._at):
            return 2
        trimmed = self._text[self._at : self._at + 1] in tuple(_SPACES)
        return 4 if trimmed and self._text.startswith("-}}", self._at + 1) else 0

    def _action(self) -> Iterator[Token]:
        while True:
            closing = self._closing()
            if closing:
                if self._parens:
                    raise fail(self._line, "unclosed left paren")
                line, start = self._line, self._at
                self._move(closing)
                yield Token("right", "}}", line, start)
                return
            if self._at >= len(self._text):
                raise fail(self._line, "unclosed action")
            line, start = self._line, self._at
            kind, length = self._one()
            yield Token(kind, self._move(length), line, start)

    def _one(self) -> tuple[str, int]:
        """The kind and length of the next token."""
        text, at = self._text, self._at
        one = text[at]
        if one in _SPACES:
            return "space", self._spaces()
        if one in "\"`'":
            return self._quoted(one)
        if one in "+-0123456789" or (one == "." and text[at + 1 : at + 2].isdecimal()):
            return "number", self._number()
        if one in ".$":
            return self._field(one)
        if name := _NAME.match(text, at):
            self._ended(name.end())
            word = name[0]
            if word in ("true", "false"):
                return "bool", len(word)
            return (word if word in _KEYWORDS else "word"), len(word)
        return self._sign(one)

    def _spaces(self) -> int:
        """Spaces, but not the one that belongs to a trimming delimiter."""
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        length = len(match[0])
        return length - 1 if self._text.startswith("-}}", match.end()) and length > 1 else length

    def _quoted(self, mark: str) -> tuple[str, int]:
        expression, kind, name = {
            '"': (_STRING, "string", "quoted string"),
            "`": (_RAW, "raw", "raw quoted string"),
            "'": (_CHARACTER, "character", "character constant"),
        }[mark]
        match = expression.match(self._text, self._at)
        if match is None:
            raise fail(self._line, f"unterminated {name}")
        return kind, len(match[0])

    def _number(self) -> int:
        match = _NUMBER.match(self._text, self._at)
        assert match is not None
        end = match.end()
        following = self._text[end : end + 1]
        imaginary = _IMAGINARY.match(self._text, end) if following in ("+", "-") else None
        if imaginary and imaginary[0].endswith("i"):
            end, imaginary = imaginary.end(), None
            following = self._text[end : end + 1]
        if imaginary or following == "_" or following.isalnum():
            stop = imaginary.end() if imaginary else end + 1
            raise fail(self._line, f'bad number syntax: "{self._text[self._at : stop]}"')
        return end - self._at

    def _field(self, one: str) -> tuple[str, int]:
        match = _WORD.match(self._text, self._at + 1)
        assert match is not None
        if one == "." and not match[0]:
            self._ended(self._at + 1)
            return "dot", 1
        self._ended(match.end())
        return ("variable" if one == "$" else "field"), match.end() - self._at

    def _ended(self, at: int) -> None:
        one = self._text[at : at + 1]
        if one and one not in _ENDS and not self._text.startswith("}}", at):
            raise fail(self._line, f"bad character U+{ord(one):04X} '{one}'")

    def _sign(self, one: str) -> tuple[str, int]:
        if one == ":":
            if not self._text.startswith(":=", self._at):
                raise fail(self._line, "expected :=")
            return "declare", 2
        if one == "(":
            self._parens += 1
            return "open", 1
        if one == ")":
            self._parens -= 1
            if self._parens < 0:
                raise fail(self._line, "unexpected right paren")
            return "close", 1
        if one in "=|":
            return ("assign" if one == "=" else "pipe"), 1
        if not " " <= one <= "~":
            raise fail(self._line, f"unrecognized character in action: U+{ord(one):04X} '{one}'")
        return "char", 1
