"""Calls of tools from inside of a run's containers: they are executed in the agent.

The client is a script in the stand-in images (``containers/images/tool_client.py``). It sends texts
that end in a zero byte: the key of its step, the tool's name, how many words there are, the words, how
many settings (environment variables of Azure's tools), the settings. The answer is lines: ``o`` and
one of the output, ``e`` and one of standard error, at the end ``s`` and the exit status.

Whoever connects is a stranger until it has shown the key of a step. In a chroot that can be any
process of the machine; what it can do without a key is to keep a connection for a moment.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

MOST = 16  # calls at a time
LARGEST = 1 << 20  # bytes of a request: what the kernel takes of arguments, and more
PATIENCE = 10.0  # seconds for a request
SLOW = 60.0  # seconds that a reader of the answer may stand still
_MANY = 4096  # words, or settings


@dataclass(frozen=True)
class Call:
    """What a container calls: a tool, its words, and the settings of its environment."""

    tool: str
    words: list[str]
    settings: dict[str, str]
    output: Callable[[str], None]
    error: Callable[[str], None]
    cancelled: Callable[[], bool]  # whether its caller is gone


Execute = Callable[[Call], int]


class _RefusedError(Exception):
    """Not a call of this run."""


class ToolServer:
    """Answers where it was told to listen, until it is closed."""

    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []
        self.ports: list[int] = []
        self._steps: dict[str, Execute] = {}
        self._places = threading.BoundedSemaphore(MOST)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False

    def listen(self, listener: socket.socket) -> int:
        """Answer also on ``listener``, which it owns from now on; returns its port."""
        port: int = listener.getsockname()[1]
        with self._lock:
            self._listeners.append(listener)
            self.ports.append(port)
        threading.Thread(target=self._accept, args=(listener,), name="tools", daemon=True).start()
        return port

    def admit(self, execute: Execute) -> str:
        """A key whose owner's calls ``execute`` carries out; it returns their exit status."""
        key = secrets.token_hex(32)
        with self._lock:
            self._steps[key] = execute
        return key

    def close(self) -> None:
        """Hang up, and listen no more."""
        with self._lock:
            self._closed = True
            connections = list(self._connections)
            listeners = list(self._listeners)
            self._steps.clear()
        for one in (*listeners, *connections):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for listener in listeners:
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._places.acquire()
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # it was closed
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(
                target=self._answer, args=(connection,), name="tool call", daemon=True
            ).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError, _RefusedError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
            self._places.release()

    def _serve(self, connection: socket.socket) -> None:
        fields = _Fields(connection)
        key = fields.next()
        with self._lock:
            execute = self._steps.get(key)
        if execute is None:
            raise _RefusedError
        tool = fields.next()
        words = fields.several()
        settings = dict(field.partition("=")[::2] for field in fields.several())
        connection.settimeout(SLOW)

        def write(kind: str) -> Callable[[str], None]:
            def send(text: str) -> None:
                lines = "".join(f"{kind}{line}\n" for line in text.replace("\0", "").split("\n"))
                connection.sendall(lines.encode("utf-8", "replace"))

            return send

        call = Call(tool, words, settings, write("o"), write("e"), lambda: _is_gone(connection))
        try:
            status = execute(call)
        except OSError:
            raise
        except Exception:
            log.exception("a tool that a container has called")
            write("e")(f"{tool}: the local cloud failed, which is a defect of it: see daemon.log")
            status = 1
        connection.sendall(f"s{status & 0xFF}\n".encode())


class _Fields:
    """Reads a request, within its limits of size and time. Raises OSError and _RefusedError."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + PATIENCE
        self._data = b""
        self._taken = 0

    def next(self) -> str:
        """The next text."""
        while b"\0" not in self._data:
            left = self._deadline - time.monotonic()
            if left <= 0 or self._taken > LARGEST:
                raise _RefusedError
            self._connection.settimeout(left)
            received = self._connection.recv(1 << 16)
            if not received:
                raise _RefusedError
            self._taken += len(received)
            self._data += received
        field, _, self._data = self._data.partition(b"\0")
        return field.decode("utf-8", "replace")  # no name of Azure's is anything else

    def several(self) -> list[str]:
        """As many texts as the next one says."""
        count = self.next()
        if not (count.isascii() and count.isdigit()) or int(count[:6]) > _MANY:
            raise _RefusedError
        return [self.next() for _ in range(int(count[:6]))]


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other end has hung up."""
    try:
        ready, _, _ = select.select([connection], [], [], 0)
        return bool(ready) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True
