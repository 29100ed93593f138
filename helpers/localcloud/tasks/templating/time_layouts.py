"""Go's layouts of times, which are written as the time 2006-01-02 15:04:05 (package time)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo

from .go_types import FunctionError

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
# What stands for a part of the time; longer ones first, and no Jan where a word goes on.
_TOKEN = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|01|002|02|03|04|05|06|15"
    r"|PM|pm|Z070000|Z07:00:00|Z0700|Z07:00|Z07|-070000|-07:00:00|-0700|-07:00|-07"
    r"|[.,](?:0+|9+)(?!\d)|[12345]"
)


def tokens(layout: str) -> Iterator[tuple[str, bool]]:
    """The pieces of a layout, and whether each stands for a part of the time."""
    position = 0
    for match in _TOKEN.finditer(layout):
        if match.start() > position:
            yield layout[position : match.start()], False
        yield match[0], True
        position = match.end()
    if position < len(layout):
        yield layout[position:], False


def zone_name(moment: datetime) -> str:
    """The abbreviation of a time's zone; its offset, where it has none."""
    if moment.tzinfo is timezone.utc:
        return "UTC"
    name = moment.tzname() or "UTC"
    if name[:1] not in "+-" and not name.startswith("UTC"):
        return name
    odd = (moment.utcoffset() or timedelta()).seconds % 3600
    return _offset(moment, "-0700" if odd else "-07")


