"""What the lab shows of the cloud, as it was seen at one moment: plain values, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from ..localcloud.run_statuses import FINAL


class Image(NamedTuple):
    """An image that a run pushed. ``tag`` is '' for one that was pushed by its digest alone."""

    repository: str
    tag: str
    digest: str


class Dependency(NamedTuple):
    """A base image of a task; ``registry`` is a login server, ``tag`` '' where a digest names it."""

    registry: str
    repository: str
    tag: str
    digest: str


@dataclass(frozen=True)
class TagState:
    """What a tag names. ``updated``: when it was moved last."""

    repository: str
    tag: str
    digest: str
    updated: datetime | None = None

    @property
    def name(self) -> str:
        """``repository:tag``."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class RunState:
    """A run of a task, ``task`` '' for a quick run.

    ``trigger``: ``Commit``, ``Image Update``, ``Timer`` or ``Manual``. ``commit`` is the one that
    started it, ``updated_digest`` that of the base image that did; '' for any other trigger.
    """

    run_id: str
    registry: str
    group: str
    task: str
    status: str
    trigger: str
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    error: str = ""
    images: tuple[Image, ...] = ()
    commit: str = ""
    updated_digest: str = ""

    @property
    def is_over(self) -> bool:
        """Whether its status is final."""
        return self.status in FINAL


@dataclass(frozen=True)
class TaskState:
    """A task, and the base images that its last successful run was built on."""

    name: str
    enabled: bool
    depends_on: tuple[Dependency, ...] = ()


@dataclass(frozen=True)
class RegistryState:
    """A registry: its tasks by name, its runs (the newest first), its tags by ``repository:tag``."""

    name: str
    group: str
    login_server: str
    tasks: tuple[TaskState, ...] = ()
    runs: tuple[RunState, ...] = ()
    tags: Mapping[str, TagState] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class SiteState:
    """The container instance, and what its page says of itself; '' as long as it does not answer.

    ``state``: of the container group, as Azure names it (``Running``); while a deployment goes on,
    its provisioning state (``Creating``).
    """

    url: str
    image: str
    state: str
    color: str = ""
    version: str = ""


@dataclass(frozen=True)
class CloudState:
    """The registries that are there, in the order of the workflow, and the site, if there is one.

    ``problem`` is '' or one sentence with the next step: why the cloud cannot be seen at present.
    What was ``seen`` last stays as it was.
    """

    registries: tuple[RegistryState, ...]
    site: SiteState | None
    seen: datetime
    problem: str = ""

    def registry(self, name: str) -> RegistryState | None:
        """The registry of that name in any case, or None."""
        wanted = name.lower()
        return next((one for one in self.registries if one.name.lower() == wanted), None)
