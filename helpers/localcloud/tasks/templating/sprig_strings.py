"""Sprig's functions of texts.

Source: Sprig documentation; packages strings, goutils.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from .base_encodings import decode32, decode64
from .cases import SPACES, camel, initials, lower, lowered, swapped, title, untitled, upper
from .go_format import quote, show
from .go_types import FunctionError, StringList, StringMap, kind, to_bytes, to_text, type_name
from .signatures import table
from .text_layouts import abbreviate, wrap


def texts_of(value: Any) -> StringList:
    """The elements of a list as texts, without those that are nil; of one value, itself."""
    if isinstance(value, list):
        return StringList(show(one) for one in value if one is not None)
    return StringList() if value is None else StringList([show(value)])


def _repeat(count: int, text: str) -> str:
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    return text * count


def _indent(width: int, text: str) -> str:
    pad = _repeat(width, " ")
    return pad + text.replace("\n", "\n" + pad)


def cut(text: str, start: int, end: int) -> str:
    """Bytes of a text, with the error that Go has where there are none."""
    data = to_bytes(text)
    if not 0 <= end <= len(data):
        told = f"{start}:{end}" if start and end >= 0 else f":{end}"
        within = f" with length {len(data)}" if end > len(data) else ""
        raise FunctionError(f"runtime error: slice bounds out of range [{told}]{within}")
    if not 0 <= start <= end:
        raise FunctionError(f"runtime error: slice bounds out of range [{start}:{end}]")
    return to_text(data[start:end])


def _substring(start: int, end: int, text: str) -> str:
    if start < 0:
        return cut(text, 0, end)
    length = len(to_bytes(text))
    if end < 0 or end > length:
        if start > length:
            raise FunctionError(f"runtime error: slice bounds out of range [{start}:{length}]")
        return cut(text, start, length)
    return cut(text, start, end)


def _truncate(length: int, text: str) -> str:
    return text if len(to_bytes(text)) <= length else cut(text, 0, length)


def _split_list(mark: str, text: str) -> StringList:
    return StringList(text.split(mark) if mark else list(text))


def _split(mark: str, text: str) -> StringMap:
    return _numbered(_split_list(mark, text))


def _split_n(mark: str, count: int, text: str) -> StringMap:
    if count == 0:
        return StringMap()
    if count < 0:
        return _split(mark, text)
    if mark:
        return _numbered(text.split(mark, count - 1))
    return _numbered([*text[: count - 1], text[count - 1 :]][: max(count, 1)] if text else [])


def _numbered(parts: list[str]) -> StringMap:
    return StringMap((f"_{number}", part) for number, part in enumerate(parts))


def _replace(old: str, new: str, text: str) -> str:
    return text.replace(old, new)


def _squote(*values: Any) -> str:
    return " ".join(f"'{show(one)}'" for one in values if one is not None)


def _quote(*values: Any) -> str:
    return " ".join(quote(show(one)) for one in values if one is not None)


def _cat(*values: Any) -> str:
    return " ".join(show(one) for one in values if one is not None)


def base64_encode(value: Any) -> str:
    """Base64, as the engine gives it in place of Sprig: nil is empty, a number names its type."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else f"<{type_name(value)} Value>"
    return base64.b64encode(to_bytes(text)).decode()


def _decoding(decode: Callable[[bytes], bytes]) -> Callable[[str], str]:
    def decoded(text: str) -> str:
        try:
            return to_text(decode(to_bytes(text)))
        except ValueError as error:
            return str(error)  # as Sprig: what is wrong becomes the value

    return decoded


def _trim_all(marks: str, text: str) -> str:
    return text.strip(marks) if marks else text


def _no_space(text: str) -> str:
    """Bytes, not characters, are looked at; where one goes, the others are taken for characters."""
    data = to_bytes(text)
    kept = [byte for byte in data if byte not in b"\t\n\v\f\r \x85\xa0"]
    return text if len(kept) == len(data) else "".join(map(chr, kept))


STRINGS = table(
    """
    string: trim upper lower title untitle nospace initials swapcase snakecase camelcase kebabcase
    string: b64dec b32enc b32dec
    any: b64enc toString toStrings
    int string: repeat trunc abbrev indent nindent wrap
    int int string: substr abbrevboth
    int string string: wrapWith
    string string: trimall trimAll trimSuffix trimPrefix contains hasPrefix hasSuffix
    string string: split splitList
    string int string: splitn
    string string string: replace
    string string int: plural
    string any: join
    any: sortAlpha
    ...any: quote squote cat
    """,
    {
        "trim": lambda text: text.strip(SPACES),
        "upper": upper,
        "lower": lower,
        "title": title,
        "untitle": untitled,
        "nospace": _no_space,
        "initials": initials,
        "swapcase": swapped,
        "snakecase": lambda text: lowered(text, "_"),
        "kebabcase": lambda text: lowered(text, "-"),
        "camelcase": camel,
        "b64enc": base64_encode,
        "b64dec": _decoding(decode64),
        "b32enc": lambda text: base64.b32encode(to_bytes(text)).decode(),
        "b32dec": _decoding(decode32),
        "toString": show,
        "toStrings": texts_of,
        "repeat": _repeat,
        "trunc": _truncate,
        "abbrev": lambda width, text: abbreviate(text, 0, width) if width >= 4 else text,
        "abbrevboth": lambda left, right, text: (
            text if right < 4 or (left > 0 and right < 7) else abbreviate(text, left, right)
        ),
        "indent": _indent,
        "nindent": lambda width, text: "\n" + _indent(width, text),
        "wrap": lambda width, text: wrap(text, width, "\n", long_words=False),
        "wrapWith": lambda width, mark, text: wrap(text, width, mark or "\n", long_words=True),
        "substr": _substring,
        "trimall": _trim_all,
        "trimAll": _trim_all,
        "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
        "trimPrefix": lambda prefix, text: text.removeprefix(prefix),
        "contains": lambda part, text: part in text,
        "hasPrefix": lambda prefix, text: text.startswith(prefix),
        "hasSuffix": lambda suffix, text: text.endswith(suffix),
        "split": _split,
        "splitList": _split_list,
        "splitn": _split_n,
        "replace": _replace,
        "plural": lambda one, many, count: one if count == 1 else many,
        "join": lambda mark, values: mark.join(texts_of(values)),
        "sortAlpha": lambda values: StringList(
            sorted(texts_of(values), key=to_bytes) if kind(values) == "slice" else [show(values)]
        ),
        "quote": _quote,
        "squote": _squote,
        "cat": _cat,
    },
)
