"""Constants of a template: numbers, which take the type that is wanted, and quoted texts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .go_format import character
from .go_types import to_bytes, to_text

_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv\\\"'])|(.?))",
    re.DOTALL,
)
_ESCAPES = dict(zip("abfnrtv\\\"'", "\a\b\f\n\r\t\v\\\"'", strict=True))


@dataclass(frozen=True)
class Number:
    """A number as it is written: what types it may have."""

    text: str
    integer: int | None = None  # None: it is no whole number of 64 bits
    decimal: float | None = None
    imaginary: complex | None = None
    too_great: bool = False  # for an int, not for 64 bits without a sign

    @property
    def ideal(self) -> int | float | complex | None:
        """Its value where any type will do; None where an int cannot hold it."""
        if self.imaginary is not None:
            return self.imaginary
        plain = self.text
        hexadecimal = plain.lstrip("+-")[:2] in ("0x", "0X") and not re.search("[pP]", plain)
        if not hexadecimal and plain[0] != "'" and re.search(r"[.eEpP]", plain):
            return self.decimal
        return None if self.too_great else self.integer


def number(text: str) -> Number:
    """A number as Go reads it: with 0x, octal after a 0, with underscores. Raises ValueError."""
    if text[0] == "'":
        value = ord(unquote(text))
        return Number(text, value, float(value))
    if text[-1] == "i":
        return _imaginary(text)
    if "_" in text and not _grouped(text):
        raise ValueError(text)
    plain = text.replace("_", "")
    digits = plain.lstrip("+-")
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[0-9]+", digits):
        return _integer(text, plain, digits)
    return _decimal(text, plain)


_GROUPED = re.compile(r"0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO](_?[0-7])+|[0-9](_?[0-9])*")


def _grouped(text: str) -> bool:
    """Underscores stand between digits, or after 0x, 0o and 0b, only."""
    return all(_GROUPED.fullmatch(one) for one in re.split(r"[.eEpP+-]+", text) if one)


def _integer(text: str, plain: str, digits: str) -> Number:
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    value = int(plain, 8 if octal else 0)
    if _SMALLEST <= value <= _LARGEST:
        return Number(text, value, float(value))
    if 0 <= value < 1 << 64 and plain[0] not in "+-":
        return Number(text, value, float(value), too_great=True)
    raise ValueError("integer overflow")


def _decimal(text: str, plain: str) -> Number:
    value = float.fromhex(plain) if re.search("[xX]", plain) else float(plain)
    if math.isinf(value):
        raise ValueError(text)
    whole = value.is_integer() and _SMALLEST <= value < _LARGEST
    return Number(text, int(value) if whole else None, value)


def _imaginary(text: str) -> Number:
    value = complex(text[:-1].replace("_", "") + "j")
    if value.imag:
        return Number(text, imaginary=value)
    whole = value.real.is_integer() and abs(value.real) < _LARGEST
    return Number(text, int(value.real) if whole else None, value.real, value)


def unquote(text: str) -> str:
    """The characters of a Go literal with its quotes. Raises ValueError."""
    mark, inner = text[0], text[1:-1]
    if mark == "`":
        return inner.replace("\r", "")
    found = _ESCAPE.sub(lambda match: _unescaped(match, mark), inner) if "\\" in inner else inner
    if any("\udc80" <= one <= "\udcff" for one in found):  # bytes may make a character together
        found = to_text(to_bytes(found))
    if mark == "'" and len(found) != 1:
        raise ValueError(text)
    return found


def _unescaped(match: re.Match[str], mark: str) -> str:
    two, four, eight, octal, named, wrong = match.groups()
    if wrong is not None or (named in ("'", '"') and named != mark):
        raise ValueError(match[0])
    if named:
        return _ESCAPES[named]
    if two or octal:
        code = int(two, 16) if two else int(octal, 8)
        if code > 255:
            raise ValueError(match[0])
        return chr(code) if code < 0x80 or mark == "'" else chr(0xDC00 + code)
    code = int(four or eight, 16)
    if character(code) == "\ufffd" != chr(min(code, 0x10FFFF)):
        raise ValueError(match[0])
    return chr(code)
