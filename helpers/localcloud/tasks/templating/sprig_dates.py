"""Sprig's functions of time: Go's layouts, which are written as the time 2006-01-02 15:04:05."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .go_values import FunctionError

_LAYOUT: dict[str, Callable[[datetime], str]] = {
    "2006": lambda t: f"{t:%Y}",
    "06": lambda t: f"{t:%y}",
    "January": lambda t: f"{t:%B}",
    "Jan": lambda t: f"{t:%b}",
    "01": lambda t: f"{t:%m}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: f"{t:%A}",
    "Mon": lambda t: f"{t:%a}",
    "002": lambda t: f"{t:%j}",
    "02": lambda t: f"{t:%d}",
    "_2": lambda t: f"{t.day:2}",
    "2": lambda t: str(t.day),
    "15": lambda t: f"{t:%H}",
    "03": lambda t: f"{t:%I}",
    "3": lambda t: str(t.hour % 12 or 12),
    "04": lambda t: f"{t:%M}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t:%S}",
    "5": lambda t: str(t.second),
    "PM": lambda t: f"{t:%p}",
    "pm": lambda t: f"{t:%p}".lower(),
    "MST": lambda t: t.tzname() or "UTC",
    "-07:00": lambda t: _offset(t, ":"),
    "-0700": lambda t: _offset(t, ""),
    "Z07:00": lambda t: _offset(t, ":") if t.utcoffset() else "Z",
    "Z0700": lambda t: _offset(t, "") if t.utcoffset() else "Z",
}
_TOKEN = re.compile("|".join(map(re.escape, sorted(_LAYOUT, key=len, reverse=True))))
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|ns)")


def _offset(moment: datetime, colon: str) -> str:
    text = f"{moment:%z}"
    return f"{text[:3]}{colon}{text[3:5]}"


def now() -> datetime:
    """The time; an agent's clock is UTC."""
    return datetime.now(timezone.utc)


def date(layout: str, moment: Any, zone: str = "UTC") -> str:
    """A time, or seconds since 1970, in a layout; now for anything else, as in Sprig."""
    if isinstance(moment, int) and not isinstance(moment, bool):
        moment = datetime.fromtimestamp(moment, timezone.utc)
    if not isinstance(moment, datetime):
        moment = now()
    try:
        local = moment.astimezone(ZoneInfo(zone) if zone not in ("", "UTC") else timezone.utc)
    except (ZoneInfoNotFoundError, ValueError):
        local = moment.astimezone(timezone.utc)
    return _TOKEN.sub(lambda match: _LAYOUT[match[0]](local), layout)


def modify(text: str, moment: datetime) -> datetime:
    """A time moved by a duration like -1.5h or 2h45m."""
    plain = text.lstrip("+-")
    if not plain or _PART.sub("", plain):
        raise FunctionError(f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(plain))
    return moment + timedelta(seconds=-seconds if text.startswith("-") else seconds)


def epoch(moment: datetime | None = None) -> str:
    """Seconds since 1970."""
    return str(int(moment.timestamp() if moment else time.time()))
