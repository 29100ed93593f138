"""What a registry does with its content by itself, as its policies say.

Source: REST reference of Microsoft.ContainerRegistry, "Registries - Update", Policies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..reference import AZURE
from ..resource_types import REGISTRY_TYPE
from ..store import Resource, Store

DAY = 24 * 3600.0  # seconds
KEPT = 7  # days, of both policies, where none are set
_OF = (
    "SELECT iif(json_valid(body), json_extract(body, '$.properties.policies'), NULL) AS policies"
    " FROM resources WHERE type=? COLLATE NOCASE AND name=? COLLATE NOCASE"
)


@dataclass(frozen=True)
class Policies:
    """Those that are enabled; ``kept_days`` count for what was soft-deleted before, too."""

    quarantines: bool = False
    keeps_deleted: bool = False
    kept_days: int = KEPT
    deletes_untagged: bool = False
    untagged_days: int = KEPT


def policies_of(store: Store, registry: str) -> Policies:
    """The policies of a login server now; Docker Hub has none.

    Every push and deletion asks, so the registry itself is not read for it.
    """
    name = registry.removesuffix(AZURE)
    rows = store.query(_OF, (REGISTRY_TYPE, name)) if name != registry else []
    policies: dict[str, Any] = json.loads(rows[0]["policies"] or "{}") if rows else {}
    kept, untagged = policies.get("softDeletePolicy", {}), policies.get("retentionPolicy", {})
    return Policies(
        _quarantines(policies),
        kept.get("status") == "enabled",
        kept.get("retentionDays", KEPT),
        untagged.get("status") == "enabled",
        untagged.get("days", KEPT),
    )


def has_quarantine(registry: Resource) -> bool:
    """Whether images wait until they have been scanned (``quarantinePolicy``)."""
    return _quarantines(registry.properties.get("policies", {}))


def _quarantines(policies: dict[str, Any]) -> bool:
    return bool(policies.get("quarantinePolicy", {}).get("status") == "enabled")
