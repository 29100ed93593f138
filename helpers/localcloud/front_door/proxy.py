"""The proxy's connections: CONNECT turns into TLS to a service, anything foreign into a 403.

To the instance metadata address CONNECT turns into plain HTTP, with the identity that its proxy credential
proves (RFC 9110, section 9.3.6). Hosts of DNS name labels are reached as they are, by CONNECT or plain HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from .certificates import Certificates
from .hosts import EXPECTED_REFUSALS, METADATA_HOST, REFUSED, is_label, refusal, service_for
from .http_connection import Decrypted, HttpConnection, HttpConnections
from .limits import (
    FIELDS,
    HANDSHAKE_SECONDS,
    HEAD_BYTES,
    HEAD_SECONDS,
    SHUTDOWN_SECONDS,
    URL_BYTES,
    Connections,
    Farewell,
    answer,
)
from .tunnel import ClientSide, Side

log = logging.getLogger(__name__)

PlaceOf = Callable[[str, int], "tuple[str, int] | None"]
_HOP_BY_HOP = (b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive")
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_PROOF = b"proxy-authorization"
_LONGEST_HOST = 255  # characters (RFC 1035, section 2.3.4)


class ProxyConnection(asyncio.Protocol):
    """One client connection, until it is known what it wants."""

    def __init__(
        self,
        secure: HttpConnections,
        plain: HttpConnections,
        certificates: Certificates,
        connections: Connections,
        place_of: PlaceOf,
    ) -> None:
        self._place_of = place_of
        self._secure = secure
        self._plain = plain
        self._certificates = certificates
        self._held = connections
        self.waits_since: float | None = time.monotonic()
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._farewell: Farewell | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio.Transport, but are such.
        self._transport = cast(asyncio.Transport, transport)
        if self._held.admit(self):
            return
        log.warning("refused a connection: %d are open", self._held.most)
        if self._held.may_refuse(self):
            self._refuse(503, "The local cloud has too many connections.\n", "Retry-After: 1")
        else:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._held.release(self)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._farewell is not None:
            self._farewell.heard()
            return
        searched = max(len(self._head) - 3, 0)
        self._head += data
        end = self._head.find(b"\r\n\r\n", searched)
        words = bytes(self._head[: URL_BYTES + 64]).split(b"\r\n", 1)[0].split(b" ", 2)
        if len(words) > 1 and len(words[1]) > URL_BYTES:
            self._refuse(414, f"A URL may have {URL_BYTES} bytes.\n")
        elif (end if end >= 0 else len(self._head)) > HEAD_BYTES:
            self._refuse(431, f"A request's head may have {HEAD_BYTES} bytes.\n")
        elif end >= 0:
            self._held.note_head(self, 0)
            self._go_on(self._transport, end)
        else:
            self._held.note_head(self, len(self._head))

    def _go_on(self, transport: asyncio.Transport, end: int) -> None:
        """Do what the head asks for, which ends at ``end``."""
        head = bytes(self._head)
        if not head.startswith(b"CONNECT "):
            url = _url(head)
            if url is not None and url.scheme == "http" and is_label(url.hostname or ""):
                self._reach(transport, url.netloc, _to_origin(head, end, url))
                return
            self._hand_over(transport, self._plain.open(), head)
            return
        if head.count(b"\r\n", 0, end) > FIELDS:
            self._refuse(431, f"A request may have {FIELDS} header fields.\n")
            return
        host, port = _target(head)
        if is_label(host):
            self._reach(transport, f"{host}:{port}", head[end + 4 :], established=True)
            return
        if (host, port) == (METADATA_HOST, "80"):  # who is behind it has said who it is
            transport.write(_ESTABLISHED)
            proven = (_PROOF, _field(head[:end], _PROOF))
            self._hand_over(transport, self._plain.open(proven), head[end + 4 :])
            return
        if port != "443" or service_for(host) is None:
            if host not in EXPECTED_REFUSALS:
                log.warning("refused CONNECT %s:%s", host, port)
            self._refuse(403, refusal(f"{host}:{port}"), f"npm-notice: {REFUSED}", phrase=REFUSED)
            return
        self.waits_since = None
        transport.pause_reading()  # the next bytes belong to TLS
        transport.write(_ESTABLISHED)
        upgrading = self._start_tls(transport, host, _field(head[:end], _PROOF))
        self._upgrade = asyncio.get_running_loop().create_task(upgrading)

    def _reach(
        self,
        transport: asyncio.Transport,
        authority: str,
        first: bytes,
        *,
        established: bool = False,
    ) -> None:
        """Become a tunnel to the container group of a DNS name label; ``first`` is what it gets first."""
        self.waits_since = None
        transport.pause_reading()
        reaching = self._tunnel(transport, authority, first, established)
        self._upgrade = asyncio.get_running_loop().create_task(reaching)

    async def _tunnel(
        self, transport: asyncio.Transport, authority: str, first: bytes, established: bool
    ) -> None:
        host, _, port = authority.partition(":")
        place = None
        try:
            if (port or "80").isdecimal():
                place = await asyncio.to_thread(self._place_of, host.lower(), int(port or "80"))
            if place is None:
                self._refuse(502, f"No container group of the local cloud has {authority}.\n")
                return
            group = Side(transport)
            across, _ = await asyncio.get_running_loop().create_connection(lambda: group, *place)
        except OSError as error:
            self._refuse(502, f"{authority} cannot be reached: {error.strerror or error}.\n")
            return
        client = ClientSide(transport, group, across, self._held)
        self._held.replace(self, client)
        if transport.is_closing():  # the client went away meanwhile
            client.connection_lost(None)
            return
        transport.set_protocol(client)
        if established:
            transport.write(_ESTABLISHED)
        across.write(first)
        transport.resume_reading()

    def _hand_over(
        self, transport: asyncio.Transport, connection: HttpConnection, data: bytes
    ) -> None:
        """Let an HTTP connection go on, with what has come for it already."""
        self._held.replace(self, connection)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if data:
            connection.data_received(data)

    async def _start_tls(self, transport: asyncio.Transport, host: str, proof: bytes) -> None:
        connection = self._secure.open((_PROOF, proof) if proof else None)
        loop: Any = (
            asyncio.get_running_loop()
        )  # uvloop's start_tls has what asyncio's has since 3.11
        try:
            secured = await loop.start_tls(
                transport,
                Decrypted(connection),
                self._certificates.context(host),
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        except (OSError, ssl.SSLError, asyncio.TimeoutError) as error:
            log.info("TLS handshake failed: %s", error)
            transport.close()
            secured = None
        if secured is None:  # or the client went away during the handshake
            self._held.release(self)
            return
        self._held.replace(self, connection)
        connection.connection_made(secured)

    def _refuse(self, status: int, reason: str, *headers: str, phrase: str = "") -> None:
        assert self._transport is not None
        self.waits_since, self._head = None, bytearray()
        self._farewell = Farewell(self._transport, answer(status, reason, *headers, phrase=phrase))

    def check(self, now: float) -> None:
        """Refuse a head that does not come to its end; a client that says nothing is let go."""
        assert self._transport is not None
        if self.waits_since is not None and now - self.waits_since > HEAD_SECONDS:
            if self._head:
                self._refuse(408, "The request did not come to its end in time.\n")
            else:
                self._transport.close()

    def end(self) -> None:
        """Reset the connection, to make room for another at once."""
        assert self._transport is not None
        self._transport.abort()


def _url(head: bytes) -> SplitResult | None:
    """The target of a request line, None where that is no URL."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    try:
        return urlsplit(words[1].decode("latin-1")) if len(words) == 3 else None
    except ValueError:
        return None


