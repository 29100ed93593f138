"""raw.githubusercontent.com: the files of repositories, one at a time.

Source: GitHub documentation, "Viewing and understanding files", the raw version of a file.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import failure_of
from ..threads import Threads
from . import access, files
from .authentication import BadCredentialsError, authenticate
from .repositories import Repositories


def raw(cloud: Cloud, repositories: Repositories, threads: Threads) -> ASGIApp:
    """The application of raw.githubusercontent.com: /OWNER/NAME/REF/PATH."""

    def get(request: Request) -> Response:
        params = request.path_params
        try:
            caller = authenticate(cloud, request.headers.get("authorization"))
            found = access.visible(repositories, params["owner"], params["name"], caller)
            content = files.content_of(found, params["where"])
        except (BadCredentialsError, access.RepositoryNotFoundError, files.FileMissingError):
            return missing(request)
        kind = "application/octet-stream" if b"\0" in content else "text/plain; charset=utf-8"
        return Response(content, media_type=kind, headers={"X-Content-Type-Options": "nosniff"})

    def missing(_request: Request) -> Response:
        return PlainTextResponse("404: Not Found", 404)

    def refuse(request: Request, error: Exception) -> Response:
        failure = failure_of(request.method, request.url.path, error)
        return PlainTextResponse(failure.message, failure.status)

    return Starlette(
        routes=[
            threads.route("/{owner}/{name}/{where:path}", get, methods=["GET", "HEAD"]),
            threads.route("/{path:path}", missing, methods=["GET", "HEAD"]),
        ],
        exception_handlers={Exception: refuse},
    )
