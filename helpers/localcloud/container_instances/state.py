"""What a container group's resource tells about its containers: states, events, restarts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..store import Resource

OPERATION = "containerGroups"  # kind of its long-running operations, before "/" and the action
EVENTS_KEPT = 50


class GroupState:
    """Writes into the stored resource, as long as it is of the generation that it was made for.

    A group that was changed or deleted meanwhile is left alone: whoever changed it knows better.
    """

    def __init__(self, cloud: Cloud, resource: Resource) -> None:
        self._cloud = cloud
        self._id = resource.id
        self._generation = resource.private["generation"]

    def write(self, change: Callable[[dict[str, Any]], None]) -> bool:
        """Apply ``change`` to the properties; False when the group is not the same any more."""
        with self._cloud.store.transaction():
            resource = self._cloud.store.get(self._id)
            if resource is None or resource.private.get("generation") != self._generation:
                return False
            change(resource.properties)
            self._cloud.store.put(resource)
        return True

    def group(self, *, provisioning: str | None = None, state: str | None = None) -> None:
        """Set the provisioning state and the state of the group."""

        def change(properties: dict[str, Any]) -> None:
            if provisioning is not None:
                properties["provisioningState"] = provisioning
            if state is not None:
                properties.setdefault("instanceView", {"events": []})["state"] = state

        self.write(change)

    def group_event(self, name: str, message: str, kind: str = "Normal") -> None:
        """Add an event of the group."""
        self.write(
            lambda properties: _add_event(
                properties.setdefault("instanceView", {"events": []}), name, message, kind
            )
        )

    def event(self, container: str, name: str, message: str, kind: str = "Normal") -> None:
        """Add an event of a container; the same one again only counts up."""
        self.write(lambda properties: _add_event(_view(properties, container), name, message, kind))

    def container(self, container: str, state: str, **details: Any) -> None:
        """Set the current state of a container; what it was becomes the previous one.

        ``details``: startTime, finishTime, exitCode, detailStatus, restartCount.
        """

        def change(properties: dict[str, Any]) -> None:
            view = _view(properties, container)
            if "restartCount" in details:
                view["restartCount"] = details.pop("restartCount")
            before = view.get("currentState")
            current = {"state": state, "detailStatus": "", **details}
            if state == "Terminated" and before and "startTime" in before:
                current.setdefault("startTime", before["startTime"])
            if before and before["state"] == "Terminated" and state != "Terminated":
                view["previousState"] = copy.deepcopy(before)
            view["currentState"] = current

        self.write(change)

    def failure(self) -> str:
        """What has gone wrong, in the words of the newest warning of group and containers."""
        resource = self._cloud.store.get(self._id)
        if resource is None:
            return "it was deleted"
        containers = [item["properties"] for item in containers_of(resource.properties)]
        views = [one.get("instanceView") or {} for one in (resource.properties, *containers)]
        warnings = [
            event
            for view in views
            for event in view.get("events") or []
            if event["type"] == "Warning"
        ]
        newest = max(warnings, key=lambda event: str(event["lastTimestamp"]), default=None)
        return str(newest["message"]) if newest else "a container could not be started"

    def ports(self, mapped: list[dict[str, int]]) -> None:
        """Say on which ports of its address the group really is."""
        with self._cloud.store.transaction():
            resource = self._cloud.store.get(self._id)
            if resource is None or resource.private.get("generation") != self._generation:
                return
            resource.private["ports"] = mapped
            resource.properties["ipAddress"]["ports"] = [
                {"protocol": "TCP", "port": item["host"]} for item in mapped
            ]
            self._cloud.store.put(resource)


def containers_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """The init containers of a group, and its containers."""
    return [*(properties.get("initContainers") or []), *properties["containers"]]


def requested(properties: dict[str, Any]) -> tuple[float, float]:
    """The CPUs and the memory, in GB, that the containers of a group ask for together."""
    asked = [item["properties"]["resources"]["requests"] for item in properties["containers"]]
    return sum(float(one["cpu"]) for one in asked), sum(float(one["memoryInGB"]) for one in asked)


def _view(properties: dict[str, Any], container: str) -> dict[str, Any]:
    for item in containers_of(properties):
        if item["name"] == container:
            view: dict[str, Any] = item["properties"].setdefault(
                "instanceView", {"restartCount": 0, "events": []}
            )
            return view
    raise KeyError(container)


def _add_event(view: dict[str, Any], name: str, message: str, kind: str) -> None:
    events = view.setdefault("events", [])
    time = timestamps.milliseconds()
    for event in events:
        if (event["name"], event["message"]) == (name, message):
            event["count"] += 1
            event["lastTimestamp"] = time
            return
    events.append(
        {
            "count": 1,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "name": name,
            "message": message,
            "type": kind,
        }
    )
    del events[:-EVENTS_KEPT]
