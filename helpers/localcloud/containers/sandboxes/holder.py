"""How the process that holds a container network comes to be, and how it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from ... import fork_server
from ..errors import SandboxError
from . import namespace_holder


class Holder(Protocol):
    """The process that holds a network; it ends when its socket closes."""

    def end(self, patience: float) -> None:
        """Wait for its end, ``patience`` seconds at most, then force it."""


class _Forked:
    def __init__(self, child: fork_server.Child) -> None:
        self._child = child

    def end(self, patience: float) -> None:
        if self._child.wait(patience) is None:
            self._child.kill()
            self._child.wait()
        self._child.close()


class _Started:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def end(self, patience: float) -> None:
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


# A package of this folder alone: the rest would take long to import.
_PROGRAM = f"""
import sys, types
package = sys.modules["holder"] = types.ModuleType("holder")
package.__path__ = [{str(Path(__file__).parent)!r}]
from holder.namespace_holder import hold
hold([int(word) for word in sys.argv[2:]], policy=sys.argv[1])
"""


def start_holder(control: socket.socket, policy: str, users: int | None = None) -> Holder:
    """Have it forked, or start it where there is no fork server. Raises :class:`SandboxError`.

    ``users`` is the descriptor of a user namespace for it, with several ids.
    """
    descriptors = [control.fileno(), *([users] if users is not None else [])]
    server = fork_server.current()
    if server is not None:
        try:
            # It has containers to end before it ends itself.
            child = server.fork(
                f"{namespace_holder.__name__}:hold",
                {"policy": policy},
                descriptors,
                name="network",
                dies_with_server=False,
                bare=True,
            )
        except fork_server.ForkError as error:
            raise SandboxError(f"the container network cannot be made: {error}") from None
        return _Forked(child)
    return _Started(
        subprocess.Popen(
            [*(sys.executable, "-I", "-S", "-c", _PROGRAM, policy), *map(str, descriptors)],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={},
        )
    )
