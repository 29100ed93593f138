"""What a deployment would change: it is carried out in a transaction that is rolled back.

Source: Azure documentation, "ARM template deployment what-if operation".
"""

from __future__ import annotations

import copy
from typing import Any

from ..deployments.declared import Declared
from ..deployments.plan import Outputs, Plan
from ..store import Resource
from . import composition
from .deployment_execution import Execution, surplus
from .deployment_inputs import Caller, undone
from .routing import Reply, group_of

_UNSEEN = {"systemData", "provisioningState", "lastUpdatedTime", "creationDate", "instanceView"}
_SHOWN = ("location", "tags", "sku", "kind", "identity", "properties")


class _Preview(Execution):
    """A deployment that notes what it changes, with those within it, and waits for nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        around = self.around
        self.changes: list[dict[str, Any]] = around.changes if isinstance(around, _Preview) else []

    def put(self, one: Declared, body: dict[str, Any]) -> Reply:
        """Put one resource within the transaction, and note the difference."""
        store = self.caller.cloud.store
        stored = store.get(one.id)
        before = copy.deepcopy(stored.body) if stored is not None else None
        if composition.waits("PUT", one.id):  # it cannot be done and undone
            after: dict[str, Any] = _laid_over(before or {}, body)
            composition.check(
                self.caller.cloud, "PUT", one.id, one.api_version, self.caller.principal
            )
            store.put(stored or Resource(one.id, one.type, one.name, group_of(one.id), after))
        else:
            super().put(one, body)
            made = store.get(one.id)
            after = copy.deepcopy(made.body) if made is not None else {}
        self.changes.append(_change(one, before, after, body))
        return Reply(200)

    def leave(self, one: Declared) -> None:
        """Note that it stays as it is."""
        stored = self.caller.cloud.store.get(one.id)
        body = copy.deepcopy(stored.body) if stored is not None else {}
        self.changes.append(_change(one, body, body, {}))

    def evaluate_outputs(self) -> Outputs:
        """None: what they ask for may not be there yet."""
        return Outputs()

    def delete_surplus(self) -> list[dict[str, Any]]:
        """Nothing: it is told beside the changes."""
        return []


def preview(
    caller: Caller, record: Resource, found: Plan, mode: str, *, bodies: bool
) -> dict[str, Any]:
    """The answer of a what-if: the changes, or the error that the deployment would end with."""
    going = _Preview(caller, record, found, lambda: True)
    others: list[dict[str, Any]] = []
    with undone(caller.cloud):
        caller.cloud.store.put(record)
        going.run()
        for one in surplus(caller, record, going.made):
            kind = "Delete" if mode == "Complete" else "Ignore"
            others.append({"resourceId": one.id, "changeType": kind, "before": _shown(one.body)})
    if going.error is not None:
        return {"status": "Failed", "error": going.error.body()}
    changes = going.changes + others
    if not bodies:
        changes = [_without_bodies(one) for one in changes]
    correlation = record.properties["correlationId"]
    properties = {"correlationId": correlation, "changes": changes}
    return {"status": "Succeeded", "properties": properties}


def _change(
    one: Declared, before: dict[str, Any] | None, after: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    common = {"id": one.id, "name": one.name.rpartition("/")[2], "type": one.type}
    version = {"apiVersion": one.api_version}
    change: dict[str, Any] = {"resourceId": one.id}
    if one.symbol:
        change["symbolicName"] = one.symbol
    if before is None:
        return {**change, "changeType": "Create", "after": {**version, **common, **_shown(body)}}
    delta = differences(_shown(before), _shown(after))
    change["changeType"] = "Modify" if delta else "NoChange"
    change["before"] = {**version, **common, **_shown(before)}
    change["after"] = {**version, **common, **_shown(after)}
    return {**change, "delta": delta} if delta else change


def _laid_over(before: Any, body: Any) -> Any:
    """What there is with what a body says: where that says nothing, all stays."""
    if isinstance(before, dict) and isinstance(body, dict):
        changed = {name: _laid_over(before.get(name), value) for name, value in body.items()}
        return {**before, **changed}
    if isinstance(before, list) and isinstance(body, list) and len(before) == len(body):
        return [_laid_over(*pair) for pair in zip(before, body, strict=True)]
    return body


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "name", "type", *_SHOWN)
    return {name: body[name] for name in names if body.get(name) not in (None, {})}


def _without_bodies(change: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: value for name, value in change.items() if name not in ("before", "after", "delta")
    }
    made = change["changeType"] in ("Create", "Modify", "NoChange")
    return {**kept, "changeType": "Deploy"} if made else kept


def differences(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:
    """The properties that differ, each with its path: of a list, the items below it."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[dict[str, Any]] = []
        for name in [*before, *(one for one in after if one not in before)]:
            if name not in _UNSEEN:
                inner = f"{path}.{name}" if path else name
                found += differences(before.get(name), after.get(name), inner)
        return found
    if before == after:
        return []
    if isinstance(before, list) and isinstance(after, list):
        children = []
        for index in range(max(len(before), len(after))):
            old, new = (one[index] if index < len(one) else None for one in (before, after))
            children += differences(old, new, str(index)) if old != new else []
        return [{"path": path, "propertyChangeType": "Array", "children": children}]
    kind = "Create" if before is None else "Delete" if after is None else "Modify"
    change = {"path": path, "propertyChangeType": kind, "before": before, "after": after}
    return [{name: value for name, value in change.items() if value is not None}]
