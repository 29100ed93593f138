"""One request to a registry, and what every operation needs for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request

from ..cloud import Cloud
from ..errors import CloudError
from ..reference import valid_repository
from ..request_values import parse_number
from ..threads import Threads
from .access import Registry
from .authentication import authorize
from .catalog import Catalog
from .uploads import Uploads


@dataclass(frozen=True)
class Exchange:
    """A request, matched to an operation."""

    cloud: Cloud
    catalog: Catalog
    uploads: Uploads
    threads: Threads
    registry: Registry
    request: Request
    params: dict[str, str]
    body: bytes = b""

    @property
    def server(self) -> str:
        """The login server."""
        return self.registry.server

    @property
    def name(self) -> str:
        """The repository of the path. Raises 400 NAME_INVALID."""
        name = self.params["name"]
        if not valid_repository(name):
            raise CloudError(400, "NAME_INVALID", f"invalid repository name: {name!r}")
        return name

    def authorize(self, action: str) -> None:
        """Raise 401 unless the request may do ``action`` with the repository of its path."""
        header = self.request.headers.get("authorization")
        authorize(self.cloud, self.registry, header, self.name, action)

    def authorize_registry(self, action: str = "") -> None:
        """Raise 401 unless the caller is known and, with ``*``, may list repositories."""
        header = self.request.headers.get("authorization")
        authorize(self.cloud, self.registry, header, "", action)

    def page(
        self, names: Sequence[str], *, ordered: bool = True
    ) -> tuple[list[str], dict[str, str]]:
        """The part of ``names`` that ``n`` and ``last`` ask for, and the Link to the next.

        ``ordered``: by name, so that ``last`` need not be one of them.
        """
        query = self.request.query_params
        last, text = query.get("last", ""), query.get("n", "")
        found = list(names)
        if last and ordered:
            found = [name for name in names if name > last]
        elif last in names:
            found = found[found.index(last) + 1 :]
        if not text:
            return found, {}
        count = parse_number(text)
        if count is None:
            raise CloudError(400, "PAGINATION_NUMBER_INVALID", f"invalid number of results: {text}")
        part = found[:count]
        if count == 0 or len(found) <= count:
            return part, {}
        path = quote(self.request.scope["path"])
        following = urlencode({**query, "last": part[-1], "n": count})
        return part, {"Link": f'<{path}?{following}>; rel="next"'}
