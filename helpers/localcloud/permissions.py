"""Role-based access control: whether a principal may do an action, from its role assignments."""

from __future__ import annotations

from .resource_types import ASSIGNMENT_TYPE
from .role_definitions import Role, role
from .store import Store


class Permissions:
    """Answers whether a principal may do an action at a scope, from the stored assignments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def roles_at(self, object_id: str, scope: str) -> list[Role]:
        """The roles that ``object_id`` holds at ``scope`` or above it."""
        path = scope.lower().rstrip("/")
        held: list[Role] = []
        for assignment in self._store.find(type=ASSIGNMENT_TYPE):
            properties = assignment.properties
            if properties["principalId"].lower() != object_id.lower():
                continue
            granted = properties["scope"].lower().rstrip("/")
            if path == granted or path.startswith(granted + "/") or granted == "":
                found = role(properties["roleDefinitionId"].rsplit("/", 1)[-1])
                if found is not None:
                    held.append(found)
        return held

    def any_role(self, object_id: str) -> bool:
        """Whether ``object_id`` holds any role, anywhere in the subscription."""
        return any(
            assignment.properties["principalId"].lower() == object_id.lower()
            for assignment in self._store.find(type=ASSIGNMENT_TYPE)
        )

    def allowed(self, object_id: str, action: str, scope: str, *, data: bool = False) -> bool:
        """Whether ``object_id`` may do ``action`` at ``scope``; ``data``: a data-plane action."""
        return any(held.allows(action, data=data) for held in self.roles_at(object_id, scope))
