"""One delivery to one receiver: an HTTP POST that takes a bounded time and reads a bounded answer.

Sources: documentation, "Azure Container Registry webhook reference" (the request); MicrosoftDocs
azure-docs issue 54638 (5 seconds, then 504).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as LateError
from urllib3.util import SKIP_HEADER

from .receivers import Receiver

TIMEOUT = 5.0  # seconds for all of it
LARGEST = 16 * 1024  # bytes of an answer that are read and kept
_HEADERS = 50  # that are kept
_LONGEST = 1000  # characters of one of them
_FAILURES = (HTTPError, OSError, ValueError)
_AGAIN = (408, 429)  # answers below 500 that ask for another attempt


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, as listEvents shows it; ``again``: another one may end better."""

    response: dict[str, Any]
    again: bool


class Posting:
    """A POST that can be aborted from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._aborted = False
        self._connection: HTTPConnection | None = None

    def abort(self) -> None:
        """End it now, whatever it waits for."""
        with self._lock:
            self._aborted = True
            connection = self._connection.sock if self._connection is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def post(
        self,
        receiver: Receiver,
        places: Sequence[tuple[str, int]],
        headers: Mapping[str, str],
        body: bytes,
        context: ssl.SSLContext | None,
    ) -> Outcome:
        """Send ``body``; no redirect is followed. Raises nothing that a receiver could cause."""
        deadline = time.monotonic() + TIMEOUT
        watchdog = threading.Timer(TIMEOUT, self.abort)
        watchdog.daemon = True
        watchdog.start()
        try:
            error: Exception | None = None
            for place in places:
                try:
                    return self._post(receiver, place, headers, body, context)
                except (*_FAILURES, HTTPException) as failure:  # which is what says no HTTP
                    error = failure
                if not isinstance(error, NewConnectionError):
                    break
            refused = isinstance(error, NewConnectionError)  # which is a LateError by its base
            late = time.monotonic() >= deadline or (isinstance(error, LateError) and not refused)
            return _late() if late else _failed(receiver, error)
        finally:
            watchdog.cancel()

    def _post(
        self,
        receiver: Receiver,
        place: tuple[str, int],
        headers: Mapping[str, str],
        body: bytes,
        context: ssl.SSLContext | None,
    ) -> Outcome:
        connection = _connection(receiver, place, context)
        connection.response_class = _FinalResponse
        try:
            with self._lock:
                self._connection = connection
            connection.connect()
            if self._aborted:
                raise LateError
            # Nothing is added to what the webhook says.
            plain = {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER}
            sent = {"Host": receiver.authority, **absent(plain, headers), **headers}
            connection.request(
                "POST", receiver.target, body, sent, preload_content=False, decode_content=False
            )
            response = connection.getresponse()
            if self._aborted:  # which may look like the end of a head
                raise LateError
            return _answered(response)
        finally:
            with self._lock:
                self._connection = None
            connection.close()


class _FinalResponse(HTTPResponse):
    """The answer that comes after any interim ones (RFC 9110, section 15.2): Python skips 100 alone."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        interim = 100 <= status < 200 and status != HTTPStatus.SWITCHING_PROTOCOLS
        return version, int(HTTPStatus.CONTINUE) if interim else status, reason


def absent(wanted: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """Those of the ``wanted`` headers that ``headers`` do not have in any spelling."""
    names = {name.lower() for name in headers}
    return {name: value for name, value in wanted.items() if name.lower() not in names}


def _connection(
    receiver: Receiver, place: tuple[str, int], context: ssl.SSLContext | None
) -> HTTPConnection:
    if not receiver.secure:
        return HTTPConnection(*place, timeout=TIMEOUT)
    return HTTPSConnection(
        *place,
        timeout=TIMEOUT,
        ssl_context=context,
        server_hostname=receiver.host,
    )


def _answered(response: urllib3.BaseHTTPResponse) -> Outcome:
    content = b""
    # Of a body that does not come, the head is the answer all the same.
    with contextlib.suppress(*_FAILURES):
        while len(content) < LARGEST and (part := response.read(LARGEST // 4)):
            content += part
    text = content[:LARGEST].decode(errors="replace")
    if 300 <= response.status < 400 and not text:
        there = response.headers.get("location", "")[:_LONGEST]
        text = f"The local cloud follows no redirect of a receiver, here to {there!r}."
    told = {
        "content": text,
        "headers": {
            name[:_LONGEST]: value[:_LONGEST]
            for name, value in list(response.headers.items())[:_HEADERS]
        },
        "reasonPhrase": (response.reason or "")[:_LONGEST],
        "statusCode": str(response.status),
        "version": "1.0" if response.version == 10 else "1.1",
    }
    return Outcome(told, response.status >= 500 or response.status in _AGAIN)


def refused(why: str) -> Outcome:
    """That of an attempt that was not made, and never will be."""
    return Outcome({"content": why, "headers": {}, "reasonPhrase": "Forbidden"}, again=False)


def _late() -> Outcome:
    why = f"The receiver did not answer within {TIMEOUT:.0f} seconds."
    told = {"content": why, "headers": {}, "reasonPhrase": "Gateway Timeout", "statusCode": "504"}
    return Outcome(told, again=True)


def _failed(receiver: Receiver, error: Exception | None) -> Outcome:
    cause = error
    while cause is not None and not isinstance(cause, OSError) and cause.__cause__ is not None:
        cause = cause.__cause__  # type: ignore[assignment]
    why = f"{receiver.authority} could not be called: {_words(cause)}."
    return Outcome({"content": why, "headers": {}, "reasonPhrase": "Connection failed"}, again=True)


def _words(error: Exception | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:_LONGEST]
    return "it does not speak HTTP"
