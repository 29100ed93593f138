"""The age that ``acr purge --ago`` names: days, then one of Go's durations.

Source: acr-cli 0.19, cmd/acr/purge.go; Go, time.ParseDuration.
"""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {  # microseconds; Go's nanoseconds are below what is compared here
    "ns": 0.001,
    "us": 1.0,
    "µs": 1.0,
    "μs": 1.0,
    "ms": 1e3,
    "s": 1e6,
    "m": 6e7,
    "h": 3.6e9,
}
_DAYS = re.compile(r"([+-]?\d+)d(.*)", re.DOTALL)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)")
LONGEST = timedelta(days=150 * 365)


def parse_age(text: str) -> tuple[timedelta, bool]:
    """The age, and whether it was cut to the longest one. Raises ValueError in Go's words.

    What is neither days nor a duration is refused; acr-cli takes some of it for no age at all.
    """
    match = _DAYS.fullmatch(text)
    days = int(match[1]) if match else 0
    rest = match[2] if match else text
    if abs(days) > LONGEST.days:
        return LONGEST, True
    age = timedelta(days=days) + (timedelta() if match and not rest else _duration(rest))
    return (LONGEST, True) if age > LONGEST else (age, False)


def _duration(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return timedelta()
    microseconds, at = 0.0, 0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None:
            raise ValueError(f'time: invalid duration "{text}"')
        if not part[2]:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if part[2] not in _UNITS:
            raise ValueError(f'time: unknown unit "{part[2]}" in duration "{text}"')
        microseconds += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    most = LONGEST / timedelta(microseconds=1) + 1
    return timedelta(microseconds=sign * min(microseconds, most))
