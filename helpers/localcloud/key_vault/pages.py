"""Pages of a vault's listings: up to 25 items, and a link to the next ones.

Source: Key Vault REST API, ``maxresults``: 1 to 25, "If not specified the service will return up to
25 results".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from ..errors import CloudError
from ..store import Resource

LARGEST = 25
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class Page:
    """Which page of a listing is asked for: that of ``path``, after the item ``after``."""

    path: str
    version: str
    size: int = LARGEST
    after: str = ""

    @classmethod
    def of(cls, path: str, query: Mapping[str, str]) -> Page:
        """Read the page that a request asks for. Raises 400 BadParameter."""
        size = query.get("maxresults", str(LARGEST))
        if not (size.isascii() and size.isdigit() and 1 <= int(size[:9]) <= LARGEST):
            raise CloudError(
                400, "BadParameter", f"invalid maxresults: it is a number from 1 to {LARGEST}."
            )
        path = path.rstrip("/")
        token = query.get("$skiptoken")
        after = _after(token, path) if token is not None else ""
        return cls(path, query.get("api-version", ""), int(size), after)

    def answer(
        self,
        vault: Resource,
        rows: Sequence[_Row],
        key: Callable[[_Row], str],
        shown: Callable[[Sequence[_Row]], Sequence[dict[str, Any]]],
    ) -> dict[str, Any]:
        """The page of ``rows``, of which there is one more than its size where others follow.

        ``key`` is what they are in the order of.
        """
        here = rows[: self.size]
        link = None
        if len(rows) > self.size:
            token = base64.urlsafe_b64encode(json.dumps([self.path, key(here[-1])]).encode())
            query = {"api-version": self.version, "$skiptoken": token.decode().rstrip("=")}
            words = urlencode({**query, "maxresults": self.size}, safe="$")
            host = str(vault.properties["vaultUri"]).rstrip("/")
            link = f"{host}:443{self.path}?{words}"
        return {"value": [*shown(here)], "nextLink": link}


def _after(token: str, path: str) -> str:
    """The item that a page token of this listing begins after."""
    try:
        padded = token + "=" * (-len(token) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        of, after = found
    except (ValueError, TypeError, binascii.Error, RecursionError):
        of, after = "", ""
    if of != path or not isinstance(after, str):
        raise CloudError(
            400, "BadParameter", "invalid $skiptoken: it is no token of a page of this listing."
        )
    return after
