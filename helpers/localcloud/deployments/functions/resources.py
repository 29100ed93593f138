"""Resource functions: resourceId and its kin, reference, list*.

Source: Azure documentation, "Resource functions for ARM templates".
"""

from __future__ import annotations

from typing import Any

from ...resource_types import RESOURCE_GROUP_TYPE
from ..errors import ExpressionError
from ..scope import Runtime, Scope
from .function import Function, Functions, check, misplaced, refuse

FUNCTIONS = Functions()
GROUP = RESOURCE_GROUP_TYPE.lower()


def interleaved(kind: str, names: list[str]) -> str:
    """``providers/Microsoft.X/a/name/b/name`` of a type and its names."""
    provider, *kinds = kind.split("/")
    if len(kinds) != len(names):
        raise ExpressionError(f"The type '{kind}' and the names '{'/'.join(names)}' do not fit")
    pairs = (f"/{kind}/{name}" for kind, name in zip(kinds, names, strict=True))
    return f"providers/{provider}" + "".join(pairs)


def _split(name: str, arguments: list[Any]) -> tuple[list[str], str, list[str]]:
    """What comes before the resource's type, the type, and the names after it."""
    texts = [check(name, n, one, "String") for n, one in enumerate(arguments, 1)]
    place = next((index for index, one in enumerate(texts) if "/" in one), None)
    if place is None:
        raise refuse(
            name,
            "function requires exactly one multi-segmented argument which must be resource kind "
            f"including resource provider namespace. Current function arguments '{','.join(texts)}'",
        )
    kind, names = texts[place].strip("/"), texts[place + 1 :]
    if len(names) != kind.count("/"):
        raise refuse(
            name, f"the type '{kind}' requires '{kind.count('/')}' resource name argument(s)"
        )
    return texts[:place], kind, names


@FUNCTIONS.add("resourceId", 2, None, kind="scoped")
def resource_id(scope: Scope, arguments: list[Any]) -> str:
    """The id of a resource: of this group, of another, of another subscription."""
    before, kind, names = _split("resourceId", arguments)
    in_group = scope.place.group is not None
    if len(before) > 2:
        raise refuse("resourceId", f"the values before the type '{kind}' are more than two")
    base = scope.place.id
    if before:
        subscription = before[0] if len(before) == 2 or not in_group else None
        base = (
            f"/subscriptions/{subscription}"
            if subscription
            else str(scope.place.subscription["id"])
        )
        if len(before) == 2 or in_group:
            base += f"/resourceGroups/{before[-1]}"
    return _joined(base, kind, names)


def _joined(base: str, kind: str, names: list[str]) -> str:
    """The id of a resource below another; a resource group is below its subscription, whatever is."""
    if kind.lower() == GROUP and base:
        return f"{'/'.join(base.split('/')[:3])}/resourceGroups/{names[0]}"
    return f"{base}/{interleaved(kind, names)}"


@FUNCTIONS.add("subscriptionResourceId", 2, None, kind="scoped")
def subscription_resource_id(scope: Scope, arguments: list[Any]) -> str:
    """The id of a resource of a subscription."""
    before, kind, names = _split("subscriptionResourceId", arguments)
    base = f"/subscriptions/{before[0]}" if before else str(scope.place.subscription["id"])
    return _joined(base, kind, names)


@FUNCTIONS.add("tenantResourceId", 2, None)
def tenant_resource_id(arguments: list[Any]) -> str:
    """The id of a resource of the tenant."""
    _, kind, names = _split("tenantResourceId", arguments)
    return f"/{interleaved(kind, names)}"


@FUNCTIONS.add("extensionResourceId", 3, None)
def extension_resource_id(arguments: list[Any]) -> str:
    """The id of a resource that belongs to another: a role assignment, a lock."""
    base = check("extensionResourceId", 1, arguments[0], "String")
    _, kind, names = _split("extensionResourceId", arguments[1:])
    return f"{base.rstrip('/')}/{interleaved(kind, names)}"


def _runtime(scope: Scope, name: str) -> Runtime:
    if scope.runtime is None:
        raise misplaced(name)
    return scope.runtime


@FUNCTIONS.add("reference", 1, 3, kind="scoped")
def reference(scope: Scope, arguments: list[Any]) -> Any:
    """The state of a resource: its properties, with ``'Full'`` all of it."""
    texts = [check("reference", n, one, "String") for n, one in enumerate(arguments, 1)]
    full = len(texts) > 2 and texts[2].lower() == "full"
    version = texts[1] if len(texts) > 1 else None
    return _runtime(scope, "reference").reference(texts[0], version, full)


@FUNCTIONS.add("references", 1, 2, kind="scoped")
def references(scope: Scope, arguments: list[Any]) -> list[Any]:
    """The states of all resources of a copy loop, by its symbolic name."""
    texts = [check("references", n, one, "String") for n, one in enumerate(arguments, 1)]
    full = len(texts) > 1 and texts[1].lower() == "full"
    runtime = _runtime(scope, "references")
    turns: list[Any] = []
    while (name := f"{texts[0]}[{len(turns)}]") in scope.symbols:
        turns.append(runtime.reference(name, None, full))
    return turns


@FUNCTIONS.add("resourceInfo", 1, kind="scoped")
def resource_info(scope: Scope, arguments: list[Any]) -> dict[str, str]:
    """The id, name and type of a resource of the template, by its symbolic name."""
    symbol = check("resourceInfo", 1, arguments[0], "String")
    found = scope.symbols.get(symbol)
    if found is None:
        raise ExpressionError(f"The resource '{symbol}' is not defined in the template")
    provider, *words = found.rpartition("/providers/")[2].split("/")
    return {
        "id": found,
        "name": "/".join(words[1::2]),
        "type": "/".join([provider, *words[0::2]]),
    }


def listing(written: str) -> Function:
    """``listCredentials`` and every other function whose name is that of an action, list*."""

    def invoke(scope: Scope, arguments: list[Any]) -> Any:
        resource = check(written, 1, arguments[0], "String")
        version = check(written, 2, arguments[1], "String")
        body = check(written, 3, arguments[2], "Object") if arguments[2:] else None
        return _runtime(scope, written).invoke(written, resource, version, body)

    return Function(written, 2, 3, invoke, "scoped")
