"""What a deployment stands on: who makes it, where, with which bodies; what is tried and undone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..cloud import Cloud
from ..deployments.declared import Declared
from ..deployments.errors import ExpressionError, TemplateError, written
from ..deployments.evaluation import resolve
from ..deployments.graph import is_inner
from ..deployments.limits import NESTED, Budget
from ..deployments.plan import Plan, outer, plan
from ..deployments.scope import Place
from ..deployments.template import ROOT
from ..errors import CloudError
from ..lenient_json import Path, position
from ..principals import Principal
from .composition import send
from .path_checks import group_not_found
from .routing import Reply, invalid
from .subscriptions import DISPLAY_NAME
from .template_links import parameters_of, template_of
from .template_secrets import secret_of

LINKS = ("templateLink", "parametersLink")
WRITE = "Microsoft.Resources/deployments/write"
_NOT_SENT = {
    *("type", "apiVersion", "name", "dependsOn", "condition", "copy", "scope", "resources"),
    *("comments", "existing", "resourceGroup", "subscriptionId", "metadata", "@options"),
}
_LACKING = ("onErrorDeployment", "extensionConfigs")


@dataclass(frozen=True)
class Caller:
    """On whose behalf, and in which cloud, resources are made."""

    cloud: Cloud
    principal: Principal

    def send(
        self, method: str, path: str, version: str, body: Mapping[str, Any] | None = None
    ) -> Reply:
        """What ARM answers to a request of the caller. Raises :class:`CloudError`."""
        return send(self.cloud, method, path, version, body, self.principal)


class _UndoneError(Exception):
    """Nothing is wrong: a transaction is rolled back."""


@contextmanager
def undone(cloud: Cloud) -> Iterator[None]:
    """A transaction of which nothing remains, for what is only tried; not within another."""
    try:
        with cloud.store.transaction():
            yield
            raise _UndoneError
    except _UndoneError:
        pass


def body_of(one: Declared) -> dict[str, Any]:
    """The body of the request that makes a resource. Raises :class:`ExpressionError`."""
    written = {name: value for name, value in one.written.items() if name not in _NOT_SENT}
    body: dict[str, Any] = resolve(written, one.scope)
    one.scope.budget.take_value(body)
    return body


def nested_plan(caller: Caller, one: Declared) -> tuple[Plan, Any]:
    """What a deployment within a template says, and its parameters.

    Raises :class:`TemplateError`, :class:`CloudError`; 501 for what is lacking.
    """
    properties = one.written.get("properties")
    if not isinstance(properties, dict):
        raise ExpressionError("a deployment needs properties")
    check_properties(properties)
    mode = resolve(properties.get("mode") or "Incremental", one.scope)
    if str(mode).lower() != "incremental":
        raise CloudError.not_implemented(f"nested deployments of mode {mode}")
    scope = one.scope
    depth = scope.place.depth + 1
    if depth > NESTED:
        raise ExpressionError(f"deployments are nested more than {NESTED} levels deep")
    linking = resolve({key: properties.get(key) for key in LINKS}, scope)
    parts = parts_of(caller.cloud, {**properties, **linking}, scope.place.link, scope.budget)
    at = (*one.path, *ROOT)
    if parts.text is None and not is_inner(properties):
        return outer(parts.document, scope, one.base, at), {}
    if "parametersLink" not in parts.links:
        parts = replace(parts, given=resolve(parts.given or {}, scope))
    name = one.id.rpartition("/")[2]
    location = resolve(one.written.get("location"), scope)
    place = place_of(
        *(caller, one.base, name, parts.document),
        location=location,
        links=parts.links,
        depth=depth,
    )
    return parts.planned(place, scope.budget, at), parts.given


@dataclass(frozen=True)
class Parts:
    """What a deployment is made of: given, or what its links lead to."""

    document: Any
    given: Any  # of parameters
    links: dict[str, Any]  # as they are shown
    text: str | None  # of a linked template

    def planned(self, place: Place, budget: Budget, at: Path = ROOT) -> Plan:
        """The plan, of a template that is ``at`` that place of the body unless it was linked."""
        try:
            at = at if self.text is None else ()
            found = plan(self.document, self.given, place, budget, at)
        except TemplateError as error:
            error.text = error.text if error.text is not None else self.text
            raise
        found.links, found.text = self.links, self.text or ""
        return found


def parts_of(cloud: Cloud, properties: Mapping[str, Any], base: str, budget: Budget) -> Parts:
    """The template and the parameters of a deployment; ``base`` is the URI of what links them.

    Raises 400 where something is given and linked, too.
    """
    for name in ("template", "parameters"):
        if properties.get(name) and properties.get(f"{name}Link"):
            raise invalid(f"A deployment has both '{name}' and '{name}Link': give one of them.")
    links: dict[str, Any] = {}
    document, given, text = properties.get("template"), properties.get("parameters"), None
    if properties.get("templateLink") is not None:
        linked = template_of(cloud, properties["templateLink"], base, budget)
        links["templateLink"], document, text = linked.shown, linked.document, linked.text
    if properties.get("parametersLink") is not None:
        shown, given = parameters_of(cloud, properties["parametersLink"], budget)
        links["parametersLink"] = shown
    return Parts(document, given, links, text)


def check_properties(properties: Mapping[str, Any]) -> None:
    """Raise 501 for what a deployment may have and the local cloud lacks."""
    for name in _LACKING:
        if properties.get(name):
            raise CloudError.not_implemented(f"the property '{name}' of deployments")
    detail = (properties.get("debugSetting") or {}).get("detailLevel")
    if detail and str(detail).lower() != "none":
        raise CloudError.not_implemented(f"the debugSetting '{detail}' of deployments")


def place_of(
    caller: Caller,
    base: str,
    name: str,
    document: Any,
    *,
    location: str | None = None,
    links: Mapping[str, Any] | None = None,
    depth: int = 0,
) -> Place:
    """What expressions may know of a deployment to a group or the subscription, which has a location.

    ``links`` are those of its template and parameters, ``depth`` how many deployments are around it.
    """
    cloud, account = caller.cloud, caller.cloud.account
    group = None
    if "/resourcegroups/" in base.lower():
        stored = cloud.store.get(base)
        if stored is None:
            raise group_not_found(base.rpartition("/")[2])
        group = stored.body
    return Place(
        subscription={
            "id": cloud.subscription,
            "subscriptionId": account.subscription_id,
            "tenantId": account.tenant_id,
            "displayName": DISPLAY_NAME,
        },
        group=group,
        tenant_id=account.tenant_id,
        deployer={
            "objectId": caller.principal.object_id,
            "tenantId": account.tenant_id,
            "userPrincipalName": "",
        },
        secret=functools.partial(secret_of, cloud, caller.principal),
        deployment={
            "name": name,
            **({"location": location} if location else {}),
            "properties": {
                "template": document,
                "mode": "Incremental",
                "provisioningState": "Accepted",
                **(links or {}),
            },
        },
        depth=depth,
    )


def invalid_template(error: TemplateError, text: str, *, named: bool = True) -> CloudError:
    """400 InvalidTemplate, as Azure answers it: with the place in the ``text`` of the request.

    The way to it is told where it is ``named``.
    """
    text = error.text if error.text is not None else text
    if error.path is None or (place := position(text, error.path, error.part)) is None:
        return CloudError(400, "InvalidTemplate", str(error))
    info = {
        "lineNumber": place.line,
        "linePosition": place.column,
        "path": written(error.path) if named else "",
    }
    violation = {"type": "TemplateViolation", "info": info}
    return CloudError(400, "InvalidTemplate", error.told(place), additional_info=[violation])
