"""The front door's listeners, on loopback and on a UNIX socket, and its host dispatch."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import CloudError, failure_of, no_space
from . import request_log
from .certificates import Certificates
from .hosts import IDENTITY_PATH, METADATA_HOST, refusal, service_for
from .http_connection import HttpConnections
from .limits import CHECK_SECONDS, Connections
from .proxy import PlaceOf, ProxyConnection
from .request_log import RequestLog

log = logging.getLogger(__name__)
_LOGGED = 200  # characters of a path


class Guard:
    """Stands between connections and services: no request ends without its answer.

    What a service does not handle is logged once, here, and is no reason to close the connection; a
    client that goes away is nothing to log. The services answer in their own formats
    (:func:`~helpers.localcloud.errors.failure_of`) before it comes here.
    """

    def __init__(self, app: ASGIApp, requests: RequestLog | None) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            if self._requests is not None and message["type"] == "http.response.start":
                self._requests.add(scope, message["status"])
            begun = True
            await send(message)

        try:
            wrong = _wrong_target(scope)
            if wrong:
                await PlainTextResponse(wrong, 400)(scope, receive, note)
            else:
                await self._app(scope, receive, note)
        except ClientDisconnect:
            pass
        except Exception as error:
            path = scope["raw_path"][:_LOGGED].decode("ascii")
            method = scope.get("method", "WebSocket")
            if no_space(error) is None:
                log.exception("%s %s of %s failed", method, path, _host(scope)[:_LOGGED])
            if not begun:  # else the connection is closed: the client sees that the answer is cut
                failure = failure_of(method, path, error)
                text = PlainTextResponse(f"{failure.message}\n", failure.status)
                await text(scope, receive, send)


def _wrong_target(scope: Scope) -> str:
    """What is wrong with the target of a request for any service, '' when nothing is.

    http.sys, which answers for Azure, refuses such URLs, too (400, "Bad Request - Invalid URL").
    """
    path, query = scope["raw_path"], scope["query_string"]
    if b"%" not in path and not query:
        return ""
    plain, asked = unquote_to_bytes(path), unquote_to_bytes(query)
    try:
        plain.decode(), asked.decode()
    except UnicodeDecodeError:
        return "The URL is not UTF-8.\n"
    if any(byte < 32 or byte == 127 for byte in plain) or 0 in asked:
        return "The URL has control characters.\n"
    return ""


class HostDispatch:
    """Hands a request to the service that answers for its Host header."""

    def __init__(self, services: Mapping[str, ASGIApp]) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = _host(scope)
        service = service_for(host)
        if service is None:
            await PlainTextResponse(refusal(host), 403)(scope, receive, send)
            return
        await self._services[service](scope, receive, send)


class PlainDispatch:
    """Plain HTTP: the managed-identity address through the proxy, or the proxy's own pages.

    Its own are at ``proxy_url``, the applications of ``own`` by their paths.
    """

    def __init__(self, identity: ASGIApp, proxy_url: str, own: Mapping[str, ASGIApp]) -> None:
        self._identity = identity
        address = urlsplit(proxy_url)
        self._authorities = (address.netloc, f"localhost:{address.port}")
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = _host(scope)
        if host == METADATA_HOST:
            await self._identity(scope, receive, send)
        elif _authority(scope) in self._authorities and scope["path"] == IDENTITY_PATH:
            # Where a workload has no address of its own. It proves with each request who it is.
            await self._identity(_to(METADATA_HOST, scope), receive, send)
        elif _authority(scope) in self._authorities and scope["path"] in self._own:
            # To the proxy itself, not by way of it to another port.
            await self._own[scope["path"]](scope, receive, send)
        elif service_for(host) is not None:
            text = f"The local cloud answers for {host} over HTTPS only.\n"
            await PlainTextResponse(text, 403)(scope, receive, send)
        else:
            await PlainTextResponse(refusal(host), 403)(scope, receive, send)


class FrontDoor:
    """Listens for the whole cloud: TLS for the service of each host name, one proxy in front.

    ``place_of`` tells where a container group of a DNS name label has a port.
    """

    def __init__(
        self,
        services: Mapping[str, ASGIApp],
        certificates: Certificates,
        proxy_url: str,
        own: Mapping[str, ASGIApp],
        place_of: PlaceOf,
    ) -> None:
        self._place_of = place_of
        self._connections = Connections()
        self._requests = request_log.wanted()
        secure = Guard(HostDispatch(services), self._requests)
        self._secure = HttpConnections(secure, self._connections)
        plain = Guard(PlainDispatch(services["identity"], proxy_url, own), self._requests)
        self._plain = HttpConnections(plain, self._connections)
        self._certificates = certificates
        self._servers: list[asyncio.AbstractServer] = []
        self._checking: asyncio.TimerHandle | None = None

    async def listen(self, listener: socket.socket) -> None:
        """Accept connections on ``listener``."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(self._connection, sock=listener, backlog=512))
        self._check()

    def _connection(self) -> ProxyConnection:
        return ProxyConnection(
            self._secure, self._plain, self._certificates, self._connections, self._place_of
        )

    def _check(self) -> None:
        self._connections.check()
        self._checking = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check)

    async def close(self, grace: float = 3.0) -> None:
        """Stop listening, end the connections; running requests get ``grace`` seconds."""
        for server in self._servers:
            server.close()
        if self._checking is not None:
            self._checking.cancel()
        await asyncio.gather(self._secure.close(grace), self._plain.close(grace))
        if self._requests is not None:
            self._requests.close()


def loopback_listener(port: int) -> socket.socket:
    """A socket bound to 127.0.0.1 and ``port`` (0: any free one).

    Raises :class:`CloudError` that says what to do when the port cannot be had.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        why = "is already in use" if error.errno == errno.EADDRINUSE else f"failed: {error}"
        raise CloudError(
            500,
            "PortUnavailable",
            f"Port {port} on 127.0.0.1 {why}. Choose another with LOCALCLOUD_PORT=<port>, or "
            "unset LOCALCLOUD_PORT to take any free one.",
        ) from None
    return listener


def _host(scope: Scope) -> str:
    text = _authority(scope)
    return text.rsplit(":", 1)[0] if ":" in text else text


def _to(host: str, scope: Scope) -> Scope:
    """A request as if it were to ``host``."""
    others = [one for one in scope["headers"] if one[0] != b"host"]
    return {**scope, "headers": [(b"host", host.encode()), *others]}


def _authority(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            text: str = value.decode("latin-1")
            return text.lower()
    return ""
