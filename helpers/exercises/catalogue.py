"""Every exercise by its number."""

from __future__ import annotations

from functools import cache

from . import (
    broken_base_image,
    gated_import,
    hello_world,
    overview,
    prerequisites,
    public_base_image,
    registry_tokens,
)
from .exercise import Exercise

_MODULES = (
    overview,
    prerequisites,
    public_base_image,
    registry_tokens,
    hello_world,
    broken_base_image,
    gated_import,
)


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
