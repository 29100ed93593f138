"""Numbers to texts and back, as Go does it (package strconv)."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9](_?[0-9])*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_SPECIAL = re.compile(r"[+-]?(inf|infinity)|nan", re.IGNORECASE)
_LARGEST = (1 << 63) - 1


def parse_int(text: str, base: int = 10) -> int:
    """A whole number of 64 bits. Raises ValueError."""
    digits = r"[+-]?[0-7]+" if base == 8 else _INTEGER
    if not re.fullmatch(digits, text) or len(text) > 80:
        raise ValueError(text)
    number = int(text, base)
    if not -_LARGEST - 1 <= number <= _LARGEST:
        raise ValueError(text)
    return number


def parse_float(text: str) -> float:
    """A number with a point. Raises ValueError, for one that is too great, too."""
    if _SPECIAL.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
        return float.fromhex(text)
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def format_float(value: float, verb: str, precision: int | None, largest: int = 6) -> str:
    """A float with a verb of eEfFgG; without a precision as many digits as tell it from others.

    With g, what is smaller than 1e-4 or has more than ``largest`` digits before the point has an
    exponent.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    upper = verb in "EG"
    if precision is not None:
        return format(value, f".{precision}{verb}")
    sign, digits, exponent = _shortest(value)
    power = len(digits) - 1 + exponent if digits != "0" else 0
    if verb in "eE" or (verb in "gG" and (power < -4 or power >= largest)):
        fraction = f".{digits[1:]}" if digits[1:] else ""
        text = f"{sign}{digits[0]}{fraction}e{power:+03d}"
        return text.upper() if upper else text
    return sign + _plain(digits, exponent)


def _shortest(value: float) -> tuple[str, str, int]:
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    return "-" if sign else "", stripped or "0", exponent + len(text) - len(stripped) if text else 0


def _plain(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return digits + "0" * exponent
    padded = digits.rjust(1 - exponent, "0")
    return f"{padded[:exponent]}.{padded[exponent:]}"


def to_int64(value: float) -> int:
    """A float without its fraction; what no int64 can hold is the smallest one (as on amd64)."""
    if not -9.223372036854776e18 <= value < 9.223372036854776e18:
        return -_LARGEST - 1
    return int(value)


def format_binary(value: float, verb: str, precision: int | None) -> str:
    """A float with a verb of bxX: its bits, with an exponent of two."""
    if math.isnan(value) or math.isinf(value):
        return format_float(value, "g", None)
    sign = "-" if math.copysign(1, value) < 0 else ""
    fraction, exponent = math.frexp(abs(value))
    if verb == "b":
        exponent = max(exponent - 53, -1074) if value else -1074
        return f"{sign}{int(math.ldexp(abs(value), -exponent))}p{exponent:+d}"
    digits = int(math.ldexp(fraction, 53))
    exponent -= 1 if value else 0
    if precision is not None and precision < 13:
        cut = 4 * (13 - precision)
        half = 1 << (cut - 1)
        rest, digits = digits & ((1 << cut) - 1), digits >> cut
        digits += rest > half or (rest == half and digits & 1)
        if digits >> (4 * precision) > 1:
            digits, exponent = digits >> 1, exponent + 1
        shown = f"{digits:0{precision + 1}x}"
    else:
        shown = f"{digits:014x}".ljust((precision or 0) + 1, "0")
        shown = shown if precision is not None else shown[0] + shown[1:].rstrip("0")
    point = "." if len(shown) > 1 else ""
    text = f"{sign}0x{shown[0]}{point}{shown[1:]}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return text.upper() if verb == "X" else text
