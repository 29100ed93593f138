"""Receivers of webhooks on loopback, that answer well and badly, and webhooks that call them."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
import trustme

from tests.registry.places import Place

_names = (f"hook{number:05}" for number in itertools.count())


def soon(ask: Callable[[], Any], within: float = 30.0) -> Any:
    """The first answer that is true."""
    deadline = time.monotonic() + within
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.05)


@dataclass
class Received:
    """One request that a receiver got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


class _Handler(BaseHTTPRequestHandler):
    """The path says how to answer: /200, /500, /flaky/…, /redirect, /large, /hang, /drip."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got = Received(self.command, self.path, dict(self.headers.items()), body)
        with receiver.lock:
            before = [one for one in receiver.received if one.path == self.path]
            receiver.received.append(got)
        kind = self.path.split("?")[0].split("/")[1]
        if kind == "hang":
            receiver.ended.wait(60)
            self.close_connection = True
            return
        if kind == "drip":
            while not receiver.ended.wait(0.2):  # a head that never ends
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " if not self.wfile.closed else b"y")
                self.wfile.flush()
            return
        if kind == "flaky":
            kind = "503" if len(before) < 2 else "200"
        content = b"y" * 10_000_000 if kind == "large" else b"thank you"
        self.send_response({"redirect": 302, "large": 200}.get(kind) or int(kind))
        if kind == "redirect":
            content = b""
            self.send_header("Location", receiver.elsewhere)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on stderr."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that closes first, as it must for a body that is too large, is no error."""


class Receiver:
    """A real HTTP server that keeps what it gets."""

    def __init__(self, port: int = 0, authority: trustme.CA | None = None) -> None:
        self.received: list[Received] = []
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.elsewhere = "http://192.0.2.1/"
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.receiver = self  # type: ignore[attr-defined]
        if authority is not None:  # HTTPS, as localhost
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("localhost").configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def uri(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """What came under a path."""
        with self.lock:
            return [one for one in self.received if one.path == path]

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class Hooks:
    """The webhooks of a registry of the running local cloud."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.id = place.id
        self._http = place.cloud.http()

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A request to the resource manager, below the registry's webhooks."""
        return self._http.request(
            method,
            f"https://management.azure.com{self.id}/webhooks{path}",
            params={"api-version": "2025-11-01"},
            json=body,
            headers={"Authorization": f"Bearer {self.place.cloud.token()}"},
            timeout=60,
        )

    def make(self, uri: str, *actions: str, **more: Any) -> str:
        """A new webhook; its name."""
        name = next(_names)
        properties = {"serviceUri": uri, "actions": list(actions) or ["push"], **more}
        answer = self.call("PUT", f"/{name}", {"location": "eastus", "properties": properties})
        assert answer.status_code == 200, answer.text
        return name

    def ping(self, name: str) -> str:
        answer = self.call("POST", f"/{name}/ping")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def events(self, name: str) -> list[dict[str, Any]]:
        answer = self.call("POST", f"/{name}/listEvents")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["value"]
        return found

    def answered(self, name: str, count: int = 1, within: float = 30.0) -> list[dict[str, Any]]:
        """The events as soon as so many have got an answer, or none that ever will come."""

        def ask() -> list[dict[str, Any]]:
            events = self.events(name)
            done = [one for one in events if one["eventResponseMessage"] is not None]
            return events if len(done) >= count else []

        found: list[dict[str, Any]] = soon(ask, within)
        return found


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
