"""Kernels for notebooks that run headless: forked, with everything imported that they need.

A kernel that is started imports IPython and the SDK for more than a second, and the tutorial has one
for each notebook. So one process imports all of it, once, beside what is done meanwhile, and every
notebook gets a fork of that: a process of its own, and modules that nobody has used yet.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import math
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any, cast

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from .localcloud import fork_server
from .views.front_end import FRONT_ENDS

_ENDS_WITHIN = 2.0  # seconds, for a kernel that was asked to end
# What every kernel has, the SDK that notebooks use, and what both import when they are first used.
_IMPORTED = (
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "azure.containerregistry",
    "azure.core.pipeline.transport._requests_basic",
    "azure.core.rest._requests_basic",
    "azure.identity._internal.msal_managed_identity_client",
    "azure.identity._credentials.imds",
    "azure.keyvault.secrets",
    "azure.mgmt.authorization.models",
    "azure.mgmt.containerinstance.models",
    "azure.mgmt.containerregistry.models",
    "azure.mgmt.containerregistrytasks.models",
    "azure.mgmt.keyvault.models",
    "azure.mgmt.resource.resources.models",
    "msal_extensions",
    f"{__package__}.transport",
)
_server: fork_server.ForkServer | None = None  # of this process, while kernels may be asked for


@contextmanager
def prepared() -> Iterator[None]:
    """Inside, kernels are forked; what they need is being imported meanwhile.

    Elsewhere than on Linux, and where no process can be forked, they are started as ever.
    """
    global _server  # noqa: PLW0603 - of the process, not of an object
    if _server is not None or sys.platform != "linux":
        yield
        return
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # a warning of every kernel
    _server = server = fork_server.start()
    try:
        server.prepare([*_IMPORTED, f"{__name__}:import_helpers"])
        yield
    finally:
        _server = None
        server.close()
        server.reap()


def import_helpers() -> None:
    """Import what notebooks take from this package: its public names."""
    package = importlib.import_module(str(__package__))
    for name in package.__all__:
        getattr(package, name)


class Manager(AsyncKernelManager):
    """The manager of one Python kernel, which is forked where that can be done."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.client_factory = _Client
        if _server is not None:
            self.kernel_id = str(uuid.uuid4())
            self.provisioner = _Provisioner(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )

    def start_kernel(self, *arguments: Any, **options: Any) -> Any:
        """Start it where nobody sits before it, though this process may belong to a notebook."""
        environment = options.pop("env", None) or os.environ
        options["env"] = {k: v for k, v in environment.items() if k not in FRONT_ENDS}
        return super().start_kernel(*arguments, **options)

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The kernel spec's command with ``extra_arguments``, which hold where both set an option.

        A kernel refuses an option that is set twice, and the spec of :mod:`.jupyter` sets some: it is
        found by whatever is started from a notebook or terminal there.
        """
        extra = extra_arguments or []
        command: list[str] = super().format_kernel_cmd(extra)
        names = {one.partition("=")[0] for one in extra}
        spec = command[: len(command) - len(extra)]
        return [*(one for one in spec if one.partition("=")[0] not in names), *extra]


class _Client(AsyncKernelClient):
    """A client that begins as soon as the kernel says that it is ready.

    The client it is made of waits, every time, until nothing has come for a fifth of a second.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered, and its messages come. Raises RuntimeError."""
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            asked = self.kernel_info()
            with suppress(Empty):
                reply = await self.get_shell_msg(timeout=1)
                if await self._is_done_with(asked):
                    self._handle_kernel_info_reply(reply)
                    return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _is_done_with(self, asked: str) -> bool:
        """Whether the kernel tells everybody so: what it told before that is then read, too.

        False when nothing comes: it may have told it before it knew that somebody listens.
        """
        with suppress(Empty):
            while True:
                told = await self.get_iopub_msg(timeout=0.2)
                mine = told["parent_header"].get("msg_id") == asked
                if mine and told["content"].get("execution_state") == "idle":
                    return True
        return False


class _Provisioner(LocalProvisioner):
    """Forks a kernel; for the rest it is like one that was started."""

    _forked: _Process | None = None

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Fork what the command ``python -m ipykernel_launcher …`` starts."""
        assert _server is not None
        folder = str(options.get("cwd") or Path.cwd())
        asked = {
            "words": cmd[cmd.index("ipykernel_launcher") :],
            "folder": folder,
            "environment": dict(options.get("env") or os.environ),
        }
        try:
            child = _server.fork(f"{__name__}:serve", asked, name="kernel")
        except fork_server.ForkError:
            return await super().launch_kernel(cmd, **options)
        self._forked = _Process(child)
        self.process = cast(Any, self._forked)
        self.pid = self.pgid = child.pid  # its session is its own
        self.cwd = folder
        return self.connection_info

    async def shutdown_requested(self, restart: bool = False) -> None:  # noqa: ARG002 - theirs
        """Wait for its end here: the manager would look once in a tenth of a second."""
        if self._forked is not None:
            await asyncio.to_thread(self._forked.ended, _ENDS_WITHIN)


class _Process:
    """A forked process with what jupyter_client asks of a :class:`subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, child: fork_server.Child) -> None:
        self._child = child
        self.pid = child.pid

    def ended(self, timeout: float | None) -> int | None:
        found = self._child.wait(timeout)
        return None if found is None else found.status

    def poll(self) -> int | None:
        return self.ended(0)

    def wait(self) -> int | None:
        """How it ended; it is let go of."""
        status = self.ended(None)
        self._child.close()
        return status

    def send_signal(self, number: int) -> None:
        self._child.signal(number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def serve(
    _: Sequence[int], words: Sequence[str], folder: str, environment: Mapping[str, str]
) -> None:
    """What the forked process does: be a kernel, as ``ipykernel_launcher`` begins one."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:] = [one for one in sys.path if one]  # the server's folder; IPython adds its own
    from ipykernel import kernelapp

    # It ends when its parent has ended.
    sys.argv = [*words, f"--IPKernelApp.parent_handle={os.getppid()}"]
    try:
        kernelapp.launch_new_instance()
    finally:
        atexit._run_exitfuncs()
