"""Key Vault's data plane: the secrets of every vault at NAME.vault.azure.net."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ..cloud import Cloud
from ..errors import CloudError, failure_of, no_space, shortened
from ..principals import Principal
from ..request_body import parse_json, read_body
from ..request_values import host_of
from ..shapes import TAGS, Shape, ShapeError, check_shape
from ..threads import Threads
from . import versions
from .access import authenticate, check, vault_of
from .pages import Page
from .secrets import Secrets, forget_due

_NAME = r"(?P<name>[^/]+)"
_BODY: Shape = {
    "value": str,
    "contentType": str,
    "tags": TAGS,
    "attributes": {"enabled": bool, "nbf": int, "exp": int},
}
# What a request may say, and what a client has only read and sends back.
_KNOWN = {
    "": {"value", "contentType", "tags", "attributes", "id", "kid", "managed"},
    "attributes.": {
        *("enabled", "nbf", "exp"),
        *("created", "updated", "recoveryLevel", "recoverableDays"),
    },
}
OPERATIONS = [
    (method, re.compile(pattern, re.IGNORECASE), permission, name)
    for method, pattern, permission, name in (
        ("GET", r"/secrets/?", "list", "list"),
        ("GET", rf"/secrets/{_NAME}/versions/?", "list", "versions"),
        ("POST", r"/secrets/restore/?", "restore", "restore"),
        ("POST", rf"/secrets/{_NAME}/backup/?", "backup", "backup"),
        ("GET", rf"/secrets/{_NAME}(?:/(?P<version>[^/]*))?", "get", "get"),
        ("PUT", rf"/secrets/{_NAME}/?", "set", "set"),
        ("PATCH", rf"/secrets/{_NAME}(?:/(?P<version>[^/]*))?", "update", "update"),
        ("DELETE", rf"/secrets/{_NAME}/?", "delete", "delete"),
        ("GET", r"/deletedsecrets/?", "list", "list_deleted"),
        ("GET", rf"/deletedsecrets/{_NAME}/?", "get deleted", "get_deleted"),
        ("POST", rf"/deletedsecrets/{_NAME}/recover/?", "recover", "recover"),
        ("DELETE", rf"/deletedsecrets/{_NAME}/?", "purge", "purge"),
    )
]

_HSM = ".managedhsm.azure.net"


def app(cloud: Cloud) -> ASGIApp:
    """The service for the vaults' hosts."""
    secrets = Secrets(cloud)
    forget_due(cloud.store)
    threads = Threads(cloud.store)

    def known(request: Request) -> Principal:
        host = host_of(request.headers)
        if host.endswith(_HSM):  # a client waits for a challenge that it could not answer here
            raise CloudError.not_implemented(f"Managed HSM, which {host} is")
        return authenticate(cloud, request.headers.get("authorization"))

    def answer(request: Request, content: bytes, principal: Principal | None) -> Response:
        host = host_of(request.headers)
        path: str = request.scope["path"]
        principal = principal or known(request)
        vault = vault_of(cloud, host.split(".")[0])
        permission, operation, params = _find(secrets, request.method, path)
        versions.check(request.query_params)
        check(cloud, vault, principal, permission, params.get("name"))
        if permission == "list":
            reply = operation(vault, params, Page.of(path, request.query_params))
        else:
            reply = operation(vault, params, _parse(content, permission))
        if reply is None:
            return Response(status_code=204)
        return JSONResponse(reply, headers={"Cache-Control": "no-cache"})

    async def endpoint(request: Request) -> Response:
        try:
            if request.method not in ("PUT", "PATCH", "POST"):
                return await threads.answer(request, answer, request, b"", None)
            principal = await threads.read(known, request)  # of strangers, nothing is read
            content = await read_body(request)
            return await threads.answer(request, answer, request, content, principal)
        except CloudError as error:
            return _failure(error)
        except sqlite3.Error as error:
            full = no_space(error)
            if full is None:
                raise
            return _failure(full)

    def fail(request: Request, error: Exception) -> Response:
        return _failure(failure_of(request.method, request.url.path, error))

    methods = ["GET", "PUT", "POST", "PATCH", "DELETE"]
    return Starlette(
        routes=[Route("/{path:path}", endpoint, methods=methods)],
        exception_handlers={HTTPException: fail, Exception: fail},
    )


def _failure(error: CloudError) -> Response:
    rendered: dict[str, Any] = {"code": error.code, "message": error.message}
    inner = error.headers.pop("innererror", None)
    if inner:
        rendered["innererror"] = {"code": inner}
    return JSONResponse({"error": rendered}, error.status, error.headers)


def _find(
    secrets: Secrets, method: str, path: str
) -> tuple[str, Callable[..., dict[str, Any] | None], dict[str, str]]:
    for wanted, pattern, permission, name in OPERATIONS:
        match = pattern.fullmatch(path)
        if match and method == wanted:
            return permission, getattr(secrets, name), match.groupdict(default="")
    raise CloudError.not_implemented(f"{method} {path} of Key Vault")


def _parse(content: bytes, permission: str) -> dict[str, Any]:
    try:
        parsed = parse_json(content or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise CloudError(400, "BadParameter", "The request body is not a JSON object.")
    try:
        check_shape(parsed, _BODY)
    except ShapeError as error:
        raise CloudError(400, "BadParameter", f"The request body is not valid: {error}") from None
    attributes = parsed.get("attributes") or {}
    for place, names in (("", parsed), ("attributes.", attributes)):
        known = _KNOWN[place] - ({"value"} if permission == "update" else set())
        for name in sorted(names.keys() - known):
            if names[name] not in (None, "", [], {}):  # an empty one asks for nothing
                what = f"the property '{place}{shortened(name, 60)}' of a secret"
                raise CloudError.not_implemented(what)
    return parsed
