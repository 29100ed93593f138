"""One container group at work: pulls, runs, restarts and stops the containers of a resource."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..containers.errors import SandboxError
from ..containers.sandboxes.container import Container
from ..containers.sandboxes.sandbox import Sandbox
from ..errors import CloudError, words_of
from ..identities import Identities, IdentityError
from ..operations import IN_PROGRESS
from ..principals import Principal
from ..store import Resource
from . import logs
from .image import PulledImage, pull
from .running_container import GRACE
from .running_group import Fetched, RunningGroup
from .secret_references import SecretReferenceError, values_of, with_passwords
from .state import GroupState, containers_of

log = logging.getLogger(__name__)


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
        self._group: RunningGroup | None = None
        # While init containers run: the operation that ends with them, or '' where there is none.
        self._pending: str | None = None
        self._thread = threading.Thread(target=self._work, name=f"group {resource_id}", daemon=True)
        self._thread.start()

    def ask(self, action: str, operation: str = "") -> None:
        """``apply``, ``stop``, ``start``, ``restart``, ``delete`` or ``quit``; returns at once.

        ``operation`` is the id of the long-running operation that ends with it.
        """
        self._inbox.put((action, None, operation))

    def _exited(self, container: Container, name: str) -> None:
        self._inbox.put(("exited", container, name))

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
                    if self._group is not None and container is not None:
                        self._group.exited(name, container)
                        self._settle()
                elif action in ("delete", "quit"):
                    if action == "delete":
                        self._preempt("deleted")
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
                if self._group is not None and self._group.initializing:
                    self._pending = operation
                    return
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
            raise _preempted("stopped" if resource else "deleted")
        generation = resource.private["generation"]
        if not again and self._group and self._group.generation == generation:
            return
        state = GroupState(self._cloud, resource)
        state.group(provisioning="Creating", state="Pending")
        complete = resource.private["properties"]
        fetched = self._fetch(state, resource)
        # Only now: what ran before runs while its successor is pulled.
        self._preempt("changed")
        self._end(GRACE)
        if fetched is None:
            raise self._failed(state)
        try:
            group = RunningGroup(self._cloud, self._sandbox, state, resource, fetched, self._exited)
        except (SandboxError, OSError) as error:
            reason = words_of(error)
            state.group_event("Failed", reason, "Warning")
            for item in complete["containers"]:
                state.event(item["name"], "Failed", reason, "Warning")
                state.container(item["name"], "Waiting", detailStatus=reason)
            raise self._failed(state) from None
        self._group = group
        group.start()
        if group.failed:
            raise self._failed(state)
        if not group.initializing:
            state.group(provisioning="Succeeded", state="Running")

    def _settle(self) -> None:
        """When the init containers have ended, so has the operation that they were a part of."""
        group = self._group
        if self._pending is None or group is None or group.initializing:
            return
        error: CloudError | None = None
        if group.failed:
            error = self._failed(group.state)
        else:
            group.state.group(provisioning="Succeeded", state="Running")
        operation, self._pending = self._pending, None
        if operation:
            self._cloud.operations.end(operation, error)

    def _preempt(self, how: str) -> None:
        """End the operation that waits for init containers: the group was changed meanwhile."""
        operation, self._pending = self._pending, None
        if operation:
            self._cloud.operations.end(operation, _preempted(how))

    def _failed(self, state: GroupState) -> CloudError:
        state.group(provisioning="Failed", state="Failed")
        return CloudError(
            409,
            "DeploymentFailed",
            f"The container group '{self._id.rpartition('/')[2]}' failed to be provisioned: "
            f"{state.failure()}",
        )

    def _fetch(self, state: GroupState, resource: Resource) -> Fetched | None:
        """The secrets and images that the group refers to; None where one of them cannot be had."""
        complete = resource.private["properties"]
        assigned = Identities.of(self._cloud.principals, resource.body)

        def principal_of(identity: str) -> Principal | None:
            with contextlib.suppress(IdentityError):
                return assigned.chosen(resource_id=identity)
            return None

        try:
            secrets = values_of(self._cloud, complete.get("secretReferences") or [], principal_of)
        except SecretReferenceError as error:
            state.group_event("Failed", str(error), "Warning")
            for item in containers_of(complete):
                state.container(item["name"], "Waiting", detailStatus=f"Error: {error}")
            return None
        credentials = with_passwords(complete.get("imageRegistryCredentials") or [], secrets)
        pulled = {
            item["name"]: self._pull(state, item, credentials) for item in containers_of(complete)
        }
        images = {name: image for name, image in pulled.items() if image is not None}
        return Fetched(images, secrets) if len(images) == len(pulled) else None

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

    # -- containers --------------------------------------------------------------------------------

    def _until_restart(self) -> float | None:
        return self._group.until_restart() if self._group is not None else None

    def _restart_due(self) -> None:
        if self._group is not None:
            self._group.restart_due()

    # -- the end -----------------------------------------------------------------------------------

    def _stop(self, state: str) -> None:
        group = self._group
        resource = self._cloud.store.get(self._id)
        names = list(group.containers) if group else []
        self._preempt("stopped")
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
        return group.end(grace) if group is not None else {}

    def _fail_whole(self, message: str) -> None:
        with contextlib.suppress(Exception):
            resource = self._cloud.store.get(self._id)
            if resource is not None:
                state = GroupState(self._cloud, resource)
                state.group_event("Failed", message, "Warning")
                state.group(provisioning="Failed", state="Failed")


def _preempted(how: str) -> CloudError:
    return CloudError(
        409,
        "OperationPreempted",
        f"The operation has been preempted by a more recent one: the container group was {how}.",
    )
