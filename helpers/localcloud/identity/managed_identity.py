"""Tokens of managed identities: instance metadata, and the App Service form of it.

A workload proves which identities it has by the secret of its session (``Principals.open_session``):
as the password of ``Proxy-Authorization`` (that is how the proxy in a container knows its caller),
or in ``X-IDENTITY-HEADER`` (App Service's IDENTITY_HEADER).
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import CloudError, failure_of
from ..identities import Identities, IdentityError
from ..principals import LIFETIME
from ..request_values import basic_credentials
from ..threads import Threads
from .login import audience_of

VERSIONS = ("2021-02-01", "2020-10-01", "2018-02-01")


def managed_identity(cloud: Cloud, threads: Threads) -> ASGIApp:  # noqa: C901 (all its routes count)
    """The application of the address 169.254.169.254."""

    def answer(request: Request, identities: Identities) -> JSONResponse:
        asked = request.query_params
        try:
            principal = identities.chosen(
                client_id=asked.get("client_id", ""),
                object_id=asked.get("object_id") or asked.get("principal_id", ""),
                resource_id=asked.get("msi_res_id") or asked.get("mi_res_id", ""),
            )
        except IdentityError as error:
            return _refuse(400, "invalid_request", str(error))
        resource = request.query_params.get("resource")
        if not resource:
            return _refuse(400, "invalid_request", "Required audience parameter not specified")
        audience = audience_of(resource)
        if audience is None:
            return _refuse(
                400,
                "invalid_resource",
                "AADSTS500011: The resource principal named "
                f"{resource} was not found in the tenant named {cloud.account.tenant_id}.",
            )
        expires = int(time.time()) + LIFETIME
        body = {
            "access_token": cloud.principals.issue(principal, audience),
            "client_id": principal.app_id,
            "expires_in": str(LIFETIME),
            "expires_on": str(expires),
            "ext_expires_in": str(LIFETIME),
            "not_before": str(expires - LIFETIME),
            "resource": resource,
            "token_type": "Bearer",
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    def instance_metadata(request: Request) -> JSONResponse:
        if request.headers.get("metadata", "").lower() != "true":
            return _refuse(400, "invalid_request", "Required metadata header not specified")
        if "x-forwarded-for" in request.headers:
            return _refuse(400, "invalid_request", "X-Forwarded-For is not allowed")
        if "api-version" not in request.query_params:
            return _no_version()
        return answer(request, Identities(cloud.principals.session(_proxy_password(request))))

    def app_service(request: Request) -> JSONResponse:
        secret = request.headers.get("x-identity-header", "")
        found = Identities(cloud.principals.session(secret)) if secret else None
        if not found:
            return _refuse(401, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
        return answer(request, found)

    def instance(request: Request) -> JSONResponse:
        if request.headers.get("metadata", "").lower() != "true":
            return _refuse(400, "invalid_request", "Required metadata header not specified")
        if "api-version" not in request.query_params:
            return _no_version()
        return JSONResponse(
            {
                "compute": {
                    "azEnvironment": "AzurePublicCloud",
                    "subscriptionId": cloud.account.subscription_id,
                    "name": "localcloud",
                    "osType": "Linux",
                    "location": "eastus",
                },
                "time": datetime.now(timezone.utc).isoformat(),
            }
        )

    def refuse(request: Request, error: Exception) -> JSONResponse:
        failure = failure_of(request.method, request.url.path, error)
        code = "temporarily_unavailable" if failure.status == 503 else "server_error"
        answer = _refuse(failure.status, code, failure.message)
        answer.headers.update(failure.headers)
        return answer

    return Starlette(
        routes=[
            threads.route("/metadata/identity/oauth2/token", instance_metadata),
            threads.route("/metadata/instance", instance),
            threads.route("/msi/token", app_service),
        ],
        exception_handlers={CloudError: refuse, Exception: refuse},
    )


def _proxy_password(request: Request) -> str:
    pair = basic_credentials(request.headers.get("proxy-authorization"))
    return pair[1] if pair is not None else ""


def _no_version() -> JSONResponse:
    message = (
        "Bad request. api-version was not specified in the request. For more information refer to "
        "aka.ms/azureimds"
    )
    return JSONResponse({"error": message, "newest-versions": VERSIONS}, 400)


def _refuse(status: int, error: str, description: str) -> JSONResponse:
    return JSONResponse({"error": error, "error_description": description}, status)
