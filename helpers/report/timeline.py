"""When each run ran, drawn: a lane for each task, or for each run, and an arrow from the run that
started another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..pictures.colors import GOOD, Tone, tone_of
from .history import Run, alongside, parents

WIDTH = 1000  # pixels, of the whole chart
_LABELS = 190.0  # of them for the names of the tasks
_RIGHT = 14.0
_HEAD = 40.0  # for the time, and the numbers of the notebooks
_TIMES = 20.0  # for the time alone
_LANE = 22.0
_BAR = 12.0
_SHORTEST = 3.0  # of a bar
_LETTER = 6.6  # about, of the chart's type
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds
_MOST_TICKS = 14


@dataclass(frozen=True)
class Window:
    """The time in which a notebook ran."""

    number: str
    began: datetime
    ended: datetime


@dataclass(frozen=True)
class Row:
    """A run as the table under the chart shows it; ``seconds`` '' while it goes on."""

    run: Run
    anchor: str
    seconds: str
    parent: str
    parent_anchor: str
    alongside: tuple[str, ...]
    at: str
    tone: Tone


@dataclass(frozen=True)
class Bar:
    """A run in its lane; ``queued`` is where its waiting began. ``note`` stands beside it, at
    ``note_x``, on its left where there is no room on its right.
    """

    x: float
    y: float
    width: float
    queued: float
    tone: Tone
    title: str
    note: str = ""
    note_x: float = 0.0
    note_left: bool = False

    @property
    def marked(self) -> bool:
        """Whether its mark stands beside it: all but good ends, which are the most."""
        return self.tone is not GOOD


@dataclass(frozen=True)
class Lane:
    """A task, or, with ``heading``, the registry of those below it."""

    label: str
    y: float
    heading: bool = False


@dataclass(frozen=True)
class Band:
    """A notebook's share of the width; its number is left out where there is no room for it."""

    x: float
    width: float
    number: str


@dataclass
class Chart:
    """Where everything goes, in pixels."""

    height: float = 0.0
    lanes: list[Lane] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    arrows: list[str] = field(default_factory=list)  # path data
    bands: list[Band] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)
    width: float = WIDTH
    left: float = _LABELS
    bar: float = _BAR


def rows(runs: Sequence[Run]) -> list[Row]:
    """Every run, in the order of their creation, with what started it and what ran beside it."""
    started_by = parents(runs)
    found = []
    for index, run in enumerate(runs):
        parent = runs[started_by[index]] if index in started_by else None
        found.append(
            Row(
                run=run,
                anchor=anchor(run),
                seconds="" if run.seconds is None else f"{run.seconds:.1f}",
                parent=parent.run_id if parent is not None else "",
                parent_anchor=anchor(parent) if parent is not None else "",
                alongside=tuple(one.run_id for one in alongside(runs, index)),
                at=f"{run.created:%H:%M:%S}" if run.created is not None else "",
                tone=tone_of(run.status),
            )
        )
    return found


def anchor(run: Run) -> str:
    """The id of a run on the page: run ids are unique within a registry alone."""
    return f"run-{run.registry}-{run.run_id}"


def overview(
    runs: Sequence[Run], windows: Sequence[Window], registries: Iterable[str]
) -> Chart | None:
    """A lane for each task, the ``registries`` from top to bottom; None when nothing was run."""
    runs = [run for run in runs if run.created is not None]
    if not runs:
        return None
    chart, y = Chart(), _HEAD
    lanes: dict[int, float] = {}
    for registry in registries:
        own = {index: run for index, run in enumerate(runs) if run.registry == registry}
        if own:
            chart.lanes.append(Lane(registry, y, heading=True))
            y += _LANE
        for task in dict.fromkeys(run.task for run in own.values()):
            chart.lanes.append(Lane(task or "quick runs", y))
            lanes |= {index: y for index, run in own.items() if run.task == task}
            y += _LANE
    chart.height = y + 8
    scale = _Scale(runs, windows)
    for window in windows:
        x, end = scale.x(window.began), scale.x(window.ended)
        chart.bands.append(Band(x, end - x, window.number if end - x >= 16 else ""))
    _fill(chart, runs, lanes, scale)
    return chart


