"""Lists of a registry that come in pages.

Source: OCI distribution specification, "Listing Tags"; RFC 8288 for the header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import requests

Query = dict[str, str]


def pages(ask: Callable[[Query], requests.Response], query: Query) -> Iterator[requests.Response]:
    """The answers to ``query`` and to what each one's ``Link`` leads to."""
    following: Query | None = query
    while following is not None:
        answer = ask(following)
        yield answer
        address = answer.links.get("next", {}).get("url")
        following = dict(parse_qsl(urlsplit(address).query)) if address else None
