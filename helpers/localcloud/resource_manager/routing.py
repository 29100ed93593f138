"""How the resource manager finds the operation of a request, and who may call it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, overload

from ..api_versions import type_of
from ..cloud import Cloud
from ..errors import CloudError
from ..principals import Principal
from ..shapes import Shape, ShapeError, check_shape
from ..store import READING, Resource
from . import lock_rules, path_checks, request_content, system_data, version_rules
from .models import M, Model, read
from .options import Query
from .path_templates import is_of_resource, no_operation, operation_name, pattern_of


@dataclass(frozen=True)
class Reply:
    """What an operation answers: status, JSON body (None: empty), further headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    deferred: Deferred | None = None


@dataclass(frozen=True)
class Deferred:
    """What a reply that tells of an ``operation`` becomes if that ends within ``patience`` seconds."""

    operation: str
    patience: float
    done: Reply


@dataclass(frozen=True)
class Call:
    """One authorized request to an operation.

    ``resource_id`` is the ARM id that the request is about: of the resource itself, or, for an
    action or a listing, of the resource that it belongs to.
    """

    cloud: Cloud
    principal: Principal
    method: str
    params: Mapping[str, str]
    query: Query
    body: dict[str, Any]
    resource_id: str
    url: str
    permission: str = ""  # that the caller was found to have
    content: bytes = field(default=b"", repr=False)  # the body as it was sent

    @property
    def properties(self) -> dict[str, Any]:
        """``properties`` of the request's body, {} when there is none."""
        properties = self.body.get("properties") or {}
        if not isinstance(properties, dict):
            raise invalid("The request content was invalid: 'properties' must be an object.")
        return properties

    def get(self, type: str, resource_id: str | None = None) -> Resource:
        """The stored resource of this call, or of another id. Raises 404 ResourceNotFound."""
        wanted = resource_id or self.resource_id
        found = self.cloud.store.get(wanted)
        if found is None:
            raise not_found(type, wanted)
        return found


Operation = Callable[[Call], Reply]
TypedOperation = Callable[[Call, M], Reply]
# What conditions of role assignments ask of a request: of its path and its body.
AttributesOf = Callable[[Cloud, str, Mapping[str, Any]], Mapping[str, str]]


@dataclass(frozen=True)
class _Route:
    method: str
    template: str
    pattern: re.Pattern[str]
    permission: str
    operation: Operation
    body: Shape
    outside: str
    resource_type: str
    attributes: AttributesOf | None
    model: type[Model] | None


@dataclass(frozen=True)
class Found:
    """The operation of a request, and the values of the names in its path.

    ``exists``: a HEAD asks whether the resource is there that this operation would read.
    """

    route: _Route
    params: dict[str, str]
    exists: bool = False


