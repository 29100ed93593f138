"""Times as the services write them: ISO 8601 in UTC, each with its number of digits."""

from __future__ import annotations

import re
from datetime import datetime, timezone


def microseconds(moment: datetime | float | None = None) -> str:
    """As Azure Resource Manager writes it; a number is seconds since 1970, None is now."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def milliseconds(moment: datetime | float | None = None) -> str:
    """As container groups tell the states of their containers."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def ticks(moment: datetime | float | None = None) -> str:
    """As a registry tells the age of its manifests: with the seven digits of .NET."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def seconds(moment: datetime | float | None = None) -> str:
    """As GitHub, token services, timers and signed URLs write it."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """A time with any number of digits; without a zone it is UTC. Raises ValueError.

    The first and last day have no time in other zones: that is a ValueError, too.
    """
    # Before Python 3.11, fromisoformat reads neither Z nor seven digits.
    text = re.sub(r"(\.\d{1,6})\d*", r"\1", text.replace("Z", "+00:00"))
    text = re.sub(r"\.(\d{1,5})(?!\d)", lambda m: f".{m[1]:0<6}", text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _utc(moment: datetime | float | None) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(timezone.utc)
    if moment is None:
        return datetime.now(timezone.utc)
    return datetime.fromtimestamp(moment, timezone.utc)
