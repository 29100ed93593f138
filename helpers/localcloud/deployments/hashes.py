"""The names that templates make: the same as Azure makes from the same words.

``uniqueString``: a MurmurHash3 of 64 bits (two halves of 32 that are mixed), in 13 digits to the
base 32. ``guid``: RFC 9562, version 5, below a namespace of Azure's (Azure documentation, "String
functions for ARM templates", guid).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

_MASK = 0xFFFFFFFF
_FIRST, _SECOND = 0x239B961B, 0xAB0E9789
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


def unique_string(words: Sequence[str]) -> str:
    """13 letters and digits that depend on ``words`` alone."""
    number = _murmur("-".join(words).encode())
    return "".join(_DIGITS[number << 5 * place >> 59 & 31] for place in range(13))


def guid(words: Sequence[str]) -> str:
    """A GUID that depends on ``words`` alone."""
    return str(uuid.uuid5(_NAMESPACE, "-".join(words)))


def _rotated(number: int, bits: int) -> int:
    return (number << bits | number >> 32 - bits) & _MASK


def _mixed(word: bytes, first: int, bits: int, second: int) -> int:
    number = int.from_bytes(word, "little") * first & _MASK
    return _rotated(number, bits) * second & _MASK


def _ended(number: int) -> int:
    number = (number ^ number >> 16) * 0x85EBCA6B & _MASK
    number = (number ^ number >> 13) * 0xC2B2AE35 & _MASK
    return number ^ number >> 16


def _murmur(data: bytes) -> int:
    low = high = 0
    whole = len(data) - len(data) % 8
    for start in range(0, whole, 8):
        low ^= _mixed(data[start : start + 4], _FIRST, 15, _SECOND)
        low = ((_rotated(low, 19) + high) * 5 + 0x561CCD1B) & _MASK
        high ^= _mixed(data[start + 4 : start + 8], _SECOND, 17, _FIRST)
        high = ((_rotated(high, 13) + low) * 5 + 0x0BCAA747) & _MASK
    low ^= _mixed(data[whole : whole + 4], _FIRST, 15, _SECOND)
    high ^= _mixed(data[whole + 4 :], _SECOND, 17, _FIRST)
    low, high = low ^ len(data), high ^ len(data)
    low = low + high & _MASK
    high = high + low & _MASK
    low, high = _ended(low), _ended(high)
    low = low + high & _MASK
    high = high + low & _MASK
    return high << 32 | low
