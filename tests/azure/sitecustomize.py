"""Found by Python on its path: writes down every HTTP request that this process sends.

Between the clients and the socket: nothing is changed, nothing is answered. The file is named by
the variable REQUESTS_WRITTEN_TO; a line is a request as JSON: host, and its bytes as latin-1.
Waiting, which is for a cloud that is slower than this one, is cut short.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from pathlib import Path
from typing import Any

_LONGEST = 0.5  # seconds
_FILE = os.environ.get("REQUESTS_WRITTEN_TO")


def _tap() -> None:
    connection: Any = http.client.HTTPConnection
    send_request = connection._send_output

    def written(self: Any, message_body: Any = None, encode_chunked: bool = False) -> None:
        head = b"\r\n".join(self._buffer).decode("latin-1")
        if message_body is None or isinstance(message_body, (bytes, str)):
            body = message_body or ""
        else:
            body = "<streamed>"
        if isinstance(body, bytes):
            body = body.decode("latin-1")
        host = self._tunnel_host or self.host
        line = json.dumps({"host": str(host), "head": head, "body": body})
        with Path(str(_FILE)).open("a") as file:
            file.write(line + "\n")
        send_request(self, message_body, encode_chunked)

    connection._send_output = written


def _hurry() -> None:
    sleep = time.sleep

    def shorter(seconds: Any) -> None:
        sleep(min(seconds, _LONGEST))

    time.sleep = shorter


if _FILE:
    _tap()
    _hurry()
