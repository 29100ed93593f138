"""String functions, and the conversions of texts: concat, format, split, base64, uri, json …"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote, unquote, urljoin

from ...request_body import parse_json
from .. import hashes
from ..values import text_of
from .function import Functions, check, refuse

FUNCTIONS = Functions()
_PLACE = re.compile(r"\{\{|\}\}|\{(?P<number>\d{1,4})(?::(?P<form>[^{}]*))?\}|[{}]")
_LONGEST = 4 * 1024 * 1024  # characters of a text: no template has more


@FUNCTIONS.add("concat", 1, None)
def concat(arguments: list[Any]) -> str | list[Any]:
    """Texts, or lists, one after the other."""
    if isinstance(arguments[0], list):
        lists = [check("concat", n, one, "Array") for n, one in enumerate(arguments, 1)]
        return [item for one in lists for item in one]
    return _joined("concat", "", [_scalar("concat", n, v) for n, v in enumerate(arguments, 1)])


def _scalar(name: str, position: int, value: Any) -> str:
    return text_of(check(name, position, value, "String", "Integer", "Boolean"))


def _joined(name: str, between: str, texts: list[str]) -> str:
    if sum(map(len, texts)) + len(between) * len(texts) > _LONGEST:
        raise refuse(name, f"the result has more than {_LONGEST} characters")
    return between.join(texts)


@FUNCTIONS.add("format", 1, None)
def format_(arguments: list[Any]) -> str:
    """A text with ``{0}``, ``{1}`` … replaced: the composite formats of .NET."""
    pattern, *values = arguments
    parts, end = [], 0
    for match in _PLACE.finditer(check("format", 1, pattern, "String")):
        parts.append(pattern[end : match.start()])
        end = match.end()
        if match[0] in ("{{", "}}"):
            parts.append(match[0][0])
        elif match["number"] is None or int(match["number"]) >= len(values):
            raise refuse("format", f"'{match[0]}' stands for none of the {len(values)} value(s)")
        else:
            parts.append(_formatted(values[int(match["number"])], match["form"]))
    return _joined("format", "", [*parts, pattern[end:]])


def _formatted(value: Any, form: str | None) -> str:
    if not form:
        return text_of(value)
    match = re.fullmatch(r"(?P<kind>[dDxX])(?P<digits>\d{0,2})|(?P<zeros>0{1,99})", form)
    if match is None or not isinstance(value, int) or isinstance(value, bool):
        raise refuse("format", f"the local cloud does not know the format '{form[:100]}'")
    width = len(match["zeros"] or "") or int(match["digits"] or 1)
    digits = f"{abs(value):{'d' if match['kind'] in ('d', 'D', None) else match['kind']}}"
    return ("-" if value < 0 else "") + digits.zfill(width)


def _cased(name: str, work: Any) -> None:
    @FUNCTIONS.add(name, 1)
    def cased(arguments: list[Any]) -> str:
        return str(work(check(name, 1, arguments[0], "String")))


_cased("toLower", str.lower)
_cased("toUpper", str.upper)
_cased("trim", str.strip)


@FUNCTIONS.add("substring", 2, 3)
def substring(arguments: list[Any]) -> str:
    """Part of a text, from a place on, of a length."""
    text = check("substring", 1, arguments[0], "String")
    start = check("substring", 2, arguments[1], "Integer")
    length = check("substring", 3, arguments[2], "Integer") if arguments[2:] else len(text) - start
    if start < 0 or length < 0 or start + length > len(text):
        raise refuse(
            "substring",
            "The index and length parameters must refer to a location within the string. The "
            f"index parameter: '{start}', the length parameter: '{length}', the length of the "
            f"string parameter: '{len(text)}'",
        )
    return str(text[start : start + length])


@FUNCTIONS.add("replace", 3)
def replace(arguments: list[Any]) -> str:
    """A text with all of another replaced by a third."""
    text, old, new = (check("replace", n, one, "String") for n, one in enumerate(arguments, 1))
    if not old:
        raise refuse("replace", "the text that is to be replaced is empty")
    if len(text) + text.count(old) * len(new) > _LONGEST:
        raise refuse("replace", f"the result has more than {_LONGEST} characters")
    return str(text.replace(old, new))


@FUNCTIONS.add("split", 2)
def split(arguments: list[Any]) -> list[str]:
    """The parts of a text between a delimiter, or any of several."""
    text = check("split", 1, arguments[0], "String")
    given = check("split", 2, arguments[1], "String", "Array")
    delimiters = [check("split", 2, one, "String") for one in _listed(given)]
    wanted = sorted((one for one in delimiters if one), key=len, reverse=True)
    return re.split("|".join(map(re.escape, wanted)), text) if wanted else [text]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@FUNCTIONS.add("join", 2)
def join(arguments: list[Any]) -> str:
    """The items of a list in one text, with a delimiter between them."""
    items = check("join", 1, arguments[0], "Array")
    between = check("join", 2, arguments[1], "String")
    return _joined("join", between, [_scalar("join", 1, one) for one in items])


@FUNCTIONS.add("padLeft", 2, 3)
def pad_left(arguments: list[Any]) -> str:
    """A text of at least so many characters."""
    text = _scalar("padLeft", 1, arguments[0])
    length = check("padLeft", 2, arguments[1], "Integer")
    filler = check("padLeft", 3, arguments[2], "String") if arguments[2:] else " "
    if len(filler) != 1 or not 0 <= length <= 10_000:
        raise refuse("padLeft", "it pads with one character, to at most 10000")
    return text.rjust(length, filler)


def _searched(name: str, work: Any) -> None:
    @FUNCTIONS.add(name, 2)
    def search(arguments: list[Any]) -> Any:
        text, wanted = (check(name, n, one, "String") for n, one in enumerate(arguments, 1))
        return work(text.lower(), wanted.lower())


_searched("startsWith", str.startswith)
_searched("endsWith", str.endswith)


@FUNCTIONS.add("string", 1)
def string(arguments: list[Any]) -> str:
    """Any value as text; objects and lists as JSON."""
    return text_of(arguments[0])


@FUNCTIONS.add("json", 1)
def json_(arguments: list[Any]) -> Any:
    """The value that a text of JSON is."""
    return _parsed("json", check("json", 1, arguments[0], "String"))


def _parsed(name: str, text: str) -> Any:
    try:
        return parse_json(text.encode())
    except ValueError as error:
        raise refuse(name, f"the text is not JSON: {error}") from None


@FUNCTIONS.add("base64", 1)
def base64_(arguments: list[Any]) -> str:
    """A text in base64."""
    return _encoded(check("base64", 1, arguments[0], "String"))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(name: str, text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise refuse(name, "the text is not base64 of a text in UTF-8") from None


@FUNCTIONS.add("base64ToString", 1)
def base64_to_string(arguments: list[Any]) -> str:
    """The text that was encoded in base64."""
    return _decoded("base64ToString", check("base64ToString", 1, arguments[0], "String"))


@FUNCTIONS.add("base64ToJson", 1)
def base64_to_json(arguments: list[Any]) -> Any:
    """The JSON that was encoded in base64."""
    text = check("base64ToJson", 1, arguments[0], "String")
    return _parsed("base64ToJson", _decoded("base64ToJson", text))


@FUNCTIONS.add("dataUri", 1)
def data_uri(arguments: list[Any]) -> str:
    """A text as data URI."""
    text = check("dataUri", 1, arguments[0], "String")
    return f"data:text/plain;charset=utf8;base64,{_encoded(text)}"


@FUNCTIONS.add("dataUriToString", 1)
def data_uri_to_string(arguments: list[Any]) -> str:
    """The text of a data URI."""
    head, comma, data = check("dataUriToString", 1, arguments[0], "String").partition(",")
    if not comma or not head.startswith("data:"):
        raise refuse("dataUriToString", "the text is no data URI")
    return _decoded("dataUriToString", data) if head.endswith(";base64") else unquote(data)


@FUNCTIONS.add("uri", 2)
def uri(arguments: list[Any]) -> str:
    """An address relative to another."""
    base: str = check("uri", 1, arguments[0], "String")
    relative: str = check("uri", 2, arguments[1], "String")
    try:
        return urljoin(base, relative)
    except ValueError as error:
        raise refuse("uri", str(error)) from None


@FUNCTIONS.add("uriComponent", 1)
def uri_component(arguments: list[Any]) -> str:
    """A text as part of an address."""
    text: str = check("uriComponent", 1, arguments[0], "String")
    return quote(text, safe="-_.~!*'()")


@FUNCTIONS.add("uriComponentToString", 1)
def uri_component_to_string(arguments: list[Any]) -> str:
    """The text that was a part of an address."""
    return unquote(check("uriComponentToString", 1, arguments[0], "String"))


def _hashed(name: str, work: Any) -> None:
    @FUNCTIONS.add(name, 1, None)
    def hashed(arguments: list[Any]) -> str:
        return str(work([check(name, n, one, "String") for n, one in enumerate(arguments, 1)]))


_hashed("uniqueString", hashes.unique_string)
_hashed("guid", hashes.guid)
