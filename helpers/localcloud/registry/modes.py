"""Which roles count at a registry: those for registries, or those for repositories.

Source: learn.microsoft.com, "Azure attribute-based access control (Azure ABAC) repository
permissions in Azure Container Registry".
"""

from __future__ import annotations

from ..store import Resource

LEGACY, ABAC = "LegacyRegistryPermissions", "AbacRepositoryPermissions"
MODES = (LEGACY, ABAC)


def is_abac(registry: Resource) -> bool:
    """Whether roles are for its repositories, with conditions: ``rbac-abac``, as az has it."""
    return registry.properties.get("roleAssignmentMode") == ABAC
