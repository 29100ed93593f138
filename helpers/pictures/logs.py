"""The log of a run: what its lines mean, and how they look where nothing moves.

Whatever a line holds was written by strangers: it becomes text, never markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from .colors import BAD, GOING, GOOD, INK, LINE, PANEL, QUIET
from .drawing import CLASS
from .markup import SCHEMES

# ECMA-48: control sequences (colours, movements of the cursor), strings that set a title or a link,
# and the escape sequences of one character.
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~])?|\x9b[0-?]*[ -/]*[@-~]"
)
_COLORING = re.compile(r"\x1b\[([0-9;:]{0,60})m")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STAMP = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")
_LONGEST = 5000  # characters of a line that are shown

# What an error says. One is an error whatever else its line says.
_BAD_WORDS = ("error", "fail", "refused", "denied", "unauthorized", "timed out")
_STEP = re.compile(r"Executing step ID|Step \d+/\d+|Launching container|Pushing image")

# The colours of a terminal by their number in ECMA-48, as names of styles.
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


class Span(NamedTuple):
    """Part of a line that a program has coloured: ``style`` is a colour's name, ``bold``, or both."""

    start: int
    end: int
    style: str


class Line(NamedTuple):
    """A line as it is shown: without escape sequences, its time apart from its text.

    ``kind`` is the name of the tone that it is shown in, '' for none.
    """

    stamp: str
    text: str
    kind: str = ""
    spans: tuple[Span, ...] = ()


def plain_line(raw: str) -> str:
    """A line as a terminal would show it in the end, without colours.

    What a carriage return has overwritten is gone; other control characters are not shown.
    """
    if raw.isprintable():
        return raw
    text = _ESCAPE.sub("", raw)
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    return _CONTROLS.sub("", text)


def line_of(raw: str) -> Line:
    """What a line of a log says."""
    text, spans = (raw, ()) if raw.isprintable() else _decoded(raw)
    found = _STAMP.match(text)
    stamp = found[0] if found else ""
    if stamp:
        text, begun = text[len(stamp) :], len(stamp)
        spans = tuple(
            Span(max(one.start - begun, 0), one.end - begun, one.style)
            for one in spans
            if one.end > begun
        )
    if len(text) > _LONGEST:
        more = len(text) - _LONGEST
        text = f"{text[:_LONGEST]}… ({more:,} more characters)"
        spans = tuple(one for one in spans if one.end <= _LONGEST)
    return Line(stamp, text, _kind(text), spans)


def _decoded(raw: str) -> tuple[str, tuple[Span, ...]]:
    """A line without escape sequences, and the parts of it that are coloured."""
    if "\x1b[" not in raw or "\r" in raw:
        return plain_line(raw), ()
    pieces = _COLORING.split(raw)  # text, codes, text, codes, … text
    texts = [one if one.isprintable() else plain_line(one) for one in pieces[::2]]
    spans: list[Span] = []
    style, at = "", len(texts[0])
    for codes, text in zip(pieces[1::2], texts[1:], strict=True):
        style = _style(style, codes)
        begun, at = at, at + len(text)
        if style and text:
            spans.append(Span(begun, at, style))
    return "".join(texts), tuple(spans)


def _kind(text: str) -> str:
    words = text.lower()
    for word in _BAD_WORDS:  # a regular expression that ignores case takes five times as long
        if word in words:
            return BAD.name
    if _STEP.match(text):
        return GOING.name
    return GOOD.name if "succe" in words or words.startswith("accepted") else ""


@lru_cache(maxsize=1000)
def _style(before: str, codes: str) -> str:
    """The style after a sequence "select graphic rendition" (ECMA-48, 8.3.117).

    Of its colours, the sixteen with a number: which they are exactly is up to the reader's theme.
    """
    color, _, bold = before.partition(" ") if before != "bold" else ("", "", "bold")
    numbers = [int(one or 0) for one in re.split("[;:]", codes)]
    at = 0
    while at < len(numbers):
        number = numbers[at]
        if number == 0:
            color, bold = "", ""
        elif number == 1:
            bold = "bold"
        elif number == 22:
            bold = ""
        elif 30 <= number <= 37 or 90 <= number <= 97:
            color = _NAMES[number % 10]
        elif number == 39:
            color = ""
        elif number in (38, 48):  # a colour of 256, or by its shares: not one of the theme's
            at += 2 if numbers[at + 1 : at + 2] == [5] else 4
        at += 1
    return " ".join(part for part in (color, bold) if part)


# -- steps ---------------------------------------------------------------------------------------

