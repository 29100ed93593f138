"""login.microsoftonline.com: discovery documents, signing keys, and the token endpoints."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from ... import base64url
from ..cloud import Cloud
from ..directory import ClientSecretError
from ..errors import CloudError, failure_of
from ..principals import AUDIENCES, LIFETIME, Principal
from ..request_body import read_body
from ..request_values import basic_credentials, parse_form
from ..threads import Threads

_HOST = "https://login.microsoftonline.com"
_ANY_TENANT = ("common", "organizations", "consumers")


class LoginError(Exception):
    """A refused token request, as OAuth and Entra ID word it."""

    def __init__(self, status: int, error: str, number: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.number = number
        self.message = message

    def render(self) -> JSONResponse:
        """The body that MSAL shows to its user."""
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        return JSONResponse(
            {
                "error": self.error,
                "error_description": f"AADSTS{self.number}: {self.message} Trace ID: {trace} "
                f"Correlation ID: {correlation} Timestamp: {now}",
                "error_codes": [self.number],
                "timestamp": now,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"{_HOST}/error?code={self.number}",
            },
            self.status,
        )


def audience_of(scope_or_resource: str) -> str | None:
    """The audience that a scope (``https://vault.azure.net/.default``) or resource names."""
    wanted = scope_or_resource.removesuffix("/.default").rstrip("/")
    return next((audience for audience in AUDIENCES if audience == wanted), None)


def _proven(cloud: Cloud, app_id: str, secret: str) -> Principal:
    """The service principal that a client id and a client secret prove. Raises :class:`LoginError`."""
    tenant = cloud.account.tenant_id
    principal = cloud.principals.find(app_id=app_id) if app_id else None
    if principal is None and cloud.directory.application(app_id=app_id) is not None:
        raise LoginError(
            401,
            "invalid_client",
            7000229,
            f"The client application {app_id} is missing service principal in the tenant {tenant}. "
            "See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
        )
    if principal is None:
        raise LoginError(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{app_id}' was not found in the directory '{tenant}'. "
            "Check AZURE_CLIENT_ID.",
        )
    try:
        cloud.directory.check_secret(principal, secret)
    except ClientSecretError as error:
        if error.expired:
            raise LoginError(
                401,
                "invalid_client",
                7000222,
                f"The provided client secret keys for app '{app_id}' are expired. Visit the Azure "
                "portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider "
                "using certificate credentials for added security: https://aka.ms/certCreds.",
            ) from None
        raise LoginError(
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            f"client secret value, not the client secret ID, for a secret added to app '{app_id}'.",
        ) from None
    return principal


def login(cloud: Cloud, threads: Threads) -> ASGIApp:  # noqa: C901 (all its routes count)
    """The application of login.microsoftonline.com."""
    account = cloud.account

    def check_tenant(tenant: str) -> None:
        if tenant.lower() != account.tenant_id:
            raise LoginError(
                400,
                "invalid_request",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID "
                "and are signing into the correct cloud.",
            )

    def configuration(request: Request) -> JSONResponse:
        tenant = request.path_params["tenant"]
        if tenant not in _ANY_TENANT:
            try:
                check_tenant(tenant)
            except LoginError as error:
                return error.render()
        base = f"{_HOST}/{tenant}"
        return JSONResponse(
            {
                "issuer": cloud.principals.issuer,
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "client_secret_basic",
                ],
                "response_types_supported": ["token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": "NA",
                "cloud_instance_name": "microsoftonline.com",
            }
        )

    def instance(request: Request) -> JSONResponse:  # noqa: ARG001
        return JSONResponse(
            {
                "tenant_discovery_endpoint": f"{_HOST}/{account.tenant_id}/v2.0"
                "/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [
                    {
                        "preferred_network": "login.microsoftonline.com",
                        "preferred_cache": "login.windows.net",
                        "aliases": ["login.microsoftonline.com", "login.windows.net"],
                    }
                ],
            }
        )

    def keys(request: Request) -> JSONResponse:  # noqa: ARG001
        numbers = cloud.principals.public_key.public_numbers()
        return JSONResponse(
            {
                "keys": [
                    {
                        "kty": "RSA",
                        "use": "sig",
                        "kid": cloud.principals.key_id,
                        "n": _base64(numbers.n),
                        "e": _base64(numbers.e),
                    }
                ]
            }
        )

    def issue(tenant: str, form: Mapping[str, str], authorization: str) -> dict[str, Any]:
        check_tenant(tenant)
        grant = form.get("grant_type", "")
        if grant != "client_credentials":
            raise LoginError(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{grant}'. The local cloud signs "
                "in service principals (client_credentials) only.",
            )
        if "client_assertion" in form:
            raise LoginError(
                400,
                "invalid_client",
                700027,
                "The local cloud signs in service principals with client secrets (--password), not "
                "with certificates or federated tokens (client_assertion).",
            )
        app_id, secret = _client(form, authorization)
        principal = _proven(cloud, app_id, secret)
        wanted = form.get("scope") or form.get("resource") or ""
        audience = audience_of(next((s for s in wanted.split() if "://" in s), wanted))
        if audience is None:
            raise LoginError(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {wanted} was not found in the tenant named "
                f"{account.tenant_id}. The local cloud issues tokens for {', '.join(AUDIENCES)}.",
            )
        now = int(time.time())
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "access_token": cloud.principals.issue(principal, audience),
        }
        if "resource" in form:  # the v1.0 endpoint's form
            answer |= {
                "expires_on": str(now + LIFETIME),
                "not_before": str(now),
                "resource": wanted,
            }
        return answer

    def refuse(request: Request, error: Exception) -> JSONResponse:
        failure = failure_of(request.method, request.url.path, error)
        unavailable = "temporarily_unavailable" if failure.status == 503 else "server_error"
        code = unavailable if failure.status >= 500 else "invalid_request"
        answer = LoginError(failure.status, code, 900144, failure.message).render()
        answer.headers.update(failure.headers)
        return answer

    async def token(request: Request) -> JSONResponse:
        try:
            form = _form(await read_body(request))
            answer = await threads.outside(
                "a token is signed, nothing is written",
                issue,
                request.path_params["tenant"],
                form,
                request.headers.get("authorization", ""),
            )
        except LoginError as error:
            return error.render()
        except CloudError as error:
            return refuse(request, error)
        return JSONResponse(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def missing(request: Request) -> JSONResponse:
        lacking = CloudError.not_implemented(f"{request.method} {request.url.path} of Entra ID")
        return JSONResponse(
            {
                "error": "not_implemented",
                "error_description": f"{lacking.message} Locally, sign in as the service principal "
                "of the environment: az login --service-principal -u $AZURE_CLIENT_ID "
                "-p $AZURE_CLIENT_SECRET --tenant $AZURE_TENANT_ID",
            },
            lacking.status,
        )

    return Starlette(
        routes=[
            threads.route("/common/discovery/instance", instance),
            threads.route("/{tenant}/v2.0/.well-known/openid-configuration", configuration),
            threads.route("/{tenant}/.well-known/openid-configuration", configuration),
            threads.route("/{tenant}/discovery/v2.0/keys", keys),
            threads.route("/{tenant}/discovery/keys", keys),
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
            Route("/{tenant}/oauth2/token", token, methods=["POST"]),
            threads.route("/{path:path}", missing, methods=["GET", "POST"]),
        ],
        exception_handlers={CloudError: refuse, Exception: refuse},
    )


def _form(body: bytes) -> dict[str, str]:
    try:
        return parse_form(body)
    except ValueError:
        raise LoginError(
            400, "invalid_request", 900144, "The body of the request is not a form."
        ) from None


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    """Client id and secret, from the form or from HTTP basic authentication (RFC 6749, 2.3.1)."""
    pair = basic_credentials(authorization)
    return pair if pair is not None else (form.get("client_id", ""), form.get("client_secret", ""))


def _base64(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64url.encode(data)
