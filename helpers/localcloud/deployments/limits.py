"""How much a template may have, and how much evaluating it may take.

Source: Azure documentation, "Template limits" of "Understand the structure and syntax of ARM
templates". Azure does not document the last ones; they bound time and memory.
"""

from __future__ import annotations

from .errors import ExpressionError

RESOURCES = 800  # with those that copy loops make
PARAMETERS = 256
VARIABLES = 512
OUTPUTS = 64
EXPRESSION = 24_576  # characters
COPIES = 800
RANGE = 10_000  # items that range() makes
NESTED = 20  # deployments within deployments
DEPTH = 100  # levels of calls within calls
STEPS = 1_000_000  # calls (four each), and the items and characters (by sixteen) that they make
CALL = 4
LONG = 64  # characters; a shorter text counts as its call


class Budget:
    """What is left of :data:`STEPS` for one template, and how deep its evaluation is now."""

    def __init__(self) -> None:
        self.left = STEPS
        self._depth = 0

    def __enter__(self) -> None:
        """One call more, within another. Raises :class:`ExpressionError` where it is too deep."""
        self.take(CALL)
        if self._depth >= DEPTH:
            raise ExpressionError(
                f"The evaluation of the template language expressions is nested more than {DEPTH} "
                "levels deep"
            )
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def take(self, steps: int) -> None:
        """Count ``steps``. Raises :class:`ExpressionError` where nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise ExpressionError(
                "The evaluation of the template language expressions takes more than "
                f"{STEPS} steps, which is the limit"
            )

    def take_value(self, value: object) -> None:
        """Count what a new value holds, as often as it is in there."""
        pending = [value]
        while pending:
            one = pending.pop()
            if isinstance(one, str):
                self.take(1 + len(one) // 16)
            elif isinstance(one, dict):
                self.take(1 + len(one))
                pending.extend(one.values())
            elif isinstance(one, list):
                self.take(1 + len(one))
                pending.extend(one)
