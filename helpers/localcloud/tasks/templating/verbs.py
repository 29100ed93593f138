"""The pattern of Go's printf, read into texts and verbs with their arguments (package fmt)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .go_types import is_integer, type_name

_FLAGS = re.compile(r"[-+# 0]*")
_NUMBER = re.compile(r"\d+")
_INDEX = re.compile(r"\[([^\]]*)\]")
_MOST = 1_000_000  # of a width or precision


@dataclass(frozen=True)
class Verb:
    """One verb of a pattern, with its flags."""

    letter: str
    flags: str = ""
    width: int | None = None
    precision: int | None = None
    wrong: bool = False  # it stands for a verb that the value has not got: flags stay flags

    @property
    def literal(self) -> bool:
        """Whether a Go literal is wanted."""
        return self.letter == "v" and "#" in self.flags and not self.wrong

    @property
    def named(self) -> bool:
        """Whether the names of fields are wanted; signs of numbers are not."""
        return self.letter == "v" and "+" in self.flags and not self.wrong

    @property
    def zero(self) -> bool:
        """Whether zeros fill it up."""
        return "0" in self.flags and "-" not in self.flags


def parse(pattern: str, arguments: Sequence[Any]) -> Iterator[str | tuple[Verb, Any]]:
    """The pieces of a pattern: texts as they are, and verbs with their values."""
    return _Reader(pattern, arguments).pieces()


class _Reader:
    def __init__(self, pattern: str, arguments: Sequence[Any]) -> None:
        self._pattern = pattern
        self._arguments = arguments
        self._at = 0
        self._next = 0
        self._reordered = False
        self._good = True
        self._after = False

    def pieces(self) -> Iterator[str | tuple[Verb, Any]]:
        end = len(self._pattern)
        while self._at < end:
            start = self._at
            found = self._pattern.find("%", start)
            self._at = end if found < 0 else found
            if self._at > start:
                yield self._pattern[start : self._at]
            if self._at < end:
                self._at += 1
                yield from self._verb()
        if not self._reordered and self._next < len(self._arguments):
            yield "%!(EXTRA "
            for number, one in enumerate(self._arguments[self._next :]):
                yield ", " if number else ""
                yield "<nil>" if one is None else f"{type_name(one)}="
                if one is not None:
                    yield Verb("v"), one
            yield ")"

    def _match(self, expression: re.Pattern[str]) -> str:
        match = expression.match(self._pattern, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _verb(self) -> Iterator[str | tuple[Verb, Any]]:
        self._good, self._after = True, False
        flags = self._match(_FLAGS)
        self._argument_number()
        width: int | None = None
        if self._peek() == "*":
            self._at += 1
            width = self._star()
            if width is None:
                yield "%!(BADWIDTH)"
            elif width < 0:
                width, flags = -width, flags + "-"
            self._after = False
        elif number := self._match(_NUMBER):
            width = int(number) if int(number[:9]) <= _MOST and len(number) < 9 else None
            if self._after:
                self._good = False
        precision: int | None = None
        if self._peek() == ".":
            self._at += 1
            precision, told = self._precision()
            if told:
                yield told
        if not self._after:
            self._argument_number()
        yield self._letter(flags, width, precision)

    def _letter(
        self, flags: str, width: int | None, precision: int | None
    ) -> str | tuple[Verb, Any]:
        letter = self._peek()
        self._at += 1
        if not letter:
            return "%!(NOVERB)"
        if letter == "%":
            return "%"
        if not self._good:
            return f"%!{letter}(BADINDEX)"
        if self._next >= len(self._arguments):
            return f"%!{letter}(MISSING)"
        value = self._arguments[self._next]
        self._next += 1
        return Verb(letter, flags, width, precision), value

    def _precision(self) -> tuple[int | None, str]:
        if self._after:
            self._good = False
        self._argument_number()
        if self._peek() == "*":
            self._at += 1
            found = self._star()
            self._after = False
            if found is not None and found < 0:
                return None, "%!(BADPREC)"
            return found, "" if found is not None else "%!(BADPREC)"
        number = self._match(_NUMBER)
        return int(number[:7] or 0), ""

    def _star(self) -> int | None:
        if self._next >= len(self._arguments):
            return None
        value = self._arguments[self._next]
        self._next += 1
        return int(value) if is_integer(value) and -_MOST <= value <= _MOST else None

    def _argument_number(self) -> None:
        """``[2]`` says which argument is next."""
        if self._peek() != "[":
            return
        self._reordered = True
        match = _INDEX.match(self._pattern, self._at)
        if match is None:
            self._good = False
            self._at += 1
            return
        self._at = match.end()
        number = match[1]
        if not _NUMBER.fullmatch(number) or not 1 <= int(number[:9]) <= len(self._arguments):
            self._good = False
            return
        self._after = True
        self._next = int(number) - 1
