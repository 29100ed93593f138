"""What runs of one generation of a container group: its network, volumes, ports and containers."""

from __future__ import annotations

import errno
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ..cloud import Cloud
from ..containers.sandboxes.container import Container, Mount
from ..containers.sandboxes.machine import IN_A_CHROOT
from ..containers.sandboxes.network import Network
from ..containers.sandboxes.sandbox import Sandbox
from ..root_folder import remove_tree
from ..store import Resource
from . import logs, volumes
from .image import PulledImage
from .running_container import Exited, RunningContainer, Surroundings
from .state import GroupState


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
        images: Mapping[str, PulledImage],
        exited: Exited,
    ) -> None:
        self._cloud = cloud
        self._state = state
        self._resource = resource
        self._network = Network.create(cloud, resource.name)
        self._folder = Path(tempfile.mkdtemp(prefix="group-", dir=cloud.scratch))
        self._around = Surroundings(resource.id, state, self._network, sandbox, exited)
        self.containers: dict[str, RunningContainer] = {}
        try:
            self._prepare(images)
        except BaseException:
            self._network.close()
            remove_tree(self._folder)
            raise

    @property
    def generation(self) -> str:
        """Which version of the resource this is."""
        return str(self._resource.private["generation"])

    def _prepare(self, images: Mapping[str, PulledImage]) -> None:
        complete = self._resource.private["properties"]
        for volume in complete.get("volumes") or []:
            volumes.fill(self._folder / volume["name"], volume)
        for item in complete["containers"]:
            name, properties = item["name"], item["properties"]
            log = logs.Log(self._cloud, self._resource.id, name)
            log.clear()
            mounts = tuple(
                Mount(self._folder / m["name"], m["mountPath"], bool(m.get("readOnly")))
                for m in properties.get("volumeMounts") or []
            )
            self._network.add_name(name)
            self.containers[name] = RunningContainer(
                name, properties, images[name], log, self._around, mounts
            )
        if self._network.mode == "chroot":
            self._state.group_event("SharedNetwork", f"{IN_A_CHROOT}.", "Warning")
        self._publish()

    def _publish(self) -> None:
        """Open the ports on the group's address; a port in use is replaced by a free one."""
        private = self._resource.private
        mapped = []
        for item in private["ports"]:
            address, wanted = private["address"], item["host"]
            try:
                got = self._network.publish(address, wanted, item["container"])
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                    raise
                got = self._network.publish(address, 0, item["container"])
                self._state.group_event(
                    "PortReplaced",
                    f"Port {wanted} of {address} cannot be used ({error.strerror}): port "
                    f"{item['container']} of the containers is at {address}:{got} instead.",
                    "Warning",
                )
            mapped.append({"container": item["container"], "host": got})
        if mapped != private["ports"]:
            self._state.ports(mapped)

    def start(self) -> bool:
        """Start every container; False when one could not be started."""
        started = [running.start() for running in self.containers.values()]
        return all(started)

    def exited(self, name: str, container: Container) -> None:
        """Handle the end of a container; of one that was replaced meanwhile, nothing."""
        running = self.containers.get(name)
        if running is None or running.container is not container:
            return
        running.ended(container, self._resource.private["properties"]["restartPolicy"])
        codes = [item.exit_code for item in self.containers.values()]
        if running.restart_at is None and all(code is not None for code in codes):
            self._state.group(state="Succeeded" if not any(codes) else "Failed")
            self._network.close()

    def until_restart(self) -> float | None:
        """Seconds until the next restart, None when none is due."""
        due = [item.restart_at for item in self.containers.values() if item.restart_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def restart_due(self) -> None:
        """Start again what is to be started again by now."""
        for running in list(self.containers.values()):
            if running.restart_at is not None and running.restart_at <= time.monotonic():
                running.restart()

    def end(self, grace: float) -> dict[str, int]:
        """Stop every container; returns the exit codes of those that ran."""
        codes: dict[str, int] = {}
        threads = []
        for item in self.containers.values():
            if item.container is None:
                continue

            def stop(item: RunningContainer = item, container: Container = item.container) -> None:
                codes[item.name] = container.stop(grace, item.image.stop_signal)

            threads.append(threading.Thread(target=stop, name="stop"))
            threads[-1].start()
        for thread in threads:
            thread.join()
        self._network.close()
        remove_tree(self._folder)
        return codes
