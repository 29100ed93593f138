"""Sprig's functions of time."""

from __future__ import annotations

from typing import Any

from .durations import SECOND, Duration, parse_duration, rounded
from .go_types import FunctionError, Int32, Int64
from .signatures import table
from .time_layouts import read
from .times import ZERO, Time, now, of_seconds


def _moment(value: Any) -> Time:
    """A time, or seconds since 1970; now for anything else, as in Sprig."""
    if isinstance(value, Time):
        return value
    return of_seconds(value) if type(value) in (int, Int64, Int32) else now()


def _date_in_zone(layout: str, moment: Any, zone: str) -> str:
    return _moment(moment).in_zone(zone).format(layout)


def _modify(duration: str, moment: Time) -> Time:
    try:
        return moment.add(parse_duration(duration))
    except FunctionError as error:
        if "invalid duration" in str(error):
            return moment  # Sprig says nothing
        raise


def _ago(moment: Any) -> str:
    since = now().unix_nano() - _moment(moment).unix_nano()
    return str(Duration(rounded(since, SECOND)))


def _to_date(layout: str, text: str) -> Time:
    try:
        return Time(*read(layout, text))
    except FunctionError:
        raise
    except (ValueError, OverflowError):
        return ZERO  # Sprig says nothing


DATES = table(
    """
    string any: date
    string any string: dateInZone date_in_zone
    any: htmlDate ago
    any string: htmlDateInZone
    string time: dateModify date_modify
    : now
    string string: toDate
    time: unixEpoch
    """,
    {
        "date": lambda layout, moment: _date_in_zone(layout, moment, "Local"),
        "dateInZone": _date_in_zone,
        "date_in_zone": _date_in_zone,
        "htmlDate": lambda moment: _date_in_zone("2006-01-02", moment, "Local"),
        "htmlDateInZone": lambda moment, zone: _date_in_zone("2006-01-02", moment, zone),
        "ago": _ago,
        "dateModify": _modify,
        "date_modify": _modify,
        "now": now,
        "toDate": _to_date,
        "unixEpoch": lambda moment: str(moment.unix()),
    },
)