def _offset(moment: datetime, pattern: str) -> str:
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if pattern[0] == "Z" and seconds == 0:
        return "Z"
    sign, rest = "-" if seconds < 0 else "+", abs(seconds)
    parts = [rest // 3600, rest // 60 % 60, rest % 60]
    digits = len(re.findall("0[07]|00", pattern))
    return sign + (":" if ":" in pattern else "").join(f"{one:02}" for one in parts[:digits])


_PARTS: dict[str, Callable[[datetime], str]] = {
    "2006": lambda t: f"{t.year:04}",
    "06": lambda t: f"{t.year % 100:02}",
    "January": lambda t: MONTHS[t.month - 1],
    "Jan": lambda t: MONTHS[t.month - 1][:3],
    "01": lambda t: f"{t.month:02}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: DAYS[t.weekday()],
    "Mon": lambda t: DAYS[t.weekday()][:3],
    "002": lambda t: f"{t.timetuple().tm_yday:03}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3}",
    "02": lambda t: f"{t.day:02}",
    "_2": lambda t: f"{t.day:2}",
    "2": lambda t: str(t.day),
    "15": lambda t: f"{t.hour:02}",
    "03": lambda t: f"{t.hour % 12 or 12:02}",
    "3": lambda t: str(t.hour % 12 or 12),
    "04": lambda t: f"{t.minute:02}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": zone_name,
}


def write(layout: str, moment: datetime, nanoseconds: int) -> str:
    """A time in a layout."""
    shown: list[str] = []
    for text, stands in tokens(layout):
        if not stands:
            shown.append(text)
        elif text in _PARTS:
            shown.append(_PARTS[text](moment))
        elif text[0] in ".,":
            shown.append(_fraction(text, nanoseconds))
        else:
            shown.append(_offset(moment, text))
    return "".join(shown)


def _fraction(text: str, nanoseconds: int) -> str:
    digits = f"{nanoseconds:09}"[: len(text) - 1]
    if text[1] == "9":
        digits = digits.rstrip("0")
        return text[0] + digits if digits else ""
    return text[0] + digits


_READ = {
    "2006": r"(?P<year>\d{4})",
    "06": r"(?P<short>\d{2})",
    "01": r"(?P<month>\d{2})",
    "1": r"(?P<month>\d{1,2})",
    "002": r"(?P<yday>\d{3})",
    "__2": r"(?P<yday>[ \d]{2}\d)",
    "02": r"(?P<day>\d{2})",
    "_2": r" ?(?P<day>\d{1,2})",
    "2": r"(?P<day>\d{1,2})",
    "15": r"(?P<hour>\d{2})",
    "03": r"(?P<hour12>\d{2})",
    "3": r"(?P<hour12>\d{1,2})",
    "04": r"(?P<minute>\d{2})",
    "4": r"(?P<minute>\d{1,2})",
    "05": r"(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})\d*)?",
    "5": r"(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9})\d*)?",
    "January": f"(?P<name>(?i:{'|'.join(MONTHS)}))",
    "Jan": f"(?P<name>(?i:{'|'.join(one[:3] for one in MONTHS)}))",
    "Monday": f"(?i:{'|'.join(DAYS)})",
    "Mon": f"(?i:{'|'.join(one[:3] for one in DAYS)})",
    "PM": "(?P<half>AM|PM)",
    "pm": "(?P<half>am|pm)",
    "MST": r"(?P<zone>UTC|[A-Z]{3,4}(?:[-+]\d{1,2})?|[-+]\d{2}(?:\d{2})?)",
}


def read(layout: str, text: str) -> tuple[datetime, int]:
    """A time that is written in a layout, with its nanoseconds.

    Raises ValueError; :class:`FunctionError` for a time before the first year that Python has.
    """
    found: dict[str, str] = {}
    position = 0
    pieces = list(tokens(layout))
    for number, (piece, stands) in enumerate(pieces):
        fraction = number + 1 < len(pieces) and pieces[number + 1][0][0] in ".,"
        expression = re.compile(_expression(piece, stands, fraction and pieces[number + 1][1]))
        match = expression.match(text, position)
        if match is None:
            raise ValueError(f'parsing time "{text}" as "{layout}"')
        found |= {name: value for name, value in match.groupdict().items() if value is not None}
        position = match.end()
    if position != len(text):
        raise ValueError(f'parsing time "{text}": extra text')
    return _made(found)


def _expression(piece: str, stands: bool, fraction_follows: bool) -> str:
    if not stands:
        return re.sub(r"(\\ )+", " *", re.escape(piece)) if piece.strip() else " *"
    if piece in ("05", "5") and fraction_follows:
        return _READ[piece].partition("(?:")[0]
    if piece in _READ:
        return _READ[piece]
    if piece[0] in ".,":
        count = len(piece) - 1
        inner = rf"[.,](?P<fraction>\d{{{count}}})" if piece[1] == "0" else r"[.,](?P<fraction>\d+)"
        return inner if piece[1] == "0" else f"(?:{inner})?"
    colon = ":" if ":" in piece else ""
    parts = {"07": 1, "0700": 2, "070000": 3}[piece[1:].replace(":", "")]
    shown = r"[-+]\d{2}" + rf"{colon}\d{{2}}" * (parts - 1)
    return f"(?P<offset>{shown})" if piece[0] == "-" else f"(?P<offset>Z|{shown})"


def _made(found: dict[str, str]) -> tuple[datetime, int]:
    year = int(found.get("year", 0))
    if "short" in found:
        year = int(found["short"]) + (1900 if int(found["short"]) >= 69 else 2000)
    month = int(found.get("month", 1))
    if "name" in found:
        month = 1 + [one[:3].lower() for one in MONTHS].index(found["name"][:3].lower())
    hour = int(found.get("hour", 0))
    if "hour12" in found:
        hour = int(found["hour12"])
        if hour > 12:
            raise ValueError("hour out of range")
    half = found.get("half", "").lower()
    hour = hour + 12 if half == "pm" and hour < 12 else 0 if half == "am" and hour == 12 else hour
    nanoseconds = int(found.get("fraction", "0")[:9].ljust(9, "0"))
    clock = (hour, int(found.get("minute", 0)), int(found.get("second", 0)))
    if year == 0:
        raise FunctionError("the local cloud's times begin with the year 1")
    moment = datetime(year, month, int(found.get("day", 1)), *clock, nanoseconds // 1000)
    if "yday" in found:
        moment = moment.replace(month=1, day=1) + timedelta(days=int(found["yday"]) - 1)
    return moment.replace(tzinfo=_zone(found)), nanoseconds


def _zone(found: dict[str, str]) -> tzinfo:
    offset = found.get("offset", "").replace(":", "")
    if offset and offset != "Z":
        hours, minutes, seconds = (int(offset[at : at + 2] or 0) for at in (1, 3, 5))
        span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        span = -span if offset[0] == "-" else span
        return timezone(span) if span else timezone.utc
    name = found.get("zone", "")
    if name in ("", "UTC"):
        return timezone.utc
    hours = int(name[3:]) if re.fullmatch(r"GMT[-+]\d{1,2}", name) else 0
    return timezone(timedelta(hours=hours), name)
