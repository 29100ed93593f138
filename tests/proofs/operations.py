"""Every operation that the services of the local cloud answer, found where they are registered."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from starlette.routing import Host, Route

from helpers.localcloud import git_host, identity, key_vault
from helpers.localcloud.blobs.service import WRITES
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.front_door.hosts import METADATA_HOST, service_for
from helpers.localcloud.registry.service import OPERATIONS as REGISTRY_OPERATIONS
from helpers.localcloud.resource_manager.composition import all_operations

MANAGER, REGISTRY, VAULT = "Azure Resource Manager", "Container Registry", "Key Vault"
GRAPH, LOGIN, IDENTITY = "Microsoft Graph", "Entra ID", "Managed identity"
GIT, GITHUB, RAW = "GitHub, git", "GitHub, REST API", "GitHub, raw files"
BLOBS = "Blob Storage"
SERVICES = (MANAGER, REGISTRY, VAULT, LOGIN, GRAPH, IDENTITY, BLOBS, GITHUB, GIT, RAW)
_HOSTS = {
    "graph.microsoft.com": GRAPH,
    METADATA_HOST: IDENTITY,
    "api.github.com": GITHUB,
    "github.com": GIT,
    "raw.githubusercontent.com": RAW,
}
_SERVICES = {
    "resource_manager": MANAGER,
    "registry": REGISTRY,
    "key_vault": VAULT,
    "identity": LOGIN,
    "blobs": BLOBS,
}
_REST = "/{path:path}"  # of what there is no operation for
_CONVERTER = re.compile(r":\w+(?=\})")
_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
_OPTIONAL = re.compile(r"\(\?:(.*?)\)\?")
_NAME, _LEFT_OUT = re.compile(r"\{\w+\}"), re.compile(r"\[.*\]")


@dataclass(frozen=True, order=True)
class Operation:
    """An operation: whose it is, its method, its path with ``{names}``."""

    service: str
    method: str
    path: str

    @property
    def row(self) -> str:
        """How tables of tests name it: with * for each name, without what may be left out."""
        return f"{self.method} {_NAME.sub('*', _LEFT_OUT.sub('', self.path))}"


@dataclass(frozen=True)
class _Known:
    operation: Operation
    pattern: re.Pattern[str]
    comp: str = ""


class Operations:
    """All of them, and which of them a request is."""

    def __init__(self) -> None:
        self._known: dict[str, list[_Known]] = {one: [] for one in SERVICES}
        for known in _registered():
            self._known[known.operation.service].append(known)

    def __iter__(self) -> Iterator[Operation]:
        return iter(sorted({one.operation for known in self._known.values() for one in known}))

    def of(self, request: Mapping[str, Any]) -> Operation | None:
        """The operation of a line of the request log, None when there is none."""
        host = str(request.get("host", "")).split(":")[0]
        service = _HOSTS.get(host) or _SERVICES.get(service_for(host) or "")
        path = re.sub("/{2,}", "/", str(request["path"]))
        if service == MANAGER:
            path = path.rstrip("/")
        for known in self._known.get(service or "", ()):
            one = known.operation
            same = request["method"] == one.method and request.get("comp", "") == known.comp
            if same and known.pattern.fullmatch(path):
                return one
        return None


def operations(service: str) -> list[Operation]:
    """Those of one service."""
    return [one for one in Operations() if one.service == service]


@cache
def _registered() -> tuple[_Known, ...]:
    return tuple(_found())


def _found() -> Iterator[_Known]:
    for route in all_operations().routes:
        yield _Known(Operation(MANAGER, route.method, route.template), route.pattern)
    for method, pattern in REGISTRY_OPERATIONS:
        yield _Known(Operation(REGISTRY, method, _shown(pattern)), re.compile(pattern))
    for method, compiled, *_ in key_vault.OPERATIONS:
        yield _Known(Operation(VAULT, method, _shown(compiled.pattern)), compiled)
    for method, comp in (("GET", ""), ("HEAD", ""), *(("PUT", comp) for comp in WRITES)):
        path = "/{container}/{blob}" + (f"?comp={comp}" if comp else "")
        yield _Known(Operation(BLOBS, method, path), re.compile("/[^/]+/.+"), comp)
    with tempfile.TemporaryDirectory() as folder, closing(Cloud(Path(folder) / "home")) as cloud:
        for service, app in ((LOGIN, identity.app(cloud)), (GIT, git_host.app(cloud))):
            yield from _routes(service, app)


def _routes(service: str, app: Any) -> Iterator[_Known]:
    for route in app.routes:
        if isinstance(route, Host):
            yield from _routes(_HOSTS.get(route.host, service), route.app)
        elif isinstance(route, Route) and route.path != _REST:
            for method in sorted((route.methods or set()) - {"HEAD"}):
                shown = Operation(service, method, _CONVERTER.sub("", route.path))
                yield _Known(shown, route.path_regex)


def _shown(pattern: str) -> str:
    """A path as documentation writes it, of the pattern that it must match."""
    plain = _GROUP.sub(lambda name: "{" + name[1] + "}", pattern.split("|", maxsplit=1)[0])
    return _OPTIONAL.sub(lambda part: f"[{part[1]}]", plain).replace("/?", "")
