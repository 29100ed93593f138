"""Two connections that are one: what comes on either side goes out on the other."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from .limits import Connections

_QUIET_SECONDS = 600.0  # without a byte in either direction


class Side(asyncio.Protocol):
    """One of the two; the client's counts as a connection of the front door."""

    def __init__(self, connections: Connections | None = None) -> None:
        self.waits_since: float | None = None
        self._held = connections
        self._transport: asyncio.Transport | None = None
        self._other: Side | None = None
        self._moved = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio.Transport, but are such.
        self._transport = cast(asyncio.Transport, transport)

    def join(self, other: Side) -> None:
        """Be one with another side; both are connected."""
        self._other, other._other = other, self

    def send(self, data: bytes) -> None:
        """Write to this side."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._moved = time.monotonic()
        if self._other is not None:
            self._other.send(data)

    def eof_received(self) -> bool:
        other = self._other._transport if self._other is not None else None
        if other is not None and not other.is_closing() and other.can_write_eof():
            other.write_eof()
        return True  # the other direction goes on

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._held is not None:
            self._held.release(self)
        if self._other is not None and self._other._transport is not None:
            self._other._transport.close()

    def pause_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.resume_reading()

    def check(self, now: float) -> None:
        """Let both go when nothing has come for long."""
        latest = max(self._moved, self._other._moved if self._other is not None else 0.0)
        if now - latest > _QUIET_SECONDS:
            self.end()

    def end(self) -> None:
        """Reset the connection, to make room for another at once."""
        assert self._transport is not None
        self._transport.abort()
