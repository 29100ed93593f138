"""Texts that Go's standard library reads as booleans and durations, and Docker's as sizes."""

from __future__ import annotations

import re

_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
UNITS = {  # in nanoseconds
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(UNITS)})"
_DURATION = re.compile(rf"[+-]?(?:0|(?:{_PART})+)")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)
_DIGITS = 100  # of a number: it is too long before, or what follows changes no nanosecond


def boolean(text: str) -> bool | None:
    """What strconv.ParseBool makes of it; None when it is no boolean."""
    return _BOOLEANS.get(text)


def nanoseconds(text: str) -> int | None:
    """What time.ParseDuration makes of 1h30m, 1.5s or 300ms; None for no duration, and beyond 292 years."""
    if not _DURATION.fullmatch(text):
        return None
    total = 0
    for number, unit in re.findall(_PART, text):
        whole, _, fraction = number.partition(".")
        whole, fraction = whole.lstrip("0")[:_DIGITS], fraction[:_DIGITS]
        size = UNITS[unit]
        total += int(whole or 0) * size + int(fraction or 0) * size // 10 ** len(fraction)
    if total >= 1 << 63:
        return None
    return -total if text.startswith("-") else total


def size(text: str) -> int | None:
    """Bytes that RAMInBytes of docker/go-units makes of 512m or 1.5 GiB; None when it is no size."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    amount = float(found[1]) * 1024 ** " kmgtp".index((found[2] or " ").lower())
    return int(amount) if amount < 1 << 63 else None
