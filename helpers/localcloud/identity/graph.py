"""Microsoft Graph, as far as a tenant has it that knows service principals alone."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import CloudError, failure_of
from ..threads import Threads
from . import applications, service_principals
from .graph_call import AlternateKeys, Call, Collection, listing, route


def graph(cloud: Cloud, threads: Threads) -> ASGIApp:
    """The application of graph.microsoft.com."""

    known = {"userprincipalname": "eq", "mail": "eq"}
    nobody: Collection[None] = Collection(
        lambda _: (), lambda **_: None, lambda _: {}, lambda _: {}, known
    )

    def me(_: Call) -> tuple[int, Any]:
        raise CloudError(
            400,
            "BadRequest",
            "/me request is only valid with delegated authentication flow.",
        )

    def users(call: Call) -> tuple[int, Any]:
        """Who looks for a user by name, as az role assignment does, finds none: there are none."""
        if not call.query.get("$filter"):
            raise CloudError.not_implemented("GET /v1.0/users of Microsoft Graph")
        return 200, listing(call, "users", nobody)

    def missing(request: Request) -> JSONResponse:
        raise CloudError.not_implemented(f"{request.method} {request.url.path} of Microsoft Graph")

    def refuse(request: Request, error: Exception) -> JSONResponse:
        failure = failure_of(request.method, request.url.path, error)
        body = {"error": {"code": failure.code, "message": failure.message}}
        return JSONResponse(body, failure.status, failure.headers)

    return Starlette(
        routes=[
            route(cloud, threads, "GET", "/me", me),
            route(cloud, threads, "GET", "/me/ownedObjects", me),
            route(cloud, threads, "GET", "/users", users),
            *applications.routes(cloud, threads),
            *service_principals.routes(cloud, threads),
            threads.route(
                "/{path:path}", missing, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]
            ),
        ],
        middleware=[Middleware(AlternateKeys)],
        exception_handlers={CloudError: refuse, HTTPException: refuse, Exception: refuse},
    )
