"""A container: what it shall be, and the handle on one that was started."""

from __future__ import annotations

import errno
import os
import platform
import signal
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...root_folder import FileBelow
from ..errors import SandboxError
from .account import Account
from .network import Network
from .root_file_system import RootFileSystem

Output = Callable[[bytes], None]
TERMINATE = int(signal.SIGTERM)
# The stand-in images are this machine's; agents of tasks are linux/amd64 wherever this runs.
_MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
_OWN_PLATFORMS = ("", "linux/amd64", f"linux/{_MACHINE}")


def signal_of(text: str) -> int | None:
    """The number of a signal as STOPSIGNAL names it: 9, TERM, SIGTERM, SIGRTMIN+3; else None."""
    name, sign, offset = text.upper().removeprefix("SIG").partition("+")
    if not sign and name.startswith("RTMAX-"):
        name, sign, offset = name.partition("-")
    if name.isascii() and name.isdigit() and not offset:
        return int(name) if 1 <= int(name) <= signal.SIGRTMAX else None
    number = getattr(signal, f"SIG{name}", None)
    if not name.isalnum() or not isinstance(number, signal.Signals):
        return None
    if not offset:
        return int(number)
    expected = "RTMIN" if sign == "+" else "RTMAX"
    if name != expected or not (offset.isascii() and offset.isdigit()):
        return None
    total = number + int(offset) if sign == "+" else number - int(offset)
    return total if signal.SIGRTMIN <= total <= signal.SIGRTMAX else None


class ContainerTimeoutError(SandboxError, TimeoutError):
    """The container did not end in time, and was killed."""


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host that a container sees at ``target``.

    With a ``size`` in bytes it sees an empty file system in memory instead of the folder, where that
    can be made and its container may have so much. What a run can change is given as it is below a
    folder that was opened: a path may lead elsewhere by the time the container starts.
    """

    source: Path | FileBelow
    target: str
    read_only: bool = False
    size: int = 0

    def open(self) -> int:
        """A descriptor of it (O_PATH); it is no link itself. Raises OSError."""
        if isinstance(self.source, FileBelow):
            return self.source.folder.open(self.source.path, os.O_PATH, links=False)
        descriptor = os.open(self.source, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(self.source))
        return descriptor


@dataclass(frozen=True)
class Limits:
    """What a container may use; beyond it is ended with exit status 137.

    ``processes`` counts threads, too; ``memory`` and ``disk`` are bytes. Memory counts the files
    that are kept there: what the container writes, unless that is kept, and /dev/shm.
    """

    processes: int = 1024
    memory: int = 2 << 30
    disk: int = 10 << 30


@dataclass(frozen=True)
class ContainerSpec:
    """What to run, on which layers, as whom, and what it may see.

    ``lowers`` are the layers, lowest first; ``upper`` keeps what the container writes (None: it
    is thrown away); without ``network`` it has an empty one of its own; ``proxy`` tells it the
    way to the local cloud (HTTPS_PROXY and a CA file); ``platform`` is the image's, like
    linux/amd64; ``volumes`` are the image's: directories that are there in any case; ``limits``
    are what it may use; ``names`` are those that its network knows it by besides the host name;
    with ``hosts`` (address and name) it knows those alone, and the network does not know it;
    ``dropped`` are the capabilities that its root has not, by their names in the kernel.
    """

    lowers: tuple[Path, ...]
    argv: tuple[str, ...] | list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = "/"
    user: str = ""
    hostname: str = ""
    upper: Path | None = None
    mounts: tuple[Mount, ...] = ()
    network: Network | None = None
    proxy: bool = True
    platform: str = ""
    volumes: tuple[str, ...] = ()
    limits: Limits = Limits()
    names: tuple[str, ...] = ()
    hosts: tuple[tuple[str, str], ...] | None = None
    dropped: frozenset[str] = frozenset()

    @property
    def foreign(self) -> bool:
        """Whether the image is for machines of another kind, so that its programs do not start."""
        return self.platform not in _OWN_PLATFORMS


@dataclass(frozen=True)
class Inside:
    """What another command finds in a container: its root, who it runs as, and what it was told.

    ``tree`` and ``user`` are the root directory and the only user of one in a chroot.
    """

    spec: ContainerSpec
    image: RootFileSystem
    account: Account
    hostname: str
    tree: Path | None = None
    user: int = 0


class Container:
    """A container that was started; made by :meth:`Sandbox.start`."""

    def __init__(self, name: str, network: Network, own_network: bool) -> None:
        self.name = name
        self.pid = 0
        self.exit_code: int | None = None
        self.refusal = ""  # why its command could not be started at all
        self.inside: Inside | None = None  # once it has been started
        self.network = network
        self.owns_network = own_network
        self._ended = threading.Event()
        self._sandboxed = network.mode == "namespaces"

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code once it has ended, or None after ``timeout`` seconds."""
        self._ended.wait(timeout)
        return self.exit_code

    def signal(self, number: int) -> None:
        """Send a signal to its command."""
        if not self._ended.is_set():
            self.network.signal(self.pid, number, sandboxed=self._sandboxed)

    def stop(self, grace: float = 10.0, number: int = TERMINATE) -> int:
        """A polite signal, then SIGKILL after ``grace`` seconds; returns the exit code."""
        self.signal(number)
        if self.wait(grace) is None:
            self.kill()
        assert self.exit_code is not None
        return self.exit_code

    def kill(self) -> int:
        """SIGKILL to all its processes; returns the exit code."""
        while self.exit_code is None:
            self.signal(signal.SIGKILL)
            self._ended.wait(1.0)
        return self.exit_code

    def has_ended(self, code: int) -> None:
        """Tell whoever waits. For the sandbox."""
        self.exit_code = code
        self._ended.set()
