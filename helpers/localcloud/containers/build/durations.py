"""Durations as Go writes them: 1h30m, 1.5s, 300ms (package time, ParseDuration)."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(rf"[+-]?(?:0|(?:{_PART})+)")
_LONGEST = 100


def nanoseconds(text: str) -> int | None:
    """How long it is; None when it is no duration, or longer than 292 years."""
    if len(text) > _LONGEST or not _DURATION.fullmatch(text):
        return None
    parts = re.findall(_PART, text)
    total = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in parts)
    if total >= 1 << 63:
        return None
    return -total if text.startswith("-") else total
