"""The process that forks others: single-threaded, with everything imported that they need.

A process with threads must not fork (Python's documentation of os.fork), and one that is started
anew imports for half a second. So the daemon forks this one before it has a loop or a thread; it
imports the rest, and then forks in milliseconds whenever the daemon, or one of its own children,
asks it on a UNIX socket (SOCK_SEQPACKET, JSON, file descriptors as SCM_RIGHTS).

Nothing outlives the daemon: this process and its children ask the kernel to be killed with their
parent (prctl(2), PR_SET_PDEATHSIG), and end when their socket closes.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

log = logging.getLogger(__name__)

MESSAGE = 65536  # bytes
DESCRIPTORS = 64  # of one message, at most
PATIENCE = 30.0  # seconds for an answer
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)
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
    """A connection to the fork server. Thread-safe."""

    def __init__(self, control: socket.socket, pid: int) -> None:
        self.pid = pid
        self._control = control
        self._control.settimeout(PATIENCE)
        self._lock = threading.Lock()

    def fork(
        self,
        function: str,
        arguments: dict[str, Any] | None = None,
        descriptors: Sequence[int] = (),
        *,
        name: str = "",
        dies_with_server: bool = True,
    ) -> Child:
        """Fork a process that calls ``function`` (``package.module:name``), and ends with it.

        It is called with the descriptors that were sent, as its own numbers, and ``arguments`` by
        name (what JSON has); it is the only thread of its process then, and what it returns is the
        exit status. Standard input is empty, standard output and error are the caller's. ``name``
        is what ``ps`` shows. With ``dies_with_server`` False the function itself must see to it
        that its process ends, for example when a socket of it closes.
        Raises :class:`ForkError`.
        """
        request = {
            "function": function,
            "arguments": arguments or {},
            "name": name,
            "dies": dies_with_server,
        }
        with self._lock:
            try:
                _send(self._control, request, [1, 2, *descriptors])
                reply, received = _receive(self._control)
            except OSError as error:
                raise ForkError(f"the fork server does not answer ({error})") from None
        if "process" not in reply:
            for descriptor in received:
                os.close(descriptor)
            raise ForkError(reply.get("error") or "the fork server has ended")
        return Child(reply["process"], *received)

    def prepare(self, names: Iterable[str]) -> None:
        """Have the server import what its children need; returns at once.

        Names are those of modules, and of functions (``package.module:name``) that it calls then.
        """
        with self._lock:
            _send(self._control, {"prepare": list(names)}, [])

    def close(self) -> None:
        """Let go of the server; the daemon's own connection ends it, and all of its children."""
        self._control.close()


def current() -> ForkServer | None:
    """The fork server of this process; None where none was started, as in a unit test."""
    return _current


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
        _leave(_serve_first, parent, theirs.detach(), ours.detach())
    theirs.close()
    _current = server = ForkServer(ours, pid)
    try:
        yield server
    finally:
        _current = None
        server.close()
        os.waitpid(pid, 0)


# -- the process -----------------------------------------------------------------------------------


def _leave(function: Any, *arguments: Any) -> NoReturn:
    """Call ``function`` as the last thing of this process: what it returns is its exit status."""
    code = 1
    try:
        code = int(function(*arguments) or 0)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        log.exception("process %d", os.getpid())
    finally:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _serve_first(parent: int, control: int, other: int) -> None:
    os.close(other)
    _begin(parent, "fork server", {control})
    _Server(socket.socket(fileno=control)).serve()


