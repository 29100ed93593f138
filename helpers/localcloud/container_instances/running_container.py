"""One container of a group that runs: it starts it, and says when it is to be started again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import timestamps
from ..containers.errors import SandboxError
from ..containers.sandboxes.container import Container, ContainerSpec, Limits, Mount
from ..containers.sandboxes.network import Network
from ..containers.sandboxes.sandbox import Sandbox
from .image import PulledImage
from .logs import Log
from .state import GroupState

FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0  # seconds before a restart: doubled each time
STEADY = 60.0  # seconds after which a container counts as healthy: the delay begins anew
Exited = Callable[[Container, str], None]


@dataclass(frozen=True)
class Surroundings:
    """What the containers of one group have in common; ``exited`` is told of one that has ended."""

    group_id: str
    state: GroupState
    network: Network
    sandbox: Sandbox
    exited: Exited

    @property
    def hostname(self) -> str:
        """The host name that Azure would give the group."""
        hashed = int(hashlib.sha256(self.group_id.lower().encode()).hexdigest(), 16)
        return f"SandboxHost-{hashed % 10**18:018d}"


@dataclass
class RunningContainer:
    """A container of a group while the group runs."""

    name: str
    properties: dict[str, Any]
    image: PulledImage
    log: Log
    group: Surroundings
    mounts: tuple[Mount, ...] = ()
    container: Container | None = None
    started: float = 0.0
    restarts: int = 0
    delay: float = field(default_factory=lambda: FIRST_DELAY)
    restart_at: float | None = None
    exit_code: int | None = None

    def start(self) -> bool:
        """Start it; False when it could not be, which its events tell."""
        state = self.group.state
        self.restart_at, self.exit_code = None, None
        try:
            container = self.group.sandbox.start(self._spec(), self.log.append, self.name)
        except SandboxError as error:
            state.event(self.name, "Failed", f"Error: {error}", "Warning")
            state.container(self.name, "Waiting", detailStatus=f"Error: {error}")
            return False
        self.container, self.started = container, time.monotonic()
        state.event(self.name, "Created", "Created container")
        state.event(self.name, "Started", "Started container")
        state.container(
            self.name,
            "Running",
            startTime=timestamps.milliseconds(),
            restartCount=self.restarts,
        )
        threading.Thread(
            target=self._watch, args=(container,), name=f"watch {self.name}", daemon=True
        ).start()
        return True

    def _spec(self) -> ContainerSpec:
        image, properties = self.image, self.properties
        environment = dict(image.environment)
        for variable in properties.get("environmentVariables") or []:
            value = variable.get("value")
            environment[variable["name"]] = (
                value if value is not None else variable.get("secureValue") or ""
            )
        requests = properties["resources"]["requests"]
        return ContainerSpec(
            lowers=image.lowers,
            argv=tuple(properties.get("command") or image.argv),
            environment=environment,
            working_dir=image.working_dir,
            user=image.user,
            hostname=self.group.hostname,
            mounts=self.mounts,
            network=self.group.network,
            platform=image.platform,
            volumes=image.volumes,
            limits=Limits(memory=int(float(requests["memoryInGB"]) * (1 << 30))),
        )

    def _watch(self, container: Container) -> None:
        container.wait()
        self.group.exited(container, self.name)

    def ended(self, container: Container, policy: str) -> None:
        """Note that it has ended, and when it is to be started again by the restart ``policy``."""
        code = container.exit_code
        assert code is not None
        state = self.group.state
        self.container, self.exit_code = None, code
        if container.refusal:
            state.event(self.name, "Failed", f"Error: {container.refusal}", "Warning")
        state.container(
            self.name,
            "Terminated",
            exitCode=code,
            finishTime=timestamps.milliseconds(),
            detailStatus="Completed" if code == 0 else "Error",
        )
        if policy == "Always" or (policy == "OnFailure" and code != 0):
            if time.monotonic() - self.started > STEADY:
                self.delay = FIRST_DELAY
            self.restart_at = time.monotonic() + self.delay
            state.event(
                self.name, "BackOff", f"Back-off restarting container; exit code {code}", "Warning"
            )
            self.delay = min(self.delay * 2, LONGEST_DELAY)

    def restart(self) -> None:
        """Start it again, or try to later."""
        self.restarts += 1
        if not self.start():
            self.restart_at = time.monotonic() + self.delay
