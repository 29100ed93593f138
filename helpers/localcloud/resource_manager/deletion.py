"""Deleting resources: whatever is below goes too, with its identities, and all are told."""

from __future__ import annotations

from ..cloud import Cloud
from ..events import ResourceDeleted
from ..registry.catalog import forget_registry
from ..resource_types import REGISTRY_TYPE, WEBHOOK_TYPE
from ..store import Resource
from ..tasks.runs import forget_runs
from ..webhooks.records import forget


def delete(cloud: Cloud, resource_id: str) -> list[Resource]:
    """Delete a resource and all below it, role assignments, too; returns it, children first.

    What registries held, their runs, and what webhooks had to tell, go with them here, not when the
    event is handled: until then there may be a new one of the same name.
    """
    with cloud.store.transaction():
        removed = cloud.store.remove(resource_id)
        cloud.principals.remove_identity_of(resource_id)
        for resource in removed:
            if resource.type.lower() == REGISTRY_TYPE.lower():
                forget_registry(cloud.store, resource.properties["loginServer"])
                forget_runs(cloud.store, resource.id)
            if resource.type.lower() == WEBHOOK_TYPE.lower():
                forget(cloud.store, resource.id)
            cloud.outbox.add(ResourceDeleted(resource.id, resource.type))
    return removed
