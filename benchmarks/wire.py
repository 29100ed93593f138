"""A client that takes little itself: what is measured with it is the server.

``http.client`` over one connection with TLS, through a proxy where there is one. A session of
``requests`` takes several times the processor of either registry, and hides what they differ in.
"""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_TIMEOUT = 120.0  # seconds
_BUFFER = 1024 * 1024  # bytes


@dataclass(frozen=True)
class Server:
    """Where a server is, by which proxy it is reached, and what its clients send with each request."""

    url: str
    context: ssl.SSLContext
    proxy: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Wire:
    """One connection to a server; not thread-safe. Use as a context manager."""

    def __init__(self, server: Server) -> None:
        self._headers = server.headers
        asked = urlsplit(server.url)
        assert asked.hostname is not None
        first = urlsplit(server.proxy or server.url)
        assert first.hostname is not None
        self._connection = http.client.HTTPSConnection(
            first.hostname, first.port, timeout=_TIMEOUT, context=server.context
        )
        if server.proxy:
            self._connection.set_tunnel(asked.hostname, asked.port or 443)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(
        self, method: str, target: str, body: bytes | None = None, kind: str = ""
    ) -> http.client.HTTPResponse:
        """The head of an answer; its body is to be read next. ``kind`` is the media type of ours."""
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        self._connection.request(method, target, body, headers)
        return self._connection.getresponse()

    def tell(self, method: str, target: str, body: bytes | None = None, kind: str = "") -> str:
        """What ``Location`` an answer names, if any. Raises RuntimeError for a refusal."""
        answer = self.ask(method, target, body, kind)
        said = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {target}: {answer.status} {said[:500]!r}")
        return answer.headers.get("Location", "")

    def get(self, target: str) -> int:
        """How many bytes a GET brings; they are decrypted and dropped."""
        answer = self.ask("GET", target)
        buffer, size = bytearray(_BUFFER), 0
        while read := answer.readinto(buffer):
            size += read
        return size
