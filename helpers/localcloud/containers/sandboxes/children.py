"""The commands that the holder of a network has started, and how they end. For that process alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time

from .processes import children_of, descendants_of, end_user, frozen_tree, send
from .watch import Watch

namespaces = False  # whether containers have process namespaces of their own; the holder says so


class Running:
    """A container that was started."""

    def __init__(
        self,
        status: int,
        watch: Watch | None,
        *,
        told: int = -1,
        user: int = 0,
        container: int = 0,
    ) -> None:
        self.status = status  # a descriptor that is told the exit status
        self.watch = watch
        self.user = user  # that only this container has
        self.container = container  # that it was started in, as another command
        self.reason = ""  # why it was ended, when it was beyond a limit
        self._told = told
        self._text = b""
        self._init = 0

    @property
    def init(self) -> int:
        """The first process of its process namespace; 0 while bubblewrap has not told it."""
        if not self._init and self._told >= 0:
            with contextlib.suppress(BlockingIOError):
                self._text += os.read(self._told, 4096)
            with contextlib.suppress(ValueError, KeyError):
                self._init = int(json.loads(self._text)["child-pid"])
        return self._init

    def close(self) -> None:
        """Close its descriptors."""
        for descriptor in (self.status, self._told):
            if descriptor >= 0:
                os.close(descriptor)


started: dict[int, Running] = {}  # by process id


def send_signal(process: int, number: int, sandboxed: bool) -> None:
    """Signal a container: its command for a polite signal, the whole tree for SIGKILL."""
    running = started.get(process)
    if running is None:
        return
    targets = []
    if number != signal.SIGKILL:
        if not sandboxed:
            targets = [process]
        else:  # bubblewrap's monitor -> init of the process namespace -> the command
            for init in [running.init] if running.init else children_of(process):
                targets += children_of(init)
    if targets:
        send(number, targets)
    else:
        kill(process, running)


def kill(process: int, running: Running) -> None:
    """End all of a container, however many processes it has and makes."""
    if running.user:
        end_user(running.user)
    elif running.init:  # the first of a process namespace takes all others with it
        send(signal.SIGKILL, [running.init, process])
        return
    send(signal.SIGKILL, frozen_tree(process))


def look() -> None:
    """End the containers that are beyond a limit."""
    for process, running in list(started.items()):
        if running.watch is None or running.reason:
            continue
        running.watch.root = running.init
        running.reason = running.watch.exceeded()
        if running.reason:
            kill(process, running)


def reap() -> None:
    """Collect the children that have ended, and report their exit status."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if process == 0:
            return
        running = started.pop(process, None)
        if running is not None:
            if running.watch is not None:
                running.watch.end()
            for other, one in list(started.items()):
                if one.container == process:
                    kill(other, one)
            if running.user:  # without a process namespace nobody else ends them
                end_user(running.user)
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            with contextlib.suppress(OSError):
                told = f"{128 + signal.SIGKILL} {running.reason}" if running.reason else str(code)
                os.write(running.status, told.encode())
            running.close()
            end_strays()


def end_strays() -> None:
    """Kill what a container has left to this process, their subreaper.

    With a process namespace nothing is left but a part of bubblewrap that was just being forked
    when the rest was killed. It would hold the container's output open, and so its end up.
    """
    if not namespaces:
        return
    send(signal.SIGKILL, [one for one in children_of(os.getpid()) if one not in started])


def end_all(patience: float = 5.0) -> None:
    """Kill all processes below this one, also those that are just being started.

    Bubblewrap begins with several processes, and one that is forked after its parent was listed
    escapes a single pass; but it becomes a child of this process, which is their subreaper.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for process, running in list(started.items()):
            kill(process, running)
        send(signal.SIGKILL, descendants_of(os.getpid()))
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)
