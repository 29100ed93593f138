"""A plain HTTP client of a local cloud."""

from __future__ import annotations

from typing import Any

import requests

from helpers.localcloud.api_versions import newest


class Client(requests.Session):
    """Asks the resource manager with a version that it takes, if none is given."""

    def request(self, method: str | bytes, url: str | bytes, *given: Any, **more: Any) -> Any:
        own: Any = self.params
        query = dict(more.get("params") or {})
        named = "api-version=" in str(url) or "api-version" in {**own, **query}
        if "//management.azure.com/" in str(url) and not named:
            more["params"] = {**query, "api-version": newest(str(url))}
        return super().request(method, url, *given, **more)
