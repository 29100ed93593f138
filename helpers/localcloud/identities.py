"""The managed identities of a workload: its own, and those that were assigned to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .principals import Principal, Principals

SYSTEM = ("[system]", "system")  # as a task's credential names the task's own identity


class IdentityError(Exception):
    """No identity of a workload, or several, fit what was asked for; the text is Azure's."""


@dataclass(frozen=True)
class Identities:
    """What a workload may ask for tokens as; the principals of identities that are still there."""

    principals: tuple[Principal, ...] = ()

    @classmethod
    def of(cls, directory: Principals, body: Mapping[str, Any]) -> Identities:
        """Those of a resource, of whose ``body`` the property ``identity`` tells.

        One that was deleted is not among them, nor a new one of its name: it is assigned anew.
        """
        identity = body.get("identity") or {}
        assigned = (identity.get("userAssignedIdentities") or {}).values()
        ids = [identity.get("principalId"), *(one.get("principalId") for one in assigned)]
        found = (directory.find(object_id=one) for one in ids if one)
        return cls(tuple(one for one in found if one is not None))

    def __bool__(self) -> bool:
        return bool(self.principals)

    @property
    def object_ids(self) -> tuple[str, ...]:
        """The ids of the principals, for :meth:`Principals.open_session`."""
        return tuple(one.object_id for one in self.principals)

    @property
    def system(self) -> Principal | None:
        """The identity that is the workload's own, None without one."""
        return next((one for one in self.principals if not one.user_assigned), None)

    @property
    def default(self) -> Principal:
        """Whom a workload is that names none: itself, else the only one that it was assigned.

        Raises :class:`IdentityError`. Source: "How managed identities for Azure resources work with
        Azure virtual machines", default identity.
        """
        if self.system is not None:
            return self.system
        if not self.principals:
            raise IdentityError("Identity not found: this workload has no managed identity.")
        if len(self.principals) > 1:
            raise IdentityError(
                "Multiple user assigned identities exist, please specify the clientId / resourceId "
                "of the identity in the token request"
            )
        return self.principals[0]

    def chosen(self, **wanted: str) -> Principal:
        """The one whose ``client_id``, ``object_id`` and ``resource_id`` are those that are given.

        Without any the :attr:`default`. Raises :class:`IdentityError`.
        """
        given = {name: value.lower() for name, value in wanted.items() if value}
        if not given:
            return self.default
        for one in self.principals:
            ids = {
                "client_id": one.app_id,
                "object_id": one.object_id,
                "resource_id": one.resource_id,
            }
            if all(ids[name].lower() == value for name, value in given.items()):
                return one
        raise IdentityError("Identity not found")

    def named(self, name: str) -> Principal | None:
        """The one that a task's credential names: ``[system]``, or a client id; else None."""
        if name.lower() in SYSTEM:
            return self.system
        return next((one for one in self.principals if one.app_id == name.lower()), None)
