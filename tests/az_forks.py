"""Forks of az: each command is a process of its own that need not import everything first.

For the Python of the Azure CLI's environment, with a UNIX socket to listen on; it ends when its standard
input does. Who connects (az_client.py) sends three descriptors (SCM_RIGHTS) with the length of what
follows: the working directory, the number of arguments, these, and the environment, each but the last
ended by a zero. The answer is the exit status, a byte.

What a command has imported is imported here, too, before the next one is forked: but nothing of az's own
packages, which read the configuration when they are imported.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

_LENGTH = 8  # bytes, little-endian: of a request
_OWN = ("azure.cli", "knack")


class _Command:
    """A command that runs, and who waits for it."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._imported = os.memfd_create("imported")
        self._process = os.fork()
        if not self._process:
            _work(client, self._imported)

    def fileno(self) -> int:
        """Of the connection of who waits."""
        return self._client.fileno()

    def kill(self) -> None:
        """End it at once."""
        os.kill(self._process, signal.SIGKILL)

    def ended(self) -> bool:
        """Whether it has ended; then who waits is told, and what it has imported is imported."""
        process, status = os.waitpid(self._process, os.WNOHANG)
        if not process:
            return False
        with contextlib.suppress(OSError):
            self._client.send(bytes([os.waitstatus_to_exitcode(status) % 256]))
        os.lseek(self._imported, 0, os.SEEK_SET)
        with open(self._imported, closefd=False) as file:
            _import(file.read().split())
        return True

    def close(self) -> None:
        """Let go of it."""
        self._client.close()
        os.close(self._imported)


def _import(names: list[str]) -> None:
    for name in names:
        if name not in sys.modules and not name.startswith(_OWN):
            with contextlib.suppress(Exception):  # of one that a command has put there itself
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would copy all of it


def _work(client: socket.socket, imported: int) -> NoReturn:
    """What a forked process does: be az."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        known = set(sys.modules)
        words = _receive(client)
        try:
            _be_az(words)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        except Exception:  # noqa: BLE001 - told as Python does at its end, which is not reached
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(imported, " ".join(name for name in sys.modules if name not in known).encode())
    finally:
        os._exit(status)


def _receive(client: socket.socket) -> list[str]:
    """Take over what a command begins with, from who waits for it; its words."""
    length, sent, _, _ = client.recvmsg(_LENGTH, socket.CMSG_SPACE(12))
    descriptors = array.array("i", sent[0][2])
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    with client.makefile("rb") as stream:
        asked = stream.read(int.from_bytes(length, "little"))
    client.close()
    folder, count, *more = os.fsdecode(asked).split("\0")
    os.chdir(folder)
    os.environ.clear()
    variables = (one.partition("=") for one in more[int(count) :])
    os.environ.update({name: value for name, _, value in variables})
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for good
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    return more[: int(count)]


def _be_az(words: list[str]) -> None:
    os.environ.setdefault("AZ_INSTALLER", "PIP")  # as the script ``az`` does
    sys.argv = ["az", *words]
    runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)


def main(path: str) -> None:
    """Serve until the standard input ends."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen()
    Path(f"{path}.new").rename(path)  # who sees it can connect
    poll = select.poll()
    for descriptor in (0, woken, listener.fileno()):
        poll.register(descriptor, select.POLLIN)
    running: dict[int, _Command] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == 0:
                return
            if descriptor == woken:
                os.read(woken, 100)
                for number in [number for number, one in running.items() if one.ended()]:
                    poll.unregister(number)
                    running.pop(number).close()
            elif descriptor == listener.fileno():
                command = _Command(listener.accept()[0])
                running[command.fileno()] = command
                poll.register(command.fileno(), select.POLLRDHUP)
            elif descriptor in running:  # nobody waits for it any more
                poll.modify(descriptor, 0)
                running[descriptor].kill()


if __name__ == "__main__":
    main(sys.argv[1])
