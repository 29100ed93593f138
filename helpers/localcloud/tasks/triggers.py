"""What starts a run by itself: a commit, an update of a base image, the clock.

Source: documentation "About ACR Tasks" and "Base image updates"; Azure/acr docs/tasks/triggers.
An event is handled and its runs are recorded in one transaction: a run starts once for each event,
also when the daemon is killed in between.
"""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from .. import timestamps
from ..cloud import Cloud
from ..errors import CloudError
from ..events import BranchPushed, ManifestPushed
from ..reference import DOCKER_HUB, DOCKER_HUB_SCANNED
from ..resource_types import TASK_TYPE
from ..store import Resource
from .definitions.image_names import ImageName
from .runs import Run, Runs
from .schedule import Schedule, ScheduleError

log = logging.getLogger(__name__)


class Triggers:
    """Listens for events and to the clock, and queues the runs that follow."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._runs = Runs(cloud)
        self._stopping = threading.Event()
        self._clock = threading.Thread(target=self._tick, name="timer triggers", daemon=True)

    def start(self) -> None:
        """Handle what waits from before, then whatever happens."""
        self._cloud.outbox.subscribe(
            "triggers", {BranchPushed: self._commit, ManifestPushed: self._image_update}
        )
        self._clock.start()

    def stop(self) -> None:
        """Listen to the clock no more."""
        self._stopping.set()

    def _tasks(self) -> Iterator[tuple[Resource, dict[str, Any]]]:
        """Enabled tasks of all registries, with their complete properties."""
        for task in self._cloud.store.find(type=TASK_TYPE):
            properties = task.private["properties"]
            if properties.get("status") == "Enabled":
                yield task, properties

    def _start(
        self, wanted: Callable[[Resource, dict[str, Any]], list[dict[str, Any]]]
    ) -> list[Run]:
        """Queue the runs that ``wanted`` tells of each task; one that cannot be read stops no other."""
        queued: list[Run] = []
        for task, properties in self._tasks():
            try:
                triggers = wanted(task, properties)
            except Exception:
                log.exception("the triggers of %s", task.id)
                continue
            for trigger in triggers:
                queued += self._queue(task, trigger)
        return queued

    def _queue(self, task: Resource, trigger: dict[str, Any]) -> list[Run]:
        registry = self._cloud.store.get(task.parent)
        if registry is None:
            return []
        request = {"type": "TaskRunRequest", "taskId": task.id}
        try:
            return [self._runs.queue(registry, request, task, trigger)]
        except CloudError as error:
            log.warning("%s was not started by its trigger: %s", task.id, error.message)
            return []

    # -- commits -----------------------------------------------------------------------------

    def _commit(self, event: BranchPushed) -> None:
        def wanted(_: Resource, properties: dict[str, Any]) -> list[dict[str, Any]]:
            sources = (properties.get("trigger") or {}).get("sourceTriggers") or []
            if not any(_listens(source, event) for source in sources):
                return []
            return [
                {
                    "sourceTrigger": {
                        "id": str(uuid.uuid4()),
                        "eventType": "Commit",
                        "commitId": event.commit,
                        "branchName": event.branch,
                        "repositoryUrl": event.repository_url,
                        "providerType": "Github",
                    }
                }
            ]

        self._start(wanted)

    # -- base images -------------------------------------------------------------------------

    def _image_update(self, event: ManifestPushed) -> None:
        if event.previous == event.digest:
            return
        hub = event.registry == DOCKER_HUB
        image = {
            "registry": DOCKER_HUB_SCANNED if hub else event.registry,
            "repository": event.repository,
            "tag": event.tag,
            "digest": event.digest,
        }

        def wanted(task: Resource, properties: dict[str, Any]) -> list[dict[str, Any]]:
            base_image = (properties.get("trigger") or {}).get("baseImageTrigger") or {}
            if base_image.get("status") != "Enabled":
                return []
            kinds = ["RunTime"]
            if base_image.get("baseImageTriggerType") == "All":
                kinds.append("BuildTime")
            tracked = (properties.get("step") or {}).get("baseImageDependencies") or []
            named = [one for one in tracked if one["type"] in kinds and tracks(one, event)]
            changed = any(one.get("digest") != event.digest for one in named)
            moved = bool(named) and event.previous is not None
            if not changed and (not moved or self._is_built(task)):
                return []
            update = {
                "id": str(uuid.uuid4()),
                "timestamp": timestamps.microseconds(event.pushed),
                "images": [image],
            }
            return [{"imageUpdateTrigger": update}]

        self._start(wanted)

    def _is_built(self, task: Resource) -> bool:
        """Whether the newest run of a task is the one whose base images it tracks.

        Else a tag that goes back to the tracked digest is an update: a run on what it named in
        between has failed, or is not over yet.
        """
        newest = self._runs.newest(task.parent, task.name)
        return newest is None or newest.status == "Succeeded"

    # -- timers ------------------------------------------------------------------------------

    def _tick(self) -> None:
        while True:
            now = datetime.now(timezone.utc)
            following = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            if self._stopping.wait((following - now).total_seconds()):
                return
            try:
                self.fire(following)
            except Exception:
                log.exception("timer triggers of %s failed", following)

    def fire(self, minute: datetime) -> list[Run]:
        """Queue the runs whose timer is due at ``minute`` (UTC, no seconds); each only once."""
        with self._cloud.store.transaction() as connection:

            def wanted(task: Resource, properties: dict[str, Any]) -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = []
                for timer in (properties.get("trigger") or {}).get("timerTriggers") or []:
                    if timer.get("status") != "Enabled" or not due(timer["schedule"], minute):
                        continue
                    fresh = connection.execute(
                        "INSERT OR IGNORE INTO timer_occurrences VALUES (?,?,?)",
                        (task.key, timer["name"], minute.isoformat()),
                    ).rowcount
                    if fresh:
                        occurrence = timestamps.seconds(minute)
                        named = {"timerTriggerName": timer["name"]}
                        found.append({"timerTrigger": {**named, "scheduleOccurrence": occurrence}})
                return found

            queued = self._start(wanted)
            # As far as a clock that is set back may go and start nothing again.
            past = (minute - timedelta(days=1)).isoformat()
            connection.execute("DELETE FROM timer_occurrences WHERE occurrence<?", (past,))
        return queued


def due(schedule: str, minute: datetime) -> bool:
    """Whether a schedule of five fields, in UTC, names this minute."""
    try:
        return Schedule.parse(schedule).names(minute)
    except ScheduleError:
        return False


def tracks(tracked: dict[str, str], event: ManifestPushed) -> bool:
    """Whether a push is of a tag that a base image of the last run is tracked by."""
    name = ImageName(tracked["registry"], tracked["repository"], tracked.get("tag", ""), "")
    pushed = ImageName(event.registry, event.repository, event.tag, "")
    return bool(name.tag) and name.key == pushed.key


def _listens(source: dict[str, Any], event: BranchPushed) -> bool:
    repository = source["sourceRepository"]
    url, _, named = str(repository.get("repositoryUrl") or "").partition("#")
    branch = repository.get("branch") or named.partition(":")[0] or "main"
    return (
        source.get("status") == "Enabled"
        and "commit" in [str(one).lower() for one in source.get("sourceTriggerEvents") or []]
        and re.sub(r"(\.git)?/?$", "", url).lower() == event.repository_url.lower()
        and branch == event.branch
    )
