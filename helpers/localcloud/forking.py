"""The process of the fork server: what it does, and what its children begin with.

A fork copies the page tables of its parent, and then every page that one of them writes to. So for
what needs little there is a second server, the bare one: an interpreter that has imported this module
and what it is asked for, and nothing else. The first one starts it and hands such requests on to it.
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
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

log = logging.getLogger(__name__)

MESSAGE = 65536  # bytes
DESCRIPTORS = 64  # of one message, at most
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)
# Tells a child its connection to the server, and the server's process id.
Connected = Callable[[socket.socket, int], None]
_BARE_PATIENCE = 10.0  # seconds for an answer of the bare server
_ROOT = __file__.removesuffix(f"/{__name__.replace('.', '/')}.py")
_BARE_PROGRAM = f"""
import sys, types
for name in {[__name__.rpartition(".")[0].partition(".")[0], __name__.rpartition(".")[0]]}:
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [{_ROOT!r} + "/" + name.replace(".", "/")]
from {__name__} import serve_bare
serve_bare(int(sys.argv[1]))
"""


def leave(function: Any, *arguments: Any, **more: Any) -> NoReturn:
    """Call ``function`` as the last thing of this process: what it returns is its exit status."""
    code = 1
    try:
        code = int(function(*arguments, **more) or 0)
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


def serve_first(connected: Connected, parent: int, control: int, other: int) -> None:
    """What the process that was forked as the server does; ``other`` is the daemon's end."""
    os.close(other)
    serve(connected, parent, control, dies=True)


def serve(connected: Connected, parent: int, control: int, *, dies: bool) -> None:
    """Serve the socket ``control`` until the other end closes."""
    _begin(parent, "fork server", {control}, dies=dies)
    _Server(socket.socket(fileno=control), connected).serve()


def serve_bare(control: int) -> NoReturn:
    """What the bare server does, until the other end of its socket closes."""

    def work() -> None:
        _begin(os.getppid(), "bare server", {control}, dies=False)
        _Server(socket.socket(fileno=control), lambda unused, _: unused.close()).serve()

    leave(work)


def rename(name: str) -> None:
    """What ``ps`` shows of this process from now on (15 bytes); called by its main thread."""
    _libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def _begin(parent: int, name: str, kept: set[int], *, dies: bool = True) -> None:
    """What a forked process begins with: signals as Python has them, no other's descriptors."""
    if dies:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)
    os.setsid()  # Ctrl-C in the daemon's terminal is the daemon's
    rename(name)
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
    def __init__(self, daemon: socket.socket, connected: Connected) -> None:
        self._connected = connected
        self._bare = _BareServer()
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
            request, received = receive(client)
            if not request:
                return False
            if "prepare" in request:
                _prepare(request["prepare"])
                self._bare.prepare(request.get("bare", []))
                return True
            try:
                fork = self._bare.fork if request.get("bare") else self._fork
                reply, passed = fork(request, received)
            except OSError as error:
                reply, passed = {"error": f"cannot fork: {error.strerror}"}, []
            for descriptor in received:
                os.close(descriptor)
            try:
                send(client, reply, passed)
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
            leave(_call, self._connected, parent, request, received, child)
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
            if pid not in self._status:  # the bare server
                continue
            descriptor = self._status.pop(pid)
            ending = [os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024]
            with contextlib.suppress(OSError):  # nobody waits for it
                os.write(descriptor, json.dumps(ending).encode())
            os.close(descriptor)


class _BareServer:
    """The bare server, as the one that starts it sees it; one that has died is replaced."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._prepared: list[str] = []

    def prepare(self, names: list[str]) -> None:
        """Have it import these modules, and whatever it is asked for later; returns at once."""
        self._prepared = names
        if names and self._control is None:
            self._start()

    def fork(
        self, request: dict[str, Any], received: Sequence[int]
    ) -> tuple[dict[str, Any], list[int]]:
        """Its answer to a request. Raises OSError."""
        for _ in range(2):
            control = self._control or self._start()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                send(control, {**request, "bare": False}, received)
                reply, passed = receive(control)
                if reply:
                    return reply, passed
            control.close()
            self._control = None
        return {"error": "the bare fork server has ended"}, []

    def _start(self) -> socket.socket:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_BARE_PATIENCE)
        with theirs:
            theirs.set_inheritable(True)
            options = ["-I", "-S", "-c", _BARE_PROGRAM, str(theirs.fileno())]
            os.posix_spawn(sys.executable, [sys.executable, *options], {})
        send(self._control, {"prepare": self._prepared}, [])
        return self._control


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


def _call(
    connected: Connected,
    parent: int,
    request: dict[str, Any],
    received: list[int],
    child: socket.socket,
) -> int:
    output, error, *descriptors = received
    os.dup2(output, 1)
    os.dup2(error, 2)
    kept = {child.fileno(), *descriptors}
    _begin(parent, request["name"] or "forked", kept, dies=request["dies"])
    connected(child, parent)
    return int(_named(request["function"])(descriptors, **request["arguments"]) or 0)


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if sys.flags.no_site:
        _leave_packages_out(module)
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def _leave_packages_out(module: str) -> None:
    """In the bare server packages are only folders: some import all that they hold."""
    parts = module.split(".")
    for count in range(1, len(parts)):
        name = ".".join(parts[:count])
        if name not in sys.modules:
            sys.modules[name] = package = types.ModuleType(name)
            package.__path__ = ["/".join((_ROOT, *parts[:count]))]


# -- messages --------------------------------------------------------------------------------------


def send(to: socket.socket, message: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Send a message, and descriptors with it."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    to.sendmsg([json.dumps(message).encode()], rights if descriptors else [])


def receive(source: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A message and its descriptors, which no program that is started inherits; {} at the end."""
    integers = array.array("i")
    space = socket.CMSG_SPACE(DESCRIPTORS * integers.itemsize)
    data, ancillary, _, _ = source.recvmsg(MESSAGE, space)
    for _, _, content in ancillary:
        integers.frombytes(content[: len(content) - len(content) % integers.itemsize])
    for descriptor in integers:
        os.set_inheritable(descriptor, False)
    return (json.loads(data) if data else {}), list(integers)
