"""The proxy's connections: CONNECT turns into TLS to a service, anything foreign into a 403."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .hosts import EXPECTED_REFUSALS, refusal, service_for

log = logging.getLogger(__name__)

_HEAD_LIMIT = 64 * 1024  # bytes of a request head before TLS; real ones have a few hundred
_SMALL = 16 * 1024  # bytes; more is acknowledged soon anyway
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class HttpConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, over a transport that something else has opened."""

    def __init__(self, config: Config, state: ServerState) -> None:
        super().__init__(config, state, app_state={})
        self._early: bytes | None = b""  # None once the transport is here
        self._tcp: socket.socket | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        raw = transport.get_extra_info("socket")
        self._tcp = raw if raw is not None and raw.family == socket.AF_INET else None
        early, self._early = self._early, None
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        # start_tls may deliver the first request before it hands us the transport.
        if self._early is not None:
            self._early += data
        else:
            self._acknowledge(len(data))
            super().data_received(data)

    def _acknowledge(self, size: int) -> None:
        """Have the kernel acknowledge a small segment at once, not after 40 ms.

        A client that sends a request's head and body apart, with Nagle's algorithm on, waits for
        it before the body: urllib3 does through a proxy, and so every call of the SDK.
        """
        if self._tcp is not None and size < _SMALL:
            with contextlib.suppress(OSError):  # the connection is gone
                self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class HttpConnections:
    """Makes HTTP connections to one ASGI application, and waits for their requests at the end."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self._config = Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
        )
        self._config.load()
        self._state = ServerState()

    def open(self) -> HttpConnection:
        """A connection that waits for its transport."""
        return HttpConnection(self._config, self._state)

    async def close(self, grace: float) -> None:
        """Ask every connection to end, and give running requests ``grace`` seconds."""
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=grace)
        for task in list(self._state.tasks):
            task.cancel()


class ProxyConnection(asyncio.Protocol):
    """One client connection, until it is known what it wants."""

    def __init__(
        self, secure: HttpConnections, plain: HttpConnections, context: ssl.SSLContext
    ) -> None:
        self._secure = secure
        self._plain = plain
        self._context = context
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._upgrade: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio.Transport, but are such.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._head += data
        if b"\r\n\r\n" not in self._head:
            if len(self._head) > _HEAD_LIMIT:
                self._refuse(431, "The request head is too large.\n")
            return
        if not self._head.startswith(b"CONNECT "):
            connection = self._plain.open()
            self._transport.set_protocol(connection)
            connection.connection_made(self._transport)
            connection.data_received(self._head)
            return
        host, port = _target(self._head)
        if port != "443" or service_for(host) is None:
            if host not in EXPECTED_REFUSALS:
                log.warning("refused CONNECT %s:%s", host, port)
            self._refuse(403, refusal(f"{host}:{port}"))
            return
        self._transport.pause_reading()  # the next bytes belong to TLS
        self._transport.write(_ESTABLISHED)
        self._upgrade = asyncio.get_running_loop().create_task(self._start_tls(self._transport))

    async def _start_tls(self, transport: asyncio.Transport) -> None:
        connection = self._secure.open()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport, connection, self._context, server_side=True, ssl_handshake_timeout=15
            )
        except (OSError, ssl.SSLError, asyncio.TimeoutError) as error:
            log.info("TLS handshake failed: %s", error)
            transport.close()
            return
        if secured is None:  # the client went away during the handshake
            return
        connection.connection_made(secured)

    def _refuse(self, status: int, reason: str) -> None:
        assert self._transport is not None
        body = reason.encode()
        phrase = {403: "Forbidden", 431: "Request Header Fields Too Large"}[status]
        self._transport.write(
            f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        self._transport.close()


def _target(head: bytes) -> tuple[str, str]:
    """Host and port of a CONNECT request line (RFC 9110, section 9.3.6)."""
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    authority = words[1] if len(words) > 1 else ""
    host, colon, port = authority.rpartition(":")
    return (host.lower(), port) if colon else (authority.lower(), "")
