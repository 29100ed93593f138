"""How Microsoft Graph's operations are asked, who may ask, and how it refuses."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..cloud import Cloud
from ..errors import CloudError, shortened
from ..odata import FilterError, parse_filter
from ..principals import GRAPH, Principal, TokenError
from ..request_body import parse_json, read_body
from ..request_values import parse_number
from ..shapes import Shape, ShapeError, check_shape
from ..threads import Threads

_BASE = "https://graph.microsoft.com/v1.0"
CONTEXT = f"{_BASE}/$metadata#"
_PAGE, _LARGEST = 100, 999  # objects of a page
_IDS = {"appid": "app_id", "serviceprincipalnames/any": "app_id", "id": "object_id"}
_APPLICATION = re.compile(r"(?i)appId='([^'/]*)'")
_ALTERNATE = re.compile(
    r"(?i)(/v1\.0/(?:applications|servicePrincipals))\((appId='[^'/]*')\)((?:/.*)?)"
)
_Keys = Mapping[str, tuple[str, ...]]
_Condition = tuple[str, str, str]  # name, operator, value
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Call:
    """One authenticated request to an operation."""

    cloud: Cloud
    principal: Principal
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Any]

    def check_administrator(self) -> None:
        """Raise 403 unless the caller may manage applications: the tutorial's own principal.

        In Entra ID that needs Application.ReadWrite.All, which no role of a subscription brings.
        """
        if self.principal.object_id != self.cloud.account.object_id:
            raise denied()

    def check(self, shape: Shape) -> None:
        """Raise 400 unless the body has the shape."""
        try:
            check_shape(self.body, shape)
        except ShapeError as error:
            raise _unreadable(str(error)) from None


Operation = Callable[[Call], tuple[int, Any]]


@dataclass(frozen=True)
class Collection(Generic[_Found]):
    """All objects of one kind, as they are listed.

    ``after`` has those that come after one, or all; ``find`` takes ``app_id`` and ``object_id``. ``keys``
    is what one can be asked by, its ``id`` among it; ``known`` names that in lower case, and the
    comparison that it knows: eq, or startswith, which knows eq as well.
    """

    after: Callable[[_Found | None], Iterable[_Found]]
    find: Callable[..., _Found | None]
    keys: Callable[[_Found], _Keys]
    render: Callable[[_Found], dict[str, Any]]
    known: Mapping[str, str]


def bad_request(message: str) -> CloudError:
    """400 as Graph answers it."""
    return CloudError(400, "Request_BadRequest", message)


def denied() -> CloudError:
    """403 for what the caller may not do."""
    return CloudError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def _unreadable(why: str) -> CloudError:
    return CloudError(400, "BadRequest", f"Unable to read JSON request payload: {why}")


def authenticate(cloud: Cloud, authorization: str) -> Principal:
    """The caller that a bearer token for Graph proves. Raises 401."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise CloudError(401, "InvalidAuthenticationToken", "Access token is empty.")
    try:
        return cloud.principals.verify(token, GRAPH)
    except TokenError as error:
        raise CloudError(401, "InvalidAuthenticationToken", error.message) from None


class AlternateKeys:
    """Has ``/servicePrincipals(appId='…')`` answered where ``/servicePrincipals/{id}`` is.

    What it names is found by :func:`named`. Source: Microsoft Graph, "Get servicePrincipal" and "Get
    application", HTTP request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _ALTERNATE.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is not None:
            scope = {**scope, "path": f"{found[1]}/{found[2]}{found[3]}"}
        await self._app(scope, receive, send)


def named(call: Call, find: Callable[..., _Found | None]) -> _Found:
    """The object that a path names: ``find`` takes its ``object_id``, or its ``app_id``. Raises 404."""
    wanted, by = call.params["id"], "object_id"
    alternate = _APPLICATION.fullmatch(wanted)
    if alternate is not None:
        wanted, by = alternate[1], "app_id"
    found = find(**{by: wanted})
    if found is None:
        raise CloudError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{wanted}' does not exist or one of its queried reference-property objects "
            "are not present.",
        )
    return found


def route(cloud: Cloud, threads: Threads, method: str, path: str, operation: Operation) -> Route:
    """A route of an operation; what is no GET is one transaction."""

    def known(request: Request) -> Principal:
        return authenticate(cloud, request.headers.get("authorization", ""))

    def answer(request: Request, principal: Principal, body: dict[str, Any]) -> Response:
        call = Call(cloud, principal, request.path_params, request.query_params, body)
        if method != "GET" or "{" in path:  # of pages, listing() knows some
            check_options(call, path.strip("/"))
        status, content = operation(call)
        return Response(status_code=status) if content is None else JSONResponse(content, status)

    async def endpoint(request: Request) -> Response:
        principal = await threads.read(known, request)  # of strangers, nothing is read
        body = _parse(await read_body(request)) if method in ("POST", "PATCH") else {}
        return await threads.answer(request, answer, request, principal, body)

    return Route(f"/v1.0{path}", endpoint, methods=[method])


def _parse(content: bytes) -> dict[str, Any]:
    try:
        parsed = parse_json(content or b"{}")
    except ValueError as error:
        raise _unreadable(str(error)) from None
    if not isinstance(parsed, dict):
        raise _unreadable("it is not an object.")
    return parsed


def check_options(call: Call, what: str, *known: str) -> None:
    """Raise 501 for an option of OData that an operation does not know."""
    for name in call.query:
        if name.startswith("$") and name not in known:
            raise CloudError.not_implemented(f"{name} of {what} of Microsoft Graph")


def entity(kind: str, shown: dict[str, Any]) -> dict[str, Any]:
    """One of a ``kind`` of objects, as Graph answers it."""
    return {"@odata.context": f"{CONTEXT}{kind}/$entity", **shown}


def directory_objects(shown: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Objects of whatever kind, as Graph answers them where there are no pages."""
    return {"@odata.context": f"{CONTEXT}directoryObjects", "value": [*shown]}


