"""What a lock forbids: CanNotDelete deletions, ReadOnly every change, at its scope and below.

Source: Azure documentation, "Lock your resources to protect your infrastructure".
"""

from __future__ import annotations

from ..errors import CloudError
from ..resource_types import LOCK_TYPE
from ..store import READING, Resource, Store

READ_ONLY, CAN_NOT_DELETE = "ReadOnly", "CanNotDelete"
_OWN = LOCK_TYPE.lower()


def check(store: Store, method: str, permission: str, scope: str) -> None:
    """Raise 409 ScopeLocked for an operation at ``scope`` that a lock forbids.

    A deletion is forbidden by a lock at the scope, above it, and on anything below it, which would go
    with it. Whoever may lift a lock can do so; an action that only reads changes nothing.
    """
    if method in READING or permission.lower().startswith(_OWN) or permission.endswith("/read"):
        return
    locks = store.find(type=LOCK_TYPE)
    if not locks:
        return
    deletes = method == "DELETE"
    wanted = scope.lower().rstrip("/")
    locked = [
        place
        for one in locks
        if (deletes or one.properties["level"] == READ_ONLY)
        and _concerns((place := place_of(one)).lower(), wanted, deletes=deletes)
    ]
    if locked:
        verb = "delete" if deletes else "write"
        raise CloudError(
            409,
            "ScopeLocked",
            f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are "
            f"locked: '{','.join(dict.fromkeys(locked))}'. Please remove the lock and try again.",
        )


def _concerns(place: str, wanted: str, *, deletes: bool) -> bool:
    above = wanted == place or wanted.startswith(place + "/")
    return above or (deletes and place.startswith(wanted + "/"))


def place_of(lock: Resource) -> str:
    """The id of what a lock is on."""
    return lock.id[: -len(f"/providers/{LOCK_TYPE}/{lock.name}")]
