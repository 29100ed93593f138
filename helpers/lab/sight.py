"""What is known of the cloud: read once, then kept up to date change by change."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from types import MappingProxyType

from ..clouds import Connection
from ..localcloud.changes import Change
from ..settings import Settings
from .reader import RUNS, Reader
from .state import RegistryState, RunState, SiteState

_SINGLE = 8  # runs and tags that are read one by one; of more, the newest are listed
_RECENT = 50  # runs that are read at first, and again with everything
_PATIENCE = 30.0  # seconds in which the program of a container that runs should answer
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two looks at a page that is not there yet
_OLDEST = datetime.min.replace(tzinfo=timezone.utc)


class Sight:
    """The registries and the site that the settings name, as they were seen last."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._reader = Reader(connection, settings)
        self._settings = settings
        groups = f"/subscriptions/{connection.subscription_id}/resourceGroups/"
        self._places = {
            f"{groups}{settings.group_of(name)}/providers/Microsoft.ContainerRegistry"
            f"/registries/{name}".lower(): name
            for name in settings.all_registries
        }
        self._instance = (
            f"{groups}{settings.instance_group}/providers/Microsoft.ContainerInstance"
            f"/containerGroups/{settings.instance}".lower()
        )
        self._at_a_time = 1 if connection.is_local else len(self._settings.all_registries)
        self._registries: dict[str, RegistryState] = {}
        self._partial: set[str] = set()  # registries of which only recent runs are known
        self.site: SiteState | None = None
        self._page_since: float | None = None  # when a page was missed first
        self._page_pause = _FIRST_PAUSE

    @property
    def registries(self) -> tuple[RegistryState, ...]:
        """Those that are there, in the order of the workflow."""
        found = (self._registries.get(name) for name in self._settings.all_registries)
        return tuple(one for one in found if one is not None)

    @property
    def pause(self) -> float | None:
        """Seconds until the site should be looked at once more; None when it tells by itself."""
        return None if self._page_since is None else self._page_pause

    @property
    def is_partial(self) -> bool:
        """Whether there are older runs than those that are known."""
        return bool(self._partial)

    def complete(self) -> None:
        """Read those, too: they take longer than all else, and what is recent is wanted first."""
        for name in list(self._partial):
            if registry := self._registries.get(name):
                self._registries[name] = replace(registry, runs=self._reader.runs(name, RUNS))
            self._partial.discard(name)

    def look(self, changes: Sequence[Change] | None) -> None:
        """Read what has changed, None for everything. Raises what the SDK raises.

        Of a registry that was not known before only recent runs, see :meth:`complete`.
        """
        if changes is None:
            # One after the other they would take as long as Azure is far.
            with ThreadPoolExecutor(self._at_a_time, "observer read") as pool:
                list(pool.map(self._look_at, self._settings.all_registries))
            self.look_at_site()
            return
        of_kind: dict[str, dict[str, list[str]]] = {}
        for kind, place, name in changes:
            of_kind.setdefault(kind, {}).setdefault(place.lower(), []).append(name)
        new = {self._places[one] for one in of_kind.get("registry", {}) if one in self._places}
        for name in new:
            self._look_at(name)
        for place in of_kind.get("task", {}):
            if registry := self._known(place, new):
                found = self._reader.tasks(registry.name)
                self._registries[registry.name] = replace(registry, tasks=found)
        for place, ids in of_kind.get("run", {}).items():
            if registry := self._known(place, new):
                runs = self._runs(registry, ids)
                self._registries[registry.name] = replace(registry, runs=runs)
        for server, tags in of_kind.get("tag", {}).items():
            registry = self._with(server)
            if registry is not None and registry.name not in new:
                self._look_at_tags(registry, tags)
        if self._instance in of_kind.get("container group", {}):
            self._page_since = None
            self.look_at_site()

    def look_at_site(self) -> None:
        """Read the site; its page is missed as long as its container runs without an answer."""
        self.site = self._reader.site()
        missed = self.site is not None and self.site.state == "Running" and not self.site.color
        now = time.monotonic()
        if not missed:
            self._page_since = None
        elif self._page_since is None:
            self._page_since, self._page_pause = now, _FIRST_PAUSE
        elif now - self._page_since < _PATIENCE:
            self._page_pause = min(self._page_pause * 1.5, _LONGEST_PAUSE)
        else:
            self._page_since = None

    def _look_at(self, name: str) -> None:
        before = self._registries.get(name)
        found = self._reader.registry(name, _RECENT)
        if found is None:
            self._registries.pop(name, None)
            return
        if len(found.runs) == _RECENT:  # else these are all
            if before is None:
                self._partial.add(name)
            else:
                found = replace(found, runs=self._merged(before, found.runs))
        self._registries[name] = found

    def _merged(self, registry: RegistryState, recent: Sequence[RunState]) -> tuple[RunState, ...]:
        """The recent runs, and the older ones as they were known, but for those that went on."""
        seen = {one.run_id for one in recent}
        others = [one for one in registry.runs if one.run_id not in seen]
        going = [one.run_id for one in others if not one.is_over]
        return _newest(
            [*recent, *(one for one in others if one.is_over), *self._read(registry, going)]
        )

    def _runs(self, registry: RegistryState, ids: Sequence[str]) -> tuple[RunState, ...]:
        if len(ids) > _SINGLE:
            return self._reader.runs(registry.name, RUNS)
        others = [one for one in registry.runs if one.run_id not in ids]
        return _newest([*others, *self._read(registry, ids)])

    def _read(self, registry: RegistryState, ids: Iterable[str]) -> list[RunState]:
        found = (self._reader.run(registry.name, run_id) for run_id in ids)
        return [one for one in found if one is not None]

    def _look_at_tags(self, registry: RegistryState, names: Sequence[str]) -> None:
        server = registry.login_server
        known = dict(registry.tags)
        of_repository: dict[str, list[str]] = {}
        for name in names:
            repository, _, tag = name.rpartition(":")
            of_repository.setdefault(repository, []).append(tag)
        for repository, tags in of_repository.items():
            if len(tags) > _SINGLE:
                for name in [one.name for one in known.values() if one.repository == repository]:
                    del known[name]
                known.update(self._reader.tags_of(server, repository))
                continue
            for tag in tags:
                known.pop(f"{repository}:{tag}", None)
                if found := self._reader.tag(server, repository, tag):
                    known[found.name] = found
        self._registries[registry.name] = replace(registry, tags=MappingProxyType(known))

    def _with(self, login_server: str) -> RegistryState | None:
        """The registry of that address, if it was seen before."""
        return next((one for one in self.registries if one.login_server == login_server), None)

    def _known(self, place: str, new: set[str]) -> RegistryState | None:
        """The registry of that id, if it was seen before and was not read just now."""
        name = self._places.get(place)
        return self._registries.get(name) if name is not None and name not in new else None


def _newest(runs: Iterable[RunState]) -> tuple[RunState, ...]:
    """The newest runs, the newest first; of the same moment, by what their ids count."""
    ordered = sorted(
        runs, key=lambda one: (one.created or _OLDEST, len(one.run_id), one.run_id), reverse=True
    )
    return tuple(ordered[:RUNS])
