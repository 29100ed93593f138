"""The changes of the cloud over HTTP: lines of JSON for as long as somebody listens.

What waits for a listener is bounded: one that is slow or dead holds nobody up.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from . import atomic
from .changes import LISTENERS, TOKEN_FILE, Change, Changes, Pending

HEARTBEAT = 1.0  # seconds without a change after which an empty line is sent
_STOPPING = "The local cloud is about to stop: start it again with python -m helpers up."
_FULL = (
    f"{LISTENERS} notebooks and programs watch this cloud, and there is no room for more: shut down "
    "one that you do not need."
)
_WAITING = 200  # changes that wait for a listener; with more, it is told to look at everything


class ChangeStream:
    """An ASGI application: a line for what has changed, an empty one when nothing has for a while.

    ``{"changes": [{"kind": …, "place": …, "name": …}, …]}``, or ``{"changes": null}`` for everything,
    which is what comes first. It answers who knows the token in the state folder. That is made anew
    with every daemon: whoever takes the port of one that has ended learns nothing of use.
    """

    def __init__(self, changes: Changes, home: Path) -> None:
        self._changes = changes
        self._token = secrets.token_urlsafe(32)
        atomic.write(home / TOKEN_FILE, self._token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["method"] != "GET":
            return PlainTextResponse("Changes can only be read: GET.\n", 405, {"Allow": "GET"})
        given = Headers(scope=scope).get("authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            text = f"Send the token that is in the state folder, in {TOKEN_FILE}.\n"
            return PlainTextResponse(text, 401, {"WWW-Authenticate": "Bearer"})
        listener = _Listener()
        if not self._changes.listen(listener):
            text = _STOPPING if self._changes.closed else _FULL
            return PlainTextResponse(f"{text}\n", 503, {"Retry-After": "1"})
        return StreamingResponse(
            self._lines(listener),
            headers={"Cache-Control": "no-store"},
            media_type="application/x-ndjson",
        )

    async def _lines(self, listener: _Listener) -> AsyncIterator[bytes]:
        try:
            async for changes in listener.told():
                if changes == []:
                    yield b"\n"
                else:
                    told = None if changes is None else [one._asdict() for one in changes]
                    yield json.dumps({"changes": told}).encode() + b"\n"
        finally:
            self._changes.leave(listener)


class _Listener:
    """Keeps what a client has still to be told."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting = Pending(_WAITING)
        self._over = False
        self._woken = asyncio.Event()

    def tell(self, changes: Sequence[Change] | None) -> None:
        """Keep what has changed, until the client has read what came before."""
        with self._lock:
            self._waiting.add(changes)
        self._wake()

    def end(self) -> None:
        """End the client's stream."""
        self._over = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the client's connection with it
            self._loop.call_soon_threadsafe(self._woken.set)

    async def told(self) -> AsyncIterator[list[Change] | None]:
        """What has changed, piece by piece; nothing once in a while."""
        while not self._over:
            try:
                await asyncio.wait_for(self._woken.wait(), HEARTBEAT)
            except asyncio.TimeoutError:
                yield []
                continue
            self._woken.clear()
            with self._lock:
                changes = self._waiting.take()
            if not self._over:
                yield changes
