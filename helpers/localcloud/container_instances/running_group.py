"""What runs of one generation of a container group: its network, volumes, ports and containers."""

from __future__ import annotations

import errno
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..cloud import Cloud
from ..containers.sandboxes.container import Container, Mount
from ..containers.sandboxes.machine import IN_A_CHROOT
from ..containers.sandboxes.network import Network
from ..containers.sandboxes.sandbox import Sandbox
from ..containers.workload_identity import WorkloadIdentity
from ..identities import Identities
from ..root_folder import remove_tree
from ..store import Resource
from . import consoles, logs, volumes
from .image import PulledImage
from .running_container import Exited, RunningContainer, Surroundings
from .state import GroupState, requested


@dataclass(frozen=True)
class Fetched:
    """What a group needs of elsewhere: images by container, secrets by the names that refer to them."""

    images: Mapping[str, PulledImage]
    secrets: Mapping[str, str] = field(repr=False)


class RunningGroup:
    """The containers of a group, made with their network and volumes; :meth:`start` starts them.

    Making it raises :class:`SandboxError` and OSError; then nothing is left of it.
    """

    def __init__(
        self,
        cloud: Cloud,
        sandbox: Sandbox,
        state: GroupState,
        resource: Resource,
        fetched: Fetched,
        exited: Exited,
    ) -> None:
        self._cloud = cloud
        self.state = state
        self._resource = resource
        self._network = Network.create(cloud, resource.name)
        self._folder = Path(tempfile.mkdtemp(prefix="group-", dir=cloud.scratch))
        complete = resource.private["properties"]
        identities = Identities.of(cloud.principals, resource.body)
        self._around = Surroundings(
            resource.id,
            state,
            self._network,
            sandbox,
            exited,
            int(requested(complete)[1] * (1 << 30)),
            cloud.ca_file,
            WorkloadIdentity(cloud, identities, lambda _: None),
            consoles.of(cloud),
            fetched.secrets,
        )
        self._policy = str(complete["restartPolicy"])
        self._waiting: list[RunningContainer] = []  # init containers that have not completed
        self.failed = False  # an init container, or one that could not be started
        self.containers: dict[str, RunningContainer] = {}
        try:
            self._prepare(fetched.images)
        except BaseException:
            self._close()
            remove_tree(self._folder)
            raise

    def _close(self) -> None:
        self._network.close()
        self._around.identity.close()

    @property
    def generation(self) -> str:
        """Which version of the resource this is."""
        return str(self._resource.private["generation"])

    @property
    def initializing(self) -> bool:
        """Whether its init containers have not completed yet."""
        return bool(self._waiting) and not self.failed

    def _prepare(self, images: Mapping[str, PulledImage]) -> None:
        complete = self._resource.private["properties"]
        for volume in complete.get("volumes") or []:
            folder = self._folder / volume["name"]
            volumes.fill(self._cloud, folder, volume, self._around.secrets)
        self._waiting = [self._made(item, images) for item in complete.get("initContainers") or []]
        for item in complete["containers"]:
            self.containers[item["name"]] = self._made(item, images)
            self._network.add_name(item["name"])
        if self._network.mode == "chroot":
            self.state.group_event("SharedNetwork", f"{IN_A_CHROOT}.", "Warning")
        self._publish()
        self._around.identity.serve(self._network)

    def _made(self, item: dict[str, Any], images: Mapping[str, PulledImage]) -> RunningContainer:
        name, properties = item["name"], item["properties"]
        log = logs.Log(self._cloud, self._resource.id, name)
        log.clear()
        mounts = tuple(
            Mount(self._folder / m["name"], m["mountPath"], bool(m.get("readOnly")))
            for m in properties.get("volumeMounts") or []
        )
        return RunningContainer(name, properties, images[name], log, self._around, mounts)

    def _publish(self) -> None:
        """Open the ports on the group's address; a port in use is replaced by a free one."""
        private = self._resource.private
        mapped = []
        for item in private["ports"]:
            address, wanted = private["address"], item["host"]
            ready = self._readiness(item["container"])
            try:
                got = self._network.publish(address, wanted, item["container"], ready)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                    raise
                got = self._network.publish(address, 0, item["container"], ready)
                self.state.group_event(
                    "PortReplaced",
                    f"Port {wanted} of {address} cannot be used ({error.strerror}): port "
                    f"{item['container']} of the containers is at {address}:{got} instead.",
                    "Warning",
                )
            mapped.append({"container": item["container"], "host": got})
        if mapped != private["ports"]:
            self.state.ports(mapped)

    def _readiness(self, port: int) -> Callable[[], bool]:
        """Whether the container that has a port is ready for what comes to it."""
        for running in self.containers.values():
            if port in [one.get("port") for one in running.properties.get("ports") or []]:
                return lambda: running.ready
        return lambda: True

    def start(self) -> None:
        """Start the first init container, or every container; then :attr:`failed` tells how it went."""
        if self._waiting:
            self.failed = not self._waiting[0].start()
            return
        started = [running.start() for running in self.containers.values()]
        self.failed = not all(started)

    def exited(self, name: str, container: Container) -> None:
        """Handle the end of a container; of one that was replaced meanwhile, nothing."""
        if self._waiting and self._waiting[0].container is container:
            self._initialized(self._waiting[0], container)
            return
        running = self.containers.get(name)
        if running is None or running.container is not container:
            return
        running.ended(container, self._policy)
        codes = [item.exit_code for item in self.containers.values()]
        if running.restart_at is None and all(code is not None for code in codes):
            self.state.group(state="Succeeded" if not any(codes) else "Failed")
            self._close()

    def _initialized(self, running: RunningContainer, container: Container) -> None:
        """Go on when an init container has completed; else it is tried again, or the group fails."""
        running.ended(container, "Never" if self._policy == "Never" else "OnFailure")
        if running.exit_code == 0:
            self._waiting.pop(0)
            self.start()
        elif running.restart_at is None:
            self.failed = True
            self.state.group_event(
                "Failed",
                f"The init container '{running.name}' ended with exit code {running.exit_code}.",
                "Warning",
            )
            self._close()

    def _all(self) -> list[RunningContainer]:
        return [*self._waiting, *self.containers.values()]

    def until_restart(self) -> float | None:
        """Seconds until the next restart, None when none is due."""
        due = [item.restart_at for item in self._all() if item.restart_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def restart_due(self) -> None:
        """Start again what is to be started again by now."""
        for running in self._all():
            if running.restart_at is not None and running.restart_at <= time.monotonic():
                running.restart()

    def end(self, grace: float) -> dict[str, int]:
        """Stop every container; returns the exit codes of those that ran."""
        codes: dict[str, int] = {}
        threads = []
        for item in self._all():
            item.end_probes()
            if item.container is None:
                continue

            def stop(item: RunningContainer = item, container: Container = item.container) -> None:
                codes[item.name] = container.stop(grace, item.image.stop_signal)

            threads.append(threading.Thread(target=stop, name="stop"))
            threads[-1].start()
        for thread in threads:
            thread.join()
        self._close()
        remove_tree(self._folder)
        return codes
