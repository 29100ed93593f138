"""What is measured, what it was, and what it may be."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the report; ``limit`` None is for information.

    ``before``: what the other checkout had in the same run; ``most``: the limit of the ratio to it.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    note: str = ""
    before: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value in proportion to what it was before."""
        return self.value / self.before if self.before else None

    @property
    def met(self) -> bool:
        """Whether the value keeps its limits."""
        kept = self.limit is None or self.value <= self.limit
        return kept and (self.most is None or self.ratio is None or self.ratio <= self.most)

    @property
    def verdict(self) -> str:
        """``ok`` or ``OVER``; nothing where there is no limit."""
        judged = self.limit is not None or (self.most is not None and self.ratio is not None)
        return ("ok" if self.met else "OVER") if judged else ""


def compared(
    name: str,
    values: Sequence[float],
    unit: str,
    limit: float | None = None,
    note: str = "",
    *,
    most: float | None = None,
) -> Figure:
    """A figure of this checkout, first in ``values``, and of the other one if there is one."""
    return Figure(name, values[0], unit, limit, note, values[1] if values[1:] else None, most)


def seconds(action: Callable[[], object], times: int = 5) -> list[float]:
    """How long each of several calls took."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return found


def median(action: Callable[[], object], times: int = 5) -> float:
    """The median of several calls, in seconds."""
    return statistics.median(seconds(action, times))


def in_turn(actions: Sequence[Callable[[], object]], times: int = 5) -> list[float]:
    """The median of each of several actions that take turns: what else happens hits them all."""
    found: list[list[float]] = [[] for _ in actions]
    for _ in range(times):
        for number, action in enumerate(actions):
            found[number] += seconds(action, 1)
    return [statistics.median(one) for one in found]


def percentile(values: Sequence[float], hundredths: int) -> float:
    """The value that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * hundredths // 100)]


_WIDTH = 38


def heading() -> str:
    """The names of the columns: MAY is the limit of the ratio."""
    return f"{'FIGURE':<{_WIDTH}} {'VALUE':>12} {'LIMIT':>7} {'BEFORE':>9} {'RATIO':>6} {'MAY':>5}"


def line(one: Figure) -> str:
    """A figure as a line of the report."""
    cells = [one.limit, one.before, one.ratio, one.most]
    limit, before, ratio, most = ["" if cell is None else f"{cell:.4g}" for cell in cells]
    return (
        f"{one.name:<{_WIDTH}} {one.value:8.4g} {one.unit:<3} {limit:>7} {before:>9} {ratio:>6} "
        f"{most:>5} {one.verdict:<4} {one.note}"
    ).rstrip()