class Router:
    """The operations of one resource provider."""

    def __init__(self) -> None:
        self.routes: list[_Route] = []
        self._by_length: dict[int, list[_Route]] = {}

    @overload
    def operation(
        self,
        method: str,
        template: str,
        permission: str,
        body: type[M],
        *,
        outside: str = "",
        attributes: AttributesOf | None = None,
    ) -> Callable[[TypedOperation[M]], TypedOperation[M]]: ...

    @overload
    def operation(
        self,
        method: str,
        template: str,
        permission: str,
        body: Shape = None,
        *,
        outside: str = "",
        attributes: AttributesOf | None = None,
    ) -> Callable[[Operation], Operation]: ...

    def operation(
        self,
        method: str,
        template: str,
        permission: str,
        body: Any = None,
        *,
        outside: str = "",
        attributes: AttributesOf | None = None,
    ) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
        """Register a function for ``method`` and a path template with ``{names}``.

        ``permission`` is Azure's action name, checked at the resource that the request is about;
        "" lets every authenticated caller in. ``body`` is the :class:`Model` of the request's body,
        which the function gets beside the call; operations without one name its shape. Paths compare
        without case, as ARM does. What is no GET is one transaction, with the check of the
        permission; ``outside`` is the reason of one that is not (:meth:`Store.operation`).
        ``attributes`` tells what conditions of role assignments may ask of a request.
        """

        def register(operation: Callable[..., Reply]) -> Callable[..., Reply]:
            run, shape = operation, body
            model = body if isinstance(body, type) and issubclass(body, Model) else None
            if model is not None:
                run, shape = _typed(operation, model, template), None
            self._add(
                _Route(
                    method,
                    template,
                    pattern_of(template),
                    permission,
                    run,
                    shape,
                    outside,
                    type_of(template),
                    attributes,
                    model,
                )
            )
            return operation

        return register

    def include(self, other: Router) -> None:
        """Add the operations of another provider."""
        for route in other.routes:
            self._add(route)

    def _add(self, route: _Route) -> None:
        self.routes.append(route)
        self._by_length.setdefault(route.template.count("/"), []).append(route)

    def find(self, method: str, path: str, query: Mapping[str, str]) -> Found:
        """The operation of a request, before its body is read.

        Raises what :func:`no_operation` says, 400 MissingApiVersionParameter.
        """
        others, there = set(), None
        for route in self._by_length.get(path.count("/"), ()):
            match = route.pattern.fullmatch(path)
            if match:
                if route.method == method:
                    version_rules.check_given(query)
                    return Found(route, match.groupdict())
                others.add(route.method)
                if (method, route.method) == ("HEAD", "GET") and is_of_resource(route.template):
                    there = Found(route, match.groupdict(), exists=True)
        if there is not None:
            version_rules.check_given(query)
            return there
        raise no_operation(method, path, others)

    def handle(
        self,
        cloud: Cloud,
        found: Found,
        path: str,
        query: Mapping[str, str],
        content: bytes,
        principal: Principal,
    ) -> Reply:
        """Authorize and run the operation that :meth:`find` has found.

        Of a HEAD: 204 where it would answer, 404 without a body where it is not there
        (REST reference, "Resources - Check Existence By Id").

        Raises :class:`CloudError`: 400 for an api-version that the type does not have, and a body
        that is no JSON; 404 for subscription and group, 403 AuthorizationFailed, and what the
        operation raises.
        """
        if found.exists:
            try:
                self.handle(cloud, replace(found, exists=False), path, query, content, principal)
            except CloudError as error:
                if error.status == 404:
                    return Reply(404)
                raise
            return Reply(204)
        route, params, method = found.route, found.params, found.route.method
        body = {} if method in READING else request_content.parse(content)
        version_rules.check(cloud, route.resource_type, params, path, query, body)
        path_checks.check_subscription(cloud, params)
        with cloud.store.operation(method, outside=route.outside):
            resource_id = path_checks.resource_id(cloud, route.template, params, path)
            if route.permission:
                # At the resource itself; not at its action or listing.
                scope = path if is_of_resource(route.template) else resource_id
                told = route.attributes(cloud, path, body) if route.attributes else None
                authorize(cloud, principal, route.permission, scope, told)
                lock_rules.check(cloud.store, method, route.permission, scope)
            path_checks.check_group(cloud, method, route.template, params)
            path_checks.check_parent(
                cloud, route.template, route.resource_type, route.permission, params
            )
            _check_body(route, body)
            if method in ("PUT", "PATCH") and is_of_resource(route.template):
                request_content.check_identity(body, path, route.resource_type)
            asked = Query(query)
            call = Call(
                cloud,
                principal,
                method,
                params,
                asked,
                body,
                resource_id,
                path,
                route.permission,
                content,
            )
            if method in READING:
                reply = route.operation(call)
                asked.check_read(f"{method} {operation_name(path)}")
                return reply
            if method not in ("PUT", "PATCH"):
                return route.operation(call)
            old = system_data.before(cloud.store, resource_id)
            reply = route.operation(call)
            stamped = system_data.stamp(cloud.store, resource_id, principal, old)
            if stamped is not None and isinstance(reply.body, dict) and "id" in reply.body:
                data = {"systemData": stamped.body["systemData"]}
                reply = replace(reply, body={**reply.body, **data})
            return reply


