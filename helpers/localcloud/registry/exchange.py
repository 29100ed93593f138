"""One request to a registry, and what every operation needs for it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request

from ..cloud import Cloud
from ..errors import CloudError, shortened
from ..reference import valid_digest, valid_repository
from ..request_values import parse_float, parse_number
from ..threads import Threads
from .access import CATALOG, Registry
from .authentication import authorize
from .catalog import Catalog
from .listings import Page, Window
from .quarantine import READ
from .uploads import Uploads


def checked_digest(text: str) -> str:
    """The digest that a request names. Raises 400 DIGEST_INVALID for anything else."""
    if not valid_digest(text):
        raise CloudError(
            400,
            "DIGEST_INVALID",
            f"invalid digest: {shortened(text)!r}: it is sha256: and 64 hex digits, or sha512: and 128, in "
            "lower case",
        )
    return text


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

    def authorize(self, action: str, *others: str) -> set[str]:
        """All that the request may do with the repository of its path.

        Raises 401 unless ``action``, or one of ``others``, is among it.
        """
        header = self.request.headers.get("authorization")
        return authorize(self.cloud, self.registry, header, self.name, action, *others)

    def authorize_reading(self, action: str) -> set[str]:
        """:meth:`authorize`, also for who may read what is in quarantine, where anything can be."""
        others = (READ,) if self.registry.has_quarantine else ()
        return self.authorize(action, *others)

    def authorize_registry(self, action: str = "", listing: str = CATALOG) -> None:
        """Raise 401 unless the caller is known and, with ``*``, may list repositories.

        ``listing``: those that are there, or the deleted ones.
        """
        header = self.request.headers.get("authorization")
        authorize(self.cloud, self.registry, header, "", action, listing=listing)

    def window(self) -> Window:
        """The part of a listing that ``n``, ``last`` and ``orderby`` ask for."""
        query = self.request.query_params
        text, order = query.get("n", ""), query.get("orderby", "").lower()
        count = parse_number(text) if text else None
        if text and count is None:
            raise CloudError(400, "PAGINATION_NUMBER_INVALID", f"invalid number of results: {text}")
        if order not in ("", "none", "timeasc", "timedesc"):
            raise CloudError(
                400,
                "UNSUPPORTED",
                f"orderby is none, timeasc or timedesc, not {shortened(order)!r}",
            )
        return Window(
            query.get("last", ""),
            count,
            "timedesc" if order == "timedesc" else "timeasc" if order == "timeasc" else "",
            parse_float(query["time"]) if "time" in query else None,
        )

    def link(self, page: Page) -> dict[str, str]:
        """The Link header that leads to what follows a page, none after the last."""
        if not page.more or not page.entries:
            return {}
        last = page.entries[-1]
        by_time = {"time": repr(last.updated)} if self.window().order else {}
        return self.link_after({"last": last.name, "n": str(len(page.entries)), **by_time})

    def link_after(self, place: dict[str, str]) -> dict[str, str]:
        """The Link header that leads on, in the same listing, after a place in it."""
        following = urlencode({**self.request.query_params, **place})
        return {"Link": f'<{quote(self.request.scope["path"])}?{following}>; rel="next"'}
