"""``systemData``: who has created a resource, who has changed it last, and when.

Source: azure-resource-manager-rpc, "resource-api-reference", systemData of resources.
"""

from __future__ import annotations

from typing import Any

from .. import timestamps
from ..principals import Principal
from ..resource_types import REGISTRY_TYPE, VAULT_TYPE
from ..store import Resource, Store

# The types that Azure shows it of, as far as traffic has been recorded: all of a registry's, and vaults.
_PARTS = f"{REGISTRY_TYPE.lower()}/"
_WHOLE = {REGISTRY_TYPE.lower(), VAULT_TYPE.lower()}


def before(store: Store, resource_id: str) -> dict[str, Any]:
    """The ``systemData`` of a resource before a request changes it; {} when there is none."""
    found = store.get(resource_id)
    return {} if found is None else dict(found.body.get("systemData") or {})


def stamp(
    store: Store, resource_id: str, principal: Principal, old: dict[str, Any]
) -> Resource | None:
    """Record that ``principal`` has created or changed a resource; None where Azure does not show it."""
    found = store.get(resource_id)
    if found is None:
        return None
    lowered = found.type.lower()
    if lowered not in _WHOLE and not lowered.startswith(_PARTS):
        return None
    kind = "ManagedIdentity" if principal.resource_id else "Application"
    now = timestamps.ticks().replace("Z", "+00:00")
    changed = {
        "lastModifiedBy": principal.app_id,
        "lastModifiedByType": kind,
        "lastModifiedAt": now,
    }
    created = {"createdBy": principal.app_id, "createdByType": kind, "createdAt": now}
    found.body["systemData"] = {**(old or created), **changed}
    return store.put(found)
