"""The event bus: how the services of the local cloud tell one another what happened."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

log = logging.getLogger(__name__)

Event = TypeVar("Event")


@dataclass(frozen=True)
class RunQueued:
    """A run was recorded with status Queued; the task engine picks it up."""

    run_key: str


@dataclass(frozen=True)
class RunCancelled:
    """Somebody asked for the run to stop."""

    run_key: str


@dataclass(frozen=True)
class RunFinished:
    """A run reached a final status."""

    run_key: str


@dataclass(frozen=True)
class ContainerGroupChanged:
    """A container group was created, updated, stopped, started or restarted (``action``)."""

    resource_id: str
    action: str  # "apply" | "stop" | "start" | "restart"


@dataclass(frozen=True)
class ResourceDeleted:
    """A resource is gone from the store; whoever holds something for it lets go."""

    resource_id: str
    type: str


@dataclass(frozen=True)
class ManifestPushed:
    """A tag of a repository now names ``digest``; ``previous`` is what it named before."""

    registry: str  # login server: acmerockets.azurecr.io, docker.io
    repository: str
    tag: str
    digest: str
    previous: str | None


@dataclass(frozen=True)
class BranchPushed:
    """A branch of a git repository moved to ``commit``."""

    repository_url: str  # https://github.com/OWNER/NAME
    branch: str
    commit: str
    previous: str | None


class EventBus:
    """Publish and subscribe by event class; handlers run one at a time, in order, off-thread.

    What must survive a restart is in the store before the event is published: an event is a
    wake-up call, never the only record.
    """

    def __init__(self) -> None:
        self._handlers: dict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="events")

    def subscribe(self, kind: type[Event], handler: Callable[[Event], None]) -> None:
        """Call ``handler`` with every later event of class ``kind``."""
        with self._lock:
            self._handlers[kind].append(handler)

    def publish(self, event: object) -> None:
        """Hand ``event`` to its subscribers; returns at once."""
        with self._lock:
            handlers = list(self._handlers[type(event)])
        for handler in handlers:
            self._pool.submit(self._deliver, handler, event)

    @staticmethod
    def _deliver(handler: Callable[[Any], None], event: object) -> None:
        try:
            handler(event)
        except Exception:
            log.exception("handler of %s failed", type(event).__name__)

    def close(self) -> None:
        """Deliver what is waiting, then stop."""
        self._pool.shutdown(wait=True)