def detail(runs: Sequence[Run]) -> Chart | None:
    """A lane for each run, with what started it; None when nothing was run."""
    runs = [run for run in runs if run.created is not None]
    if not runs:
        return None
    chart = Chart(height=_TIMES + _LANE * len(runs) + 8)
    lanes = {index: _TIMES + _LANE * index for index in range(len(runs))}
    chart.lanes = [
        Lane(f"{run.run_id} {run.task or 'quick run'}", lanes[n]) for n, run in enumerate(runs)
    ]
    _fill(chart, runs, lanes, _Scale(runs, ()), notes=True)
    return chart


def _fill(
    chart: Chart,
    runs: Sequence[Run],
    lanes: Mapping[int, float],
    scale: _Scale,
    *,
    notes: bool = False,
) -> None:
    """Draw the runs that have a lane."""
    chart.ticks = [(scale.x(at), label) for at, label in scale.ticks()]
    bars: dict[int, Bar] = {}
    for index, y in sorted(lanes.items()):
        run = runs[index]
        assert run.created is not None
        begun = scale.x(run.started or run.created)
        width = scale.x(run.finished or run.started or run.created) - begun
        bar = Bar(
            begun, y, max(width, _SHORTEST), scale.x(run.created), tone_of(run.status), _title(run)
        )
        bars[index] = _noted(bar, run) if notes else bar
    chart.bars = list(bars.values())
    for child, parent in parents(runs).items():
        if child in bars and parent in bars:
            chart.arrows.append(_arrow(bars[parent], bars[child]))


def _arrow(parent: Bar, child: Bar) -> str:
    """From where the child was created, in the lane of its parent, to where it began."""
    x = child.queued
    leaves = min(max(x, parent.x), parent.x + parent.width)
    upper, lower = parent.y + _LANE / 2, child.y + _LANE / 2
    return f"M{leaves:.1f},{upper:.1f} H{x:.1f} V{lower:.1f} H{child.x:.1f} m-5,-3.5 l5,3.5 l-5,3.5"


def _noted(bar: Bar, run: Run) -> Bar:
    note = _cause(run)
    room = len(note) * _LETTER + 22
    right = bar.x + bar.width + (18 if bar.marked else 6)
    left = right + room > WIDTH and bar.queued - room > _LABELS
    return replace(bar, note=note, note_x=bar.queued - 8 if left else right, note_left=left)


def _cause(run: Run) -> str:
    return f"{run.trigger} {run.cause}" if run.cause else run.trigger


def _title(run: Run) -> str:
    took = "" if run.seconds is None else f", {run.seconds:.1f} s"
    name = f"{run.run_id} {run.task or 'quick run'}"
    return f"{name}: {run.status}, started by {_cause(run)}{took}"


class _Scale:
    """From times to pixels."""

    def __init__(self, runs: Sequence[Run], windows: Sequence[Window]) -> None:
        times = [one for run in runs for one in (run.created, run.finished) if one is not None]
        times += [one for window in windows for one in (window.began, window.ended)]
        self._first, self._last = min(times), max(times)
        self._seconds = max((self._last - self._first).total_seconds(), 0.1)

    def x(self, at: datetime) -> float:
        share = (at - self._first).total_seconds() / self._seconds
        return round(_LABELS + share * (WIDTH - _LABELS - _RIGHT), 1)

    def ticks(self) -> list[tuple[datetime, str]]:
        step = next((one for one in _TICKS if self._seconds / one <= _MOST_TICKS), 0)
        step = step or 3600 * math.ceil(self._seconds / 3600 / _MOST_TICKS)
        counts = range(int(self._seconds / step) + 1)
        write = _clock if self._seconds > 60 else "{:g} s".format
        return [(self._first + timedelta(seconds=step * n), write(step * n)) for n in counts]


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes = f"{rest // 60:02}" if hours else str(rest // 60)
    return f"{hours}:{minutes}:{rest % 60:02}" if hours else f"{minutes}:{rest % 60:02}"
