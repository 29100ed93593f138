"""The tokens of a text, one after the other, as parsers by recursive descent read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """A piece of a text: what kind it is of, its own text, and where it starts."""

    kind: str  # the parser's own word; "end" for the last one, which has no text
    text: str
    start: int


class TokenReader:
    """What a parser stands on: the next token, and the text from there."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = (*tokens, Token("end", "", len(text)))
        self._next = 0

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek()
        self._next += 1
        return token

    def _is(self, *words: str) -> bool:
        """Whether the next token is one of these words or signs, in any case; no string is one."""
        token = self._peek()
        return token.kind != "string" and token.text.lower() in words

    def _rest(self) -> str:
        return self._text[self._peek().start :].strip()