def _begin(parent: int, name: str, kept: set[int], *, dies: bool = True) -> None:
    """What a forked process begins with: signals as Python has them, no other's descriptors."""
    if dies:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)
    os.setsid()  # Ctrl-C in the daemon's terminal is the daemon's
    _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    signal.set_wakeup_fd(-1)
    ignored = {signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # those that the C library keeps for itself
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - one look, no paths
        if int(entry) > 2 and int(entry) not in kept:
            with contextlib.suppress(OSError):  # the one of the look itself
                os.close(int(entry))


class _Server:
    def __init__(self, daemon: socket.socket) -> None:
        self._daemon = daemon
        self._clients = {daemon.fileno(): daemon}
        self._status: dict[int, int] = {}  # process id -> descriptor that is told how it ended
        self._poll = select.poll()
        self._poll.register(daemon, select.POLLIN)

    def serve(self) -> None:
        """Answer requests until the daemon closes its end."""
        wake_read, wake_write = os.pipe()
        for descriptor in (wake_read, wake_write):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._poll.register(wake_read, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, MESSAGE)
                    self._reap()
                elif not self._answer(self._clients[descriptor]):
                    self._drop(descriptor)
                    if self._daemon.fileno() < 0:
                        return

    def _drop(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._clients.pop(descriptor).close()

    def _answer(self, client: socket.socket) -> bool:
        """Answer one request; False when the other end has closed."""
        try:
            request, received = _receive(client)
            if not request:
                return False
            if "prepare" in request:
                _prepare(request["prepare"])
                return True
            try:
                reply, passed = self._fork(request, received)
            except OSError as error:
                reply, passed = {"error": f"cannot fork: {error.strerror}"}, []
            for descriptor in received:
                os.close(descriptor)
            try:
                _send(client, reply, passed)
            finally:
                for descriptor in passed:
                    os.close(descriptor)
        except OSError:
            return False
        return True

    def _fork(
        self, request: dict[str, Any], received: list[int]
    ) -> tuple[dict[str, Any], list[int]]:
        server, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        read_status, write_status = os.pipe()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            server.close()
            child.close()
            os.close(read_status)
            os.close(write_status)
            raise
        if pid == 0:
            for client in (*self._clients.values(), server):
                client.detach()  # closed below, by number
            _leave(_call, parent, request, received, child)
        child.close()
        self._status[pid] = write_status
        self._clients[server.fileno()] = server
        self._poll.register(server, select.POLLIN)
        return {"process": pid}, [os.pidfd_open(pid), read_status]

    def _reap(self) -> None:
        """Collect the children that have ended, and tell how."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            descriptor = self._status.pop(pid)
            ending = [os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024]
            with contextlib.suppress(OSError):  # nobody waits for it
                os.write(descriptor, json.dumps(ending).encode())
            os.close(descriptor)


def _prepare(names: Iterable[str]) -> None:
    for name in names:
        try:
            found = _named(name)
            if callable(found):
                found()
        except Exception:
            log.exception("preparing %s; processes are forked all the same", name)
    gc.collect()
    gc.freeze()


def _call(parent: int, request: dict[str, Any], received: list[int], child: socket.socket) -> int:
    global _current  # noqa: PLW0603 - of the process, not of an object
    output, error, *descriptors = received
    os.dup2(output, 1)
    os.dup2(error, 2)
    kept = {child.fileno(), *descriptors}
    _begin(parent, request["name"] or "forked", kept, dies=request["dies"])
    _current = ForkServer(child, parent)
    return int(_named(request["function"])(descriptors, **request["arguments"]) or 0)


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


# -- messages --------------------------------------------------------------------------------------


def _send(to: socket.socket, message: dict[str, Any], descriptors: Sequence[int]) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    to.sendmsg([json.dumps(message).encode()], rights if descriptors else [])


def _receive(source: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A message and its descriptors, which no program that is started inherits; {} at the end."""
    integers = array.array("i")
    space = socket.CMSG_SPACE(DESCRIPTORS * integers.itemsize)
    data, ancillary, _, _ = source.recvmsg(MESSAGE, space)
    for _, _, content in ancillary:
        integers.frombytes(content[: len(content) - len(content) % integers.itemsize])
    for descriptor in integers:
        os.set_inheritable(descriptor, False)
    return (json.loads(data) if data else {}), list(integers)
