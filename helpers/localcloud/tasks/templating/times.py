"""Go's time.Time, with the methods that a template can call."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .durations import Duration
from .go_types import FunctionError, Int64, Object
from .time_layouts import DAYS, MONTHS, write

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TOO_LATE = "the local cloud's times end with the year 9999"


class _Named(Object):
    """A number with a name: a month, a day of the week."""

    go_kind = "int"
    methods = {"String": ""}  # noqa: RUF012 - as in the class above

    def __init__(self, go_type: str, number: int, name: str) -> None:
        self.go_type = go_type
        self._number = number
        self._name = name

    def __str__(self) -> str:
        return self._name

    def integer(self) -> int:
        """Its number."""
        return self._number


class Time(Object):
    """A moment in a zone; a datetime has microseconds, Go's has nanoseconds."""

    go_type = "time.Time"
    methods = {  # noqa: RUF012 - as in the class above
        **dict.fromkeys(
            [
                "Year",
                "Month",
                "Day",
                "Hour",
                "Minute",
                "Second",
                "Nanosecond",
                "YearDay",
                "Weekday",
                "Unix",
                "UnixNano",
                "UnixMilli",
                "UnixMicro",
                "UTC",
                "Local",
                "IsZero",
                "String",
            ],
            "",
        ),
        "Format": "string",
        "Add": "duration",
        "AddDate": "int int int",
        **dict.fromkeys(("Sub", "Before", "After", "Equal"), "time"),
    }

    def __init__(self, moment: datetime, nanosecond: int | None = None) -> None:
        self.moment = moment
        self._nanosecond = moment.microsecond * 1000 if nanosecond is None else nanosecond

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.unix_nano() == other.unix_nano()

    def __hash__(self) -> int:
        return hash(self.unix_nano())

    def __str__(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def format(self, layout: str) -> str:
        """In a layout."""
        return write(layout, self.moment, self._nanosecond)

    def in_zone(self, name: str) -> Time:
        """The same moment in a zone; UTC where there is none of the name, as in Sprig."""
        zone: Any = timezone.utc
        if name not in ("", "UTC", "Local"):
            try:
                zone = ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                zone = timezone.utc
        try:
            return Time(self.moment.astimezone(zone), self._nanosecond)
        except OverflowError:
            return self

    def year(self) -> int:
        """Its year."""
        return self.moment.year

    def month(self) -> Object:
        """Its month."""
        return _Named("time.Month", self.moment.month, MONTHS[self.moment.month - 1])

    def weekday(self) -> Object:
        """Its day of the week."""
        number = (self.moment.weekday() + 1) % 7
        return _Named("time.Weekday", number, DAYS[self.moment.weekday()])

    def day(self) -> int:
        """Its day of the month."""
        return self.moment.day

    def hour(self) -> int:
        """Its hour."""
        return self.moment.hour

    def minute(self) -> int:
        """Its minute."""
        return self.moment.minute

    def second(self) -> int:
        """Its second."""
        return self.moment.second

    def nanosecond(self) -> int:
        """Its nanoseconds of a second."""
        return self._nanosecond

    def year_day(self) -> int:
        """Its day of the year."""
        return self.moment.timetuple().tm_yday

    def unix(self) -> int:
        """Seconds since 1970."""
        span = self.moment - _EPOCH
        return Int64(span.days * 86400 + span.seconds)

    def unix_nano(self) -> int:
        """Nanoseconds since 1970."""
        return Int64(self.unix() * 10**9 + self._nanosecond)

    def unix_micro(self) -> int:
        """Microseconds since 1970."""
        return Int64(self.unix_nano() // 1000)

    def unix_milli(self) -> int:
        """Milliseconds since 1970."""
        return Int64(self.unix_nano() // 10**6)

    def utc(self) -> Time:
        """The same moment in UTC."""
        return self.in_zone("UTC")

    def local(self) -> Time:
        """The same moment where the agent is: UTC."""
        return self.in_zone("UTC")

    def is_zero(self) -> bool:
        """Whether it is the beginning of year 1."""
        return self == ZERO

    def add(self, duration: Any) -> Time:
        """Later by a duration."""
        span = duration.count if isinstance(duration, Duration) else int(duration)
        seconds, nanosecond = divmod(self._nanosecond + span, 10**9)
        try:
            moment = self.moment.replace(microsecond=0) + timedelta(seconds=seconds)
        except OverflowError:
            raise FunctionError(_TOO_LATE) from None
        return Time(moment.replace(microsecond=nanosecond // 1000), nanosecond)

    def add_date(self, years: int, months: int, days: int) -> Time:
        """Later by years, months and days."""
        count = self.moment.year * 12 + self.moment.month - 1 + years * 12 + months
        try:
            first = self.moment.replace(year=count // 12, month=count % 12 + 1, day=1)
            moment = first + timedelta(days=self.moment.day - 1 + days)
        except (ValueError, OverflowError):
            raise FunctionError(_TOO_LATE) from None
        return Time(moment, self._nanosecond)

    def sub(self, other: Time) -> Duration:
        """How much later it is."""
        return Duration(self.unix_nano() - other.unix_nano())

    def before(self, other: Time) -> bool:
        """Whether it comes first."""
        return self.unix_nano() < other.unix_nano()

    def after(self, other: Time) -> bool:
        """Whether it comes later."""
        return self.unix_nano() > other.unix_nano()

    def equal(self, other: Time) -> bool:
        """Whether it is the same moment."""
        return self == other


ZERO = Time(datetime(1, 1, 1, tzinfo=timezone.utc))


def now() -> Time:
    """The time; an agent's clock is UTC."""
    return Time(datetime.now(timezone.utc))


def of_seconds(seconds: int) -> Time:
    """A time by its seconds since 1970. Raises :class:`FunctionError`."""
    try:
        return Time(_EPOCH + timedelta(seconds=int(seconds)))
    except OverflowError:
        raise FunctionError(_TOO_LATE) from None
