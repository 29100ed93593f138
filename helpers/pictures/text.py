"""Texts of strangers in pictures: what varies, what cannot be drawn, how wide it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timezone

# What XML forbids (XML 1.0, section 2.2), and the controls that turn the text after them around
# (Unicode Standard Annex 9): letters of any direction are left as they are.
_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_BREAK = re.compile("\r\n|[\t\n\r\x85\u2028\u2029]")
_NARROW = frozenset("fijlrtI.,:;!|'()[]{} -/·")
_WIDE = frozenset("mwMW@%—…")
ELLIPSIS = "…"
_BOLD = 1.16  # how much wider it is
SHORT = 12  # digits of a digest that are shown


class Volatile(str):
    """A text that differs from run to run: an id, a time, a digest.

    Its element in SVG and HTML has the class ``volatile``, so that comparisons can leave it out.
    """


class Since(Volatile):
    """A text about something that goes on since ``start``; a live picture adds for how long."""

    start: datetime

    def __new__(cls, text: str, start: datetime) -> Since:
        """The text with its time."""
        made = super().__new__(cls, text)
        made.start = start
        return made


def fit(text: str) -> str:
    """``text`` as one line, with a replacement character for whatever XML cannot hold."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", _BREAK.sub(" ", text))


def line(parts: Sequence[str]) -> str:
    """The parts of a line as one text."""
    return "".join(fit(part) for part in parts)


def short_digest(digest: str) -> str:
    """``sha256:`` and the first twelve digits."""
    algorithm, colon, digits = digest.partition(":")
    return f"{algorithm}{colon}{digits[:SHORT]}"


def clock(moment: datetime) -> str:
    """A date and time, in UTC, as people read it."""
    return moment.astimezone(timezone.utc).strftime("%d %b %H:%M:%S UTC")


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide ``text`` is at most, in the unit of ``size``, in the fonts that browsers bring."""
    return sum(_width(character) for character in text) * size * (_BOLD if bold else 1)


def _width(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF" or character in _WIDE:
        return 1.0
    if character in _NARROW:
        return 0.42
    return 0.76 if character.isupper() else 0.63


def shortened(text: str, size: float, limit: float, *, bold: bool = False) -> str:
    """``text``, or its beginning and end around an ellipsis if it is wider than ``limit``."""
    if width_of(text, size, bold=bold) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that fit
        middle = (low + high + 1) // 2
        if width_of(_cut(text, middle), size, bold=bold) <= limit:
            low = middle
        else:
            high = middle - 1
    return _cut(text, low)


def _cut(text: str, count: int) -> str:
    head = (count + 1) // 2
    return text[:head] + ELLIPSIS + text[len(text) - (count - head) :]
