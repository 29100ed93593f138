"""What rendering one text may take: a task file is a stranger's, and a loop in it is quickly written.

The hosted engine has no such limits: there the agent is a machine of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .go_format import SIZE, show
from .go_types import FunctionError

ITEMS = 1 << 17  # of one list or map, with all that is in it
STEPS = 1_000_000  # actions, rounds of a loop, calls of functions
SECONDS = 10.0
_NUMBER = re.compile(r"\d+")


class BudgetError(FunctionError):
    """Rendering would take more than it may; the text says what of."""


def limit(what: str) -> BudgetError:
    """More than the local cloud allows for ``what``."""
    return BudgetError(f"{what}: that is the local cloud's limit for a template")


TOO_LONG = f"a text of more than {SIZE} characters"
_TOO_MANY = f"a list or map of more than {ITEMS} items"


class Budget:
    """Counts what one rendering takes. Its methods raise :class:`BudgetError`."""

    def __init__(self) -> None:
        self._steps = 0
        self._shown = 0
        self._end = time.monotonic() + SECONDS

    def step(self) -> None:
        """One more action, round of a loop, or call of a function."""
        self._steps += 1
        if self._steps > STEPS:
            raise limit(f"more than {STEPS} steps")
        if time.monotonic() > self._end:
            raise limit(f"more than {SECONDS:g} seconds")

    def show(self, text: str) -> str:
        """One more piece of the rendered text."""
        self._shown += len(text)
        if self._shown > SIZE:
            raise limit(TOO_LONG)
        return text

    def call(self, name: str, arguments: Sequence[Any]) -> None:
        """What a function is given, and what it would make of it."""
        self.step()
        for argument in arguments:
            weigh(argument)
        estimate = _ESTIMATES.get(name)
        try:
            made = estimate(*arguments) if estimate else 0
        except (TypeError, ValueError, AttributeError):  # the function itself says what is wrong
            return
        except OverflowError:  # a span of more than Python can count
            made = SIZE + ITEMS
        if made > (ITEMS if name in _LISTS else SIZE):
            raise limit(_TOO_MANY if name in _LISTS else TOO_LONG)


def weigh(value: Any) -> Any:
    """The value itself, if it is not too big: lists in it count as often as they are in it."""
    if isinstance(value, str):
        if len(value) > SIZE:
            raise limit(TOO_LONG)
        return value
    items = size = 0
    pending: list[Any] = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, Mapping):
            inner: list[Any] = [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple)):
            inner = list(one)
        else:
            size += len(one) if isinstance(one, str) else 0
            continue
        items += len(inner)
        if items > ITEMS:
            raise limit(_TOO_MANY)
        if size > SIZE:
            raise limit(TOO_LONG)
        pending += [each for each in inner if isinstance(each, (str, Mapping, list, tuple))]
    if size > SIZE:
        raise limit(TOO_LONG)
    return value


def _join(separator: str, values: Any) -> int:
    if not isinstance(values, (list, tuple)):
        return 0
    return len(separator) * len(values) + sum(len(show(one)) for one in values)


def _indent(width: int, text: str) -> int:
    return max(width, 0) * (text.count("\n") + 1) + len(text)


def _format(pattern: str, *_: Any) -> int:
    return sum(int(number[:9]) for number in _NUMBER.findall(pattern))


def _span(first: int, last: int, step: int) -> int:
    return len(range(first, last, step)) if step else 0


_ESTIMATES: dict[str, Callable[..., int]] = {
    "repeat": lambda count, text: count * len(text),
    "replace": lambda old, new, text: text.count(old) * len(new) + len(text),
    "cat": lambda *values: sum(len(show(one)) for one in values),
    "join": _join,
    "indent": _indent,
    "nindent": _indent,
    "printf": _format,
    "randAlphaNum": lambda count: count,
    "randAlpha": lambda count: count,
    "randNumeric": lambda count: count,
    "randAscii": lambda count: count,
    "until": abs,
    "untilStep": _span,
}
_LISTS = ("until", "untilStep")
