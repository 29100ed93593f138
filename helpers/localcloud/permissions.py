"""Role-based access control: whether a principal may do an action, from its role assignments."""

from __future__ import annotations

from collections.abc import Sequence

from .resource_types import ASSIGNMENT_TYPE
from .role_definitions import Role, role
from .store import Resource, Store

# The expressions of the index role_assignments, as they stand there.
_PRINCIPAL, _SCOPE = (
    f"CASE WHEN json_valid(body) THEN lower(json_extract(body, '$.properties.{name}')) END"
    for name in ("principalId", "scope")
)


def scopes_above(scope: str) -> list[str]:
    """A scope and all above it, in lower case: what is assigned there counts at the scope."""
    words = scope.lower().rstrip("/").split("/")
    return ["/".join(words[: count + 1]) for count in range(len(words))]


class Permissions:
    """Answers whether a principal may do an action at a scope, from the stored assignments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def assignments(self, object_id: str, scopes: Sequence[str] | None = None) -> list[Resource]:
        """The role assignments of a principal; with ``scopes`` (lower case), those at one of them."""
        where = f"type='{ASSIGNMENT_TYPE}' AND {_PRINCIPAL}=?"
        if scopes is None:
            return self._store.select(where, (object_id.lower(),))
        marks = ",".join("?" * len(scopes))
        return self._store.select(
            f"{where} AND {_SCOPE} IN ({marks})", (object_id.lower(), *scopes)
        )

    def roles_at(self, object_id: str, scope: str) -> list[Role]:
        """The roles that ``object_id`` holds at ``scope`` or above it."""
        found = (
            role(str(one.properties.get("roleDefinitionId")).rsplit("/", 1)[-1])
            for one in self.assignments(object_id, scopes_above(scope))
        )
        return [one for one in found if one is not None]

    def any_role(self, object_id: str) -> bool:
        """Whether ``object_id`` holds any role, anywhere in the subscription."""
        where = f"type='{ASSIGNMENT_TYPE}' AND {_PRINCIPAL}=?"
        sql = f"SELECT 1 FROM resources WHERE {where} LIMIT 1"  # noqa: S608
        return bool(self._store.query(sql, (object_id.lower(),)))

    def allowed(self, object_id: str, action: str, scope: str, *, data: bool = False) -> bool:
        """Whether ``object_id`` may do ``action`` at ``scope``; ``data``: a data-plane action."""
        return any(held.allows(action, data=data) for held in self.roles_at(object_id, scope))
