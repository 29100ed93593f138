"""What a client may take of the daemon before anybody knows who it is: bytes, seconds, connections.

Of the same order as http.sys, which answers for Azure: URLs of 16 KiB (learn.microsoft.com, "Http.sys
registry settings"), and as Kestrel: heads of 32 KiB, 100 fields, a lowest rate for bodies.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import resource
import time
from http import HTTPStatus
from typing import Protocol

HEAD_BYTES = 32 * 1024  # of a request line with its header fields, or of trailers
URL_BYTES = 16 * 1024
FIELDS = 100  # header fields of a request
PIPELINED = 32  # requests that wait on one connection for the answers before theirs
HEAD_SECONDS = 10.0  # from the first byte of a request's head to its last
HANDSHAKE_SECONDS = 10.0  # of TLS
SHUTDOWN_SECONDS = 1.0  # until a client, too, says that its TLS is over
IDLE_SECONDS = 75.0  # of a connection without a request
SILENT_SECONDS = 60.0  # within a body
BODY_RATE = 500  # bytes a second, after SILENT_SECONDS of waiting
CHECK_SECONDS = 1.0  # between two looks at the clock
STALLED_SECONDS = 300.0  # in which a client reads nothing of an answer
LINGER_SECONDS = 5.0  # what a refused client still sends is read so long, else it loses the answer
LINGER_SILENCE = 0.25  # seconds without a byte after which nothing more is expected
_MOST = 320  # connections; one with TLS takes up to 60 KiB
_HEADS = 4 * 1024 * 1024  # bytes of all heads that have not come to their end
_MANY = 64  # connections that have closed, after which memory is given back
_PATIENCE = 1.0  # seconds that a connection without a request keeps its place when all are taken


class Held(Protocol):
    """A connection that counts."""

    waits_since: float | None  # for a request's head, time.monotonic(); None while it serves one

    def check(self, now: float) -> None:
        """Refuse or close what takes too long at ``now``."""

    def end(self) -> None:
        """Give the place to another."""


class Connections:
    """All connections of the front door: so many that descriptors are left for everything else."""

    def __init__(self) -> None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = min(_MOST, descriptors // 2)
        self.refusing = max(self.most // 8, 1)  # connections that are being told to come back
        self._held: dict[Held, None] = {}  # in the order of their coming
        self._refused: set[Held] = set()
        self._gone = 0
        self._heads: dict[Held, int] = {}  # bytes of unfinished heads

    def admit(self, connection: Held) -> bool:
        """Count a connection; when all places are taken, one that has waited longest ends for it."""
        if len(self._held) >= self.most and not self._make_room():
            return False
        self._held[connection] = None
        return True

    def _make_room(self) -> bool:
        limit = time.monotonic() - _PATIENCE
        since, connection = min(
            ((one.waits_since, one) for one in self._held if one.waits_since is not None),
            key=lambda pair: pair[0],
            default=(None, None),
        )
        if since is None or connection is None or since > limit:
            return False
        connection.end()
        self._held.pop(connection, None)
        return True

    def may_refuse(self, connection: Held) -> bool:
        """Whether one that was not admitted can be told so; there are places for that, too."""
        if len(self._refused) >= self.refusing:
            return False
        self._refused.add(connection)
        return True

    def replace(self, before: Held, after: Held) -> None:
        """Let ``after`` have the place of ``before``."""
        if self._held.pop(before, self) is None:
            self._held[after] = None

    def release(self, connection: Held) -> None:
        """Forget a connection that is gone."""
        self._held.pop(connection, None)
        self._refused.discard(connection)
        self._heads.pop(connection, None)
        self._gone += 1

    def note_head(self, connection: Held, size: int) -> None:
        """Count the bytes of a head that has not come to its end; of too many, the oldest go."""
        if not size:
            self._heads.pop(connection, None)
            return
        self._heads[connection] = size
        while sum(self._heads.values()) > _HEADS:
            oldest = next(iter(self._heads))
            self._heads.pop(oldest)
            oldest.end()

    def check(self) -> None:
        """Refuse or close what takes too long."""
        now = time.monotonic()
        for connection in list(self._held):
            connection.check(now)
        if self._gone >= _MANY:
            self._gone = 0
            _give_memory_back()


def _give_memory_back() -> None:
    """Return what closed connections have left to the system: a buffer of TLS has 256 KiB.

    glibc keeps it (malloc_trim(3)); another C library may have no such function.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def answer(status: int, reason: str, *headers: str, phrase: str = "") -> bytes:
    """A whole HTTP answer in plain text, after which the connection is closed.

    ``phrase`` goes into its first line, which is all that some clients show of it.
    """
    body = reason.encode()
    lines = [
        f"HTTP/1.1 {status} {phrase or HTTPStatus(status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body


class Farewell:
    """Ends a connection so that its client can read the answer: what it still sends is dropped.

    Closing at once would reset the connection where bytes are unread, and the answer with it.
    """

    def __init__(self, transport: asyncio.Transport, last: bytes) -> None:
        self._transport = transport
        self._begun = self._heard = time.monotonic()
        transport.write(last)
        if transport.can_write_eof():
            transport.write_eof()
        transport.resume_reading()
        self._loop = asyncio.get_running_loop()
        self._loop.call_later(LINGER_SILENCE, self._look)

    def heard(self) -> None:
        """Note that the client goes on sending."""
        self._heard = time.monotonic()

    def _look(self) -> None:
        now = time.monotonic()
        if self._transport.is_closing():
            return
        if now - self._heard >= LINGER_SILENCE * 0.9 or now - self._begun > LINGER_SECONDS:
            self._transport.close()
        else:
            self._loop.call_later(LINGER_SILENCE, self._look)
