"""One container of a group that runs: it starts it, and says when it is to be started again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import timestamps
from ..containers.errors import SandboxError
from ..containers.sandboxes.capabilities import CAPABILITIES, full_name
from ..containers.sandboxes.container import Container, ContainerSpec, Limits, Mount
from ..containers.sandboxes.network import Network
from ..containers.sandboxes.sandbox import Sandbox
from ..containers.workload_identity import WorkloadIdentity
from .consoles import Consoles
from .image import PulledImage
from .logs import Log
from .probes import Probe
from .state import GroupState

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
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
    memory: int  # bytes that all of them ask for
    ca_file: Path
    identity: WorkloadIdentity
    consoles: Consoles
    secrets: Mapping[str, str] = field(repr=False)  # by the names of their references

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
    ready: bool = True  # for what comes to its ports
    probes: list[Probe] = field(default_factory=list)

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
        self.group.consoles.add(self.group.group_id, self.name, container, self.log)
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
        self._probe(container)
        return True

    def _probe(self, container: Container) -> None:
        """Begin to ask whether it lives, and whether it is ready."""
        state = self.group.state

        def failed(kind: str) -> Callable[[str], None]:
            return lambda reason: state.event(
                self.name, "Unhealthy", f"{kind} probe failed: {reason}", "Warning"
            )

        def lives(healthy: bool) -> None:
            if healthy:
                return
            state.event(
                self.name,
                "Killing",
                f"Container {self.name} failed liveness probe, will be restarted",
            )
            container.stop(GRACE, self.image.stop_signal)

        def is_ready(healthy: bool) -> None:
            self.ready = healthy

        self.ready = not self.properties.get("readinessProbe")
        self.probes = [
            Probe(
                self.properties[f"{kind.lower()}Probe"],
                container,
                self.group.ca_file,
                failed=failed(kind),
                turned=turned,
            )
            for kind, turned in (("Liveness", lives), ("Readiness", is_ready))
            if self.properties.get(f"{kind.lower()}Probe")
        ]

    def _user(self) -> str:
        """Whom it runs as: the image's user, or whom its security context names."""
        given = self.properties.get("securityContext") or {}
        user, group = given.get("runAsUser"), given.get("runAsGroup")
        if user is None and group is None:
            return self.image.user
        name = str(user) if user is not None else self.image.user.partition(":")[0] or "0"
        return name if group is None else f"{name}:{group}"

    def _dropped(self) -> frozenset[str]:
        """The capabilities that its security context takes from its root."""
        given = self.properties.get("securityContext") or {}
        capabilities = given.get("capabilities") or {}
        dropped = {full_name(name) for name in capabilities.get("drop") or []}
        if full_name("ALL") in dropped:
            dropped = set(CAPABILITIES)
        return frozenset(dropped - {full_name(name) for name in capabilities.get("add") or []})

    def _check_chroot(self) -> None:
        """Raise for what a security context asks for and a chroot has not."""
        given = self.properties.get("securityContext") or {}
        wanted = [name for name in ("runAsUser", "runAsGroup") if given.get(name) is not None]
        wanted += ["capabilities"] if any((given.get("capabilities") or {}).values()) else []
        if wanted and self.group.network.mode == "chroot":
            raise SandboxError(
                f"securityContext.{wanted[0]} needs namespaces: in a chroot, a container is a user "
                "of its own, with no capability but CAP_NET_BIND_SERVICE"
            )

    def _value(self, variable: dict[str, str]) -> str:
        """What an environment variable of the group says."""
        reference = variable.get("secureValueReference")
        if reference is not None:
            return self.group.secrets[reference]
        return variable.get("value", variable.get("secureValue", ""))

    def _spec(self) -> ContainerSpec:
        self._check_chroot()
        image, properties = self.image, self.properties
        environment = image.environment | self.group.identity.environment(self.group.network)
        for variable in properties.get("environmentVariables") or []:
            environment[variable["name"]] = self._value(variable)
        resources = properties.get("resources") or {}
        gigabytes = (resources.get("limits") or {}).get("memoryInGB") or (
            resources.get("requests") or {}
        ).get("memoryInGB")
        memory = int(float(gigabytes) * (1 << 30)) if gigabytes else self.group.memory
        return ContainerSpec(
            lowers=image.lowers,
            argv=tuple(properties.get("command") or image.argv),
            environment=environment,
            working_dir=image.working_dir,
            user=self._user(),
            hostname=self.group.hostname,
            mounts=self.mounts,
            network=self.group.network,
            platform=image.platform,
            volumes=image.volumes,
            limits=Limits(memory=memory),
            dropped=self._dropped(),
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
        self.group.consoles.remove(self.group.group_id, self.name, container)
        self.end_probes()
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

    def end_probes(self) -> None:
        """Ask it no more."""
        for probe in self.probes:
            probe.end()
        self.probes = []

    def restart(self) -> None:
        """Start it again, or try to later."""
        self.restarts += 1
        if not self.start():
            self.restart_at = time.monotonic() + self.delay
