"""The exercise of 99: what a deleted vault keeps."""

from __future__ import annotations

from .answers import Choice
from .exercise import Exercise, equals

EXERCISES = (
    Exercise(
        "99.1",
        Choice("it still exists", "its name is still taken", "its group is missing"),
        equals("its name is still taken"),
        hints=(
            "Azure keeps a deleted vault for some days. What does it keep besides the secrets?",
            "Look at the cell that purges. What could you not do before it?",
        ),
        because=(
            "The vault was deleted and not purged. Its name and its secrets stay for the days that "
            "were set when it was created."
        ),
    ),
)
