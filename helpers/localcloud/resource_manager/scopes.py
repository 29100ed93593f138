"""What Microsoft.Authorization has at every scope: subscription, resource group, resource, its children."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import CloudError
from .routing import AttributesOf, Call, Reply, Router

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourceGroups/{group}"
_RESOURCE = _GROUP + "/providers/{provider}/{type}/{resource}"
_CHILD = _RESOURCE + "/{childType}/{child}"
SCOPES = (_SUBSCRIPTION, _GROUP, _RESOURCE, _CHILD)


Registered = TypeVar("Registered", bound=Callable[..., Reply])


def everywhere(
    router: Router,
    method: str,
    path: str,
    permission: str,
    body: Any = None,
    *,
    scopes: Sequence[str] = SCOPES,
    outside: str = "",
    attributes: AttributesOf | None = None,
) -> Callable[[Registered], Registered]:
    """Register an operation of ``router`` at every scope, or those: ``path`` is what follows them."""

    def register(operation: Registered) -> Registered:
        for scope in scopes:
            template = scope + path
            added: Callable[[Registered], Registered] = router.operation(
                method, template, permission, body, outside=outside, attributes=attributes
            )
            added(operation)
        return operation

    return register


def scope_of(call: Call) -> str:
    """The part of the request's path before the last ``/providers/``, as ARM spells it.

    A child that is no resource here, like a secret of a vault, is a scope where its parent is there.
    Raises 404 ResourceNotFound.
    """
    scope = call.url[: call.url.lower().rindex("/providers/")]
    found = call.cloud.store.get(scope)
    if found is not None:
        return found.id
    if "child" in call.params:
        parent, *child = scope.rsplit("/", 2)
        found = call.cloud.store.get(parent)
        if found is not None:
            return "/".join([found.id, *child])
    if "group" in call.params:
        raise CloudError(404, "ResourceNotFound", f"The scope '{scope}' was not found.")
    return call.cloud.subscription
