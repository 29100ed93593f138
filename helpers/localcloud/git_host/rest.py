"""api.github.com: the calls that creating, finding and deleting a repository needs."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .. import timestamps
from ..cloud import Cloud
from ..errors import CloudError, failure_of
from ..request_body import parse_json, read_body
from ..request_values import parse_number
from ..threads import Threads
from . import access
from .authentication import BadCredentialsError, authenticate
from .repositories import Repositories, Repository, branches

_ORGANIZATION = re.compile(r"(?i)[a-z0-9](?:-?[a-z0-9]){0,38}")
_PAGE, _LARGEST_PAGE = 30, 100  # entries
_SCOPES = {"X-OAuth-Scopes": "repo, admin:repo_hook, delete_repo"}


class _Refused(Exception):  # noqa: N818
    def __init__(self, status: int, message: str, errors: list[dict[str, str]] | None = None):
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(status),
        }
        if errors:
            self.body["errors"] = errors


def rest(cloud: Cloud, repositories: Repositories, threads: Threads) -> ASGIApp:  # noqa: C901, PLR0915 (all its routes count)
    """The application of api.github.com."""
    account = cloud.account.github_owner

    def who(request: Request) -> str | None:
        try:
            return authenticate(cloud, request.headers.get("authorization"))
        except BadCredentialsError:
            raise _Refused(401, "Bad credentials") from None

    def required(request: Request) -> str:
        found = who(request)
        if found is None:
            raise _Refused(401, "Requires authentication")
        return found

    def visible(request: Request) -> Repository:
        caller = who(request)
        params = request.path_params
        try:
            return access.visible(repositories, params["owner"], params["name"], caller)
        except access.RepositoryNotFoundError:
            raise _Refused(404, "Not Found") from None

    def user(request: Request) -> Response:
        return JSONResponse(_user(required(request)), headers=_SCOPES)

    def get_user(request: Request) -> Response:
        name = request.path_params["owner"]
        if name.lower() == account.lower():
            return JSONResponse(_user(account))
        if repositories.of(name):
            return JSONResponse(_user(name, "Organization"))
        raise _Refused(404, "Not Found")

    def get(request: Request) -> Response:
        found = visible(request)
        return JSONResponse(_render(found, who(request)), headers=_SCOPES if who(request) else {})

    def list_mine(request: Request) -> Response:
        caller = required(request)
        return _paged(request, [_render(one, caller) for one in repositories.of(caller)])

    def create_for(owner: str, caller: str, body: dict[str, Any]) -> Response:
        name = str(body.get("name", ""))
        # The account owns every organization: here, one exists as soon as it has a repository.
        if not _ORGANIZATION.fullmatch(owner):
            raise _Refused(404, "Not Found")
        try:
            if not repositories.valid_name(name):
                raise ValueError(
                    "name is missing or has characters other than letters, digits, ._-"
                )
            created = repositories.create(
                account if owner.lower() == account.lower() else owner,
                name,
                private=bool(body.get("private")),
                description=str(body.get("description") or ""),
            )
        except ValueError as error:
            detail = {"resource": "Repository", "code": "custom", "field": "name"}
            raise _Refused(
                422, "Repository creation failed.", [{**detail, "message": str(error)}]
            ) from None
        return JSONResponse(_render(created, caller), 201, headers=_SCOPES)

    async def create(request: Request) -> Response:
        caller = await threads.read(required, request)
        try:
            body = _object(await read_body(request))
        except CloudError as error:
            raise _Refused(error.status, error.message) from None
        owner = request.path_params.get("owner", caller)
        return await threads.write(create_for, owner, caller, body)

    def delete(request: Request) -> Response:
        required(request)
        repositories.delete(visible(request))
        return Response(status_code=204)

    def list_branches(request: Request) -> Response:
        found = visible(request)
        return _paged(request, [_branch(found, n, c) for n, c in branches(found).items()])

    def get_branch(request: Request) -> Response:
        found = visible(request)
        name = request.path_params["branch"]
        commit = branches(found).get(name)
        if commit is None:
            raise _Refused(404, "Branch not found")
        return JSONResponse(_branch(found, name, commit))

    def missing(request: Request) -> Response:
        raise _Refused(
            501,
            f"The local cloud does not implement {request.method} {request.url.path} of the GitHub "
            "REST API.",
        )

    def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, _Refused):
            return JSONResponse(error.body, error.status)
        failure = failure_of(request.method, request.url.path, error)
        body = _Refused(failure.status, failure.message).body
        return JSONResponse(body, failure.status, failure.headers)

    return Starlette(
        routes=[
            threads.route("/user", user),
            threads.route("/user/repos", list_mine),
            Route("/user/repos", create, methods=["POST"]),
            Route("/orgs/{owner}/repos", create, methods=["POST"]),
            threads.route("/users/{owner}", get_user),
            threads.route("/repos/{owner}/{name}", get),
            threads.route("/repos/{owner}/{name}", delete, methods=["DELETE"]),
            threads.route("/repos/{owner}/{name}/branches", list_branches),
            threads.route("/repos/{owner}/{name}/branches/{branch:path}", get_branch),
            threads.route(
                "/{path:path}", missing, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]
            ),
        ],
        exception_handlers={_Refused: refuse, CloudError: refuse, Exception: refuse},
    )


def _paged(request: Request, found: list[Any]) -> JSONResponse:
    """A page of a list, and in ``Link`` where the others are.

    Source: docs.github.com, "Using pagination in the REST API".
    """
    size = min(_positive(request, "per_page", _PAGE), _LARGEST_PAGE)
    page = _positive(request, "page", 1)
    last = max(-(-len(found) // size), 1)
    here = request.url.replace(scheme="https")
    around = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    wanted = (("next", "last") if page < last else ()) + (("prev", "first") if page > 1 else ())
    links = (f'<{here.include_query_params(page=around[name])}>; rel="{name}"' for name in wanted)
    headers = {"Link": ", ".join(links)} if wanted else {}
    return JSONResponse(found[(page - 1) * size : page * size], headers=headers)


def _positive(request: Request, name: str, default: int) -> int:
    """A number of the query; what is none, or below 1, counts as not given."""
    return parse_number(request.query_params.get(name, "")) or default


def _object(content: bytes) -> dict[str, Any]:
    try:
        parsed = parse_json(content)
    except ValueError:
        raise _Refused(400, "Problems parsing JSON") from None
    if not isinstance(parsed, dict):
        raise _Refused(400, "Body should be a JSON object")
    return parsed


def _user(login: str, kind: str = "User") -> dict[str, Any]:
    return {
        "login": login,
        "id": 1,
        "type": kind,
        "url": f"https://api.github.com/users/{login}",
        "html_url": f"https://github.com/{login}",
    }


def _render(repository: Repository, caller: str | None) -> dict[str, Any]:
    api = f"https://api.github.com/repos/{repository.owner}/{repository.name}"
    created = datetime.fromtimestamp(repository.created, timezone.utc)
    mine = caller is not None
    return {
        "id": repository.id,
        "name": repository.name,
        "full_name": f"{repository.owner}/{repository.name}",
        "private": repository.private,
        "visibility": "private" if repository.private else "public",
        "owner": _user(repository.owner),
        "description": repository.description or None,
        "fork": False,
        "url": api,
        "html_url": repository.url,
        "clone_url": f"{repository.url}.git",
        "default_branch": "main",
        "created_at": timestamps.seconds(created),
        "permissions": {"admin": mine, "push": mine, "pull": True},
    }


def _branch(repository: Repository, name: str, commit: str) -> dict[str, Any]:
    api = f"https://api.github.com/repos/{repository.owner}/{repository.name}"
    return {
        "name": name,
        "commit": {"sha": commit, "url": f"{api}/commits/{commit}"},
        "protected": False,
    }
