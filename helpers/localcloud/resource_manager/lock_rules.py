"""What a lock forbids: CanNotDelete deletions, ReadOnly every change, at its scope and below.

Source: Azure documentation, "Lock your resources to protect your infrastructure".
"""

from __future__ import annotations

from ..errors import CloudError
from ..permissions import scopes_above
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
    above = scopes_above(scope)
    locked = [
        place
        for one in locks
        if (deletes or one.properties["level"] == READ_ONLY)
        and (
            (place := place_of(one)).lower() in above
            or (deletes and above[-1] in scopes_above(place))
        )
    ]
    if locked:
        verb = "delete" if deletes else "write"
        raise CloudError(
            409,
            "ScopeLocked",
            f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are "
            f"locked: '{','.join(dict.fromkeys(locked))}'. Please remove the lock and try again.",
        )


def place_of(lock: Resource) -> str:
    """The id of what a lock is on."""
    return lock.id[: -len(f"/providers/{LOCK_TYPE}/{lock.name}")]
