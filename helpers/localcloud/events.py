"""What the services of the local cloud tell one another, through the outbox: what happened."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


class Event:
    """Something that happened. The names of its fields are what the outbox keeps of it."""


@dataclass(frozen=True)
class RunQueued(Event):
    """A run was recorded with status Queued; the task engine picks it up."""

    run_key: str


@dataclass(frozen=True)
class RunCancelled(Event):
    """Somebody asked for the run to stop."""

    run_key: str


@dataclass(frozen=True)
class ContainerGroupChanged(Event):
    """A container group was created, updated, stopped, started or restarted (``action``)."""

    resource_id: str
    action: str  # "apply" | "stop" | "start" | "restart"
    operation: str = ""  # the id of the long-running operation that it belongs to


@dataclass(frozen=True)
class ResourceDeleted(Event):
    """A resource is gone from the store; whoever holds something for it lets go."""

    resource_id: str
    type: str


@dataclass(frozen=True)
class ManifestPushed(Event):
    """A tag of a repository now names ``digest``; ``previous`` is what it named before."""

    registry: str  # login server: acmerockets.azurecr.io, docker.io
    repository: str
    tag: str
    digest: str
    previous: str | None
    pushed: float = field(default_factory=time.time, compare=False)  # seconds since 1970


@dataclass(frozen=True)
class ManifestsDeleted(Event):
    """Manifests of a repository are gone; what nothing refers to any more may go, too."""

    registry: str
    repository: str


@dataclass(frozen=True)
class BranchPushed(Event):
    """A branch of a git repository moved to ``commit``."""

    repository_url: str  # https://github.com/OWNER/NAME
    branch: str
    commit: str
    previous: str | None


EVENTS = tuple(Event.__subclasses__())
