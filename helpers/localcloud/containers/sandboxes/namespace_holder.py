"""The process that holds a container network: it owns the namespaces and starts what runs in them.

The bare fork server forks it; where none runs it is a program of its own (see holder). Either way
nothing of the package is imported but what is named here. It makes a user and a
network namespace for itself, then serves requests on the UNIX socket ``FD`` (SOCK_SEQPACKET, JSON,
file descriptors as SCM_RIGHTS): sockets inside the network, listeners inside the network, and
containers. When the other end closes, for whatever reason, it kills the containers and ends: a
daemon that dies with SIGKILL leaves nothing running.

It has a single thread: the parent-death signal of its children is tied to the thread that forks
(prctl(2), PR_SET_PDEATHSIG), so that thread must live as long as they may.
"""

# It starts with every container: no pathlib. What it runs is what it is asked to run.
# ruff: noqa: PTH123, S606

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import socket
import time
from typing import Any

from . import children, control_group, pseudo_terminal, veth
from .children import Running, started
from .confinement import become, leave_groups, protect_host, restrict
from .joining import enter_folder, join
from .namespaces import CLONE_NEWUSER, check, enter_namespaces, listener, map_ids
from .watch import INTERVAL, Watch

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PR_SET_PDEATHSIG = 1
MESSAGE = 65536  # bytes
DESCRIPTORS = 200  # of one request, at most
# Descriptors that bubblewrap inherits; the last are those that it is passed, by their place.
ARGUMENTS, TOLD, PASSED = 510, 511, 512
PRIORITY = -10  # of this process, where it may: it has to end what takes all processors

_libc = ctypes.CDLL(None, use_errno=True)
_usual_priority = 0


def start_sandboxed(request: dict[str, Any], descriptors: list[int]) -> int:
    """Start bubblewrap; ``descriptors`` are its arguments, the output, the exit status, and more.

    Those get the numbers from :data:`PASSED` on, and :data:`TOLD` is where bubblewrap tells the
    first process of the container.
    """
    arguments, output, status, *passed = descriptors
    command = request["command"]
    watch = Watch(request["limits"]) if "limits" in request else None
    read_init, write_init = os.pipe()
    ours, theirs = socket.socketpair()
    process = os.fork()
    if process == 0:
        try:
            _begin(output)
            if watch is not None:
                watch.prepare()
            protect_host(request.get("writable", []))
            if "maps" in request:
                check(_libc.unshare(CLONE_NEWUSER))
                theirs.send(b"?")
                ours.close()
                theirs.recv(1)
                leave_groups()
            for number, descriptor in enumerate([write_init, *passed], TOLD):
                os.dup2(descriptor, number, inheritable=True)
            os.dup2(arguments, ARGUMENTS, inheritable=True)
            words = [command[0], "--args", str(ARGUMENTS), "--", *command[1:]]
            os.execve(command[0], words, {})
        except OSError as error:
            os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(125)
    for descriptor in (arguments, output, write_init, *passed):
        os.close(descriptor)
    theirs.close()
    with ours:
        if "maps" in request and ours.recv(1):
            map_ids(process, request["maps"])
    os.set_blocking(read_init, False)
    started[process] = Running(status, watch, told=read_init)
    return process


def start_joined(request: dict[str, Any], descriptors: list[int]) -> int:
    """Start another command in a container; ``descriptors``: output, status, program, filter.

    Raises OSError when the container has ended.
    """
    output, status, program, *filters = descriptors
    container = request["container"]
    watch = _watch_of(container, descriptors)
    process = os.fork()
    if process == 0:
        code = 1
        try:
            _begin(output)
            if watch is not None:
                watch.prepare()
            content = b"".join(os.pread(descriptor, 1 << 16, 0) for descriptor in filters)
            terminal = bool(request.get("terminal"))
            code = join(container, program, content, request["capabilities"], terminal=terminal)
        except OSError as error:
            os.write(2, f"bwrap: cannot enter the container: {error.strerror}\n".encode())
        finally:
            os._exit(code)
    for descriptor in (output, program, *filters):
        os.close(descriptor)
    started[process] = Running(status, None, container=container)
    return process


def _watch_of(container: int, descriptors: list[int]) -> Watch | None:
    """What looks after a container. Closes ``descriptors`` and raises OSError when it has ended."""
    running = started.get(container)
    if running is None or running.container:
        for descriptor in descriptors:
            os.close(descriptor)
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    return running.watch


