"""The process that holds a container network: it owns the namespaces and starts what runs in them.

The fork server forks it; where none runs it is a program of its own (``python -I -S
namespace_holder.py FD POLICY``), and so imports nothing of this package. It makes a user and a
network namespace for itself, then serves requests on the UNIX socket ``FD`` (SOCK_SEQPACKET, JSON,
file descriptors as SCM_RIGHTS): sockets inside the network, listeners inside the network, and
containers. When the other end closes, for whatever reason, it kills the containers and ends: a
daemon that dies with SIGKILL leaves nothing running.

It has a single thread: the parent-death signal of its children is tied to the thread that forks
(prctl(2), PR_SET_PDEATHSIG), so that thread must live as long as they may.
"""

# It starts with every container: no pathlib. What it runs is what it is asked to run.
# ruff: noqa: PTH123, PTH208, S606

from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

CLONE_NEWUSER = 0x10000000  # linux/sched.h
CLONE_NEWNET = 0x40000000
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PR_CAPBSET_DROP = 24
# Docker's without CAP_SYS_CHROOT and CAP_MKNOD, with which root leaves a chroot (capabilities(7)):
# chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, setfcap.
KEPT_IN_CHROOT = (0, 1, 3, 4, 5, 6, 7, 8, 10, 31)
SIOCSIFFLAGS = 0x8914  # linux/sockios.h
IFF_UP_RUNNING = 0x1 | 0x40  # linux/if.h
MESSAGE = 65536  # bytes
STATE, PARENT, SESSION = 0, 1, 3  # columns of /proc/PID/stat

_libc = ctypes.CDLL(None, use_errno=True)
_namespaces = False  # whether containers have namespaces of their own
_children: dict[int, int] = {}  # process id -> descriptor that is told the exit status


def enter_namespaces() -> None:
    """Move this process into a user and a network namespace of its own, with ``lo`` up.

    Raises OSError when the kernel refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    _write("/proc/self/setgroups", "deny")  # before gid_map: user_namespaces(7)
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")
    bring_loopback_up()
    # Docker does the same: a server in a container may listen on port 80 whoever it runs as.
    with contextlib.suppress(OSError):
        _write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")


def bring_loopback_up() -> None:
    """Let a new network namespace reach itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", IFF_UP_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def children_of(parent: int) -> list[int]:
    """Process ids whose parent is ``parent``; of one that has ended, none."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/children", "rb") as children:
                found += map(int, children.read().split())
    except ProcessLookupError:
        return []
    except FileNotFoundError:  # the process has ended, or the kernel lacks CONFIG_PROC_CHILDREN
        return _processes_by(PARENT).get(parent, [])
    return found


def session_of(leader: int) -> list[int]:
    """Process ids of the session that ``leader`` began."""
    return _processes_by(SESSION).get(leader, [])


def _processes_by(column: int) -> dict[int, list[int]]:
    """All process ids by a column of /proc/PID/stat, counted from the state (proc(5))."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                found.setdefault(int(_columns(int(name))[column]), []).append(int(name))
    return found


def _columns(process: int) -> list[bytes]:
    """/proc/PID/stat from the state on (proc(5)). Raises OSError when there is no such process."""
    with open(f"/proc/{process}/stat", "rb") as stat:
        # The command's name stands in parentheses and may hold spaces.
        return stat.read().rpartition(b")")[2].split()


def descendants_of(parent: int) -> list[int]:
    """All processes below ``parent``, nearest first."""
    found = [parent]
    for process in found:
        found += children_of(process)
    return found[1:]


def start_sandboxed(command: list[str], descriptors: list[int]) -> int:
    """Start bubblewrap; ``descriptors`` are its arguments, the output, the exit status."""
    arguments, output, status = descriptors
    process = os.fork()
    if process == 0:
        try:
            _begin(output)
            os.set_inheritable(arguments, True)
            os.execve(command[0], [command[0], "--args", str(arguments), "--", *command[1:]], {})
        except OSError as error:
            os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(125)
    os.close(arguments)
    os.close(output)
    _children[process] = status
    return process


def start_chrooted(request: dict[str, Any], descriptors: list[int]) -> int:
    """Start a command with another root directory; ``descriptors``: request, output, status."""
    output, status = descriptors
    process = os.fork()
    if process == 0:
        code = 125
        try:
            os.setsid()
            _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
            _begin(output)
            os.chroot(request["root"])
            os.chdir(request["working_dir"])
            os.umask(0o022)
            for capability in range(64):
                if capability not in KEPT_IN_CHROOT:
                    _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
            os.setgroups([])
            os.setgid(request["gid"])
            os.setuid(request["uid"])
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
    os.close(output)
    _children[process] = status
    return process


