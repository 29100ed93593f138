"""Azure Resource Manager: management.azure.com, one module per resource provider."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import re
import uuid

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import CloudError, failure_of, no_space
from ..operations import IN_PROGRESS
from ..principals import Principal
from ..request_body import read_body
from ..store import READING
from ..threads import Threads
from .authentication import authenticate
from .composition import all_operations
from .operations import Worker, start
from .request_content import check_type
from .routing import Deferred, Found, Reply, Router

__all__ = ["Worker", "app", "start"]

log = logging.getLogger(__name__)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PLAIN = re.compile(r"[!-~]{1,128}")  # of a client's own id


def app(cloud: Cloud) -> ASGIApp:
    """The service for the requests to management.azure.com."""
    router = all_operations()
    threads = Threads(cloud.store)

    async def endpoint(request: Request) -> Response:
        try:
            if request.method in READING:
                reply = await threads.read(_answer, cloud, router, request)
            else:
                # Of whom nobody knows who it is, nothing is read; nor for what nobody does.
                authorization = request.headers.get("authorization")
                # In their threads: of many that come at once, none is asked before who only reads.
                principal = await threads.outside(
                    "it writes nothing", authenticate, cloud, authorization
                )
                found = router.find(request.method, _path(request), _query(request))
                content = await read_body(request)
                check_type(request.headers.get("content-type"), content)
                call = functools.partial(_answer, cloud, router, request, content, principal, found)
                why = "the router makes a transaction of each operation that says no reason against"
                reply = await threads.outside(why, call)
        except CloudError as error:
            reply = _failure(error)
        if reply.deferred is not None:
            reply = await _settled(cloud, threads, reply, reply.deferred)
        headers = {**_ids(request), "Cache-Control": "no-cache", **reply.headers}
        if reply.body is None:
            return Response(status_code=reply.status, headers=headers)
        body = json.dumps(reply.body).encode()
        return Response(body, reply.status, headers, "application/json; charset=utf-8")

    def refuse(request: Request, error: Exception) -> Response:
        failure = failure_of(request.method, request.url.path, error)
        headers = {**_ids(request), **failure.headers}
        return JSONResponse({"error": failure.body()}, failure.status, headers)

    methods = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"]
    return Starlette(
        routes=[Route("/{path:path}", endpoint, methods=methods)],
        exception_handlers={HTTPException: refuse},
    )


def _ids(request: Request) -> dict[str, str]:
    """By what a request is found again: its own, that of what it belongs to, and that of its client.

    Source: azure-resource-manager-rpc, "common-api-details", client request and response headers.
    """
    own, given = str(uuid.uuid4()), request.headers
    belongs = given.get("x-ms-correlation-request-id", "")
    found = {
        "x-ms-request-id": own,
        "x-ms-correlation-request-id": belongs if _UUID.fullmatch(belongs) else own,
    }
    client = given.get("x-ms-client-request-id", "")
    wanted = given.get("x-ms-return-client-request-id", "").lower() == "true"
    return found | (
        {"x-ms-client-request-id": client} if wanted and _PLAIN.fullmatch(client) else {}
    )


async def _settled(cloud: Cloud, threads: Threads, reply: Reply, deferred: Deferred) -> Reply:
    """Wait for a moment, without a thread, for the operation that has begun: it may have ended."""
    coming = await threads.read(cloud.operations.ending, deferred.operation)
    try:
        await asyncio.wait({asyncio.wrap_future(coming)}, timeout=deferred.patience)
    finally:
        cloud.operations.release(deferred.operation, coming)
    found = await threads.read(cloud.operations.get, deferred.operation)
    if found is None or found.status == IN_PROGRESS:
        return reply
    return _failure(found.error) if found.error is not None else deferred.done


def _path(request: Request) -> str:
    # Not of the URL, in which a name's own "?" or "#" is none; az container export sends //.
    return re.sub("/{2,}", "/", str(request.scope["path"])).rstrip("/")


def _query(request: Request) -> dict[str, str]:
    """The query by its names in lower case: they compare without case, as in Azure."""
    return {name.lower(): value for name, value in request.query_params.items()}


def _answer(
    cloud: Cloud,
    router: Router,
    request: Request,
    content: bytes = b"",
    principal: Principal | None = None,
    found: Found | None = None,
) -> Reply:
    path, query = _path(request), _query(request)
    try:
        principal = principal or authenticate(cloud, request.headers.get("authorization"))
        found = found or router.find(request.method, path, query)
        return router.handle(cloud, found, path, query, content, principal)
    except CloudError as error:
        return _failure(error)
    except Exception as error:
        full = no_space(error)
        if full is not None:
            return _failure(full)
        log.exception("%s %s failed", request.method, path)
        message = (
            f"The local cloud failed at {request.method} {path}. That is a defect of the local "
            "cloud; its log has the details: daemon.log in its state folder."
        )
        return Reply(500, {"error": {"code": "InternalServerError", "message": message}})


def _failure(error: CloudError) -> Reply:
    return Reply(error.status, {"error": error.body()}, error.headers)
