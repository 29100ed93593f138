"""Resource providers of the subscription: all that the local cloud has are registered."""

from __future__ import annotations

from typing import Any

from ..api_versions import versions_of
from ..cloud import Cloud
from ..errors import CloudError
from ..regions import LOCATIONS
from ..resource_types import NAMESPACES, types_of
from .routing import Call, Reply, Router, authorize

router = Router()
_PROVIDERS = "/subscriptions/{subscription}/providers"
_PROVIDER = _PROVIDERS + "/{namespace}"


def _render(cloud: Cloud, namespace: str) -> dict[str, Any]:
    regions = list(LOCATIONS.values())
    return {
        "id": f"{cloud.subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered",
        "resourceTypes": [
            {
                "resourceType": name,
                "locations": regions,
                "apiVersions": sorted(versions_of(f"{namespace}/{name}"), reverse=True),
            }
            for name in types_of(namespace)
        ],
    }


def _find(call: Call) -> str:
    wanted = call.params["namespace"]
    for namespace in NAMESPACES:
        if namespace.lower() == wanted.lower():
            return namespace
    raise CloudError(
        404,
        "InvalidResourceNamespace",
        f"The resource namespace '{wanted}' is invalid. The local cloud has {', '.join(NAMESPACES)}.",
    )


@router.operation("GET", _PROVIDERS, "Microsoft.Resources/subscriptions/providers/read")
def list_providers(call: Call) -> Reply:
    """Providers_List."""
    return Reply(200, {"value": [_render(call.cloud, namespace) for namespace in NAMESPACES]})


@router.operation("GET", _PROVIDER, "Microsoft.Resources/subscriptions/providers/read")
def get(call: Call) -> Reply:
    """Providers_Get."""
    return Reply(200, _render(call.cloud, _find(call)))


@router.operation("POST", _PROVIDER + "/register", "")
def register(call: Call) -> Reply:
    """Providers_Register: it is registered already."""
    action = f"{call.params['namespace']}/register/action"
    authorize(call.cloud, call.principal, action, call.cloud.subscription)
    return Reply(200, _render(call.cloud, _find(call)))
