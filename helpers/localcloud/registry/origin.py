"""Which request makes a change of a registry, for the events that tell of it."""

from __future__ import annotations

import uuid
from contextvars import ContextVar

from starlette.requests import Request

_LONGEST = 1000  # characters of a user agent
_current: ContextVar[dict[str, str] | None] = ContextVar("origin", default=None)


def remember(request: Request) -> None:
    """Whatever is changed from here on, in this context, is changed by ``request``."""
    _current.set(
        {
            "id": str(uuid.uuid4()),
            "host": request.headers["host"],
            "method": request.method,
            "useragent": request.headers.get("user-agent", "")[:_LONGEST],
        }
    )


def current(registry: str, method: str) -> dict[str, str]:
    """The request that is answered now; of the cloud's own workers, which send none, one like it."""
    known = _current.get()
    return known or {"id": str(uuid.uuid4()), "host": registry, "method": method, "useragent": ""}
