"""Exercises of the notebooks: ``check("02.1", answer)`` says whether an answer is right, and leads on.

Each notebook has a module here: what is asked for, what is right, and the hints.
"""

from __future__ import annotations

from .answers import Choice, Digest, Names, Number, Order, Text, YesNo
from .exercise import Context, Exercise, ExerciseError, Result, equals
from .marking import check, solved

__all__ = [
    "Choice",
    "Context",
    "Digest",
    "Exercise",
    "ExerciseError",
    "Names",
    "Number",
    "Order",
    "Result",
    "Text",
    "YesNo",
    "check",
    "equals",
    "solved",
]
