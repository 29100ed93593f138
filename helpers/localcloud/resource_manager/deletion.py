"""Deleting resources: whatever is below goes too, with its identities, and all are told."""

from __future__ import annotations

from ..cloud import Cloud
from ..events import ResourceDeleted
from ..permissions import ASSIGNMENT_TYPE
from ..store import Resource


def delete(cloud: Cloud, resource_id: str) -> list[Resource]:
    """Delete a resource and all below it; returns what was deleted, children first."""
    removed = cloud.store.remove(resource_id)
    cloud.principals.remove_identity_of(resource_id)
    scope = resource_id.lower()
    for assignment in cloud.store.find(type=ASSIGNMENT_TYPE):
        granted = assignment.properties["scope"].lower()
        if granted == scope or granted.startswith(scope + "/"):
            cloud.store.remove(assignment.id)
    for resource in removed:
        cloud.events.publish(ResourceDeleted(resource.id, resource.type))
    return removed
