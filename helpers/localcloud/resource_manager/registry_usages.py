"""What a registry uses of what its SKU allows.

Sources: REST reference, Registries_ListUsages; documentation, "Azure Container Registry SKU features and
limits"; the example of Get-AzContainerRegistryUsage.
"""

from __future__ import annotations

from ..registry import usage
from ..resource_types import REGISTRY_TYPE, SCOPE_MAP_TYPE, TOKEN_TYPE, WEBHOOK_TYPE
from .registries import REGISTRY, of
from .routing import Call, Reply, Router
from .webhooks import QUOTAS

router = Router()
_GIB = 1 << 30
_SIZES = {"Basic": 10 * _GIB, "Standard": 100 * _GIB, "Premium": 500 * _GIB}
_TOKENS = {"Basic": 100, "Standard": 500, "Premium": 50_000}
# What Premium has beside it, and the local cloud has none of; -1 is without a limit.
_PREMIUM = {
    "Geo-replications": -1,
    "IPRules": 100,
    "VNetRules": 100,
    "PrivateEndpointConnections": 200,
}


@router.operation("GET", REGISTRY + "/listUsages", f"{REGISTRY_TYPE}/listUsages/read")
def list_usages(call: Call) -> Reply:
    """Registries_ListUsages: what is stored is counted once, however many repositories have it."""
    registry, store = of(call), call.cloud.store
    sku = registry.body["sku"]["name"]

    def count(type: str) -> int:
        """Of what users have made: scope maps that are built in are not counted."""
        found = store.find(type=type, parent=registry.key)
        return sum(one.properties.get("type") != "SystemDefined" for one in found)

    stored = usage.size(store, call.cloud.content, registry.properties["loginServer"])
    found = [("Size", _SIZES[sku], stored, "Bytes")]
    found += [("Webhooks", QUOTAS[sku], count(WEBHOOK_TYPE), "Count")]
    if sku == "Premium":
        found += [(name, limit, 0, "Count") for name, limit in _PREMIUM.items()]
    found += [("ScopeMaps", _TOKENS[sku], count(SCOPE_MAP_TYPE), "Count")]
    found += [("Tokens", _TOKENS[sku], count(TOKEN_TYPE), "Count")]
    names = ("name", "limit", "currentValue", "unit")
    return Reply(200, {"value": [dict(zip(names, one, strict=True)) for one in found]})
