"""A connection that speaks HTTP/1.1: uvicorn's, with limits on what a client may send and how slowly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from .hosts import WEBSOCKETS, service_for
from .limits import (
    BODY_RATE,
    CHECK_SECONDS,
    FIELDS,
    HEAD_BYTES,
    HEAD_SECONDS,
    IDLE_SECONDS,
    PIPELINED,
    SILENT_SECONDS,
    STALLED_SECONDS,
    URL_BYTES,
    Connections,
    Farewell,
    answer,
)
from .websocket_connection import MESSAGE_BYTES, SILENT, WebSocketConnection

_BUFFER = 256 * 1024  # bytes
_SMALL = 16 * 1024  # bytes; more is acknowledged soon anyway
_TOO_LARGE = 431, f"A request's head may have {HEAD_BYTES} bytes and {FIELDS} header fields.\n"
_TOO_LONG = 414, f"A URL may have {URL_BYTES} bytes.\n"
_TOO_SLOW = 408, "The request did not come to its end in time.\n"
_TOO_MANY = 503, f"Up to {PIPELINED} requests may wait on one connection.\n"
_INVALID = 400, "Invalid HTTP request received.\n"


class _RefusedError(Exception):
    """Stops the parser; the connection knows why."""


class HttpConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, over a transport that something else has opened."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        connections: Connections,
        proven: tuple[bytes, bytes] | None = None,
    ) -> None:
        super().__init__(config, state, app_state={})
        self._proven = proven  # a header field that holds for every request, whatever it says
        self.logger = SILENT
        self._early: bytes | None = b""  # None once the transport is here
        self._tcp: socket.socket | None = None
        self._cycles: list[RequestResponseCycle] = []  # the requests that are not answered yet
        self._held = connections
        self.waits_since: float | None = time.monotonic()
        self._head = 0  # bytes of the head, or the trailers, that were understood
        self._fields = 0
        self._unclear = 0  # bytes that came since a body's last piece or a request's end
        self._noted = 0  # bytes of an unfinished head that were counted
        self._in_body = False
        self._body_bytes = 0
        self._body_waited = 0.0  # seconds, for the client
        self._heard = self._wrote = time.monotonic()
        self._refusal: tuple[int, str] | None = None
        self._farewell: Farewell | None = None

    # -- the transport -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        raw = transport.get_extra_info("socket")
        self._tcp = raw if raw is not None and raw.family == socket.AF_INET else None
        early, self._early = self._early, None
        if early:
            self.data_received(early)

    def connection_lost(self, exc: Exception | None) -> None:
        self._held.release(self)
        for cycle in self._cycles:  # uvicorn tells only the newest that its client is gone
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes | memoryview) -> None:
        # start_tls may deliver the first request before it hands us the transport.
        if self._early is not None:
            self._early += data
            return
        if self._farewell is not None:
            self._farewell.heard()
        if self._refusal is not None or self.parser is None:
            return
        self._acknowledge(len(data))
        if not self._unclear:
            self._heard = time.monotonic()
        self._unclear += len(data)
        super().data_received(data)  # type: ignore[arg-type]  # its parser takes any buffer
        unfinished = self._unclear if self.waits_since is not None else 0
        if unfinished or self._noted:  # most heads come in one piece
            self._noted = unfinished
            self._held.note_head(self, unfinished)
        if self._refusal is None and self._unclear > HEAD_BYTES:
            self._refuse(_TOO_LARGE)

    def _acknowledge(self, size: int) -> None:
        """Have the kernel acknowledge a small segment at once, not after 40 ms.

        A client that sends a request's head and body apart, with Nagle's algorithm on, waits for
        it before the body: urllib3 does through a proxy, and so every call of the SDK.
        """
        if self._tcp is not None and size < _SMALL:
            with contextlib.suppress(OSError):  # the connection is gone
                self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def pause_writing(self) -> None:
        self._wrote = time.monotonic()
        super().pause_writing()

    # -- the parser --------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._head = self._fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > URL_BYTES:
            self._stop(_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value)
        self._fields += 1
        if self._head > HEAD_BYTES or self._fields > FIELDS:
            self._stop(_TOO_LARGE)
        if not self._in_body:  # a trailer is no header (RFC 9110, section 6.5)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.waits_since = None
        self._body_bytes, self._body_waited = 0, 0.0
        self._heard = time.monotonic()
        self._head = self._fields = self._unclear = 0
        if self._proven is not None:
            others = [one for one in self.headers if one[0] != self._proven[0]]
            self.headers[:] = [*others, self._proven]
        if len(self.pipeline) >= PIPELINED:
            self._stop(_TOO_MANY)
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return  # it becomes a WebSocket
        self._in_body = True  # of the cycle that there is now
        cycles = [*self._cycles, self.cycle]
        self._cycles = [one for one in cycles if not one.response_complete]

    def on_body(self, body: bytes) -> None:
        self._unclear = 0
        self._body_bytes += len(body)
        self._heard = time.monotonic()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._unclear = False, 0
        super().on_message_complete()
        if self._served:
            self.waits_since = time.monotonic()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._served:
            self.waits_since = time.monotonic()
        if self._refusal is not None:
            self._refuse(self._refusal)

    def _should_upgrade(self) -> bool:
        """Whether the request is for a WebSocket, at a host that has any."""
        host = next((value for name, value in self.headers if name == b"host"), b"")
        service = service_for(host.decode("latin-1").partition(":")[0])
        return service in WEBSOCKETS and super()._should_upgrade()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        socket = self.transport.get_protocol()
        assert isinstance(socket, WebSocketConnection)
        socket.hold(self, self._held)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a client that offers to change the protocol is answered in this one."""

    # -- refusing ----------------------------------------------------------------------------

    @property
    def _served(self) -> bool:
        """Whether every request that has come is answered."""
        return not self.pipeline and (self.cycle is None or self.cycle.response_complete)

    def _stop(self, refusal: tuple[int, str]) -> None:
        self._refusal = refusal
        raise _RefusedError

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """uvicorn's way to say that the parser has stopped."""
        self._refuse(self._refusal or _INVALID)

    def _refuse(self, refusal: tuple[int, str]) -> None:
        """Answer with a refusal and close: after the answers to what came before, in their order."""
        self._refusal = refusal
        if self._farewell is not None or self.transport.is_closing():
            return
        cycle = self.cycle
        if not self._served and (self.pipeline or not self._in_body):
            self.flow.pause_reading()  # on_response_complete comes back here
            return
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started:  # its end cannot be told any more
                self.transport.close()
                return
            cycle.disconnected = True  # whoever waits for the body's rest waits in vain
            cycle.message_event.set()
        self._unset_keepalive_if_required()
        if self._in_body and cycle.response_complete:  # who answered did not wait for the rest
            last = b""
        else:
            status, reason = refusal
            last = answer(status, reason, *(("Retry-After: 1",) if status == 503 else ()))
        self._farewell = Farewell(self.transport, last)

    def check(self, now: float) -> None:
        """Refuse or close what takes too long at ``now``, :func:`time.monotonic`."""
        if self.transport is None or self._farewell is not None or self._refusal is not None:
            return
        if self.flow.write_paused and now - self._wrote > STALLED_SECONDS:
            self.transport.abort()
        elif self._in_body:
            self._check_body(now)
        elif self._unclear and now - self._heard > HEAD_SECONDS:
            self._refuse(_TOO_SLOW)
        elif self.waits_since is not None and now - self.waits_since > IDLE_SECONDS:
            self.transport.close()

    def _check_body(self, now: float) -> None:
        asked = self.cycle is None or not self.cycle.waiting_for_100_continue
        if self.flow.read_paused or not asked:  # it is we who are slow
            self._heard = now
            return
        self._body_waited += CHECK_SECONDS
        least = BODY_RATE * (self._body_waited - SILENT_SECONDS)
        if now - self._heard > SILENT_SECONDS or self._body_bytes < least:
            self._refuse(_TOO_SLOW)

    def end(self) -> None:
        """Reset the connection, to make room for another at once."""
        self.transport.abort()