def _to_origin(head: bytes, end: int, url: SplitResult) -> bytes:
    """A request to a proxy, whose head ends at ``end``, as its origin gets it: one on a connection.

    RFC 9112, section 3.2; RFC 9110, section 7.6.1.
    """
    first, *fields = head[:end].split(b"\r\n")
    method, _, version = first.split(b" ", 2)
    path = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
    path = path if path.startswith("/") else f"/{path}"
    kept = [one for one in fields if one.partition(b":")[0].strip().lower() not in _HOP_BY_HOP]
    lines = [b" ".join((method, path.encode("latin-1"), version)), *kept, b"Connection: close"]
    return b"\r\n".join(lines) + head[end:]


def _target(head: bytes) -> tuple[str, str]:
    """Host and port of a CONNECT request line (RFC 9110, section 9.3.6)."""
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    authority = words[1] if len(words) > 1 else ""
    host, colon, port = authority.rpartition(":")
    if not colon:
        host, port = authority, ""
    return _printable(host.lower()), _printable(port)


def _field(head: bytes, name: bytes) -> bytes:
    """The value of a header field; nothing when it is not there."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _printable(text: str) -> str:
    """What may stand in a log and in an answer of text of unknown origin."""
    return "".join(one if one.isprintable() else "?" for one in text[:_LONGEST_HOST])
