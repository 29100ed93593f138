"""The schedule of a timer trigger: five fields, as the library that ACR Tasks reads them with takes them.

It differs from cron: the day of the month and the day of the week must both fit, Sunday is 0 and
never 7, and there is nothing but numbers, names, lists, ranges, steps and ``*``. A range may be
written backwards. Source: NCrontab, CrontabSchedule.cs, CrontabField.cs, CrontabFieldImpl.cs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_NUMBER = re.compile("[0-9]+")
_STEP = re.compile("[+-]?[0-9]+")
_LARGEST = 1 << 31  # which no int has
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


class ScheduleError(ValueError):
    """A text that is no schedule; says which field is wrong, and why."""


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def read(self, text: str) -> frozenset[int]:
        """The values that a field names. Raises :class:`ScheduleError`."""
        if text.find(",") > 0:
            return frozenset().union(*(self.read(one) for one in text.split(",")))
        whole, slash, every = text, "", ""
        if text.find("/") > 0:
            whole, slash, every = text.partition("/")
        step = self._step(every) if slash else 1
        if whole == "*":
            return frozenset(range(self.least, self.most + 1, step))
        if whole.find("-") > 0:
            first, _, last = whole.partition("-")
            ends = sorted((self._value(first), self._value(last)))
        else:
            value = self._value(whole)
            ends = [value, self.most if slash and value <= self.most else value]
        for one in ends:
            if not self.least <= one <= self.most:
                side = "higher than the maximum" if one > self.most else "lower than the minimum"
                raise self._wrong(
                    f"{one} is {side}: it must be between {self.least} and {self.most}"
                )
        return frozenset(range(ends[0], ends[1] + 1, step))

    def _step(self, text: str) -> int:
        if not _STEP.fullmatch(text) or abs(int(text[:12])) >= _LARGEST:
            raise self._wrong(f"the step '{text}' is no number")
        return max(int(text), 1)

    def _value(self, text: str) -> int:
        if _NUMBER.fullmatch(text):
            return min(int(text[:12]), _LARGEST)
        if text:
            for number, name in enumerate(self.names, self.least):
                if name.lower().startswith(text.lower()):
                    return number
        known = f", nor the beginning of {', '.join(self.names)}" if self.names else ""
        raise self._wrong(f"'{text}' is no number{known}")

    def _wrong(self, why: str) -> ScheduleError:
        return ScheduleError(f"in its field {self.name}, {why}")


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """The minutes, hours, days, months and days of the week at which a timer fires, in UTC."""

    fields: tuple[frozenset[int], ...]

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read five fields between spaces. Raises :class:`ScheduleError`."""
        words = [word for word in text.split(" ") if word]
        if len(words) != len(_FIELDS):
            raise ScheduleError(f"it has {len(words)} fields, and five are wanted")
        return cls(tuple(field.read(word) for field, word in zip(_FIELDS, words, strict=True)))

    def names(self, minute: datetime) -> bool:
        """Whether a minute is one of them."""
        when = (minute.minute, minute.hour, minute.day, minute.month, minute.isoweekday() % 7)
        return all(value in known for value, known in zip(when, self.fields, strict=True))
