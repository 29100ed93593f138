"""TCP relays between the host and a container network: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

Result = TypeVar("Result")
Connect = Callable[[], Awaitable[socket.socket]]

CHUNK = 1 << 16  # bytes
PATIENCE = 3.0  # seconds that a connection waits for a server which is just starting


class Relay:
    """Copies bytes between connections of its listeners and connections that it opens for them.

    Most containers open none. So its thread only waits at first, and becomes that of an event loop with
    the first connection. Thread-safe.
    """

    def __init__(self) -> None:
        self._listeners: dict[socket.socket, Connect] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None  # from the first connection on
        self._changed = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)
        self._thread.start()

    def serve(self, listener: socket.socket, connect: Connect) -> None:
        """Accept on ``listener`` (which the relay now owns) and relay to what ``connect`` opens."""
        listener.setblocking(False)
        with self._lock:
            if self._loop is None:
                self._listeners[listener] = connect
                os.eventfd_write(self._changed, 1)
                return

        async def begin() -> None:
            self._listeners[listener] = connect
            self._listen(listener, connect)

        self._call(begin())

    def drop(self, listener: socket.socket) -> None:
        """Stop accepting on ``listener``; connections that are open go on."""
        with self._lock:
            if self._loop is None:
                self._stop(listener)
                os.eventfd_write(self._changed, 1)
                return

        async def end() -> None:
            self._stop(listener)

        self._call(end())

    def close(self) -> None:
        """Close every listener and connection, and end the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            loop = self._loop
            if loop is None:
                for listener in list(self._listeners):
                    self._stop(listener)
                os.eventfd_write(self._changed, 1)

        async def end() -> None:
            for listener in list(self._listeners):
                self._stop(listener)
            # Not in one go: a task that is being cancelled may still start another one.
            while self._tasks:
                for task in list(self._tasks):
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

        if loop is not None:
            self._call(end())
            loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        os.close(self._changed)
        if loop is not None:
            loop.close()

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._closed:
                    return
                known = {listener.fileno() for listener in self._listeners}
            poll = select.poll()
            for descriptor in (self._changed, *known):
                poll.register(descriptor, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll()}
            with self._lock:
                if self._changed in ready:
                    os.eventfd_read(self._changed)
                elif not self._closed:
                    self._loop = loop = asyncio.new_event_loop()
                    for listener, connect in self._listeners.items():
                        self._listen(listener, connect)
                    break
        loop.run_forever()

    def _running(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._running()).result()

    def _listen(self, listener: socket.socket, connect: Connect) -> None:
        self._running().add_reader(listener, self._accept, listener, connect)

    def _stop(self, listener: socket.socket) -> None:
        if self._listeners.pop(listener, None) is not None:
            if self._loop is not None:
                self._loop.remove_reader(listener)
            listener.close()

    def _accept(self, listener: socket.socket, connect: Connect) -> None:
        """Take a connection. Not ``sock_accept``: one that it has taken is lost when it is cancelled."""
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError:  # a client that hung up at once, or no descriptors left
            self._running().remove_reader(listener)
            self._running().call_later(0.05, self._resume, listener, connect)
            return
        connection.setblocking(False)
        task = self._running().create_task(self._relay(connection, connect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: connection.close())  # also where it has not begun

    def _resume(self, listener: socket.socket, connect: Connect) -> None:
        if listener in self._listeners:
            self._listen(listener, connect)

    async def _relay(self, client: socket.socket, connect: Connect) -> None:
        with client:
            try:
                server = await connect()
            except OSError:
                return
            with server:
                for side in (client, server):
                    with contextlib.suppress(OSError):
                        side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await asyncio.gather(self._copy(client, server), self._copy(server, client))

    async def _copy(self, source: socket.socket, target: socket.socket) -> None:
        """Copy until the source ends, then tell the target so; the other direction goes on."""
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        loop = self._running()
        try:
            while count := await loop.sock_recv_into(source, buffer):
                await loop.sock_sendall(target, view[:count])
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for side in (source, target):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)


async def _made(make: Callable[[], socket.socket]) -> socket.socket:
    """A socket from ``make``, in a thread; who is cancelled meanwhile leaves none open."""
    making = asyncio.ensure_future(asyncio.to_thread(make))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            (await making).close()
        raise


def directly(url: str) -> Connect:
    """How to connect to the address of this machine that an http URL names; once, and OSError if not."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)

    async def connect() -> socket.socket:
        return await patiently(
            address, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM), 0.0
        )

    return connect


async def patiently(
    address: tuple[str, int], make: Callable[[], socket.socket], patience: float = PATIENCE
) -> socket.socket:
    """Connect to ``address`` with sockets from ``make``; while it is refused, try again.

    A client on a real network would do the same: a lost SYN is sent again. Raises OSError when
    nothing listens for ``patience`` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while True:
        connection = await _made(make)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
        except ConnectionRefusedError:
            connection.close()
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.02)
        except BaseException:
            connection.close()
            raise
        else:
            return connection
