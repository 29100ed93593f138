"""One container group at work: pulls, runs, restarts and stops the containers of a resource."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import logging
import queue
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..containers.errors import SandboxError
from ..containers.sandboxes.container import Container, ContainerSpec, Limits, Mount
from ..containers.sandboxes.machine import IN_A_CHROOT
from ..containers.sandboxes.network import Network
from ..containers.sandboxes.sandbox import Sandbox
from ..errors import CloudError, words_of
from ..operations import IN_PROGRESS
from ..root_folder import RootFolder, remove_tree
from ..store import Resource
from . import logs
from .image import PulledImage, pull
from .state import GroupState

log = logging.getLogger(__name__)

GRACE = 5.0  # seconds between SIGTERM and SIGKILL
FIRST_DELAY, LONGEST_DELAY = 1.0, 60.0  # seconds before a restart: doubled each time
STEADY = 60.0  # seconds after which a container counts as healthy: the delay begins anew


@dataclass
class _Running:
    """One container of the group while the group runs."""

    name: str
    properties: dict[str, Any]
    image: PulledImage
    log: logs.Log
    container: Container | None = None
    started: float = 0.0
    restarts: int = 0
    delay: float = field(default_factory=lambda: FIRST_DELAY)
    restart_at: float | None = None
    exit_code: int | None = None
    mounts: tuple[Mount, ...] = ()


@dataclass
class _Group:
    """What runs of one generation of the resource."""

    state: GroupState
    resource: Resource
    network: Network
    folder: Path
    containers: dict[str, _Running] = field(default_factory=dict)

    @property
    def generation(self) -> str:
        """Which version of the resource this is."""
        return str(self.resource.private["generation"])


class GroupWorker:
    """Does what is asked for one container group, one thing after the other, in its own thread."""

    def __init__(
        self, cloud: Cloud, resource_id: str, predecessor: GroupWorker | None = None
    ) -> None:
        self._cloud = cloud
        self._id = resource_id
        self._predecessor = predecessor  # still cleaning up a group that was deleted
        self._sandbox = Sandbox(cloud)
        self._inbox: queue.Queue[tuple[str, Container | None, str]] = queue.Queue()
        self._group: _Group | None = None
        self._thread = threading.Thread(target=self._work, name=f"group {resource_id}", daemon=True)
        self._thread.start()

    def ask(self, action: str, operation: str = "") -> None:
        """``apply``, ``stop``, ``start``, ``restart``, ``delete`` or ``quit``; returns at once.

        ``operation`` is the id of the long-running operation that ends with it.
        """
        self._inbox.put((action, None, operation))

    @property
    def ended(self) -> bool:
        """Whether it has ended after ``delete`` or ``quit``."""
        return not self._thread.is_alive()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end after ``delete`` or ``quit``."""
        self._thread.join(timeout)

    def _work(self) -> None:
        if self._predecessor is not None:
            self._predecessor.join()
            self._predecessor = None
        while True:
            try:
                action, container, name = self._inbox.get(timeout=self._until_restart())
            except queue.Empty:
                self._restart_due()
                continue
            try:
                if action == "exited":
                    self._exited(name, container)
                elif action in ("delete", "quit"):
                    self._end(GRACE if action == "delete" else 1.0)
                    if action == "delete":
                        logs.forget(self._cloud, self._id)
                    return
                else:
                    self._change(action, operation=name)
            except Exception:
                log.exception("container group %s: %s failed", self._id, action)
                message = f"The local cloud failed to {action} the group; see daemon.log."
                self._fail_whole(message)
                self._cloud.operations.end(name, CloudError(500, "InternalServerError", message))

    def _change(self, action: str, operation: str) -> None:
        """Do what is asked for, and end its operation; what an operation has done is not done again."""
        found = self._cloud.operations.get(operation) if operation else None
        if found is not None and found.status != IN_PROGRESS:
            return
        error: CloudError | None = None
        try:
            if action == "stop":
                self._stop("Stopped")
            else:
                self._apply(again=action != "apply")
        except CloudError as refusal:
            error = refusal
        if operation:
            self._cloud.operations.end(operation, error)

    # -- apply ---------------------------------------------------------------------------------

    def _apply(self, again: bool) -> None:
        """Make the group what its resource says; what runs already only ``again`` when asked.

        Raises :class:`CloudError` when that does not succeed; then its state says so, too.
        """
        resource = self._cloud.store.get(self._id)
        if resource is None or resource.private.get("desired") == "stopped":
            raise CloudError(
                409,
                "OperationPreempted",
                "The operation has been preempted by a more recent one: the container group was "
                f"{'stopped' if resource else 'deleted'}.",
            )
        generation = resource.private["generation"]
        if not again and self._group and self._group.generation == generation:
            return
        state = GroupState(self._cloud, resource)
        state.group(provisioning="Creating", state="Pending")
        complete = resource.private["properties"]
        images: dict[str, PulledImage] = {}
        failed = False
        for item in complete["containers"]:
            image = self._pull(state, item, complete.get("imageRegistryCredentials") or [])
            if image is None:
                failed = True
            else:
                images[item["name"]] = image
        # Only now: what ran before runs while its successor is pulled.
        self._end(GRACE)
        if failed:
            raise self._failed(state)
        try:
            group = self._prepare(state, resource, images)
        except (SandboxError, OSError) as error:
            reason = words_of(error)
            state.group_event("Failed", reason, "Warning")
            for item in complete["containers"]:
                state.event(item["name"], "Failed", reason, "Warning")
                state.container(item["name"], "Waiting", detailStatus=reason)
            raise self._failed(state) from None
        self._group = group
        started = [self._start(group, running) for running in group.containers.values()]
        if not all(started):
            raise self._failed(state)
        state.group(provisioning="Succeeded", state="Running")

    def _failed(self, state: GroupState) -> CloudError:
        state.group(provisioning="Failed", state="Failed")
        return CloudError(
            409,
            "DeploymentFailed",
            f"The container group '{self._id.rpartition('/')[2]}' failed to be provisioned: "
            f"{state.failure()}",
        )

    def _pull(
        self, state: GroupState, item: dict[str, Any], credentials: list[dict[str, Any]]
    ) -> PulledImage | None:
        name, image = item["name"], item["properties"]["image"]
        state.container(name, "Waiting", detailStatus="Pulling")
        state.event(name, "Pulling", f'pulling image "{image}"')
        try:
            pulled = pull(self._cloud, image, credentials)
        except (CloudError, ValueError, OSError) as error:
            message = f'Failed to pull image "{image}": {words_of(error)}'
            state.event(name, "Failed", message, "Warning")
            state.container(name, "Waiting", detailStatus=f"ImagePullBackOff: {message}")
            return None
        state.event(name, "Pulled", f'Successfully pulled image "{image}" ({pulled.digest})')
        return pulled

    def _prepare(
        self, state: GroupState, resource: Resource, images: dict[str, PulledImage]
    ) -> _Group:
        network = Network.create(self._cloud, resource.name)
        folder = Path(tempfile.mkdtemp(prefix="group-", dir=self._cloud.scratch))
        group = _Group(state, resource, network, folder)
        try:
            complete = resource.private["properties"]
            volumes = {volume["name"]: volume for volume in complete.get("volumes") or []}
            for name, volume in volumes.items():
                _fill_volume(folder / name, volume)
            for item in complete["containers"]:
                properties = item["properties"]
                running = _Running(
                    item["name"],
                    properties,
                    images[item["name"]],
                    logs.Log(self._cloud, self._id, item["name"]),
                    mounts=tuple(
                        Mount(folder / m["name"], m["mountPath"], bool(m.get("readOnly")))
                        for m in properties.get("volumeMounts") or []
                    ),
                )
                running.log.clear()
                network.add_name(item["name"])
                group.containers[item["name"]] = running
            if network.mode == "chroot":
                state.group_event("SharedNetwork", f"{IN_A_CHROOT}.", "Warning")
            self._publish(group)
        except BaseException:
            network.close()
            remove_tree(folder)
            raise
        return group

    def _publish(self, group: _Group) -> None:
        """Open the ports on the group's address; a port in use is replaced by a free one."""
        private = group.resource.private
        mapped = []
        for item in private["ports"]:
            address, wanted = private["address"], item["host"]
            try:
                got = group.network.publish(address, wanted, item["container"])
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                    raise
                got = group.network.publish(address, 0, item["container"])
                group.state.group_event(
                    "PortReplaced",
                    f"Port {wanted} of {address} cannot be used ({error.strerror}): port "
                    f"{item['container']} of the containers is at {address}:{got} instead.",
                    "Warning",
                )
            mapped.append({"container": item["container"], "host": got})
        if mapped != private["ports"]:
            group.state.ports(mapped)

    # -- containers --------------------------------------------------------------------------------

    def _start(self, group: _Group, running: _Running) -> bool:
        image, properties = running.image, running.properties
        environment = dict(image.environment)
        for variable in properties.get("environmentVariables") or []:
            value = variable.get("value")
            environment[variable["name"]] = (
                value if value is not None else variable.get("secureValue") or ""
            )
        requests = properties["resources"]["requests"]
        hashed = int(hashlib.sha256(self._id.lower().encode()).hexdigest(), 16)
        spec = ContainerSpec(
            lowers=image.lowers,
            argv=tuple(properties.get("command") or image.argv),
            environment=environment,
            working_dir=image.working_dir,
            user=image.user,
            hostname=f"SandboxHost-{hashed % 10**18:018d}",
            mounts=running.mounts,
            network=group.network,
            platform=image.platform,
            volumes=image.volumes,
            limits=Limits(memory=int(float(requests["memoryInGB"]) * (1 << 30))),
        )
        running.restart_at, running.exit_code = None, None
        try:
            container = self._sandbox.start(spec, running.log.append, f"{running.name}")
        except SandboxError as error:
            group.state.event(running.name, "Failed", f"Error: {error}", "Warning")
            group.state.container(running.name, "Waiting", detailStatus=f"Error: {error}")
            return False
        running.container, running.started = container, time.monotonic()
        group.state.event(running.name, "Created", "Created container")
        group.state.event(running.name, "Started", "Started container")
        group.state.container(
            running.name,
            "Running",
            startTime=timestamps.milliseconds(),
            restartCount=running.restarts,
        )
        threading.Thread(
            target=self._watch, args=(container, running.name), name="watch", daemon=True
        ).start()
        return True

    def _watch(self, container: Container, name: str) -> None:
        container.wait()
        self._inbox.put(("exited", container, name))

    def _exited(self, name: str, container: Container | None) -> None:
        group = self._group
        running = group.containers.get(name) if group else None
        if group is None or running is None or running.container is not container:
            return  # one that was replaced meanwhile
        code = container.exit_code if container is not None else None
        assert code is not None
        running.container, running.exit_code = None, code
        if container is not None and container.refusal:
            group.state.event(name, "Failed", f"Error: {container.refusal}", "Warning")
        outcome = "Completed" if code == 0 else "Error"
        group.state.container(
            name,
            "Terminated",
            exitCode=code,
            finishTime=timestamps.milliseconds(),
            detailStatus=outcome,
        )
        policy = group.resource.private["properties"]["restartPolicy"]
        if policy == "Always" or (policy == "OnFailure" and code != 0):
            if time.monotonic() - running.started > STEADY:
                running.delay = FIRST_DELAY
            running.restart_at = time.monotonic() + running.delay
            group.state.event(
                name, "BackOff", f"Back-off restarting container; exit code {code}", "Warning"
            )
            running.delay = min(running.delay * 2, LONGEST_DELAY)
            return
        codes = [item.exit_code for item in group.containers.values()]
        if all(code is not None for code in codes):
            group.state.group(state="Succeeded" if not any(codes) else "Failed")
            group.network.close()

    def _until_restart(self) -> float | None:
        """Seconds until the next restart, None when none is due."""
        due = [
            item.restart_at
            for item in (self._group.containers.values() if self._group else ())
            if item.restart_at is not None
        ]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _restart_due(self) -> None:
        group = self._group
        for running in list(group.containers.values()) if group else ():
            if running.restart_at is not None and running.restart_at <= time.monotonic():
                assert group is not None
                running.restarts += 1
                if not self._start(group, running):
                    running.restart_at = time.monotonic() + running.delay

    # -- the end -----------------------------------------------------------------------------------

    def _stop(self, state: str) -> None:
        group = self._group
        resource = self._cloud.store.get(self._id)
        names = list(group.containers) if group else []
        ended = self._end(GRACE)
        if resource is None:
            return
        current = GroupState(self._cloud, resource)
        for name in names:
            current.event(name, "Killing", "Killing container")
            code = ended.get(name)
            if code is not None:
                current.container(
                    name,
                    "Terminated",
                    exitCode=code,
                    finishTime=timestamps.milliseconds(),
                    detailStatus="Stopped",
                )
        current.group(provisioning="Succeeded", state=state)

    def _end(self, grace: float) -> dict[str, int]:
        """Stop every container; returns the exit codes of those that ran."""
        group, self._group = self._group, None
        if group is None:
            return {}
        codes: dict[str, int] = {}
        threads = []
        for item in group.containers.values():
            if item.container is None:
                continue

            def stop(item: _Running = item, container: Container = item.container) -> None:
                codes[item.name] = container.stop(grace, item.image.stop_signal)

            threads.append(threading.Thread(target=stop, name="stop"))
            threads[-1].start()
        for thread in threads:
            thread.join()
        group.network.close()
        remove_tree(group.folder)
        return codes

    def _fail_whole(self, message: str) -> None:
        with contextlib.suppress(Exception):
            resource = self._cloud.store.get(self._id)
            if resource is not None:
                state = GroupState(self._cloud, resource)
                state.group_event("Failed", message, "Warning")
                state.group(provisioning="Failed", state="Failed")


def _fill_volume(folder: Path, volume: dict[str, Any]) -> None:
    """An empty directory, or one with a file for each secret: whoever a container runs as may use it.

    Above it is a folder of this user alone.
    """
    folder.mkdir(mode=0o755)
    folder.chmod(0o755 if volume.get("secret") else 0o777)
    with RootFolder(folder) as opened:
        for key, value in (volume.get("secret") or {}).items():
            opened.write(key, base64.b64decode(value), 0o644)