def _begin(output: int) -> None:
    """What a container begins with: no input, one output, and every signal as the kernel has it.

    Python ignores SIGPIPE, and a shell SIGINT in its background jobs; both would be inherited, and
    a shell in the container could not even trap what was ignored when it began (POSIX, sh, trap).
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # those that the C library keeps for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def send_signal(process: int, number: int, sandboxed: bool) -> None:
    """Signal a container: its command for a polite signal, the whole tree for SIGKILL."""
    if process not in _children:
        return
    targets = []
    if number != signal.SIGKILL:
        if not sandboxed:
            targets = [process]
        else:  # bubblewrap's monitor -> init of the process namespace -> the command
            for init in children_of(process):
                targets += children_of(init)
    if not targets:
        targets, number = _frozen_tree(process), signal.SIGKILL
    _send(number, targets)


def _send(number: int, processes: list[int]) -> None:
    """Signal processes; those that have ended meanwhile are no matter."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _frozen_tree(process: int, patience: float = 0.5) -> list[int]:
    """A process and all below it, stopped first: what is just being started is not missed.

    A stop takes effect later than it is sent: until then a process may still have a child.
    """
    known: dict[int, None] = {}
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        still = all(map(_stands_still, known))  # before the look: what forks no more hides none
        fresh = [one for one in (process, *descendants_of(process)) if one not in known]
        _send(signal.SIGSTOP, fresh)
        known.update(dict.fromkeys(fresh))
        if not fresh and still:
            break
        if not fresh:
            time.sleep(0.001)
    return list(known)[::-1]


def _stands_still(process: int) -> bool:
    """Whether a process is stopped, or has ended (proc(5), /proc/[pid]/stat)."""
    try:
        return _columns(process)[STATE] in (b"T", b"t", b"Z", b"X")
    except OSError:
        return True


def reap() -> None:
    """Collect the children that have ended, and report their exit status."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if process == 0:
            return
        if not _namespaces:  # then nobody else ends them
            _send(signal.SIGKILL, session_of(process))
        report = _children.pop(process, None)
        if report is not None:
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(OSError):
                os.write(report, str(code if code >= 0 else 128 - code).encode())
            os.close(report)
            end_strays()


def end_strays() -> None:
    """Kill what a container has left to this process, their subreaper.

    With a process namespace nothing is left but a part of bubblewrap that was just being forked
    when the rest was killed. It would hold the container's output open, and so its end up.
    """
    if not _namespaces:
        return
    _send(signal.SIGKILL, [one for one in children_of(os.getpid()) if one not in _children])


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
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 4096)
            reap()
        if control.fileno() in ready:
            size = array.array("i").itemsize
            data, ancillary, _, _ = control.recvmsg(MESSAGE, socket.CMSG_SPACE(8 * size))
            if not data:
                return
            received = array.array("i")
            for _, _, content in ancillary:
                received.frombytes(content[: len(content) - len(content) % size])
            for descriptor in received:
                os.set_inheritable(descriptor, False)
            _answer(control, json.loads(data), list(received))


def _answer(control: socket.socket, request: dict[str, Any], received: list[int]) -> None:
    reply: dict[str, Any] = {}
    passed: list[socket.socket] = []
    try:
        operation = request["operation"]
        if operation == "socket":
            passed.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        elif operation == "listen":
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            passed.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((request["address"], request["port"]))
            listener.listen(128)
        elif operation == "start":
            with open(received.pop(0), encoding="utf-8", errors="surrogateescape") as file:
                reply["process"] = start_sandboxed(json.load(file), received)
        elif operation == "start-chroot":
            with open(received.pop(0), encoding="utf-8", errors="surrogateescape") as file:
                reply["process"] = start_chrooted(json.load(file), received)
        elif operation == "signal":
            send_signal(request["process"], request["number"], request["sandboxed"])
    except OSError as error:
        reply = {"error": error.strerror or str(error), "errno": error.errno}
    rights = array.array("i", [item.fileno() for item in passed])
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if passed else []
    control.sendmsg([json.dumps(reply).encode()], ancillary)
    for item in passed:
        item.close()


def end_all(patience: float = 5.0) -> None:
    """Kill all processes below this one, also those that are just being started.

    Bubblewrap begins with several processes, and one that is forked after its parent was listed
    escapes a single pass; but it becomes a child of this process, which is their subreaper.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        _send(signal.SIGKILL, descendants_of(os.getpid()))
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def hold(descriptors: list[int], *, policy: str) -> None:
    """Enter the namespaces, say how it went, serve; the one descriptor is the socket."""
    control = socket.socket(fileno=descriptors[0])
    os.chdir("/")
    with contextlib.suppress(PermissionError):  # it has begun one
        os.setsid()
    os.set_inheritable(control.fileno(), False)
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.umask(0o022)
    global _namespaces  # noqa: PLW0603 - of the process, not of an object
    hello: dict[str, Any] = {"mode": "namespaces"}
    if policy == "chroot":
        hello = {"mode": "chroot", "error": "asked for by LOCALCLOUD_SANDBOX=chroot"}
    else:
        try:
            enter_namespaces()
        except OSError as error:
            hello = {"mode": "chroot", "error": error.strerror}
    _namespaces = hello["mode"] == "namespaces"
    control.sendmsg([json.dumps(hello).encode()])
    try:
        serve(control)
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        end_all()


if __name__ == "__main__":
    hold([int(sys.argv[1])], policy=sys.argv[2])
