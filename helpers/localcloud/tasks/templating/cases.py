"""Upper and lower case of words: title, snake case and the like, as Go and Sprig's libraries do it.

Source: packages strings (Title), goutils (SwapCase, Initials, Uncapitalize), xstrings.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

from .go_types import runes, to_bytes

# What Go counts as a space (package unicode, IsSpace).
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
SPACES += "\u200a\u2028\u2029\u202f\u205f\u3000"


def _one(found: str, given: str) -> str:
    return found if len(found) == 1 else given


def upper(text: str) -> str:
    """In upper case, letter by letter."""
    return text.upper() if text.isascii() else "".join(map(_upper, runes(text)))


def lower(text: str) -> str:
    """In lower case, letter by letter."""
    return text.lower() if text.isascii() else "".join(map(_lower, runes(text)))


def _upper(one: str) -> str:
    return _one(one.upper(), one)


def _lower(one: str) -> str:
    return _one(one.lower(), one)


def _title(one: str) -> str:
    return _one(one.title(), one)


def _separates(one: str) -> bool:
    if one <= "\x7f":
        return not (one.isalnum() or one == "_")
    return one in SPACES


def title(text: str) -> str:
    """Every letter that begins a word in title case: words end at spaces and signs."""
    shown, before = [], " "
    for one in runes(text):
        shown.append(_title(one) if _separates(before) else one)
        before = one
    return "".join(shown)


def untitled(text: str) -> str:
    """The first letter of each word in lower case; words end at spaces."""
    shown, begins = [], True
    for one in runes(text):
        shown.append(_lower(one) if begins and one not in SPACES else one)
        begins = one in SPACES
    return "".join(shown)


def swapped(text: str) -> str:
    """Upper case for lower, and the other way round."""
    shown, space = [], True
    for one in runes(text):
        category = unicodedata.category(one)
        if category in ("Lu", "Lt"):
            shown.append(_lower(one))
            space = False
        elif category == "Ll":
            shown.append(_title(one) if space else _upper(one))
            space = False
        else:
            shown.append(one)
            space = one in SPACES
    return "".join(shown)


def initials(text: str) -> str:
    """The first byte of each word, taken for a character."""
    shown, gap = [], True
    for byte in to_bytes(text):
        if chr(byte) in SPACES:
            gap = True
        elif gap:
            shown.append(chr(byte))
            gap = False
    return "".join(shown)


def _connects(one: str) -> bool:
    return one in "-_" or one in SPACES


def camel(text: str) -> str:
    """some_words → SomeWords; signs that lead or follow each other stay."""
    letters = runes(text)
    position = 0
    while position < len(letters) and _connects(letters[position]):
        position += 1
    if position == len(letters):
        return letters + letters[-1:]
    shown = list(letters[:position])
    before = _upper(letters[position])
    for raw in letters[position + 1 :]:
        if _connects(raw) and _connects(before):
            shown.append(before)
            before = raw
        elif _connects(before):
            before = _upper(raw)
        else:
            shown.append(before)
            before = _lower(raw)
    return "".join([*shown, before])


def _kind(one: str) -> str:
    category = unicodedata.category(one)
    if _connects(one):
        return "connector"
    if category[0] == "P":
        return "punctuation"
    if category == "Lu":
        return "upper"
    if category in ("Ll", "Lt"):
        return "lower"
    return "number" if category[0] == "N" else "other"


def _words(text: str) -> list[tuple[str, str]]:
    """Words with their kinds: FirstName is two, HTTPServer HTTP and Server, http2xx three."""
    letters = runes(text)
    kinds: list[str] = []
    for one in letters:  # _ and - after a sign are signs themselves
        signs = kinds[-1:] == ["punctuation"] and one in "-_"
        kinds.append("punctuation" if signs else _kind(one))
    pairs = groupby(zip(kinds, letters, strict=True), lambda pair: pair[0])
    runs = [(sort, "".join(one for _, one in run)) for sort, run in pairs]
    words: list[tuple[str, str]] = []
    position = 0
    while position < len(runs):
        sort, run = runs[position]
        following = runs[position + 1][0] if position + 1 < len(runs) else ""
        if sort == "upper" and following == "lower":
            if len(run) > 1:
                words.append(("upper", run[:-1]))
            words.append(("upper", run[-1] + runs[position + 1][1]))
            position += 2
            continue
        words.append(("alphabet" if sort == "lower" else sort, run))
        position += 1
    return words


def lowered(text: str, connector: str) -> str:
    """FirstName → first_name, with another sign first-name."""
    return _Lowered(_words(text), connector).text()


class _Lowered:
    """Puts words together again; a number belongs to the word before it, mostly."""

    def __init__(self, words: list[tuple[str, str]], connector: str) -> None:
        self._words = [*words, ("", "")]
        self._connector = connector
        self._at = 0
        self._shown: list[str] = []

    def text(self) -> str:
        last = len(self._words) - 2
        while self._at < last:
            sort = self._words[self._at][0]
            self._put()
            if sort == "number":
                self._put_all()
                if self._words[self._at][0] not in ("", "punctuation"):
                    self._shown.append(self._connector)  # twice, before one: xstrings 1.3.2
            elif sort not in ("connector", "punctuation"):
                self._after_letters(last)
        if self._at <= last:
            self._put()
        return "".join(self._shown)

    def _after_letters(self, last: int) -> None:
        if self._words[self._at][0] != "number":
            self._connect()
        elif self._at < last:
            letters_follow = self._words[self._at + 1][0] == "alphabet"
            if letters_follow:
                self._shown.append(self._connector)
            self._put()
            if letters_follow:
                self._put_all()
            self._connect()

    def _put(self) -> None:
        sort, word = self._words[self._at]
        if sort == "connector":
            self._shown.append(self._connector * len(word))
        else:
            self._shown.append("".join(map(_lower, word)) if sort == "upper" else word)
        self._at += 1

    def _put_all(self) -> None:
        while self._words[self._at][0] in ("alphabet", "number"):
            self._put()

    def _connect(self) -> None:
        if self._words[self._at][0] not in ("", "connector", "punctuation"):
            self._shown.append(self._connector)
