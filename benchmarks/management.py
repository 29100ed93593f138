"""Calls of the resource manager, at the server, with 10,000 resources in the store."""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.localcloud.api_versions import newest
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.resource_manager.composition import all_operations
from helpers.localcloud.resource_manager.routing import Reply
from helpers.localcloud.resource_types import ASSIGNMENT_TYPE, SCOPE_MAP_TYPE, TOKEN_TYPE
from helpers.localcloud.store import Resource

from .report import Figure
from .sides import Side

RESOURCES, REGISTRIES, ROUNDS = 10_000, 10, 100
_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
_ACTIONS = {"actions": ["repositories/a/content/read"]}


class _Server:
    """The operations, without the HTTP around them: what a call costs is theirs."""

    def __init__(self, folder: Path) -> None:
        self.cloud = Cloud(folder)
        self.router = all_operations()
        self.group = f"{self.cloud.subscription}/resourceGroups/bench"
        self.call("PUT", self.group, {"location": "eastus"})
        provider = f"{self.group}/providers/Microsoft.ContainerRegistry/registries"
        self.registries = [f"{provider}/bench{number}" for number in range(REGISTRIES)]
        for one in self.registries:
            self.call("PUT", one, {"location": "eastus", "sku": {"name": "Premium"}})

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Reply:
        asked: Mapping[str, str] = {"api-version": newest(path), **query}
        content = b"" if body is None else json.dumps(body).encode()
        found = self.router.find(method, path, asked)
        return self.router.handle(self.cloud, found, path, asked, content, self.cloud.owner)

    def fill(self) -> None:
        """Most are scope maps and tokens; each tenth is a role assignment of somebody."""
        with self.cloud.store.transaction():
            for number in range(RESOURCES):
                registry = self.registries[number % REGISTRIES]
                self.cloud.store.put(self._made(number, registry))

    def _made(self, number: int, registry: str) -> Resource:
        if number % 10 == 0:
            name = str(uuid.uuid4())
            holder = str(uuid.uuid4())
            definitions = f"{self.cloud.subscription}/providers/Microsoft.Authorization"
            properties = {
                "scope": registry,
                "principalId": holder,
                "roleDefinitionId": f"{definitions}/roleDefinitions/{_PULL}",
            }
            place = f"{registry}/providers/{ASSIGNMENT_TYPE}/{name}"
            return Resource(place, ASSIGNMENT_TYPE, name, "", {"properties": properties})
        kind, full = ("tokens", TOKEN_TYPE) if number % 2 else ("scopeMaps", SCOPE_MAP_TYPE)
        name = f"{kind.lower()}-{number}"
        place = f"{registry}/{kind}/{name}"
        shown: dict[str, Any] = {
            **{"scopeMapId": f"{registry}/scopeMaps/_repositories_pull", "status": "enabled"},
            **{"type": "UserDefined", "creationDate": "2026-01-01T00:00:00Z"},
            **{"credentials": {"passwords": [], "certificates": []}, **_ACTIONS},
        }
        body = {"id": place, "name": name, "type": full, "properties": shown}
        return Resource(place, full, name, "bench", body, {"passwords": {}}, parent=registry)


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Reads and writes in turn, of this checkout alone: they are asked in this process."""
    del sides
    server = _Server(folder)
    server.fill()
    taken: dict[str, list[float]] = {}

    def timed(what: str, method: str, path: str, body: Any = None, **query: str) -> None:
        begun = time.perf_counter()
        reply = server.call(method, path, body, **query)
        taken.setdefault(what, []).append((time.perf_counter() - begun) * 1000)
        if reply.status >= 400:
            raise RuntimeError(f"{what}: {reply.status}")

    for number in range(ROUNDS):
        registry = server.registries[number % REGISTRIES]
        token = f"{registry}/tokens/bench-{number}"
        scope_map = {"scopeMapId": f"{registry}/scopeMaps/_repositories_pull"}
        assignment = f"{registry}/providers/{ASSIGNMENT_TYPE}/{uuid.uuid4()}"
        definitions = f"{server.cloud.subscription}/providers/Microsoft.Authorization"
        role = {
            "roleDefinitionId": f"{definitions}/roleDefinitions/{_PULL}",
            "principalId": server.cloud.owner.object_id,
        }
        timed("GET a group", "GET", server.group)
        timed("GET a registry", "GET", registry)
        timed("GET a scope map", "GET", f"{registry}/scopeMaps/_repositories_pull")
        timed("PATCH a registry", "PATCH", registry, {"tags": {"round": str(number)}})
        timed("PUT a scope map", "PUT", f"{registry}/scopeMaps/bench", {"properties": _ACTIONS})
        timed("PUT a token", "PUT", token, {"properties": scope_map})
        timed("GET a token", "GET", token)
        timed("DELETE a token", "DELETE", token)
        if number < REGISTRIES:
            timed("PUT an assignment", "PUT", assignment, {"properties": role})
            timed("DELETE an assignment", "DELETE", assignment)
        timed("GET the registries", "GET", registry.rpartition("/")[0])
        where = "resourceType eq 'Microsoft.ContainerRegistry/registries'"
        path = f"{server.cloud.subscription}/resources"
        timed("GET /resources of a type", "GET", path, **{"$filter": where})
    server.cloud.close()
    every = [one for calls in taken.values() for one in calls]
    name = f"management call, {RESOURCES} resources"
    figures = [Figure(name, statistics.median(every), "ms", 1, "median, at the server")]
    for what, calls in taken.items():
        figures.append(Figure(f"  {what}", statistics.median(calls), "ms", None, "median"))
    return figures
