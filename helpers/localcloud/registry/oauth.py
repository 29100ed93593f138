"""The token endpoints of a registry: exchange an Entra token, get an access token for a scope."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import JSONResponse, Response

from .. import timestamps
from ..errors import CloudError
from ..request_values import parse_form
from .access import IDENTITY_USER, UNAUTHORIZED, Caller
from .authentication import caller_of, enter
from .exchange import Exchange
from .tokens import (
    ACCESS_LIFETIME,
    Access,
    access_token,
    caller_of_access_token,
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


def _answer(
    request: Exchange,
    caller: Caller,
    scopes: Iterable[str],
    *,
    offline: bool,
    within: Access | None = None,
) -> Response:
    token = access_token(request.cloud, request.registry, caller, scopes, within)
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
    """POST /oauth2/token: grant types refresh_token and password.

    The password of an identity may be an access token, too, as az sends it for artifact streaming.
    """
    form = _form(request)
    _check_service(request, form.get("service", ""))
    grant, scopes = form.get("grant_type", ""), form.get("scope", "").split()
    caller: Caller | None
    if grant == "refresh_token":
        given = form.get("refresh_token", "")
        caller = caller_of_refresh_token(request.cloud, request.server, given)
    elif grant == "password":
        user, password = form.get("username", ""), form.get("password", "")
        if user == IDENTITY_USER and not request.registry.is_hub:
            found = caller_of_access_token(request.cloud, request.registry, password)
            if found is not None:
                return _answer(request, found[0], scopes, offline=False, within=found[1])
        caller = enter(request.cloud, request.registry, user, password)
    else:
        raise CloudError(
            400, "UNSUPPORTED", f"grant_type {grant!r} is neither refresh_token nor password"
        )
    if caller is None:
        raise CloudError(401, "UNAUTHORIZED", UNAUTHORIZED)
    offline = form.get("access_type") == "offline"
    return _answer(request, caller, scopes, offline=offline)
