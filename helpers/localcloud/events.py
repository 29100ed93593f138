"""What the services of the local cloud tell one another, through the outbox: what happened."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


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
class ManifestPut(Event):
    """Somebody has put a manifest into a repository, by tag or by digest, whether it is new or not.

    It is told where there are webhooks; a tag that moves is a :class:`ManifestPushed` in any case.

    ``actions`` are those of webhooks that this is: ``quarantine`` and ``push``; of an image that is in
    quarantine the first alone, of one that leaves it the second. ``manifest`` is what is known of it:
    digest, tags (by which it was put), mediaType, size (bytes of the manifest), configMediaType,
    annotations (title and version). ``request`` is who asked for it: id, host, method, useragent.
    """

    registry: str
    repository: str
    manifest: dict[str, Any]
    request: dict[str, str]
    actions: list[str] = field(default_factory=lambda: ["quarantine", "push"])
    put: float = field(default_factory=time.time, compare=False)  # seconds since 1970


@dataclass(frozen=True)
class ManifestsDeleted(Event):
    """Manifests of a repository are gone; what nothing refers to any more may go, too.

    ``manifests`` and ``request`` are as those of :class:`ManifestPut`, with all tags that they had; told
    where there are webhooks.
    """

    registry: str
    repository: str
    manifests: list[dict[str, Any]] = field(default_factory=list)
    request: dict[str, str] = field(default_factory=dict)
    deleted: float = field(default_factory=time.time, compare=False)  # seconds since 1970


@dataclass(frozen=True)
class ExpiryRecorded(Event):
    """Some content of a registry goes by itself, now."""

    registry: str


@dataclass(frozen=True)
class WebhookPinged(Event):
    """Somebody has asked a webhook to call its receiver."""

    resource_id: str


@dataclass(frozen=True)
class BranchPushed(Event):
    """A branch of a git repository moved to ``commit``."""

    repository_url: str  # https://github.com/OWNER/NAME
    branch: str
    commit: str
    previous: str | None


EVENTS = tuple(Event.__subclasses__())
