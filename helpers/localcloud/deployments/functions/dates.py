"""Date functions: utcNow, dateTimeAdd, dateTimeFromEpoch, dateTimeToEpoch; and newGuid."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

from ... import timestamps
from ..scope import Scope
from .function import Functions, check, refuse

FUNCTIONS = Functions()
_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<weeks>\d{1,6})W)?"
    r"(?:(?P<days>\d{1,7})D)?(?:T(?:(?P<hours>\d{1,8})H)?(?:(?P<minutes>\d{1,9})M)?"
    r"(?:(?P<seconds>\d{1,10})S)?)?"
)
# Custom format strings of .NET, as far as digits and names of the invariant culture go.
_FORMATS = {
    **{"yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "dddd": "%A"},
    **{"ddd": "%a", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "tt": "%p"},
}
_STANDARD = {
    **{"d": "MM/dd/yyyy", "D": "dddd, dd MMMM yyyy", "t": "HH:mm", "T": "HH:mm:ss"},
    **{"s": "yyyy-MM-ddTHH:mm:ss", "u": "yyyy-MM-dd HH:mm:ssZ"},
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
}
_PART = re.compile(
    r"y{1,5}|M{1,4}|d{1,4}|H{1,2}|h{1,2}|m{1,2}|s{1,2}|t{1,2}|f{1,7}|'[^']*'|.", re.S
)


def _only_defaults(scope: Scope, name: str) -> None:
    if not scope.defaults:
        raise refuse(
            name, "the function can only be used as the default value of a template parameter"
        )


@FUNCTIONS.add("utcNow", 0, 1, kind="scoped")
def utc_now(scope: Scope, arguments: list[Any]) -> str:
    """The time now, in the defaults of parameters only: yyyyMMddTHHmmssZ without a format."""
    _only_defaults(scope, "utcNow")
    return _written("utcNow", datetime.now(timezone.utc), arguments, "yyyyMMddTHHmmssZ")


@FUNCTIONS.add("newGuid", 0, kind="scoped")
def new_guid(scope: Scope, _arguments: list[Any]) -> str:
    """A GUID that nobody has, in the defaults of parameters only."""
    _only_defaults(scope, "newGuid")
    return str(uuid.uuid4())


@FUNCTIONS.add("dateTimeAdd", 2, 3)
def date_time_add(arguments: list[Any]) -> str:
    """A time and a duration of ISO 8601 after it."""
    moment = _moment("dateTimeAdd", check("dateTimeAdd", 1, arguments[0], "String"))
    duration = check("dateTimeAdd", 2, arguments[1], "String")
    match = _DURATION.fullmatch(duration)
    if match is None or duration[-1:] in ("P", "T", "-"):
        raise refuse("dateTimeAdd", f"'{duration[:100]}' is no duration of ISO 8601")
    amount = {name: int(value or 0) for name, value in match.groupdict().items() if name != "sign"}
    days = amount["years"] * 365 + amount["months"] * 30 + amount["weeks"] * 7 + amount["days"]
    sign = -1 if match["sign"] else 1
    try:
        moment += sign * timedelta(
            days=days,
            hours=amount["hours"],
            minutes=amount["minutes"],
            seconds=amount["seconds"],
        )
    except OverflowError:
        raise refuse("dateTimeAdd", "the result is no date") from None
    return _written("dateTimeAdd", moment, arguments[2:], "yyyy-MM-ddTHH:mm:ssZ")


@FUNCTIONS.add("dateTimeFromEpoch", 1)
def date_time_from_epoch(arguments: list[Any]) -> str:
    """A time from the seconds since 1970."""
    try:
        moment = datetime.fromtimestamp(
            check("dateTimeFromEpoch", 1, arguments[0], "Integer"), timezone.utc
        )
    except (OverflowError, ValueError, OSError):
        raise refuse("dateTimeFromEpoch", "the number is no date") from None
    return timestamps.seconds(moment)


@FUNCTIONS.add("dateTimeToEpoch", 1)
def date_time_to_epoch(arguments: list[Any]) -> int:
    """The seconds since 1970 of a time."""
    text = check("dateTimeToEpoch", 1, arguments[0], "String")
    return int(_moment("dateTimeToEpoch", text).timestamp())


def _moment(name: str, text: str) -> datetime:
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", text):  # as utcNow writes it
        day, time = text[:8], text[9:15]
        text = f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"
    try:
        return timestamps.parse(text)
    except ValueError:
        raise refuse(name, f"'{text[:100]}' is no time of ISO 8601") from None


def _written(name: str, moment: datetime, given: list[Any], default: str) -> str:
    wanted = check(name, 1, given[0], "String") if given else default
    if len(wanted) > 100:
        raise refuse(name, "the format has more than 100 characters")
    if wanted in ("o", "O"):
        return timestamps.ticks(moment)
    return "".join(_part(name, one, moment) for one in _PART.findall(_STANDARD.get(wanted, wanted)))


def _part(name: str, part: str, moment: datetime) -> str:
    if part in _FORMATS:
        return moment.strftime(_FORMATS[part])
    if part[0] == "'":
        return part[1:-1]
    if part[0] == "f":
        return f"{moment.microsecond:06}0"[: len(part)]
    plain = {"M": moment.month, "d": moment.day, "H": moment.hour, "m": moment.minute}
    if part in plain:
        return str(plain[part])
    if part in ("s", "h"):
        return str(moment.second if part == "s" else (moment.hour % 12 or 12))
    if part[0] in "yMdHhmst" and part.isalpha():
        raise refuse(name, f"the local cloud does not know the part '{part}' of a format")
    return part
