"""Which request to a registry is which operation, and how errors are rendered (OCI, ACR)."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..content import MissingContentError
from ..errors import CloudError, failure_of, no_space
from ..reference import DOCKER_HUB, DOCKER_HUB_HOSTS
from ..request_body import read_body
from ..request_values import host_of
from ..store import READING
from ..threads import Threads
from . import acr, blobs, deleted, manifests, oauth, origin
from .access import check_there, registry_of
from .catalog import Catalog
from .exchange import Exchange
from .uploads import Uploads

log = logging.getLogger(__name__)
_NAME = r"(?P<name>.+?)"
# Of ACR's own API, what begins with an underscore is an operation: _catalog, _deleted, a/_streaming.
_ACR_NAME = r"(?P<name>[^_].*?)"
Handler = Callable[[Exchange], Response]
# What is looked up and allowed first, in the thread that finds the registry; then the rest with that.
First = Callable[[Exchange], Any]
AsyncHandler = Callable[[Exchange, Any], Awaitable[Response]]

_BLOCKING: list[tuple[str, str, Handler]] = [
    ("GET", r"/v2/?", manifests.version),
    ("HEAD", r"/v2/?", manifests.version),
    ("GET", r"/v2/_catalog", manifests.catalog),
    ("GET", rf"/v2/{_NAME}/tags/list", manifests.tags),
    ("GET", rf"/v2/{_NAME}/referrers/(?P<digest>[^/]+)", manifests.referrers),
    ("PUT", rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)", manifests.put),
    ("DELETE", rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)", manifests.delete),
    ("DELETE", rf"/v2/{_NAME}/blobs/(?P<digest>[^/]+)", blobs.delete),
    ("GET", r"/acr/v1/_catalog", acr.catalog),
    ("GET", rf"/acr/v1/{_ACR_NAME}/_tags", acr.list_tags),
    ("GET", rf"/acr/v1/{_ACR_NAME}/_tags/(?P<tag>[^/]+)", acr.get_tag),
    ("PATCH", rf"/acr/v1/{_ACR_NAME}/_tags/(?P<tag>[^/]+)", acr.update_tag),
    ("DELETE", rf"/acr/v1/{_ACR_NAME}/_tags/(?P<tag>[^/]+)", acr.delete_tag),
    ("GET", rf"/acr/v1/{_ACR_NAME}/_manifests", acr.list_manifests),
    ("GET", rf"/acr/v1/{_ACR_NAME}/_manifests/(?P<digest>[^/]+)", acr.get_manifest),
    ("PATCH", rf"/acr/v1/{_ACR_NAME}/_manifests/(?P<digest>[^/]+)", acr.update_manifest),
    ("GET", rf"/acr/v1/{_ACR_NAME}", acr.get_repository),
    ("PATCH", rf"/acr/v1/{_ACR_NAME}", acr.update_repository),
    ("DELETE", rf"/acr/v1/{_ACR_NAME}", acr.delete_repository),
    ("POST", r"/oauth2/exchange", oauth.exchange_token),
    ("GET", r"/oauth2/token|/token|/v2/token", oauth.get_token),
    ("POST", r"/oauth2/token|/token", oauth.post_token),
    ("GET", r"/acr/v1/_deleted/_catalog", deleted.list_repositories),
    ("GET", rf"/acr/v1/_deleted/{_ACR_NAME}/_manifests", deleted.list_manifests),
    ("GET", rf"/acr/v1/_deleted/{_ACR_NAME}/_tags", deleted.list_tags),
    ("POST", rf"/acr/v1/_deleted/{_ACR_NAME}/_manifests/(?P<digest>[^/]+)", deleted.restore),
]
_MANIFEST = rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)"
_UPLOAD = rf"/v2/{_NAME}/blobs/uploads/(?P<upload>[^/]+)"
_BLOB = rf"/v2/{_NAME}/blobs/(?P<digest>[^/]+)"
_STREAMING: list[tuple[str, str, First, AsyncHandler]] = [
    ("GET", _MANIFEST, manifests.find, manifests.get),
    ("HEAD", _MANIFEST, manifests.find, manifests.get),
    ("POST", rf"/v2/{_NAME}/blobs/uploads/?", blobs.may_push, blobs.start),
    ("GET", _UPLOAD, blobs.may_upload, blobs.progress),
    ("PATCH", _UPLOAD, blobs.may_push, blobs.append),
    ("PUT", _UPLOAD, blobs.may_push, blobs.finish),
    ("DELETE", _UPLOAD, blobs.may_upload, blobs.cancel),
    ("GET", _BLOB, blobs.find, blobs.get),
    ("HEAD", _BLOB, blobs.find, blobs.get),
]
OPERATIONS = [
    *((method, pattern) for method, pattern, _, _ in _STREAMING),
    *((method, pattern) for method, pattern, _ in _BLOCKING),
]
_blocking = [(method, re.compile(pattern), handler) for method, pattern, handler in _BLOCKING]
_streaming = [
    (method, re.compile(pattern), first, handler) for method, pattern, first, handler in _STREAMING
]


def service(cloud: Cloud, catalog: Catalog) -> ASGIApp:
    """The application of all registries."""
    uploads = Uploads(cloud)
    threads = Threads(cloud.store)

    async def endpoint(request: Request) -> Response:
        try:
            response = await _answer(cloud, catalog, uploads, threads, request)
        except CloudError as error:
            response = _render(error)
        except ClientDisconnect:
            return Response(status_code=499)
        except MissingContentError as error:
            response = _render(CloudError(404, _missing(request), str(error)))
        except (OSError, sqlite3.Error) as error:
            full = no_space(error)
            if full is None:
                raise
            response = _render(full)
        response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        response.headers.setdefault("Access-Control-Expose-Headers", "Docker-Content-Digest,Link")
        return response

    def fail(request: Request, error: Exception) -> Response:
        failure = failure_of(request.method, request.url.path, error)
        return _render(failure if failure.status != 405 else _unsupported(failure))

    methods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]
    return Starlette(
        routes=[Route("/{path:path}", endpoint, methods=methods)],
        exception_handlers={HTTPException: fail, Exception: fail},
    )


async def _answer(
    cloud: Cloud, catalog: Catalog, uploads: Uploads, threads: Threads, request: Request
) -> Response:
    host = host_of(request.headers)
    server = DOCKER_HUB if host in DOCKER_HUB_HOSTS else host
    path: str = request.scope["path"]
    for method, pattern, first, handler in _streaming:
        match = pattern.fullmatch(path)
        if match and method == request.method:
            made = partial(
                Exchange,
                cloud,
                catalog,
                uploads,
                threads,
                request=request,
                params=match.groupdict(),
            )
            return await handler(*await threads.read(_begun, made, cloud, server, first))
    registry = await threads.read(registry_of, cloud, server)
    # Whatever has a GET has a HEAD, whose content is not sent (RFC 9110, section 9.3.2).
    wanted = "GET" if request.method == "HEAD" and path.startswith("/v2/") else request.method
    for method, pattern, blocking in _blocking:
        match = pattern.fullmatch(path)
        if match and method == wanted and not _lacks(path, match):
            body = await read_body(request, "MANIFEST_INVALID")
            exchange = Exchange(
                cloud, catalog, uploads, threads, registry, request, match.groupdict(), body
            )
            return await threads.answer(request, _answered, blocking, exchange)
    what = f"The local cloud does not implement {request.method} {path} of a container registry."
    if path.startswith("/acr/"):  # az asks for what is 501 again and again, for 15 s
        raise CloudError(405, "UNSUPPORTED", what, headers={"Allow": ""})
    raise CloudError(501 if path.startswith("/v2/") else 404, "UNSUPPORTED", what)


def _begun(
    made: Callable[..., Exchange], cloud: Cloud, server: str, first: First
) -> tuple[Exchange, Any]:
    exchange = made(registry=registry_of(cloud, server))
    return exchange, first(exchange)


def _lacks(path: str, match: re.Match[str]) -> bool:
    """Whether what looks like a repository of ACR's own API is an operation that is not there."""
    return path.startswith("/acr/") and "/_" in match.groupdict().get("name", "")


def _answered(handler: Handler, exchange: Exchange) -> Response:
    """What the handler answers, in the registry that the request has found."""
    if exchange.request.method not in READING:
        origin.remember(exchange.request)
        registry = check_there(exchange.cloud, exchange.registry)
        exchange = replace(exchange, registry=registry)
    return handler(exchange)


def _unsupported(failure: CloudError) -> CloudError:
    """The same in OCI's words."""
    return CloudError(405, "UNSUPPORTED", failure.message, headers=failure.headers)


def _missing(request: Request) -> str:
    """OCI's code for what a request has named and is damaged."""
    return "BLOB_UNKNOWN" if "/blobs/" in request.scope["path"] else "MANIFEST_UNKNOWN"


def _render(error: CloudError) -> Response:
    body = {"errors": [{"code": error.code, "message": error.message, "detail": error.detail}]}
    return JSONResponse(body, error.status, error.headers)
