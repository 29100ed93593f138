"""The process that forks others: single-threaded, with everything imported that they need.

A process with threads must not fork (Python's documentation of os.fork), and one that is started
anew imports for half a second. So the daemon forks this one before it has a loop or a thread; it
imports the rest, and then forks in milliseconds whenever the daemon, or one of its own children,
asks it on a UNIX socket (SOCK_SEQPACKET, JSON, file descriptors as SCM_RIGHTS).

Nothing outlives the daemon: this process and its children ask the kernel to be killed with their
parent (prctl(2), PR_SET_PDEATHSIG), and end when their socket closes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import forking
from .forking import MESSAGE, receive, send

log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds for an answer
_PROGRAM = f"from {__name__} import main; main()"
_current: ForkServer | None = None  # of this process


class ForkError(Exception):
    """No process could be forked; the message says why."""


@dataclass(frozen=True)
class Ending:
    """How a process ended: its exit status, or minus the signal; its greatest memory in bytes."""

    status: int
    peak: int


class Child:
    """A process that the fork server has forked. Thread-safe but for :meth:`close`."""

    def __init__(self, pid: int, process: int, status: int) -> None:
        self.pid = pid
        self._process = process  # pidfd: never another process's, unlike a number
        self._status = status
        self._lock = threading.Lock()
        self._ending: Ending | None = None

    def fileno(self) -> int:
        """A descriptor that can be read once the process has ended."""
        return self._status

    def wait(self, timeout: float | None = None) -> Ending | None:
        """How it has ended; None when it has not within ``timeout`` seconds."""
        with self._lock:
            if self._ending is None:
                poll = select.poll()
                poll.register(self._status, select.POLLIN)
                if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
                    return None
                told = os.read(self._status, MESSAGE)
                # Nothing: the fork server has died, and its children were killed with it.
                self._ending = Ending(*json.loads(told)) if told else Ending(-signal.SIGKILL, 0)
            return self._ending

    def signal(self, number: int) -> None:
        """Signal it; one that has ended is ignored."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, number)

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of it; it is not ended by that."""
        for descriptor in (self._process, self._status):
            os.close(descriptor)


class ForkServer:
    """A connection to the fork server. Thread-safe.

    The daemon's own starts another server where that one has died; ``mine`` is whether it may.
    """

    def __init__(
        self,
        control: socket.socket,
        pid: int,
        *,
        mine: bool = False,
        program: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.pid = pid
        self._control = control
        self._control.settimeout(PATIENCE)
        self._lock = threading.Lock()
        self._mine = mine
        self._prepared: dict[str, list[str]] = {"prepare": [], "bare": []}
        self._program = program

    def fork(
        self,
        function: str,
        arguments: dict[str, Any] | None = None,
        descriptors: Sequence[int] = (),
        *,
        name: str = "",
        dies_with_server: bool = True,
        bare: bool = False,
    ) -> Child:
        """Fork a process that calls ``function`` (``package.module:name``), and ends with it.

        It is called with the descriptors that were sent, as its own numbers, and ``arguments`` by
        name (what JSON has); it is the only thread of its process then, and what it returns is the
        exit status. Standard input is empty, standard output and error are the caller's. ``name``
        is what ``ps`` shows. With ``dies_with_server`` False the function itself must see to it
        that its process ends, for example when a socket of it closes. With ``bare`` it is forked
        from an interpreter that has imported next to nothing, in a fraction of the time; such a
        process has no connection to a server.
        Raises :class:`ForkError`.
        """
        request = {
            "function": function,
            "arguments": arguments or {},
            "name": name,
            "dies": dies_with_server,
            "bare": bare,
        }
        with self._lock:
            try:
                reply, received = self._ask(request, descriptors)
                if not reply and self._mine:
                    self._start_again()
                    reply, received = self._ask(request, descriptors)
            except OSError as error:
                raise ForkError(f"the fork server does not answer ({error})") from None
        if "process" not in reply:
            for descriptor in received:
                os.close(descriptor)
            raise ForkError(reply.get("error") or "the fork server has ended")
        return Child(reply["process"], *received)

    def _ask(
        self, request: dict[str, Any], descriptors: Sequence[int]
    ) -> tuple[dict[str, Any], list[int]]:
        """The answer to a request; none from a server that has died."""
        try:
            send(self._control, request, [1, 2, *descriptors])
            return receive(self._control)
        except (BrokenPipeError, ConnectionResetError):
            return {}, []

    def _start_again(self) -> None:
        """A new server, as a program: by now this process has threads, and must not fork."""
        log.error("the fork server (process %d) has died: another one is started", self.pid)
        self._control.close()
        self.reap()
        self._control, self._program = _started()
        self._control.settimeout(PATIENCE)
        self.pid = self._program.pid
        send(self._control, self._prepared, [])

    def reap(self) -> None:
        """Wait for the end of the server that this process has started."""
        if self._program is not None:
            self._program.wait()
            return
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def prepare(self, names: Iterable[str], bare: Iterable[str] = ()) -> None:
        """Have the server import what its children need; returns at once.

        Names are those of modules, and of functions (``package.module:name``) that it calls then.
        ``bare`` is for those that are forked bare.
        """
        self._prepared["prepare"] += names
        self._prepared["bare"] += bare
        with self._lock, contextlib.suppress(BrokenPipeError):
            send(self._control, self._prepared, [])

    def close(self) -> None:
        """Let go of the server; the daemon's own connection ends it, and all of its children."""
        self._control.close()


def current() -> ForkServer | None:
    """The fork server of this process; None where none was started, as in a unit test."""
    return _current


def _connected(control: socket.socket, server: int) -> None:
    """The server's way to give a child of it a connection of its own."""
    global _current  # noqa: PLW0603 - of the process, not of an object
    _current = ForkServer(control, server)


@contextlib.contextmanager
def running() -> Iterator[ForkServer]:
    """Inside, this process has a fork server; then that ends, and all that it has forked.

    Only a process without threads may begin it.
    """
    global _current  # noqa: PLW0603 - of the process, not of an object
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    gc.freeze()  # a collection would write to every page that both processes share
    pid = os.fork()
    if pid == 0:
        forking.leave(forking.serve_first, _connected, parent, theirs.detach(), ours.detach())
    theirs.close()
    _current = server = ForkServer(ours, pid, mine=True)
    try:
        yield server
    finally:
        _current = None
        server.close()
        server.reap()


def start() -> ForkServer:
    """A server as a program of its own, also for a process with threads; closing it ends it."""
    control, program = _started()
    return ForkServer(control, program.pid, mine=True, program=program)


def _started() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        program = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
    return ours, program


def main() -> None:
    """The server as a program of its own.

    It does not ask to be killed with its parent, for that is a thread; it ends with its socket.
    """
    forking.leave(forking.serve, _connected, os.getppid(), int(sys.argv[1]), dies=False)
