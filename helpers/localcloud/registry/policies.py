"""What a registry does with its images by itself, as its policies say.

Source: REST reference of Microsoft.ContainerRegistry, "Registries - Update", Policies.
"""

from __future__ import annotations

from ..store import Resource


def has_quarantine(registry: Resource) -> bool:
    """Whether images wait until they have been scanned (``quarantinePolicy``)."""
    policy = registry.properties.get("policies", {}).get("quarantinePolicy", {})
    return bool(policy.get("status") == "enabled")
