"""A flow: boxes in columns, each a task, an image or a site, and arrows between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from . import markup
from .colors import (
    BAD,
    GOING,
    GOOD,
    IDLE,
    INK,
    LINE,
    PANEL,
    QUIET,
    STOPPED,
    TONES,
    Tone,
    is_color,
    tone_of,
)
from .drawing import Drawing
from .text import Since, Volatile, clock, fit, line, short_digest, width_of

OPEN, SHUT, DECIDES = "gate open", "gate shut", "gate decides"
_GATES = {OPEN: GOOD, SHUT: BAD, DECIDES: GOING}
_WIDTH, _GAP, _MARGIN = 218.0, 46.0, 14.0  # pixels: a box, between two columns, around all
_LINE, _TOP, _PAD, _HEAD = 19.0, 12.0, 12.0, 30.0  # pixels: a line, above it, beside it, the title
_BETWEEN = 16.0  # pixels between two boxes of a column
_BY_NAME = {tone.name: tone for tone in TONES}


@dataclass(frozen=True)
class Box:
    """One station of a flow, with what is known about it.

    ``lines``: further lines, each of parts, of which some are :class:`Volatile`. ``tone``: the name
    of a tone where the status is not that of a run. ``gate``: ``gate open``, ``gate shut``,
    ``gate decides``, '' or a few words about it.
    ``color``: a colour to be shown, of a site for instance.
    """

    title: str
    name: str
    place: str = ""
    status: str = ""
    lines: tuple[tuple[str, ...], ...] = ()
    tone: str = ""
    gate: str = ""
    color: str = ""

    @property
    def meaning(self) -> Tone:
        """The tone of the box."""
        return _BY_NAME[self.tone] if self.tone else tone_of(self.status)

    @property
    def passes(self) -> bool:
        """Whether what comes by goes on to the next column."""
        return self.gate != SHUT and self.meaning is GOOD

    @property
    def refuses(self) -> bool:
        """Whether it is known that nothing goes on from here."""
        return self.gate == SHUT or self.meaning is BAD

    def sentences(self, *, volatile: bool = True) -> Iterator[str]:
        """What the box says, a line for each fact, the first one with its name.

        Without what is ``volatile``: no ids, times and digests.
        """
        where = f" in {self.place}" if self.place else ""
        yield line([f"{self.title}: {self.name}{where}"])
        told = [one for one in (self.status, self.gate) if one]
        if told:
            yield line([", ".join(told)])
        yield from (one for one in (_told(parts, volatile) for parts in self.lines) if one)


def _told(parts: Sequence[str], volatile: bool) -> str:
    kept = [one for one in parts if volatile or not isinstance(one, Volatile)]
    return " ".join(line(kept).split())


def run_lines(
    run: str = "",
    cause: str = "",
    started: datetime | None = None,
    finished: datetime | None = None,
    image: str = "",
    digest: str = "",
) -> tuple[tuple[str, ...], ...]:
    """The lines of a box for a run: its id, what started it and when, the image and its digest.

    ``digest`` is whole; what is empty is left out.
    """
    lines: list[tuple[str, ...]] = []
    if run:
        took = f", {round((finished - started).total_seconds())} s" if started and finished else ""
        going_on = finished is None
        text = f"run {run}{took}"
        lines.append((Since(text, started) if started and going_on else Volatile(text),))
    if cause:
        lines.append((f"by {cause}",))
    if started:
        lines.append((Volatile(clock(started)),))
    if image:
        before, found, after = image.partition(run) if run else (image, "", "")
        lines.append((before, Volatile(found), after) if found else (image,))
    if digest:
        lines.append((Volatile(short_digest(digest)),))
    return tuple(lines)


@dataclass(frozen=True)
class Flow:
    """Boxes in columns: what passes one column goes on to the next.

    ``problem``: a sentence that stands above all, when what is shown may not be true any more.
    ``more``: lines below all, each of parts.
    """

    title: str
    columns: Sequence[Sequence[Box]]
    problem: str = ""
    more: tuple[tuple[str, ...], ...] = ()

    def text(self, *, volatile: bool = True) -> str:
        """Some lines for each box; without what is ``volatile``: no ids, times and digests."""
        lines = [fit(one) for one in (self.title, self.problem) if one]
        for number, column in enumerate(self.columns, start=1):
            for box in column:
                first, *more = box.sentences(volatile=volatile)
                lines.append(f"{number}. {first}")
                lines += [f"   {one}" for one in more]
        lines += [one for one in (_told(parts, volatile) for parts in self.more) if one]
        return "\n".join(lines)

    # -- HTML ------------------------------------------------------------------------------------

    def html(self) -> str:
        """An ordered list, which is drawn as boxes where styles are."""
        made = markup.root(
            "div", "flow", markup.CHIPS + markup.BOXES, role="group", aria_label=self.title
        )
        if self.title:
            markup.element(made, "p", "title", self.title)
        if self.problem:
            markup.element(made, "p", "problem", self.problem)
        listed = markup.element(made, "ol", role="list")
        for column in self.columns:
            item = markup.element(listed, "li", _way(column))
            if len(column) == 1:
                _write(markup.element(item, "div", f"box {column[0].meaning.name}"), column[0])
                continue
            inner = markup.element(item, "ul", role="list")
            for box in column:
                _write(markup.element(inner, "li", f"box {box.meaning.name}"), box)
        if self.more:
            below = markup.element(made, "ul", "more", role="list")
            for one in self.more:
                markup.parts(markup.element(below, "li"), one)
        return markup.html(made)

    # -- SVG -------------------------------------------------------------------------------------

    def svg(self) -> str:
        """Columns from the left to the right, with arrows that are broken where nothing passes."""
        heights = [[_height(box) for box in column] for column in self.columns]
        tall = max(
            (sum(column) + _BETWEEN * (len(column) - 1) for column in heights), default=_LINE
        )
        head = _HEAD + (_LINE if self.problem else 0)
        count = len(self.columns)
        width = max(1, count) * (_WIDTH + _GAP) - _GAP + 2 * _MARGIN
        below = head + tall
        height = below + len(self.more) * _LINE + _MARGIN + (4 if self.more else 0)
        drawing = Drawing(width, height, self.title, self.text(volatile=False))
        room = width - 2 * _MARGIN
        drawing.text(_MARGIN, 22, (self.title,), INK, limit=room, size=14, bold=True)
        if self.problem:
            drawing.text(_MARGIN, 22 + _LINE, (self.problem,), STOPPED.ink, limit=room)
        for number, one in enumerate(self.more, start=1):
            y = below + number * _LINE + 2
            drawing.text(_MARGIN, y, one, INK, limit=room, size=12)
        places = []
        for number, column in enumerate(self.columns):
            x = _MARGIN + number * (_WIDTH + _GAP)
            more = tall - sum(heights[number]) - _BETWEEN * (len(column) - 1)
            y, there = head, []
            for box, least in zip(column, heights[number], strict=True):
                height = least + more / len(column)
                _draw(drawing, box, x, y, height)
                there.append((box, x, y + height / 2))
                y += height + _BETWEEN
            places.append(there)
        for before, after in pairwise(places):
            for box, x, y in before:
                for _, to_x, to_y in after:
                    _arrow(drawing, box, (x + _WIDTH, y), (to_x, to_y))
        return drawing.svg()


def _way(column: Sequence[Box]) -> str:
    """The class of the arrow that leads on from a column."""
    if any(box.refuses for box in column):
        return "shut"
    return "passes" if all(box.passes for box in column) else ""


def _write(parent: markup.Element, box: Box) -> None:
    markup.element(parent, "span", "line quiet", box.title)
    markup.element(parent, "span", "stop", ": ")
    name = markup.element(parent, "span", "line")
    markup.swatch(name, box.color)
    markup.parts(markup.element(name, "b"), (box.name,))
    if box.place:
        place = markup.element(parent, "span", "line", " in ")
        markup.parts(place, (box.place,))
    told = markup.element(parent, "span", "line")
    for chip in _chips(box):
        markup.element(told, "span", "stop", ", ")
        markup.chip(told, *chip)
    for one in box.lines:
        markup.element(parent, "span", "stop", ", ")
        markup.parts(markup.element(parent, "span", "line"), one)


def _chips(box: Box) -> list[tuple[str, Tone]]:
    chips = [(box.status, box.meaning)] if box.status else []
    if box.gate:
        chips.append((box.gate, _GATES.get(box.gate, STOPPED)))
    return chips


def _height(box: Box) -> float:
    rows = 2 + bool(box.place) + len(box.lines)
    chips = [width_of(f"{tone.mark} {text}", 12, bold=True) + 16 for text, tone in _chips(box)]
    levels = 0 if not chips else 1 if sum(chips) + 6 <= _WIDTH - 2 * _PAD else len(chips)
    return _TOP + rows * _LINE + levels * (_LINE + 5) + 12


def _draw(drawing: Drawing, box: Box, x: float, y: float, height: float) -> None:
    tone = box.meaning
    drawing.box(x, y, _WIDTH, height, PANEL, edge=tone.edge, dashed=tone is IDLE)
    left, room = x + _PAD, _WIDTH - 2 * _PAD
    y += _TOP + 9
    drawing.text(left, y, (box.title,), QUIET, limit=room, size=12)
    y += _LINE
    shown = is_color(box.color)
    if shown:
        drawing.swatch(left, y - 11, 12, box.color, LINE)
    beside = 18 if shown else 0
    drawing.text(left + beside, y, (box.name,), INK, limit=room - beside, bold=True)
    if box.place:
        y += _LINE
        drawing.text(left, y, ("in ", box.place), INK, limit=room)
    chips = _chips(box)
    if chips:
        y += _LINE + 7
    for text, meaning in chips:
        label = f"{meaning.mark} {text}"
        wide = min(room, width_of(label, 12, bold=True) + 16)
        if left + wide > x + _WIDTH - _PAD and left > x + _PAD:
            left, y = x + _PAD, y + _LINE + 5
        drawing.box(left, y - 14, wide, 19, meaning.fill, radius=9.5)
        drawing.text(left + 8, y, (label,), meaning.ink, limit=wide - 12, size=12, bold=True)
        left += wide + 6
    if chips:
        left, y = x + _PAD, y + 4
    for one in box.lines:
        y += _LINE
        drawing.text(left, y, one, INK, limit=room, size=12)


def _arrow(
    drawing: Drawing, box: Box, start: tuple[float, float], end: tuple[float, float]
) -> None:
    (x, y), (to_x, to_y) = (start[0] + 4, start[1]), (end[0] - 4, end[1])
    middle = (x + to_x) / 2
    way = f"M{x:.0f} {y:.0f}H{middle:.0f}V{to_y:.0f}H{to_x:.0f}"
    if y == to_y:
        way = f"M{x:.0f} {y:.0f}H{to_x:.0f}"
    edge = box.meaning.edge if box.passes else LINE
    drawing.path(way, edge, dashed=not box.passes, width=2)
    drawing.path(f"M{to_x - 7:.0f} {to_y - 5:.0f}l7 5l-7 5", edge, width=2)
    if box.refuses:
        drawing.path(f"M{x + 9:.0f} {y - 13:.0f}v26", BAD.edge, width=4)


def news(before: Flow, after: Flow) -> str:
    """What is different in two pictures, in words that can be read out; '' for nothing of weight."""
    if after.problem and after.problem != before.problem:
        return after.problem
    known = {(box.title, box.name): _standing(box) for column in before.columns for box in column}
    told = [
        f"{box.title}, {box.name}: {_standing(box)}."
        for column in after.columns
        for box in column
        if known.get((box.title, box.name)) != _standing(box)
    ]
    if before.problem and not after.problem:
        told.insert(0, "The cloud is seen again.")
    return " ".join(told)


def _standing(box: Box) -> str:
    said = [box.status, box.gate, f"background {box.color}" if box.color else ""]
    return ", ".join(one for one in said if one)
