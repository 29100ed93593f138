"""The containers of one host as docker knows them: by name or id, while they run and as long as kept."""

from __future__ import annotations

import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

from ..cloud import Cloud
from .errors import SandboxError
from .networks import BRIDGE, HOST, Networks, Port
from .sandboxes.container import TERMINATE, Container, ContainerSpec, ContainerTimeoutError
from .sandboxes.egress import EgressWatch
from .sandboxes.execution import execute
from .sandboxes.machine import IN_A_CHROOT
from .sandboxes.output import LineSplitter
from .sandboxes.sandbox import Sandbox

Log = Callable[[str], None]
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")  # of a container or a volume, to docker
_PATIENCE = 10.0  # seconds
_KEPT = 4 << 20  # characters of a container's output that ``docker logs`` can tell


class _Output:
    """The last lines that a container has said."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._size = 0

    def add(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line) + 1
        while self._size > _KEPT and len(self._lines) > 1:
            self._size -= len(self._lines.popleft()) + 1

    def lines(self) -> list[str]:
        return list(self._lines)


@dataclass
class Record:
    """One container: what it was made of, and how it is."""

    image: str
    command: list[str]
    name: str = ""
    network: str = BRIDGE
    remove: bool = True  # when it has ended
    ports: list[Port] = field(default_factory=list)
    exposed: frozenset[str] = frozenset()  # of its image, like 80/tcp
    labels: dict[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    hostname: str = ""
    stop_signal: int = TERMINATE
    id: str = field(default_factory=lambda: token_hex(32))
    created: float = field(default_factory=time.time)
    ended: float = 0.0
    container: Container | None = None
    over: threading.Event = field(default_factory=threading.Event)  # all of its end is done
    _output: _Output = field(default_factory=_Output)

    @property
    def short(self) -> str:
        """The first twelve characters of its id."""
        return self.id[:12]

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.container is not None and self.container.exit_code is None

    @property
    def exit_code(self) -> int:
        """Its exit status; 0 while it runs."""
        return (self.container.exit_code or 0) if self.container is not None else 0

    @property
    def output(self) -> list[str]:
        """What it has said, as far as it is kept."""
        return self._output.lines()

    def stop(self, grace: float) -> None:
        """A polite signal, then SIGKILL after ``grace`` seconds."""
        if self.container is not None and self.runs:
            self.container.stop(grace, self.stop_signal)
            self.over.wait(_PATIENCE)


class Containers:
    """Starts and knows the containers of one host. Thread-safe.

    ``cut`` tells where a very long line may be cut; ``left`` how long a container may run that is
    started now, in seconds.
    """

    def __init__(
        self,
        cloud: Cloud,
        networks: Networks,
        cut: Callable[[str], int],
        left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._cloud = cloud
        self._sandbox = Sandbox(cloud)
        self._networks = networks
        self._cut = cut
        self._left = left
        self._records: dict[str, Record] = {}  # by id
        self._followers: list[threading.Thread] = []  # of containers that nobody waits for
        self._lock = threading.RLock()
        self._closed = False
        self._told = False  # what containers share with this machine
        self.overdue = ""  # what is said when the time is over that is left

    def start(
        self,
        spec: ContainerSpec,
        record: Record,
        log: Log,
        timeout: float | None = None,
        *,
        detach: bool = False,
    ) -> int:
        """Run a container to its end; its exit status. 0 at once for one that is detached.

        Raises :class:`SandboxError`, and ContainerTimeoutError when its time is over.
        """
        self._add(record)

        def write(line: str) -> None:
            if detach or not record.remove:
                record._output.add(line)
            if not detach:
                log(line)

        watch = EgressWatch(write)
        lines = LineSplitter(watch, self._cut)
        published: list[Port] = []
        try:
            if record.ports and spec.network is not None:
                record.ports = published = self._networks.publish(record.ports, spec.network)
            container = self._begin(spec, record, lines, log)
        except BaseException as error:
            self._networks.unpublish(published)
            self.remove(record)
            if isinstance(error, SandboxError) and "port is already allocated" in str(error):
                raise SandboxError(
                    "driver failed programming external connectivity on endpoint "
                    f"{record.name} ({record.id}): {error}"
                ) from None
            raise
        if detach:
            follower = threading.Thread(
                target=self._follow,
                args=(record, container, lines),
                name=f"detached {record.name}",
                daemon=True,
            )
            with self._lock:
                self._followers.append(follower)
            follower.start()
            return 0
        limit = min(self._left(), math.inf if timeout is None else timeout)
        try:
            code = container.wait(None if math.isinf(limit) else limit)
            if code is None:
                container.kill()
                raise ContainerTimeoutError(
                    self.overdue or f"the container did not end within {limit:g} s and was killed"
                )
        finally:
            self._end(record, lines)
        watch.explain(code)
        return code

    def _begin(
        self, spec: ContainerSpec, record: Record, lines: LineSplitter, log: Log
    ) -> Container:
        with self._lock:
            if self._closed:
                raise SandboxError("the run was stopped")
            container = self._sandbox.start(spec, lines.write, record.name)
            record.container = container
            told, self._told = self._told, self._told or container.network.mode == "chroot"
        if self._told and not told:
            log(f"localcloud: {IN_A_CHROOT}.")
        if container.network.mode == "chroot":
            self._tell_shared(record, log)
        return container

    def _tell_shared(self, record: Record, log: Log) -> None:
        """Name the ports of a container in a chroot that another one is expected to listen on."""
        with self._lock:
            others = [one for one in self._records.values() if one is not record and one.runs]
        for other in others:
            for port in sorted(record.exposed & other.exposed):
                log(
                    f"localcloud: {other.name} and {record.name} both expose port {port}, which in a "
                    f"chroot is one port of this machine, whatever their networks: {other.name} has "
                    f"it, and answers for {record.name}. Let them listen on different ports"
                )

    def execute(
        self,
        record: Record,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        working_dir: str = "",
        user: str = "",
        log: Log,
        cancelled: Callable[[], bool],
        detach: bool = False,
    ) -> int:
        """Run another command in a container to its end; its exit status. 0 at once with ``detach``.

        Of one that is detached ``log`` gets nothing. Raises :class:`SandboxError` when the container
        has ended, and ContainerTimeoutError when the time that is left is over.
        """
        if record.container is None or not record.runs:
            raise SandboxError(f"Container {record.id} is not running")
        lines = LineSplitter(log, self._cut)
        try:
            command = execute(
                record.container,
                argv,
                (lambda _: None) if detach else lines.write,
                environment=environment,
                working_dir=working_dir,
                user=user,
                ca_file=self._cloud.ca_file,
            )
        except SandboxError:
            if record.runs:
                raise
            raise SandboxError(f"Container {record.id} is not running") from None
        if detach:
            return 0
        limit = time.monotonic() + self._left()
        try:
            while command.wait(0.1) is None:
                if time.monotonic() >= limit:
                    raise ContainerTimeoutError(self.overdue or "the time of the command is over")
                if cancelled():
                    break
        finally:
            code = command.kill()
            lines.close()
        return code

    def _follow(self, record: Record, container: Container, lines: LineSplitter) -> None:
        container.wait()
        self._end(record, lines)

    def _end(self, record: Record, lines: LineSplitter) -> None:
        lines.close()
        record.ended = time.time()
        self._networks.unpublish(record.ports)
        if record.container is not None and record.network not in (BRIDGE, HOST):
            for name in (record.name, *record.aliases, record.hostname or record.short):
                record.container.network.remove_name(name)
        if record.remove:
            self.remove(record)
        record.over.set()

    # -- by name -------------------------------------------------------------------------------

    def _add(self, record: Record) -> None:
        with self._lock:
            if self._closed:
                raise SandboxError("the run was stopped")
            record.name = record.name or f"unnamed_{record.short}"
            other = next((one for one in self._records.values() if one.name == record.name), None)
            if other is not None:
                raise SandboxError(
                    f'Conflict. The container name "/{record.name}" is already in use by container '
                    f'"{other.id}". You have to remove (or rename) that container to be able to '
                    "reuse that name"
                )
            self._records[record.id] = record

    def remove(self, record: Record) -> None:
        """Forget a container."""
        with self._lock:
            self._records.pop(record.id, None)

    def find(self, name: str) -> Record | None:
        """A container by its name, its id or the beginning of one."""
        name = name.removeprefix("/")
        with self._lock:
            for record in self._records.values():
                if record.name == name or (name and record.id.startswith(name)):
                    return record
        return None

    def all(self) -> list[Record]:
        """Those that run and those that are kept, the newest first."""
        with self._lock:
            return list(self._records.values())[::-1]

    @property
    def closed(self) -> bool:
        """Whether nothing can be started any more."""
        return self._closed

    def close(self) -> None:
        """Kill and forget all of them."""
        with self._lock:
            self._closed = True
            running: Iterable[Record] = [one for one in self._records.values() if one.runs]
            followers, self._followers = self._followers, []
        for record in running:
            if record.container is not None:
                record.container.kill()
        for follower in followers:
            follower.join()
        with self._lock:
            self._records.clear()
