"""Another command in a container that runs (docker exec), confined as the container is."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import SandboxError
from . import capabilities, launcher, pseudo_terminal, seccomp
from .account import Account, UnknownUserError
from .complaint import NOT_EXECUTABLE, Beginning, explain_another
from .container import Container, Inside, Output
from .environment import variables
from .identities import whom
from .namespace_holder import PASSED
from .pipes import pipes

_KILLED = 137
_PATIENCE = 30.0  # seconds for a terminal
_AFTERWARDS = 2.0  # seconds that what the command leaves behind may still write; Docker's


def execute(
    container: Container,
    argv: Sequence[str],
    output: Output,
    *,
    environment: Mapping[str, str],
    working_dir: str,
    user: str,
    ca_file: Path,
) -> Container:
    """Start it, and return a handle on it; ``output`` gets what it says, in a thread.

    A command that cannot be started ends with 126, and ``output`` is told in Docker's words.
    Raises :class:`SandboxError`, also when the container has ended.
    """
    return _Execution(container, argv, output).begin(environment, working_dir, user, ca_file)


def open_terminal(
    container: Container, argv: Sequence[str], *, environment: Mapping[str, str], ca_file: Path
) -> Terminal:
    """Start it on a terminal of its own. Raises :class:`SandboxError` when it cannot be."""
    said = bytearray()
    execution = _Execution(container, argv, said.extend)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        handle = execution.begin(environment, "", "", ca_file, theirs)
        theirs.close()
        if handle.exit_code is not None:
            raise SandboxError(said.decode(errors="replace").strip())
        ours.settimeout(_PATIENCE)
        try:
            text, received, _, _ = socket.recv_fds(ours, 1024, 1)
        except OSError as error:
            handle.kill()
            raise SandboxError(f"no terminal could be made in the container ({error})") from None
    if not received:
        handle.kill()
        words = text.decode(errors="replace").strip().removeprefix("bwrap: ")
        raise SandboxError(words or "the container has ended")
    os.set_inheritable(received[0], False)
    return Terminal(handle, received[0], argv[0], execution.folder)


class Terminal:
    """A command on a terminal: what it writes is read from ``descriptor``, which does not block."""

    def __init__(self, command: Container, descriptor: int, name: str, folder: str) -> None:
        self.command = command
        self.descriptor = descriptor
        self._name, self._folder = name, folder
        self._beginning = Beginning()
        os.set_blocking(descriptor, False)

    def resize(self, rows: int, columns: int) -> None:
        """Tell how large it is, in characters."""
        pseudo_terminal.resize(self.descriptor, rows, columns)

    def understood(self, chunk: bytes) -> bytes:
        """What is to be shown of what was read; words of the launcher are kept back."""
        return self._beginning.release(chunk)

    def last_words(self, code: int) -> bytes:
        """What was kept back, as Docker says it, once the command has ended with a status."""
        words = self._beginning.kept
        explained = explain_another(words, code, self._name, self._folder) if words else None
        return words if explained is None else f"{explained.text}\r\n".encode()

    def close(self) -> None:
        """End the command and all that it has started, and let go of the terminal."""
        os.close(self.descriptor)
        self.command.kill()


class _Execution:
    def __init__(self, container: Container, argv: Sequence[str], output: Output) -> None:
        self._container = container
        self._argv = list(argv)
        self._output = output
        self.folder = ""
        name = f"{container.name} {secrets.token_hex(4)}"
        self._handle = Container(name, container.network, own_network=False)
        self._opened: list[int] = []  # for the start alone
        self._terminal = False

    def begin(
        self,
        environment: Mapping[str, str],
        working_dir: str,
        user: str,
        ca_file: Path,
        terminal: socket.socket | None = None,
    ) -> Container:
        inside = self._container.inside
        if inside is None:
            raise SandboxError("the container has not been started")
        self.folder = working_dir or inside.spec.working_dir or "/"
        if not self.folder.startswith("/"):
            return self._refused(
                "OCI runtime exec failed: exec failed: Cwd must be an absolute path"
            )
        try:
            account = inside.image.account(user) if user else inside.account
        except UnknownUserError as error:
            return self._refused(str(error))
        network = self._container.network
        if network.mode == "namespaces" and network.users is None:
            if account.uid != inside.account.uid:
                return self._refused(
                    f"localcloud: the container has the user {inside.account.uid} only, and so no "
                    f"command can run as user {account.uid} in it ({network.one_id})"
                )
            account = replace(account, gid=inside.account.gid, groups=())
        given = variables(account, inside.hostname, inside.spec, network, ca_file)
        given |= environment
        if any("\0" in text for text in (*self._argv, self.folder, *given, *given.values())):
            raise SandboxError("a command, path or variable holds a zero byte")
        with pipes(self._opened) as ends:
            output = ends.output if terminal is None else terminal.fileno()
            self._terminal = terminal is not None
            self._handle.pid = self._start(inside, account, given, output, ends.status)
        threading.Thread(
            target=self._follow,
            args=(ends.read_output, ends.read_status),
            name=f"command in container {self._handle.name}",
            daemon=True,
        ).start()
        return self._handle

    def _refused(self, text: str) -> Container:
        self._output(f"{text}\n".encode())
        self._handle.has_ended(NOT_EXECUTABLE)
        return self._handle

    def _start(
        self,
        inside: Inside,
        account: Account,
        environment: Mapping[str, str],
        output: int,
        status: int,
    ) -> int:
        network = self._container.network
        filters = []
        if seccomp.supported():
            filters.append(os.memfd_create("filter"))
            self._opened += filters
            os.write(filters[0], seccomp.program())
        request: dict[str, Any] = {"container": self._container.pid, "terminal": self._terminal}
        if network.mode == "chroot":
            request |= {
                "root": str(inside.tree),
                "user": inside.user,
                "command": self._argv,
                "environment": environment,
                "working_dir": self.folder,
            }
            return network.start("start-chroot", request, [output, status, *filters])
        if not launcher.supported():
            raise SandboxError("this kind of machine is not known well enough for docker exec")
        several = network.users is not None
        dropped = inside.spec.dropped
        become = whom(network.users, account, inside.account.gid, dropped)
        program = launcher.make(self._argv, environment, self.folder, PASSED, become)
        self._opened.append(program)
        rights = capabilities.begun_with(account.uid, dropped, several=several)
        request["capabilities"] = capabilities.bits(rights)
        return network.start("join", request, [output, status, program, *filters])

    def _follow(self, read_output: int, read_status: int) -> None:
        code = _KILLED
        try:
            with os.fdopen(read_status, "rb") as status:
                try:
                    words = self._copy_output(read_output, read_status)
                except BaseException:  # nobody takes its output: it may not go on unseen
                    self._handle.signal(signal.SIGKILL)
                    raise
                finally:
                    os.close(read_output)
                text = status.read()  # empty when the holder of the network has died
            code = int(text) if text else _KILLED
            if words:
                explained = explain_another(words, code, self._argv[0], self.folder)
                self._output(words if explained is None else f"{explained.text}\n".encode())
                code = code if explained is None else explained.status
        except Exception as error:  # noqa: BLE001 - the thread's last stand: whoever waits must know
            with contextlib.suppress(Exception):
                self._output(
                    f"localcloud: the command's end could not be handled: {error}\n".encode()
                )
            code = code or NOT_EXECUTABLE
        finally:
            self._handle.has_ended(code)

    def _copy_output(self, read_output: int, read_status: int) -> bytes:
        """Hand the output on; returns it instead when all there is are words of the launcher."""
        beginning = Beginning()
        poll = select.poll()
        for descriptor in (read_output, read_status):
            poll.register(descriptor, select.POLLIN)
        end = math.inf
        while (seconds := end - time.monotonic()) > 0:
            left = None if math.isinf(seconds) else int(seconds * 1000) + 1
            ready = [descriptor for descriptor, _ in poll.poll(left)]
            if read_status in ready:  # it has ended; what it leaves behind may go on
                poll.unregister(read_status)
                end = time.monotonic() + _AFTERWARDS
            if read_output not in ready:
                continue
            chunk = os.read(read_output, 1 << 16)
            if not chunk:
                break
            if released := beginning.release(chunk):
                self._output(released)
        return beginning.kept
