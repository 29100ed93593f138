"""Pages of a long listing, in the order of creation: each tells where the next one is (``nextLink``).

Source: azure-resource-manager-rpc, "resource-api-reference", paging of collections. How many entries a
page of each listing has is not documented.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from ... import base64url
from ..request_body import parse_json
from ..request_values import parse_number
from ..store import Resource
from .routing import Call, Reply, invalid

SIZE = 100  # entries of a page, where nobody asks for less
LARGEST = 1000  # of those of Azure Resource Manager itself ($top: 1 to 1000)
_TOKEN = "$skiptoken"  # noqa: S105 - a place in a listing


def page(
    call: Call, found: Iterable[Resource], shown: Callable[[Resource], Any], size: int = SIZE
) -> Reply:
    """The page of ``found`` that a request asks for: of at most ``size`` entries, by ``shown``.

    ``found`` is in the order of creation. Raises 400 for a token of another listing.
    """
    place = after(call)
    rest = (one for one in found if place is None or (one.created, one.key) > place)
    here = list(itertools.islice(rest, size + 1))
    body: dict[str, Any] = {"value": [shown(one) for one in here[:size]]}
    if len(here) > size:
        body["nextLink"] = next_link(call, here[size - 1])
    return Reply(200, body)


def body_of(resource: Resource) -> dict[str, Any]:
    """A resource as it is stored, which is how most are listed."""
    return resource.body


def below(
    call: Call,
    parent: Resource,
    type: str,
    shown: Callable[[Resource], Any] = body_of,
) -> Reply:
    """A page of the resources of a type below another; only the page is read."""
    found = call.cloud.store.find(type=type, parent=parent.key, after=after(call), most=SIZE + 1)
    return page(call, found, shown)


def top(call: Call, default: int = LARGEST) -> int:
    """How many entries a page may have (``$top``). Raises 400 InvalidTop unless it is 1 to 1000."""
    given = call.query.get("$top")
    number = default if given is None else parse_number(given)
    if not number or number > LARGEST:
        raise invalid(f"$top is '{given}'; it must be a number from 1 to {LARGEST}.", "InvalidTop")
    return number


def after(call: Call) -> tuple[float, str] | None:
    """The last entry of the page before: when it was created, and its id. Raises 400."""
    token = call.query.get(_TOKEN)
    if not token:
        return None
    try:
        listing, created, key = parse_json(base64url.decode(token))
        place = float(created), str(key)
    except (ValueError, TypeError, OverflowError):
        listing, place = "", (0.0, "")
    if listing != _listing(call) or not math.isfinite(place[0]):
        raise invalid(
            f"The skip token '{token[:100]}' is not one of this listing: a page's nextLink has it.",
            "InvalidSkipToken",
        )
    return place


def next_link(call: Call, last: Resource) -> str:
    """Where what follows ``last`` is listed."""
    return link_after(call, (last.created, last.key))


def link_after(call: Call, last: tuple[float, str]) -> str:
    """Where what follows a place is listed; :func:`after` tells the place."""
    place = json.dumps([_listing(call), *last]).encode()
    token = base64url.encode(place)
    query = call.query.all()
    query.pop(_TOKEN, None)
    return f"https://management.azure.com{call.url}?{urlencode({**query, '$skipToken': token})}"


def _listing(call: Call) -> str:
    """What tells one listing from others: its address and its filter."""
    text = f"{call.url.lower()}?{call.query.get('$filter', '')}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
