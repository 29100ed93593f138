"""Azure Container Instances: a worker that makes container groups what their resources say."""

from __future__ import annotations

import threading

from ..cloud import Cloud
from ..containers.sandboxes.sandbox import sweep
from ..events import ContainerGroupChanged, ResourceDeleted
from ..resource_types import CONTAINER_GROUP_TYPE
from .bridge import app
from .group import GroupWorker
from .state import OPERATION

__all__ = ["Worker", "app", "start"]

PATIENCE = 15.0  # seconds for all containers to end


class Worker:
    """Runs the container groups of a cloud: those of the store, and those that events tell of."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._groups: dict[str, GroupWorker] = {}
        self._leaving: dict[str, GroupWorker] = {}  # groups that were deleted a moment ago
        self._lock = threading.Lock()
        self._stopped = False

    def resume(self) -> None:
        """Carry on what was going on when the daemon ended, and start again what ran."""
        changing = set()
        for operation in self._cloud.operations.going_on():
            kind, _, action = operation.kind.partition("/")
            if kind == OPERATION:
                changing.add(operation.resource_id.lower())
                self._ask(operation.resource_id, action, operation.id)
        for resource in self._cloud.store.find(type=CONTAINER_GROUP_TYPE):
            state = resource.properties.get("instanceView", {}).get("state")
            running = resource.private.get("desired") == "running" and resource.key not in changing
            if running and state in ("Pending", "Running"):
                self._ask(resource.id, "apply")

    def changed(self, event: ContainerGroupChanged) -> None:
        """A container group was created, updated, stopped, started or restarted."""
        self._ask(event.resource_id, event.action, event.operation)

    def deleted(self, event: ResourceDeleted) -> None:
        """A resource is gone; its containers go, too."""
        if event.type.lower() == CONTAINER_GROUP_TYPE.lower():
            self._ask(event.resource_id, "delete")

    def _ask(self, resource_id: str, action: str, operation: str = "") -> None:
        key = resource_id.lower()
        with self._lock:
            if self._stopped:
                return
            for gone in [name for name, group in self._leaving.items() if group.ended]:
                del self._leaving[gone]
            if key not in self._groups:
                self._groups[key] = GroupWorker(self._cloud, resource_id, self._leaving.get(key))
            self._groups[key].ask(action, operation)
            if action == "delete":
                self._leaving[key] = self._groups.pop(key)

    def stop(self) -> None:
        """Kill every container; what should run is started again with the next daemon."""
        with self._lock:
            self._stopped = True
            groups = list(self._groups.values())
            leaving = list(self._leaving.values())
            self._groups.clear()
        for group in groups:
            group.ask("quit")
        for group in (*groups, *leaving):
            group.join(PATIENCE)


def start(cloud: Cloud) -> Worker:
    """Start the worker, and the groups that should run."""
    sweep(cloud)
    worker = Worker(cloud)
    worker.resume()
    cloud.outbox.subscribe(
        "container groups",
        {ContainerGroupChanged: worker.changed, ResourceDeleted: worker.deleted},
        slow=True,
    )
    return worker
