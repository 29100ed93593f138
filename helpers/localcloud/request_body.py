"""The body of a request that is small by its nature: read whole, within limits of size and depth."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from starlette.requests import Request

from .errors import CloudError

LARGEST = 4 * 1024 * 1024  # bytes; what Azure Resource Manager and registries take
_MOST = 16 * 1024 * 1024  # bytes of all bodies that are on their way
_SMALL = 64 * 1024  # bytes; a smaller one is never refused for the others
_DEEPEST = 100  # levels of objects and lists; System.Text.Json has 64
_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST_INTEGER = 2**64  # above, no service's field could hold it


async def read_body(request: Request, code: str = "RequestContentTooLarge") -> bytes:
    """All of the body. Raises 413 with the service's ``code`` above :data:`LARGEST` bytes.

    Raises 503 when large bodies of many requests come at once: who sends them may be nobody.
    """
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            _coming.size += len(chunk)
            if len(content) > LARGEST:
                raise CloudError(
                    413,
                    code,
                    f"The body of the request exceeds the maximum size of {LARGEST} bytes.",
                )
            if _coming.size > _MOST and len(content) > _SMALL:
                raise CloudError(
                    503,
                    "ServiceUnavailable",
                    "Too many large requests come at once. Send it again.",
                    headers={"Retry-After": "1"},
                )
    finally:
        _coming.size -= len(content)
    return bytes(content)


class _Coming:
    """The bytes of all bodies that are on their way; on the event loop's thread only."""

    size = 0


_coming = _Coming()


def parse_json(content: bytes) -> Any:
    """The body as JSON (RFC 8259) that can be stored and written again.

    Raises ValueError that says what is wrong: no UTF-8, half of a surrogate pair, a number that is
    none or has no end, endless nesting.
    """
    try:
        text = content.decode("utf-8-sig")
        parsed = json.loads(
            text, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_float
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: byte {error.start}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check(parsed, may_have_surrogates="\\u" in text)
    return parsed


def _check(parsed: Any, *, may_have_surrogates: bool) -> None:
    """Raise ValueError for what is nested too deeply, or has text that is no Unicode."""
    level = [parsed]
    for _ in range(_DEEPEST):
        texts: list[str] = []
        following: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                texts += one
                following += one.values()
            elif isinstance(one, list):
                following += one
            elif isinstance(one, str):
                texts.append(one)
        if may_have_surrogates and any(_SURROGATE.search(one) for one in texts):
            raise ValueError("a text has half of a surrogate pair, which no Unicode text has")
        level = following
        if not level:
            return
    raise ValueError(f"it is nested more than {_DEEPEST} levels deep")


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a value of JSON")


def _integer(digits: str) -> int:
    if len(digits) > 21 or abs(number := int(digits)) > _LARGEST_INTEGER:
        raise ValueError("a number has more than 64 bits")
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number has more than 64 bits")
    return number
