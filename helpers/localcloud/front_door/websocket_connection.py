"""A connection that has become a WebSocket (RFC 6455): uvicorn's, counted as the others are."""

from __future__ import annotations

import logging
from typing import Any

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from .limits import Connections, Held

MESSAGE_BYTES = 1 << 20  # of one message
# What goes wrong in a service is logged by the guard before it; what is wrong with a request's form is
# told to its client.
SILENT = logging.getLogger(f"{__name__}.uvicorn")
SILENT.setLevel(logging.CRITICAL + 1)


class WebSocketConnection(WSProtocol):
    """Pings its client, and lets it go when it does not answer: uvicorn's keepalive."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.logger = SILENT
        self.waits_since: float | None = None
        self._held: Connections | None = None

    def hold(self, before: Held, connections: Connections) -> None:
        """Have the place of the connection that it was before."""
        self._held = connections
        connections.replace(before, self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._held is not None:
            self._held.release(self)
        super().connection_lost(exc)

    def check(self, now: float) -> None:
        """Nothing takes too long here: the pings see to it."""

    def end(self) -> None:
        """Reset the connection, to make room for another at once."""
        self.transport.abort()
