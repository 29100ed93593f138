"""The token endpoints of a registry: exchange an Entra token, get an access token for a scope."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import JSONResponse, Response

from .. import timestamps
from ..errors import CloudError
from ..request_values import parse_form
from .access import UNAUTHORIZED, Caller
from .authentication import caller_of, enter
from .exchange import Exchange
from .tokens import (
    ACCESS_LIFETIME,
    access_token,
    caller_of_refresh_token,
    exchange,
    lifetime,
    refresh_token,
)


def _form(request: Exchange) -> dict[str, str]:
    try:
        return parse_form(request.body)
    except ValueError:
        raise CloudError(400, "UNSUPPORTED", "the request's body is not a form") from None


def _check_service(request: Exchange, service: str) -> None:
    if request.registry.is_hub:
        return
    if service and service.lower() != request.server:
        raise CloudError(
            400, "UNSUPPORTED", f"the service {service!r} is not this registry, {request.server}"
        )


def exchange_token(request: Exchange) -> Response:
    """POST /oauth2/exchange: a refresh token for an Entra access token."""
    form = _form(request)
    _check_service(request, form.get("service", ""))
    if form.get("grant_type") != "access_token":
        grant = form.get("grant_type")
        raise CloudError(400, "UNSUPPORTED", f"grant_type {grant!r} is not access_token")
    token = exchange(request.cloud, request.registry, form.get("access_token", ""))
    return JSONResponse({"refresh_token": token})


def _answer(request: Exchange, caller: Caller, scopes: Iterable[str], *, offline: bool) -> Response:
    token = access_token(request.cloud, request.registry, caller, scopes)
    body: dict[str, object] = {
        "access_token": token,
        "token": token,
        "expires_in": lifetime(caller, ACCESS_LIFETIME),
        "issued_at": timestamps.seconds(),
    }
    if offline:
        body["refresh_token"] = refresh_token(request.cloud, request.server, caller)
    return JSONResponse(body)


def get_token(request: Exchange) -> Response:
    """GET /oauth2/token: for basic authentication, or for nobody where that is allowed."""
    query = request.request.query_params
    _check_service(request, query.get("service", ""))
    caller = caller_of(
        request.cloud, request.registry, request.request.headers.get("authorization")
    )
    if caller.kind == "anonymous" and not request.registry.is_hub:
        raise CloudError(401, "UNAUTHORIZED", UNAUTHORIZED)
    scopes = " ".join(query.getlist("scope")).split()
    offline = query.get("offline_token") == "true" and caller.kind != "anonymous"
    return _answer(request, caller, scopes, offline=offline)


def post_token(request: Exchange) -> Response:
    """POST /oauth2/token: grant types refresh_token and password."""
    form = _form(request)
    _check_service(request, form.get("service", ""))
    grant = form.get("grant_type", "")
    caller: Caller | None
    if grant == "refresh_token":
        given = form.get("refresh_token", "")
        caller = caller_of_refresh_token(request.cloud, request.server, given)
    elif grant == "password":
        user, password = form.get("username", ""), form.get("password", "")
        caller = enter(request.cloud, request.registry, user, password)
    else:
        raise CloudError(
            400, "UNSUPPORTED", f"grant_type {grant!r} is neither refresh_token nor password"
        )
    if caller is None:
        raise CloudError(401, "UNAUTHORIZED", UNAUTHORIZED)
    offline = form.get("access_type") == "offline"
    return _answer(request, caller, form.get("scope", "").split(), offline=offline)
