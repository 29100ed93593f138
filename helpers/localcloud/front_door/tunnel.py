"""Two connections that are one: what comes on either side goes out on the other."""

from __future__ import annotations

import asyncio
import time

from .limits import Connections

_QUIET_SECONDS = 600.0  # without a byte in either direction


class Side(asyncio.Protocol):
    """One of the two: what comes on it goes out on the transport ``across``."""

    def __init__(self, across: asyncio.Transport) -> None:
        self._across = across
        self.moved = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self.moved = time.monotonic()
        if not self._across.is_closing():
            self._across.write(data)

    def eof_received(self) -> bool:
        if not self._across.is_closing() and self._across.can_write_eof():
            self._across.write_eof()
        return True  # the other direction goes on

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._across.close()

    def pause_writing(self) -> None:
        self._across.pause_reading()

    def resume_writing(self) -> None:
        self._across.resume_reading()


class ClientSide(Side):
    """The client's, on its ``transport``: it counts as a connection of the front door."""

    def __init__(
        self,
        transport: asyncio.Transport,
        other: Side,
        across: asyncio.Transport,
        connections: Connections,
    ) -> None:
        super().__init__(across)
        self.waits_since: float | None = None
        self._transport = transport
        self._other = other
        self._held = connections

    def connection_lost(self, exc: Exception | None) -> None:
        self._held.release(self)
        super().connection_lost(exc)

    def check(self, now: float) -> None:
        """Let both go when nothing has come for long."""
        if now - max(self.moved, self._other.moved) > _QUIET_SECONDS:
            self.end()

    def end(self) -> None:
        """Reset the connection, to make room for another at once."""
        self._transport.abort()