def listing(call: Call, kind: str, listed: Collection[_Found]) -> Any:
    """A page of what the query's ``$filter`` leaves of a ``kind``, as Graph lists it.

    It reads what it shows and what the filter leaves out up to there, whatever there is besides.

    Raises 501 for a filter, or another option of a query, that the local cloud does not know.
    """
    check_options(call, kind, "$filter", "$top", "$skiptoken")
    wanted = _conditions(call.query.get("$filter", ""), kind, listed.known)
    size = _page_size(call.query.get("$top", str(_PAGE)))
    before = _before(listed, wanted, call.query.get("$skiptoken"))
    every = _candidates(listed, wanted, before)
    fitting = (one for one in every if _fits(listed.keys(one), wanted))
    page = list(itertools.islice(fitting, size + 1))
    shown: dict[str, Any] = {"@odata.context": f"{CONTEXT}{kind}"}
    if len(page) > size:
        query = {**call.query, "$skiptoken": listed.keys(page[size - 1])["id"][0]}
        shown["@odata.nextLink"] = f"{_BASE}/{kind}?{urlencode(query, safe='$')}"
    return {**shown, "value": [listed.render(one) for one in page[:size]]}


def _page_size(given: str) -> int:
    size = parse_number(given)
    if not size or size > _LARGEST:
        raise bad_request(
            f"Invalid page size specified: '{given}'. Must be between 1 and {_LARGEST}."
        )
    return size


def _before(
    listed: Collection[_Found], wanted: list[_Condition], token: str | None
) -> _Found | None:
    """What the page of a token comes after: the object that the token names; None at the beginning."""
    if token is None:
        return None
    found = listed.find(object_id=token)
    if found is None or not _fits(listed.keys(found), wanted):
        raise bad_request("The $skiptoken is invalid: it is no token of a page of this listing.")
    return found


def _candidates(
    listed: Collection[_Found], wanted: list[_Condition], before: _Found | None
) -> Iterable[_Found]:
    """Those that may fit: the only one of an id that is asked for, which an index finds, else all."""
    given = {
        _IDS[name]: value
        for name, operator, value in wanted
        if operator == "eq" and name in _IDS and value
    }
    if not given:
        return listed.after(before)
    found = listed.find(**given) if before is None else None
    return [found] if found is not None else []


def _conditions(text: str, kind: str, known: Mapping[str, str]) -> list[_Condition]:
    try:
        found = parse_filter(text)
        for one in found:
            name, operator = one.name.lower(), one.operator
            if not one.quoted or operator not in ("eq", known.get(name)) or name not in known:
                raise FilterError("it is not known", one.name)
    except FilterError:
        raise CloudError.not_implemented(f"{kind}?$filter={shortened(text)}") from None
    return [(one.name.lower(), one.operator, one.value.lower()) for one in found]


def _fits(keys: _Keys, wanted: Iterable[_Condition]) -> bool:
    """Whether every condition holds for what has these keys."""
    for name, operator, value in wanted:
        held = [one.lower() for one in keys[name]]
        if not (value in held if operator == "eq" else any(one.startswith(value) for one in held)):
            return False
    return True
