"""URLs as Go takes them apart and puts them together (package net/url)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from .go_format import quote
from .go_types import to_bytes, to_text

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_ESCAPE = re.compile(rb"%(.{0,2})", re.DOTALL)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_PATH = _UNRESERVED | frozenset(b"$&+,/:;=@")
_VALID_PATH = _UNRESERVED | frozenset(b"!$&'()*+,;=:@[]/%")
_FRAGMENT = _UNRESERVED | frozenset(b"$&+,/:;=?@!()*")
_VALID_FRAGMENT = _VALID_PATH | frozenset(b"?")
_HOST = _UNRESERVED | frozenset(b"!$&'()*+,;=:[]<>\"")
_USER = _UNRESERVED | frozenset(b"$&+,;=")
_USER_INFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(r"(:[0-9]*)?")


def _escaped(text: str, plain: frozenset[int]) -> str:
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in to_bytes(text))


def _unescaped(text: str, host: bool = False) -> str:
    if "%" not in text:
        if host:
            _check_host(text)
        return text

    def one(match: re.Match[bytes]) -> bytes:
        digits = match[1]
        if not re.fullmatch(rb"[0-9a-fA-F]{2}", digits):
            raise ValueError(f"invalid URL escape {quote('%' + to_text(digits))}")
        if host and int(digits, 16) < 0x80 and digits != b"25":
            raise ValueError(f"invalid URL escape {quote('%' + to_text(digits))}")
        return bytes([int(digits, 16)])

    if host:
        _check_host(re.sub("%..", "", text))
    return to_text(_ESCAPE.sub(one, to_bytes(text)))


def _check_host(text: str) -> None:
    for byte in to_bytes(text):
        if byte < 0x80 and byte not in _HOST:
            raise ValueError(f"invalid character {quote(chr(byte))} in host name")


@dataclass(frozen=True)
class User:
    """What stands before the @ of a URL."""

    name: str
    password: str | None = None

    def __str__(self) -> str:
        shown = _escaped(self.name, _USER)
        return shown if self.password is None else f"{shown}:{_escaped(self.password, _USER)}"


@dataclass(frozen=True)
class Url:
    """A URL in its parts; ``raw_path`` and ``raw_fragment`` as they were spelled."""

    scheme: str = ""
    host: str = ""
    path: str = ""
    query: str = ""
    opaque: str = ""
    fragment: str = ""
    user: User | None = None
    raw_path: str = ""
    raw_fragment: str = ""
    force_query: bool = False

    def parts(self) -> dict[str, Any]:
        """What Sprig's urlParse gives."""
        return {
            "scheme": self.scheme,
            "host": self.host,
            "hostname": self.hostname(),
            "path": self.path,
            "query": self.query,
            "opaque": self.opaque,
            "fragment": self.fragment,
            "userinfo": str(self.user) if self.user else "",
        }

    def hostname(self) -> str:
        """The host without a port and brackets."""
        host, colon, port = self.host.rpartition(":")
        bare = host if colon and (not port or (port.isdecimal() and port.isascii())) else self.host
        return bare[1:-1] if bare[:1] == "[" and bare[-1:] == "]" else bare

    def __str__(self) -> str:
        shown = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            shown += self.opaque
        else:
            shown += self._hierarchical(shown)
        if self.force_query or self.query:
            shown += f"?{self.query}"
        if self.fragment:
            shown += "#" + _spelled(self.fragment, self.raw_fragment, _FRAGMENT, _VALID_FRAGMENT)
        return shown

    def _hierarchical(self, before: str) -> str:
        shown = ""
        if self.scheme or self.host or self.user:
            if self.host or self.path or self.user:
                shown += "//"
            shown += f"{self.user}@" if self.user else ""
            shown += _escaped(self.host, _HOST)
        path = _spelled(self.path, self.raw_path, _PATH, _VALID_PATH)
        if path and path[0] != "/" and self.host:
            shown += "/"
        if not before and not shown and ":" in path.partition("/")[0]:
            shown += "./"
        return shown + path


def _spelled(text: str, raw: str, plain: frozenset[int], valid: frozenset[int]) -> str:
    if raw and all(byte in valid for byte in to_bytes(raw)) and _unescaped(raw) == text:
        return raw
    return "*" if text == "*" else _escaped(text, plain)


def parse(text: str) -> Url:
    """A URL in its parts. Raises ValueError with Go's words."""
    before, _, fragment = text.partition("#")
    try:
        url = _parse(before)
        raw = fragment if _escaped(_unescaped(fragment), _FRAGMENT) != fragment else ""
        return replace(url, fragment=_unescaped(fragment), raw_fragment=raw)
    except ValueError as error:
        raise ValueError(f"parse {quote(text)}: {error}") from None


def _parse(text: str) -> Url:
    if any(one < " " or one == "\x7f" for one in text):
        raise ValueError("net/url: invalid control character in URL")
    if text == "*":
        return Url(path="*")
    match = _SCHEME.match(text)
    if text.startswith(":"):
        raise ValueError("missing protocol scheme")
    scheme, rest = (match[1].lower(), text[match.end() :]) if match else ("", text)
    force = rest.endswith("?") and rest.count("?") == 1
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme, query=query, opaque=rest, force_query=force)
        if ":" in rest.partition("/")[0]:
            raise ValueError("first path segment in URL cannot contain colon")
    user, host = None, ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        user, host = _authority(authority)
    path = _unescaped(rest)
    raw = rest if _escaped(path, _PATH) != rest else ""
    return Url(scheme, host, path, query, user=user, raw_path=raw, force_query=force)


def _authority(text: str) -> tuple[User | None, str]:
    info, sign, host = text.rpartition("@")
    user = parse_user(info) if sign else None
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0:
            raise ValueError("missing ']' in host")
        port = host[end + 1 :]
    else:
        colon = host.rfind(":")
        port = host[colon:] if colon >= 0 else ""
    if not _PORT.fullmatch(port):
        raise ValueError(f"invalid port {quote(port)} after host")
    if not host.startswith("[") and host.count(":") > 1:
        raise ValueError(f"invalid host {quote(host)}: colons need brackets")
    return user, _unescaped(host, host=True)


def parse_user(info: str) -> User:
    """What stands before the @. Raises ValueError."""
    if not _USER_INFO.fullmatch(info):
        raise ValueError("net/url: invalid userinfo")
    name, colon, password = info.partition(":")
    return User(_unescaped(name), _unescaped(password) if colon else None)
