"""Sprig's functions of paths and URLs (packages path and net/url)."""

from __future__ import annotations

import posixpath
from typing import Any

from .go_types import FunctionError, kind
from .signatures import table
from .urls import Url, parse, parse_user


def _base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _clean(path: str) -> str:
    shown = posixpath.normpath(path) if path else "."
    return "/" + shown.lstrip("/") if shown.startswith("//") else shown


def _extension(path: str) -> str:
    name = path.rpartition("/")[2]
    return "." + name.rpartition(".")[2] if "." in name else ""


def _parse(text: str) -> dict[str, Any]:
    try:
        return parse(text).parts()
    except ValueError as error:
        raise FunctionError(f"unable to parse url: {error}") from None


def _join(parts: dict[str, Any]) -> str:
    names = ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")
    texts: dict[str, Any] = {name: _part(parts, name) for name in names}
    user = texts.pop("userinfo")
    try:
        return str(Url(**texts, user=parse_user(user) if user else None))
    except ValueError as error:
        raise FunctionError(f"unable to parse userinfo in dict: {error}") from None


def _part(parts: dict[str, Any], name: str) -> str:
    value = parts.get(name, "")
    if not isinstance(value, str):
        raise FunctionError(
            f"unable to parse {name} key, must be of type string, but {kind(value)} found"
        )
    return value


PATHS = table(
    """
    string: base dir clean ext isAbs urlParse
    map: urlJoin
    """,
    {
        "base": _base,
        "dir": lambda path: _clean(path[: path.rfind("/") + 1]),
        "clean": _clean,
        "ext": _extension,
        "isAbs": lambda path: path.startswith("/"),
        "urlParse": _parse,
        "urlJoin": _join,
    },
)
