"""The look-ups of Microsoft Graph that the az CLI makes before it creates vaults and assignments."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import CloudError, failure_of
from ..odata import FilterError, parse_filter
from ..principals import GRAPH, Principal, TokenError
from ..request_body import parse_json, read_body
from ..shapes import check_shape
from ..threads import Threads

_COLUMNS = {
    "serviceprincipalnames/any": "app_id",
    "appid": "app_id",
    "id": "object_id",
    "displayname": "display_name",
}


def graph(cloud: Cloud, threads: Threads) -> ASGIApp:
    """The application of graph.microsoft.com."""

    def authenticate(request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise CloudError(401, "InvalidAuthenticationToken", "Access token is empty.")
        try:
            cloud.principals.verify(token, GRAPH)
        except TokenError as error:
            raise CloudError(401, "InvalidAuthenticationToken", error.message) from None

    def me(request: Request) -> JSONResponse:
        authenticate(request)
        raise CloudError(
            400,
            "BadRequest",
            "/me request is only valid with delegated authentication flow.",
        )

    def list_service_principals(request: Request) -> JSONResponse:
        authenticate(request)
        wanted = request.query_params.get("$filter", "")
        found = cloud.principals.find(**_conditions(wanted))
        return JSONResponse({"value": [_render(found)] if found else []})

    def get_service_principal(request: Request) -> JSONResponse:
        authenticate(request)
        wanted = request.path_params["id"]
        found = cloud.principals.find(object_id=wanted)
        if found is None:
            raise CloudError(
                404,
                "Request_ResourceNotFound",
                f"Resource '{wanted}' does not exist or one of its queried reference-property "
                "objects are not present.",
            )
        return JSONResponse(_render(found))

    async def get_by_ids(request: Request) -> JSONResponse:
        await threads.read(authenticate, request)
        ids = _ids(await read_body(request))

        def find() -> list[dict[str, Any]]:
            found = (cloud.principals.find(object_id=one) for one in ids)
            return [_render(one) for one in found if one is not None]

        return JSONResponse({"value": await threads.read(find)})

    def missing(request: Request) -> JSONResponse:
        raise CloudError.not_implemented(f"{request.method} {request.url.path} of Microsoft Graph")

    def refuse(request: Request, error: Exception) -> JSONResponse:
        failure = failure_of(request.method, request.url.path, error)
        body = {"error": {"code": failure.code, "message": failure.message}}
        return JSONResponse(body, failure.status, failure.headers)

    return Starlette(
        routes=[
            threads.route("/v1.0/me", me),
            threads.route("/v1.0/servicePrincipals", list_service_principals),
            threads.route("/v1.0/servicePrincipals/{id}", get_service_principal),
            Route("/v1.0/directoryObjects/getByIds", get_by_ids, methods=["POST"]),
            threads.route(
                "/{path:path}", missing, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]
            ),
        ],
        exception_handlers={CloudError: refuse, Exception: refuse},
    )


def _conditions(text: str) -> dict[str, str]:
    """What a principal must have, by column. Raises 501 for a filter that only Graph understands."""
    wanted: dict[str, str] = {}
    try:
        for one in parse_filter(text):
            column = _COLUMNS.get(one.name.lower(), "")
            if not column or one.operator != "eq" or not one.quoted or column in wanted:
                raise FilterError("that is not known here", one.name or one.operator)
            wanted[column] = one.value
    except FilterError:
        wanted = {}
    if not wanted:
        shown = text if len(text) <= 200 else f"{text[:200]}…"
        raise CloudError.not_implemented(f"servicePrincipals?$filter={shown}")
    return wanted


def _ids(content: bytes) -> list[str]:
    try:
        body = parse_json(content)
        check_shape(body, {"ids": [str]})
    except ValueError as error:  # not JSON, or of another shape
        raise CloudError(
            400, "BadRequest", f"Unable to read JSON request payload: {error}"
        ) from None
    return list(body.get("ids") or [])


def _render(principal: Principal) -> dict[str, Any]:
    managed = bool(principal.resource_id)
    return {
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": principal.object_id,
        "appId": principal.app_id,
        "displayName": principal.display_name,
        "servicePrincipalType": "ManagedIdentity" if managed else "Application",
        "servicePrincipalNames": [principal.app_id],
        "alternativeNames": [f"isExplicit={principal.user_assigned}", principal.resource_id]
        if managed
        else [],
    }
