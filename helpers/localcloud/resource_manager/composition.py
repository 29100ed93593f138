"""All operations of Azure Resource Manager together, and requests to them from within."""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
from collections.abc import Mapping
from typing import Any

from ..cloud import Cloud
from ..principals import Principal
from . import version_rules
from .routing import Reply, Router, authorize

_PACKAGE = __name__.rpartition(".")[0]


@functools.cache
def all_operations() -> Router:
    """The operations of every provider: of each module of this package that has a ``router``."""
    router = Router()
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__, f"{_PACKAGE}."):
        provider = importlib.import_module(module.name)
        if hasattr(provider, "router"):
            router.include(provider.router)
    return router


def send(
    cloud: Cloud,
    method: str,
    path: str,
    version: str,
    body: Mapping[str, Any] | None,
    principal: Principal,
) -> Reply:
    """What is answered to a request of ``principal``: as if it came from outside.

    Raises :class:`CloudError`, as :meth:`Router.handle` does.
    """
    query = {"api-version": version}
    found = all_operations().find(method, path, query)
    content = b"" if body is None else json.dumps(body).encode()
    return all_operations().handle(cloud, found, path, query, content, principal)


def waits(method: str, path: str) -> bool:
    """Whether an operation waits for something, and so is no transaction. Raises 501 for none."""
    return bool(all_operations().find(method, path, {"api-version": "any"}).route.outside)


def check(cloud: Cloud, method: str, path: str, version: str, principal: Principal) -> None:
    """Raise what a request of ``principal`` would be refused with before its body is looked at."""
    query = {"api-version": version}
    found = all_operations().find(method, path, query)
    route = found.route
    version_rules.check(cloud, route.resource_type, found.params, path, query, {})
    if route.permission:
        authorize(cloud, principal, route.permission, path)