STARTED, SUCCEEDED, FAILED, IGNORED, STOPPED = (
    "started",
    "succeeded",
    "failed",
    "error ignored",
    "stopped",
)
_MARKS = (
    (re.compile(r"Executing step ID: (.+?)\. Timeout\(sec\): "), STARTED),
    (re.compile(r"Successfully executed container: (.+)"), SUCCEEDED),
    (
        re.compile(r"Step ID: (.+?) marked as successful \(elapsed time in seconds: ([\d.]+)\)"),
        SUCCEEDED,
    ),
    (re.compile(r"Step ID: (.+?) encountered an error: "), IGNORED),
    (re.compile(r"failed to run step ID: (.+?): "), FAILED),
)
_MOST_STEPS = 100  # a program may print what looks like a step, without end


@dataclass
class Step:
    """A step of a run, as its log tells it; ``seconds`` is None as long as it goes on."""

    name: str
    line: int
    status: str = STARTED
    begun: str = ""
    seconds: float | None = None


class Steps:
    """The steps of a log that is read line by line."""

    def __init__(self) -> None:
        self._by_name: dict[str, Step] = {}

    def __iter__(self) -> Iterator[Step]:
        return iter(self._by_name.values())

    def read(self, number: int, raw: str) -> None:
        """Take note of what line ``number`` says of a step."""
        if "tep ID: " not in raw and "executed container: " not in raw:
            return
        line = line_of(raw)
        for pattern, status in _MARKS:
            found = pattern.match(line.text)
            if found is not None:
                self._note(number, line.stamp, status, found)
                return

    def end(self) -> None:
        """The run is over: what has not ended by itself was stopped."""
        for step in self:
            if step.status == STARTED:
                step.status = STOPPED

    def _note(self, number: int, stamp: str, status: str, found: re.Match[str]) -> None:
        name = found[1]
        step = self._by_name.get(name)
        if step is None:
            if status == STARTED and stamp and len(self._by_name) < _MOST_STEPS:
                self._by_name[name] = Step(name, number, begun=stamp.strip())
            return
        if status == STARTED:
            return
        if step.status != IGNORED:
            step.status = status
        if found.re.groups > 1:
            step.seconds = float(found[2])
        elif stamp:
            step.seconds = _between(step.begun, stamp.strip())


def _between(first: str, last: str) -> float | None:
    """Seconds between two times of a log; None for what only looks like a time."""
    form = "%Y/%m/%d %H:%M:%S"
    try:
        return (datetime.strptime(last, form) - datetime.strptime(first, form)).total_seconds()
    except ValueError:
        return None


# -- the picture ---------------------------------------------------------------------------------

BEGINNING, ENDING = 150, 350  # lines of a long log that are shown

_INKS = {tone.name: tone.ink.css for tone in (BAD, GOING, GOOD)}


@dataclass(frozen=True)
class LogPicture:
    """A log as it is stored in a page: of a long one its beginning, its end, and how much is between."""

    title: str
    lines: Sequence[str]
    status: str = ""

    @property
    def heading(self) -> str:
        """The title, and how the run is."""
        return f"{self.title}: {self.status}" if self.status else self.title

    def svg(self) -> None:
        """A log is text."""

    def text(self) -> str:
        """The lines without the colours that programs in containers print."""
        return "\n".join(
            f"… {one:,} lines are left out here …" if isinstance(one, int) else one.stamp + one.text
            for one in self._shown()
        )

    def html(self) -> str:
        """A box that can be folded away, and scrolled with mouse and keyboard."""
        body = "\n".join(
            f'<em style="color:{QUIET.css}">… {one:,} lines are left out here …</em>'
            if isinstance(one, int)
            else _html(one)
            for one in self._shown()
        )
        title = html.escape(self.heading)
        # A reversed column is scrolled to its end: what was written last is in sight while it grows.
        # JupyterLab takes the arrow keys for its own, but where it is asked not to.
        return (
            f'<details open class="{CLASS}"><style>{SCHEMES}</style><summary>{title}</summary>'
            f'<div role="region" aria-label="{title}" tabindex="0" '
            'data-lm-suppress-shortcuts="true" style="display:flex;flex-direction:column-reverse;'
            f"max-height:24em;overflow:auto;border:1px solid {LINE.css};"
            f'background:{PANEL.css};color:{INK.css}">'
            '<pre style="flex:none;margin:0;padding:0.5em;background:inherit;color:inherit;'
            f'font:85% monospace,monospace">{body}</pre></div></details>'
        )

    def _shown(self) -> Iterator[Line | int]:
        """The lines to show, and the number of those that are left out where they would be."""
        lines = self.lines
        left_out = len(lines) - BEGINNING - ENDING
        if left_out <= 1:
            yield from map(line_of, lines)
            return
        yield from map(line_of, lines[:BEGINNING])
        yield left_out
        yield from map(line_of, lines[-ENDING:])


def _html(line: Line) -> str:
    text = html.escape(line.text)
    if line.kind:
        text = f'<span style="color:{_INKS[line.kind]}">{text}</span>'
    if line.stamp:
        return f'<span style="color:{QUIET.css}">{html.escape(line.stamp)}</span>{text}'
    return text
