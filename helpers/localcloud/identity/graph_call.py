"""How Microsoft Graph's operations are asked, who may ask, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

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
_Keys = Mapping[str, tuple[str, ...]]
_Found = TypeVar("_Found")
_Item = tuple[_Keys, Callable[[], dict[str, Any]]]


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


def not_found(wanted: str) -> CloudError:
    """404 for an object that the directory does not have."""
    return CloudError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{wanted}' does not exist or one of its queried reference-property objects are "
        "not present.",
    )


def authenticate(cloud: Cloud, authorization: str) -> Principal:
    """The caller that a bearer token for Graph proves. Raises 401."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise CloudError(401, "InvalidAuthenticationToken", "Access token is empty.")
    try:
        return cloud.principals.verify(token, GRAPH)
    except TokenError as error:
        raise CloudError(401, "InvalidAuthenticationToken", error.message) from None


def route(cloud: Cloud, threads: Threads, method: str, path: str, operation: Operation) -> Route:
    """A route of an operation; what is no GET is one transaction."""

    def known(request: Request) -> Principal:
        return authenticate(cloud, request.headers.get("authorization", ""))

    def answer(request: Request, principal: Principal, body: dict[str, Any]) -> Response:
        call = Call(cloud, principal, request.path_params, request.query_params, body)
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


def entity(kind: str, shown: dict[str, Any]) -> dict[str, Any]:
    """One of a ``kind`` of objects, as Graph answers it."""
    return {"@odata.context": f"{CONTEXT}{kind}/$entity", **shown}


def directory_objects(shown: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Objects of whatever kind, as Graph answers them where there are no pages."""
    return {"@odata.context": f"{CONTEXT}directoryObjects", "value": [*shown]}


def listing(call: Call, kind: str, items: Iterable[_Item], known: Mapping[str, str]) -> Any:
    """A page of the items that the query's ``$filter`` leaves, as Graph lists a ``kind``.

    Each is what it can be asked by, its ``id`` among it, and what shows it; ``known`` names the former
    in lower case, and the comparison that they know: eq, or startswith, which knows eq as well.

    Raises 501 for a filter, or another option of a query, that the local cloud does not know.
    """
    for name in call.query:
        if name.startswith("$") and name not in ("$filter", "$top", "$skiptoken"):
            raise CloudError.not_implemented(f"{name} of {kind} of Microsoft Graph")
    wanted = _conditions(call.query.get("$filter", ""), kind, known)
    found = [one for one in items if all(_fits(one[0], *condition) for condition in wanted)]
    size = _page_size(call.query.get("$top", str(_PAGE)))
    start = _start(found, call.query.get("$skiptoken"))
    page = found[start : start + size]
    shown: dict[str, Any] = {"@odata.context": f"{CONTEXT}{kind}"}
    if len(found) > start + size:
        query = {**call.query, "$skiptoken": page[-1][0]["id"][0]}
        shown["@odata.nextLink"] = f"{_BASE}/{kind}?{urlencode(query, safe='$')}"
    return {**shown, "value": [render() for _, render in page]}


def _page_size(given: str) -> int:
    size = parse_number(given)
    if not size or size > _LARGEST:
        raise bad_request(
            f"Invalid page size specified: '{given}'. Must be between 1 and {_LARGEST}."
        )
    return size


def _start(found: Sequence[_Item], token: str | None) -> int:
    """Where the page of a token begins: after the item that it names."""
    if token is None:
        return 0
    for index, (keys, _) in enumerate(found):
        if keys["id"] == (token,):
            return index + 1
    raise bad_request("The $skiptoken is invalid: it is no token of a page of this listing.")


def candidates(
    call: Call, every: Callable[[], list[_Found]], find: Callable[..., _Found | None]
) -> list[_Found]:
    """Those that may fit the ``$filter``: the only one of an id that it names, else ``every`` one.

    What an index finds need not be looked for among all; :func:`listing` looks at the rest. ``find``
    takes ``app_id`` and ``object_id``.
    """
    try:
        conditions = parse_filter(call.query.get("$filter", ""))
    except FilterError:
        return every()
    given = {
        _IDS[one.name.lower()]: one.value
        for one in conditions
        if one.operator == "eq" and one.name.lower() in _IDS and one.value
    }
    if not given:
        return every()
    found = find(**given)
    return [found] if found is not None else []


def _conditions(text: str, kind: str, known: Mapping[str, str]) -> list[tuple[str, str, str]]:
    try:
        found = parse_filter(text)
        for one in found:
            name, operator = one.name.lower(), one.operator
            if not one.quoted or operator not in ("eq", known.get(name)) or name not in known:
                raise FilterError("it is not known", one.name)
    except FilterError:
        raise CloudError.not_implemented(f"{kind}?$filter={shortened(text)}") from None
    return [(one.name.lower(), one.operator, one.value.lower()) for one in found]


def _fits(keys: _Keys, name: str, operator: str, value: str) -> bool:
    held = [one.lower() for one in keys[name]]
    return value in held if operator == "eq" else any(one.startswith(value) for one in held)
