"""What a deployment stands on: who makes it, where, with which bodies; what is tried and undone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..cloud import Cloud
from ..deployments.declared import Declared
from ..deployments.errors import ExpressionError, TemplateError
from ..deployments.evaluation import resolve
from ..deployments.graph import is_inner
from ..deployments.plan import Plan, outer, plan
from ..deployments.scope import Place
from ..errors import CloudError
from ..principals import Principal
from .composition import send
from .routing import Reply, group_not_found
from .subscriptions import DISPLAY_NAME
from .template_secrets import secret_of

WRITE = "Microsoft.Resources/deployments/write"
_NOT_SENT = {
    *("type", "apiVersion", "name", "dependsOn", "condition", "copy", "scope", "resources"),
    *("comments", "existing", "resourceGroup", "subscriptionId", "metadata"),
}
_LACKING = ("templateLink", "parametersLink", "onErrorDeployment", "extensionConfigs")


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
    if is_inner(properties):
        given = resolve(properties.get("parameters") or {}, one.scope)
        document = properties.get("template")
        place = place_of(caller, one.base, one.id.rpartition("/")[2], document)
        return plan(document, given, place, one.scope.budget), given
    return outer(properties.get("template"), one.scope, one.base), {}


def check_properties(properties: Mapping[str, Any]) -> None:
    """Raise 501 for what a deployment may have and the local cloud lacks."""
    for name in _LACKING:
        if properties.get(name):
            raise CloudError.not_implemented(f"the property '{name}' of deployments")
    detail = (properties.get("debugSetting") or {}).get("detailLevel")
    if detail and str(detail).lower() != "none":
        raise CloudError.not_implemented(f"the debugSetting '{detail}' of deployments")


def place_of(caller: Caller, base: str, name: str, document: Any) -> Place:
    """What expressions may know of a deployment to a group or the subscription."""
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
            "properties": {
                "template": document,
                "mode": "Incremental",
                "provisioningState": "Accepted",
            },
        },
    )


def invalid_template(error: TemplateError) -> CloudError:
    """400 InvalidTemplate, as Azure answers it."""
    return CloudError(400, "InvalidTemplate", str(error))
