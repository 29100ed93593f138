"""Every exercise by its number."""

from __future__ import annotations

from functools import cache

from . import (
    artifacts,
    broken_base_image,
    clean_up,
    downstream,
    gated_image,
    gated_import,
    hello_world,
    imported_images,
    locked_tags,
    overview,
    prerequisites,
    public_base_image,
    registry_tokens,
    staged_images,
    watched_gate,
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
    gated_image,
    watched_gate,
    imported_images,
    locked_tags,
    staged_images,
    downstream,
    artifacts,
    clean_up,
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
