"""Base64 and base32, decoded as Go does it: where a text is wrong is part of what Sprig gives."""

from __future__ import annotations

import base64
import binascii

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_PAD = ord("=")


def _wrong(base: int, place: int) -> ValueError:
    return ValueError(f"illegal base{base} data at input byte {place}")


def decode64(data: bytes) -> bytes:
    """The bytes of base64 (package encoding/base64). Raises ValueError with Go's words."""
    places = [at for at, byte in enumerate(data) if byte not in b"\r\n"]
    for number, at in enumerate(places):
        if data[at] not in _BASE64:
            _check_padding(data, places, number)
            break
    else:
        if len(places) % 4:
            raise _wrong(64, len(data) - len(places) % 4)
    return binascii.a2b_base64(bytes(data[at] for at in places))


def _check_padding(data: bytes, places: list[int], number: int) -> None:
    """Raise ValueError unless what stands there fills up the last four."""
    filled = number % 4
    if data[places[number]] != _PAD or filled < 2:
        raise _wrong(64, places[number])
    after = number + 1
    if filled == 2:
        if after >= len(places):
            raise _wrong(64, len(data))
        if data[places[after]] != _PAD:
            raise _wrong(64, places[after] - 1)
        after += 1
    if after < len(places):
        raise _wrong(64, places[after])


def decode32(given: bytes) -> bytes:
    """The bytes of base32 (package encoding/base32). Raises ValueError with Go's words."""
    data = given.replace(b"\r", b"").replace(b"\n", b"")
    end = len(data)
    for at, byte in enumerate(data):
        filled = at % 8
        if byte == _PAD and filled >= 2 and len(data) - at <= 8:
            rest = data[at + 1 :]
            if len(rest) + filled < 7:
                raise _wrong(32, len(data))
            for number, one in enumerate(rest[: 7 - filled]):
                if one != _PAD:
                    raise _wrong(32, at + number)
            if filled in (3, 6):
                raise _wrong(32, at)
            end = at
            break
        if byte not in _BASE32:
            raise _wrong(32, at)
    else:
        if len(data) % 8:
            raise _wrong(32, len(data) - len(data) % 8)
    return base64.b32decode(data[:end] + b"=" * (-end % 8))
