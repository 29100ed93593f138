"""What a role allows: the actions that its definition names, less those that it takes away.

Source: learn.microsoft.com, "Understand Azure role definitions" and "Azure custom roles".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Role:
    """A role: its name, its GUID, and what it allows; built in, or made by a user (``custom``)."""

    name: str
    guid: str
    description: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    assignable_scopes: tuple[str, ...] = ("/",)
    custom: bool = False
    condition: str = ""  # of all its assignments, beside their own

    def allows(self, action: str, *, data: bool) -> bool:
        """Whether the role allows the control-plane (or data-plane) ``action``."""
        given, taken = (
            (self.data_actions, self.not_data_actions) if data else (self.actions, self.not_actions)
        )
        return _any(given, action) and not _any(taken, action)

    def properties(self) -> dict[str, Any]:
        """The definition as Azure Resource Manager shows it."""
        narrowed = {"condition": self.condition, "conditionVersion": "2.0"}
        return {
            "roleName": self.name,
            "type": "CustomRole" if self.custom else "BuiltInRole",
            "description": self.description,
            "assignableScopes": list(self.assignable_scopes),
            "permissions": [
                {
                    "actions": list(self.actions),
                    "notActions": list(self.not_actions),
                    "dataActions": list(self.data_actions),
                    "notDataActions": list(self.not_data_actions),
                    **(narrowed if self.condition else {}),
                }
            ],
        }


def custom_role(guid: str, properties: Mapping[str, Any]) -> Role:
    """The role that the stored ``properties`` of a definition describe."""
    [permission] = properties["permissions"]
    return Role(
        name=properties["roleName"],
        guid=guid.lower(),
        description=properties["description"],
        actions=tuple(permission["actions"]),
        not_actions=tuple(permission["notActions"]),
        data_actions=tuple(permission["dataActions"]),
        not_data_actions=tuple(permission["notDataActions"]),
        assignable_scopes=tuple(properties["assignableScopes"]),
        custom=True,
        condition=permission.get("condition") or "",
    )


def matches(pattern: str, action: str) -> bool:
    """Whether an action is among those that ``pattern`` names, with wildcards, in any case."""
    return _pattern(pattern).fullmatch(action) is not None


def _any(patterns: Iterable[str], action: str) -> bool:
    return any(matches(one, action) for one in patterns)


@functools.lru_cache(maxsize=4096)
def _pattern(actions: str) -> re.Pattern[str]:
    """The actions that a name with wildcards stands for; ``vaults/*/read`` is ``vaults/read``, too.

    Managed Identity Operator is there for userAssignedIdentities/assign/action, and says it so.
    """
    parts = (re.escape(one).replace(r"\*", ".*") for one in actions.split("/*/"))
    return re.compile("/(?:.*/)?".join(parts), re.IGNORECASE)
