"""Pages of a long listing, in the order of creation: each tells where the next one is (``nextLink``).

Source: azure-resource-manager-rpc, "resource-api-reference", paging of collections. How many entries a
page of each listing has is not documented.
"""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import urlencode

from ..store import Resource
from .routing import Call, invalid

_TOKEN = "$skipToken"  # noqa: S105 - a place in a listing


def after(call: Call) -> tuple[float, str] | None:
    """The last entry of the page before: when it was created, and its id. Raises 400."""
    token = _given(call)
    if not token:
        return None
    try:
        listing, created, key = json.loads(base64.urlsafe_b64decode(token + "=="))
        place = float(created), str(key)
    except (ValueError, TypeError):
        listing, place = "", (0.0, "")
    if listing != _listing(call):
        raise invalid(
            f"The skip token '{token[:100]}' is not one of this listing: a page's nextLink has it.",
            "InvalidSkipToken",
        )
    return place


def next_link(call: Call, last: Resource) -> str:
    """Where what follows ``last`` is listed."""
    place = json.dumps([_listing(call), last.created, last.key]).encode()
    token = base64.urlsafe_b64encode(place).decode().rstrip("=")
    query = {name: value for name, value in call.query.items() if name.lower() != _TOKEN.lower()}
    return f"https://management.azure.com{call.url}?{urlencode({**query, _TOKEN: token})}"


def _given(call: Call) -> str:
    wanted = _TOKEN.lower()
    return next((value for name, value in call.query.items() if name.lower() == wanted), "")


def _listing(call: Call) -> str:
    """What tells one listing from others: its address and its filter."""
    text = f"{call.url.lower()}?{call.query.get('$filter', '')}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
