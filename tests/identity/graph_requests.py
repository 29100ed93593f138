"""Requests to Microsoft Graph as the tutorial's principal."""

from __future__ import annotations

from typing import Any

import requests

from tests.conftest import LocalCloud

GRAPH = "https://graph.microsoft.com/v1.0"
NOBODY = "00000000-0000-0000-0000-000000000001"


def graph(cloud: LocalCloud, method: str, path: str, body: Any = None, **query: str) -> Any:
    return cloud.http().request(
        method,
        f"{GRAPH}/{path}",
        json=body,
        params=query,
        headers={"Authorization": f"Bearer {cloud.token('https://graph.microsoft.com')}"},
    )


def told(answer: requests.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


def names_of(cloud: LocalCloud, kind: str, **query: str) -> list[str]:
    """The names of all pages of a listing."""
    found: list[str] = []
    page = graph(cloud, "GET", kind, **query)
    while True:
        assert page.status_code == 200, page.text
        found += [one["displayName"] for one in page.json()["value"]]
        link = page.json().get("@odata.nextLink")
        if link is None:
            return found
        page = graph(cloud, "GET", link.removeprefix(f"{GRAPH}/"))
