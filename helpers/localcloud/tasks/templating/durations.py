"""Go's time.Duration: nanoseconds, written as 1h2m3.5s."""

from __future__ import annotations

from ...go_literals import UNITS, nanoseconds
from .go_types import FunctionError, Object

SECOND = 10**9


class Duration(Object):
    """A span of time."""

    go_type = "time.Duration"
    go_kind = "int64"
    methods = dict.fromkeys(
        ("Hours", "Minutes", "Seconds", "Milliseconds", "Microseconds", "Nanoseconds", "String"), ""
    )

    def __init__(self, nanoseconds: int) -> None:
        self.count = nanoseconds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.count == other.count

    def __hash__(self) -> int:
        return hash(self.count)

    def integer(self) -> int:
        """Its nanoseconds."""
        return self.count

    def hours(self) -> float:
        """As hours."""
        return self.count / UNITS["h"]

    def minutes(self) -> float:
        """As minutes."""
        return self.count / UNITS["m"]

    def seconds(self) -> float:
        """As seconds."""
        return self.count / SECOND

    def milliseconds(self) -> int:
        """As whole milliseconds."""
        return int(self.count / 10**6)

    def microseconds(self) -> int:
        """As whole microseconds."""
        return int(self.count / 1000)

    def nanoseconds(self) -> int:
        """As nanoseconds."""
        return self.count

    def __str__(self) -> str:
        sign, rest = "-" if self.count < 0 else "", abs(self.count)
        if rest < SECOND:
            for unit, size in (("ms", 10**6), ("µs", 1000), ("ns", 1)):
                if rest >= size:
                    return sign + _decimal(rest, size) + unit
            return "0s"
        minutes, seconds = divmod(rest, UNITS["m"])
        hours, minutes = divmod(minutes, 60)
        shown = f"{hours}h" if hours else ""
        shown += f"{minutes}m" if hours or minutes else ""
        return f"{sign}{shown}{_decimal(seconds, SECOND)}s"


def _decimal(count: int, size: int) -> str:
    whole, rest = divmod(count, size)
    fraction = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{fraction}" if fraction else str(whole)


def rounded(nanoseconds: int, to: int) -> int:
    """To the nearest multiple; halves away from zero."""
    sign = -1 if nanoseconds < 0 else 1
    return sign * ((abs(nanoseconds) + to // 2) // to * to)


def parse_duration(text: str) -> int:
    """The nanoseconds of a duration like -1.5h or 2h45m. Raises :class:`FunctionError`."""
    found = nanoseconds(text)
    if found is None:
        raise FunctionError(f'time: invalid duration "{text}"')
    return found
