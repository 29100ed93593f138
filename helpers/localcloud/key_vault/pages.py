"""Pages of a vault's listings: up to 25 items, and a link to the next ones.

Source: Key Vault REST API, ``maxresults``: 1 to 25, "If not specified the service will return up to
25 results".
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ... import base64url
from ..errors import CloudError
from ..request_body import parse_json
from ..request_values import parse_number
from ..store import Resource

LARGEST = 25


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
        size = parse_number(query.get("maxresults", str(LARGEST)))
        if not size or size > LARGEST:
            raise CloudError(
                400, "BadParameter", f"invalid maxresults: it is a number from 1 to {LARGEST}."
            )
        path = path.rstrip("/").lower()
        token = query.get("$skiptoken")
        after = _after(token, path) if token is not None else ""
        return cls(path, query.get("api-version", ""), size, after)

    def answer(
        self,
        vault: Resource,
        rows: Sequence[sqlite3.Row],
        key: str,
        shown: Callable[[Sequence[sqlite3.Row]], Sequence[dict[str, Any]]],
    ) -> dict[str, Any]:
        """The page of ``rows``, of which there is one more than its size where others follow.

        ``key`` is the column that they are in the order of.
        """
        here = rows[: self.size]
        link = None
        if len(rows) > self.size:
            token = base64url.encode(json.dumps([self.path, str(here[-1][key])]).encode())
            query = {"api-version": self.version, "$skiptoken": token}
            words = urlencode({**query, "maxresults": self.size}, safe="$")
            host = str(vault.properties["vaultUri"]).rstrip("/")
            link = f"{host}:443{self.path}?{words}"
        return {"value": [*shown(here)], "nextLink": link}


def _after(token: str, path: str) -> str:
    """The item that a page token of this listing begins after."""
    try:
        of, after = parse_json(base64url.decode(token))
    except (ValueError, TypeError):
        of, after = "", ""
    if of != path or not isinstance(after, str):
        raise CloudError(
            400, "BadParameter", "invalid $skiptoken: it is no token of a page of this listing."
        )
    return after
