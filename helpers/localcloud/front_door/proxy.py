"""The proxy's connections: CONNECT turns into TLS to a service, anything foreign into a 403.

To the instance metadata address CONNECT turns into plain HTTP, with the identity that its proxy credential
proves (RFC 9110, section 9.3.6).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import Any, cast

from .certificates import Certificates
from .hosts import EXPECTED_REFUSALS, METADATA_HOST, REFUSED, refusal, service_for
from .http_connection import HttpConnection, HttpConnections
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

log = logging.getLogger(__name__)

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
    ) -> None:
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
            self._hand_over(transport, self._plain.open(), head)
            return
        if head.count(b"\r\n", 0, end) > FIELDS:
            self._refuse(431, f"A request may have {FIELDS} header fields.\n")
            return
        host, port = _target(head)
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
        self._upgrade = asyncio.get_running_loop().create_task(self._start_tls(transport, host))

    def _hand_over(
        self, transport: asyncio.Transport, connection: HttpConnection, data: bytes
    ) -> None:
        """Let an HTTP connection go on, with what has come for it already."""
        self._held.replace(self, connection)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if data:
            connection.data_received(data)

    async def _start_tls(self, transport: asyncio.Transport, host: str) -> None:
        connection = self._secure.open()
        loop: Any = (
            asyncio.get_running_loop()
        )  # uvloop's start_tls has what asyncio's has since 3.11
        try:
            secured = await loop.start_tls(
                transport,
                connection,
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
