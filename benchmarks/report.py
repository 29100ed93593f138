"""What is measured, what it was, and what it may be."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the report; ``limit`` None is for information."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the value keeps its limit."""
        return self.limit is None or self.value <= self.limit


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


def show(figures: list[Figure]) -> None:
    """Print the report."""
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        limit = "" if figure.limit is None else f"limit {figure.limit:g} {figure.unit}"
        mark = "" if figure.limit is None else ("ok  " if figure.met else "OVER")
        print(
            f"{figure.name:<{width}}  {figure.value:8.3f} {figure.unit:<3} {mark} {limit}  {figure.note}"
        )
