"""The built-in roles of Azure that have to do with what the local cloud has, as Azure defines them."""

from __future__ import annotations

from ..role_definitions import Role
from .general import GENERAL, OWNER
from .registries import REGISTRIES
from .vaults import VAULTS

__all__ = ["OWNER", "ROLES", "built_in_role"]

ROLES: tuple[Role, ...] = (*GENERAL, *REGISTRIES, *VAULTS)
_BY_GUID = {role.guid: role for role in ROLES}


def built_in_role(guid: str) -> Role | None:
    """The built-in role of that GUID (any case), or None."""
    return _BY_GUID.get(guid.lower())