class Decrypted(asyncio.BufferedProtocol):
    """Takes what TLS has decrypted, for a connection: in a buffer that all of them share.

    Else the loop makes objects of every record and joins them, which takes as long again as TLS. A
    connection keeps nothing of the buffer: its parser copies what it hands on, before the next one's
    bytes come.
    """

    _buffer = memoryview(bytearray(_BUFFER))

    def __init__(self, connection: HttpConnection) -> None:
        self._connection = connection
        self.connection_lost = connection.connection_lost  # type: ignore[method-assign]
        self.eof_received = connection.eof_received  # type: ignore[method-assign]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(self._buffer[:nbytes])


class HttpConnections:
    """Makes HTTP connections to one ASGI application, and waits for their requests at the end."""

    def __init__(self, app: Callable[..., Any], connections: Connections) -> None:
        self._config = Config(
            app,
            http="httptools",
            ws=WebSocketConnection,
            ws_max_size=MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=int(IDLE_SECONDS),
        )
        self._config.load()
        self._state = ServerState()
        self._connections = connections

    def open(self, proven: tuple[bytes, bytes] | None = None) -> HttpConnection:
        """A connection that waits for its transport.

        ``proven`` is a header field that each of its requests has, in the place of its own.
        """
        return HttpConnection(self._config, self._state, self._connections, proven)

    async def close(self, grace: float) -> None:
        """Ask every connection to end, and give running requests ``grace`` seconds."""
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=grace)
        for task in list(self._state.tasks):
            task.cancel()
