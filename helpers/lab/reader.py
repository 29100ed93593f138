"""Read through the SDK what the lab shows: the same calls on both clouds, each of them bounded."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

from ..clouds import Connection
from ..display import SiteError, plain, site
from ..run import bases_of, time_of, trigger_of
from ..settings import Settings, login_server_of
from .state import Dependency, Image, RegistryState, RunState, SiteState, TagState, TaskState

RUNS = 500  # of a registry, the newest
REPOSITORIES = 100  # of a registry
TAGS = 200  # of a repository, those that were moved last


class Reader:
    """Reads what the settings name, piece by piece."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._clients = connection.clients
        self._settings = settings

    def registry(self, name: str, most: int = RUNS) -> RegistryState | None:
        """A registry with all that is in it, but of its runs only so many; None when there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        group, server = self._settings.group_of(name), login_server_of(name)
        try:
            # Not asked for itself: importing what is made for that takes a quarter of a second.
            tasks, runs = self.tasks(name), self.runs(name, most)
            return RegistryState(name, group, server, tasks, runs, self.tags(server))
        except ResourceNotFoundError:  # also: it was deleted while it was read
            return None

    def tasks(self, registry: str) -> tuple[TaskState, ...]:
        """The tasks of a registry, by name."""
        group = self._settings.group_of(registry)
        found = self._clients.tasks.tasks.list(group, registry)
        return tuple(sorted(map(_task, found), key=lambda one: one.name))

    def runs(self, registry: str, most: int = RUNS) -> tuple[RunState, ...]:
        """The newest runs of a registry, the newest first."""
        group = self._settings.group_of(registry)
        found = self._clients.tasks.runs.list(group, registry, top=most)
        return tuple(_run(one, group, registry) for one in islice(found, most))

    def run(self, registry: str, run_id: str) -> RunState | None:
        """One run; None when it is gone, with its registry."""
        from azure.core.exceptions import ResourceNotFoundError

        group = self._settings.group_of(registry)
        try:
            return _run(self._clients.tasks.runs.get(group, registry, run_id), group, registry)
        except ResourceNotFoundError:
            return None

    def tags(self, login_server: str) -> Mapping[str, TagState]:
        """The tags of a registry by ``repository:tag``."""
        names = islice(self._clients.registry(login_server).list_repository_names(), REPOSITORIES)
        found: dict[str, TagState] = {}
        for repository in names:
            found.update(self.tags_of(login_server, repository))
        return MappingProxyType(found)

    def tag(self, login_server: str, repository: str, name: str) -> TagState | None:
        """One tag; None when it is gone."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            found = self._clients.registry(login_server).get_tag_properties(repository, name)
        except ResourceNotFoundError:
            return None
        return TagState(repository, name, str(found.digest), found.last_updated_on)

    def tags_of(self, login_server: str, repository: str) -> dict[str, TagState]:
        """The tags of a repository by ``repository:tag``; none when it is gone."""
        from azure.containerregistry import ArtifactTagOrder
        from azure.core.exceptions import ResourceNotFoundError

        client = self._clients.registry(login_server)
        order = ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING
        tags: dict[str, TagState] = {}
        try:
            for one in islice(client.list_tag_properties(repository, order_by=order), TAGS):
                tag = TagState(repository, str(one.name), str(one.digest), one.last_updated_on)
                tags[tag.name] = tag
        except ResourceNotFoundError:
            return {}
        return tags

    def site(self) -> SiteState | None:
        """The container instance with its page, or None when there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        settings = self._settings
        try:
            group = self._clients.container_instances.container_groups.get(
                settings.instance_group, settings.instance
            )
        except ResourceNotFoundError:
            return None
        address = group.ip_address
        url = f"http://{address.ip}:{address.ports[0].port}/" if address and address.ip else ""
        provisioning = plain(group.provisioning_state)
        view = plain(group.instance_view.state) if group.instance_view else ""
        state = view if provisioning in ("Succeeded", "Failed") and view else provisioning
        color = version = ""
        if url and state == "Running":
            try:
                page = site(url, timeout=0)
                color, version = page.color, page.version
            except SiteError:
                pass  # not yet: the program in the container has still to begin
        return SiteState(url, str(group.containers[0].image), state, color, version)


def _task(task: Any) -> TaskState:
    dependencies = (task.step.base_image_dependencies if task.step else None) or []
    return TaskState(
        str(task.name),
        plain(task.status) == "Enabled",
        tuple(
            Dependency(str(one.registry), str(one.repository), one.tag or "", one.digest or "")
            for one in dependencies
        ),
    )


def _run(run: Any, group: str, registry: str) -> RunState:
    updated = [one.digest for one in bases_of(run) if one.digest]
    return RunState(
        run_id=str(run.run_id),
        registry=registry,
        group=group,
        task=run.task or "",
        status=plain(run.status),
        trigger=trigger_of(run),
        created=time_of(run.create_time),
        started=time_of(run.start_time),
        finished=time_of(run.finish_time),
        error=run.run_error_message or "",
        images=tuple(
            Image(str(one.repository), one.tag or "", one.digest or "")
            for one in run.output_images or []
        ),
        commit=(run.source_trigger.commit_id or "") if run.source_trigger else "",
        updated_digest=updated[0] if updated else "",
    )