def _typed(operation: TypedOperation[M], model: type[M], template: str) -> Operation:
    name = operation_name(template)

    def run(call: Call) -> Reply:
        return operation(call, read(model, call.body, name))

    return run


def authorize(
    cloud: Cloud,
    principal: Principal,
    action: str,
    scope: str,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Raise 403 AuthorizationFailed unless ``principal`` may do ``action`` at ``scope``.

    ``attributes`` are those of the request that conditions of role assignments ask for.
    """
    if not cloud.permissions.allowed(principal.object_id, action, scope, attributes=attributes):
        raise CloudError(
            403,
            "AuthorizationFailed",
            f"The client '{principal.app_id}' with object id '{principal.object_id}' does not "
            f"have authorization to perform action '{action}' over scope '{scope}' or the scope "
            "is invalid. If access was recently granted, please refresh your credentials.",
        )


def authorize_linked(call: Call, action: str, scopes: Iterable[str]) -> None:
    """Raise 403 LinkedAuthorizationFailed unless the caller may do ``action`` at all ``scopes``.

    They are what a request names beside the resource that it is about.
    """
    refused = [
        scope
        for scope in scopes
        if not call.cloud.permissions.allowed(call.principal.object_id, action, scope)
    ]
    if refused:
        raise not_linked(call, action, refused)


def not_linked(call: Call, action: str, scopes: Iterable[str]) -> CloudError:
    """403 LinkedAuthorizationFailed: the caller may not do ``action`` there, or nothing is there."""
    caller = call.principal
    return CloudError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to "
        f"perform action '{call.permission}' on scope '{call.resource_id}'; however, it does "
        f"not have permission to perform action '{action}' on the linked scope(s) "
        f"'{','.join(scopes)}' or the linked scope(s) are invalid.",
    )


def readable(call: Call, found: Iterable[Resource]) -> list[Resource]:
    """What the caller may read out of ``found``: a subscription's listing leaves out the rest.

    Raises 403 AuthorizationFailed for a caller that has no role anywhere in the subscription.
    """
    permissions, caller = call.cloud.permissions, call.principal
    if not permissions.any_role(caller.object_id):
        authorize(call.cloud, caller, "Microsoft.Resources/subscriptions/read", call.resource_id)
    return [
        one for one in found if permissions.allowed(caller.object_id, f"{one.type}/read", one.id)
    ]


def group_of(resource_id: str) -> str:
    """The name of the resource group that a resource is in, "" where it is in none."""
    words = resource_id.split("/")
    return words[4] if len(words) > 4 and words[3].lower() == "resourcegroups" else ""


def not_found(type: str, resource_id: str) -> CloudError:
    """404 ResourceNotFound in ARM's words."""
    words = resource_id.strip("/").split("/")
    lowered = [word.lower() for word in words]
    group = group_of(resource_id)
    names = words[lowered.index("providers") + 2 :] if "providers" in lowered else words
    provider, *kinds = type.split("/")
    named = provider + "".join(
        f"/{kind}/{name}" for kind, name in zip(kinds, names[1::2], strict=False)
    )
    return CloudError(
        404,
        "ResourceNotFound",
        f"The Resource '{named}' under resource group '{group}' was not found. For more details "
        "please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def invalid(message: str, code: str = "InvalidRequestContent") -> CloudError:
    """400 for a request body that breaks a rule."""
    return CloudError(400, code, message)


def _check_body(route: _Route, body: dict[str, Any]) -> None:
    if route.body is None:
        return
    try:
        check_shape(body, route.body)
    except ShapeError as error:
        raise invalid(
            f"The request content was invalid and could not be deserialized: {error}"
        ) from None
