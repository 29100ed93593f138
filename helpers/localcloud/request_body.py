"""The body of a request that is small by its nature: read whole, within limits of size and depth."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from .errors import CloudError

LARGEST = 4 * 1024 * 1024  # bytes; what Azure Resource Manager and registries take


async def read_body(request: Request, code: str = "RequestContentTooLarge") -> bytes:
    """All of the body. Raises 413 with the service's ``code`` above :data:`LARGEST` bytes."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST:
            raise CloudError(
                413, code, f"The body of the request exceeds the maximum size of {LARGEST} bytes."
            )
    return bytes(content)


def parse_json(content: bytes) -> Any:
    """The body as JSON. Raises ValueError that says what is wrong, also for endless nesting."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
