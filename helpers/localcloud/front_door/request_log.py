"""A log of requests, for those who want to know which client has called what: one JSON object a line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import Scope

from ..request_values import basic_credentials

VARIABLE = "LOCALCLOUD_REQUEST_LOG"  # names the file
_LONGEST = 1000  # characters of a path or a header: a line is written at once, or not at all
# The clients of Graph tell in a header of their own what they are.
_HEADERS = {b"host": "host", b"user-agent": "agent", b"sdkversion": "sdk"}


class RequestLog:
    """Appends to a file, owner-only, that several local clouds may share.

    Of a query only ``comp`` is kept, which tells what is done with a blob; the others may be secrets. Of
    who signs in to the proxy, the name is kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def add(self, scope: Scope, status: int) -> None:
        """Log that a request has been answered with ``status``."""
        line = {
            "method": scope["method"],
            "path": scope["path"][:_LONGEST],
            "comp": parse_qs(scope["query_string"].decode("latin-1")).get("comp", [""])[0][:20],
            "status": status,
        }
        for name, value in scope["headers"]:
            if name in _HEADERS:
                line[_HEADERS[name]] = value.decode("latin-1")[:_LONGEST]
            elif name == b"proxy-authorization":
                user, _ = basic_credentials(value.decode("latin-1")) or ("", "")
                line["user"] = user[:_LONGEST]
        os.write(self._file, f"{json.dumps(line)}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def wanted() -> RequestLog | None:
    """The log that the environment of the daemon asks for, or None."""
    file = os.environ.get(VARIABLE)
    return RequestLog(Path(file)) if file else None