def start_chrooted(request: dict[str, Any], descriptors: list[int]) -> int:
    """Start a command with another root directory; ``descriptors``: output, status, filter.

    It is another one of a ``container`` where the request names that. Raises OSError when it has ended.
    """
    output, status, *filters = descriptors
    user = request["user"]
    container = request.get("container", 0)
    watch = _watch_of(container, descriptors) if container else Watch(request["limits"], user=user)
    process = os.fork()
    if process == 0:
        code = 125
        try:
            os.setsid()
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            _begin(output)
            if watch is not None:
                watch.prepare()
            if request.get("terminal"):
                pseudo_terminal.begin(output, owner=user)
            program = b"".join(os.pread(descriptor, 1 << 16, 0) for descriptor in filters)
            os.chroot(request["root"])
            enter_folder(request["working_dir"])
            os.umask(0o022)
            become(user)
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # another user: set anew
            restrict(program)
            command = request["command"]
            try:
                os.execvpe(command[0], command, request["environment"])
            except OSError as error:
                # The words of bubblewrap, so that one reader understands both.
                os.write(2, f"bwrap: execvp {command[0]}: {error.strerror}\n".encode())
                code = 1
        except OSError as error:
            os.write(2, f"cannot enter the root directory: {error.strerror}\n".encode())
        finally:
            os._exit(code)
    for descriptor in (output, *filters):
        os.close(descriptor)
    if container:  # whose user is not its own: what it leaves behind goes on
        started[process] = Running(status, None, container=container)
    else:
        started[process] = Running(status, watch, user=user)
    return process


_STARTS = {"start": start_sandboxed, "start-chroot": start_chrooted, "join": start_joined}


def _begin(output: int) -> None:
    """What a container begins with: no input, one output, and every signal as the kernel has it.

    Python ignores SIGPIPE, and a shell SIGINT in its background jobs; both would be inherited, and
    a shell in the container could not even trap what was ignored when it began (POSIX, sh, trap).
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # those that the C library keeps for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _usual_priority)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def serve(control: socket.socket) -> None:
    """Answer requests until the other end closes."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    poll = select.poll()  # not select: the daemon may hand over a descriptor above 1023
    for descriptor in (control.fileno(), wake_read):
        poll.register(descriptor, select.POLLIN)
    due = 0.0
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(_until(due))}
        if started and time.monotonic() >= due:
            began = time.monotonic()
            children.look()
            # Whatever a look takes, most of the time is others'.
            due = time.monotonic() + max(INTERVAL, 4 * (time.monotonic() - began))
        if wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 4096)
            children.reap()
        if control.fileno() in ready:
            size = array.array("i").itemsize
            data, ancillary, _, _ = control.recvmsg(MESSAGE, socket.CMSG_SPACE(DESCRIPTORS * size))
            if not data:
                return
            received = array.array("i")
            for _, _, content in ancillary:
                received.frombytes(content[: len(content) - len(content) % size])
            for descriptor in received:
                os.set_inheritable(descriptor, False)
            _answer(control, json.loads(data), list(received))


def _until(due: float) -> int | None:
    """Milliseconds until the next look at the containers; None when there are none."""
    return max(0, int((due - time.monotonic()) * 1000) + 1) if started else None


def _answer(control: socket.socket, request: dict[str, Any], received: list[int]) -> None:
    reply: dict[str, Any] = {}
    passed: list[socket.socket] = []
    try:
        operation = request["operation"]
        if operation == "socket":
            passed.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        elif operation == "listen":
            passed.append(listener(request["address"], request["port"]))
        elif operation == "answer":
            made, reply["shared"] = veth.listen(request["address"], request["port"])
            passed.append(made)
        elif operation in _STARTS:
            with open(received.pop(0), encoding="utf-8", errors="surrogateescape") as file:
                reply["process"] = _STARTS[operation](json.load(file), received)
        elif operation == "signal":
            children.send_signal(request["process"], request["number"], request["sandboxed"])
    except OSError as error:
        reply = {"error": error.strerror or str(error), "errno": error.errno}
    rights = array.array("i", [item.fileno() for item in passed])
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if passed else []
    control.sendmsg([json.dumps(reply).encode()], ancillary)
    for item in passed:
        item.close()


def hold(descriptors: list[int], *, policy: str) -> None:
    """Enter the namespaces, say how it went, serve.

    Descriptors: the socket, and a user namespace with several ids where there is one.
    """
    control = socket.socket(fileno=descriptors[0])
    users = descriptors[1] if len(descriptors) > 1 else None
    os.chdir("/")
    with contextlib.suppress(PermissionError):  # it has begun one
        os.setsid()
    os.set_inheritable(control.fileno(), False)
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.umask(0o022)
    global _usual_priority  # noqa: PLW0603 - of the process, not of an object
    _usual_priority = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    hello: dict[str, Any] = {"mode": "namespaces"}
    if policy == "chroot":
        hello = {"mode": "chroot", "error": "asked for by LOCALCLOUD_SANDBOX=chroot"}
    else:
        try:
            enter_namespaces(users)
        except OSError as error:
            hello = {"mode": "chroot", "error": error.strerror}
    if users is not None:
        os.close(users)
    children.namespaces = hello["mode"] == "namespaces"
    control.sendmsg([json.dumps(hello).encode()])
    try:
        serve(control)
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        children.end_all()
        control_group.remove_all()
