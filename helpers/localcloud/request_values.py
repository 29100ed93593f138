"""What clients write into headers, queries and forms: read in linear time, with no input that fails."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from .errors import CloudError, shortened

LARGEST = 2**63 - 1  # of a number; a larger one counts as this
_FIELDS = 1000  # of a form
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")


def host_of(headers: Mapping[str, str]) -> str:
    """The name of the host that a request is for, in lower case and without a port."""
    return headers.get("host", "").split(":")[0].lower()


def basic_credentials(authorization: str | None) -> tuple[str, str] | None:
    """User name and password of an ``Authorization: Basic`` header; None when it is another.

    A header that cannot be read is ("", ""), which nobody has (RFC 7617, section 2).
    """
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # neither ASCII, nor base64, nor UTF-8
        return "", ""
    return user, password


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization: Bearer`` header, "" for none; None when it is another header."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of an ``application/x-www-form-urlencoded`` body. Raises ValueError."""
    return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS))


def parse_number(text: str) -> int | None:
    """A number of ASCII digits, up to :data:`LARGEST`; None when the text is none."""
    if not text or not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    return min(int(digits or "0"), LARGEST) if len(digits) <= len(str(LARGEST)) else LARGEST


def parse_float(text: str) -> float | None:
    """A finite number as :func:`repr` writes it; None when the text is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def parse_range(text: str, size: int, code: str) -> tuple[int, int] | None:
    """First and last byte of one range of ``size`` bytes (RFC 9110, section 14.1.2).

    None for what is not one range of bytes, which a server may ignore. Raises 416 with the
    service's ``code`` for a range that is not there.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first, last = parse_number(match[1]), parse_number(match[2])
    if first is None and last is None:
        return None
    if first is None:
        first, last = max(size - (last or 0), 0), size - 1
    last = size - 1 if last is None else min(last, size - 1)
    if first > last:
        raise no_such_range(text, size, code)
    return first, last


def is_current(condition: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names what there is: its client has it already (RFC 9110, 13.1.2)."""
    if condition is None:
        return False
    known = [one.strip().removeprefix("W/") for one in condition.split(",")]
    return "*" in known or etag in known


def no_such_range(text: str, size: int, code: str) -> CloudError:
    """416 with the service's ``code`` for a range that ``size`` bytes do not have."""
    return CloudError(
        416,
        code,
        f"The range {shortened(text, 100)!r} is not in a content of {size} bytes.",
        headers={"Content-Range": f"bytes */{size}"},
    )
