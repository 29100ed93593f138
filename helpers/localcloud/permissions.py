"""Role-based access control: whether a principal may do an action, from its role assignments."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .built_in_roles import built_in_role
from .resource_types import ASSIGNMENT_TYPE, DEFINITION_TYPE
from .role_conditions import Condition, ConditionError, parse_condition
from .role_definitions import Role, custom_role
from .store import Resource, Store

log = logging.getLogger(__name__)

# The expressions of the index role_assignments, as they stand there.
_PRINCIPAL, _SCOPE = (
    f"CASE WHEN json_valid(body) THEN lower(json_extract(body, '$.properties.{name}')) END"
    for name in ("principalId", "scope")
)
_HELD = f"type='{ASSIGNMENT_TYPE}' AND {_PRINCIPAL}=?"  # the assignments of somebody


def scopes_above(scope: str) -> list[str]:
    """A scope and all above it, in lower case: what is assigned there counts at the scope."""
    words = scope.lower().rstrip("/").split("/")
    return ["/".join(words[: count + 1]) for count in range(len(words))]


@dataclass(frozen=True)
class Grant:
    """A role that somebody holds, with its conditions and those of its assignment."""

    role: Role
    conditions: tuple[Condition, ...]

    def allows(
        self, action: str, *, data: bool = False, attributes: Mapping[str, str] | None = None
    ) -> bool:
        """Whether it allows an action whose request has these attributes (``role_conditions``)."""
        if not self.role.allows(action, data=data):
            return False
        return all(condition(action, attributes or {}) for condition in self.conditions)


class Permissions:
    """Answers whether a principal may do an action at a scope, from the stored assignments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def role(self, guid: str) -> Role | None:
        """The built-in or custom role of that GUID (any case), or None."""
        found = built_in_role(guid)
        if found is not None:
            return found
        stored = self._store.find(type=DEFINITION_TYPE, name=guid)
        return custom_role(guid, stored[0].properties) if stored else None

    def custom_roles(self) -> list[Role]:
        """The roles that users have defined, in the order of their creation."""
        found = self._store.find(type=DEFINITION_TYPE)
        return [custom_role(one.name, one.properties) for one in found]

    def assignments(self, object_id: str, scopes: Sequence[str]) -> list[Resource]:
        """The role assignments of a principal at one of ``scopes``, which are in lower case."""
        marks = ",".join("?" * len(scopes))
        return self._store.select(
            f"{_HELD} AND {_SCOPE} IN ({marks})", (object_id.lower(), *scopes)
        )

    def listed(
        self,
        scope: str,
        *,
        below: bool,
        principal: str | None,
        after: tuple[float, str] | None,
        most: int,
    ) -> list[Resource]:
        """The assignments at a scope and above it, and ``below`` it, in the order of their creation.

        Those of one ``principal`` if it is given; the first ``most`` that come ``after`` one, which
        is told by the time of its creation and its id in lower case.
        """
        above = scopes_above(scope)
        places = f"{_SCOPE} IN ({','.join('?' * len(above))})"
        given: list[Any] = [*above]
        if below:
            places += f" OR ({_SCOPE}>=? AND {_SCOPE}<?)"
            given += [f"{above[-1]}/", f"{above[-1]}0"]  # '0' is the character after '/'
        where = f"type='{ASSIGNMENT_TYPE}' AND ({places})"
        if principal is not None:
            where += f" AND {_PRINCIPAL}=?"
            given.append(principal.lower())
        if after is not None:
            where += " AND (created, key)>(?, ?)"
            given += after
        return self._store.select(where, given, most=most)

    def grants(self, object_id: str, scope: str) -> list[Grant]:
        """What ``object_id`` holds at ``scope`` or above it."""
        found = (self._grant(one) for one in self.assignments(object_id, scopes_above(scope)))
        return [one for one in found if one is not None]

    def _grant(self, assignment: Resource) -> Grant | None:
        properties = assignment.properties
        role = self.role(str(properties.get("roleDefinitionId")).rsplit("/", 1)[-1])
        if role is None:
            return None
        try:
            texts = (role.condition, properties.get("condition"))
            return Grant(role, tuple(parse_condition(text) for text in texts if text))
        except ConditionError as error:  # of another version of the local cloud: it gives no rights
            log.error("%s gives no rights, by its condition: %s", assignment.id, error)
            return None

    def any_role(self, object_id: str) -> bool:
        """Whether ``object_id`` holds any role, anywhere in the subscription."""
        sql = f"SELECT 1 FROM resources WHERE {_HELD} LIMIT 1"  # noqa: S608
        return bool(self._store.query(sql, (object_id.lower(),)))

    def allowed(
        self,
        object_id: str,
        action: str,
        scope: str,
        *,
        data: bool = False,
        attributes: Mapping[str, str] | None = None,
    ) -> bool:
        """Whether ``object_id`` may do ``action`` at ``scope``; ``data``: a data-plane action."""
        return any(
            one.allows(action, data=data, attributes=attributes)
            for one in self.grants(object_id, scope)
        )
