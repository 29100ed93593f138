"""Every exercise by its number."""

from __future__ import annotations

from functools import cache

from . import (
    overview,
)
from .exercise import Exercise

_MODULES = (overview,)


@cache
def exercises() -> dict[str, Exercise]:
    """The exercises of all notebooks, in order. A number that two of them have is an error here."""
    found: dict[str, Exercise] = {}
    for module in _MODULES:
        for exercise in module.EXERCISES:
            if exercise.number in found:
                raise ValueError(f"two exercises have the number {exercise.number}")
            found[exercise.number] = exercise
    return found
