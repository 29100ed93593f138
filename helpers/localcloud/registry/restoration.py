"""To restore what was soft-deleted: a manifest, with one of its tags or without.

Source: learn.microsoft.com, "Recover deleted artifacts with soft delete policy in Azure Container
Registry". Restored as they were, with their times and locks; what an index names, and what refers to a
manifest, is restored by itself. It is no push: no event tells of it, which Azure does not document.
"""

from __future__ import annotations

import json
import time

from ..cloud import Cloud
from ..errors import CloudError
from ..media_types import INDEXES
from .catalog import Catalog
from .locks import Operation, check, disallowed
from .manifest_format import references
from .soft_delete import Deleted
from .unknown import unknown_manifest, unknown_tag


def restore(
    cloud: Cloud,
    catalog: Catalog,
    registry: str,
    repository: str,
    digest: str,
    tag: str,
    *,
    force: bool,
) -> None:
    """Restore a manifest and, unless it is "", a tag that it had; the tag alone where the manifest is.

    ``force`` lets the tag go from where it is by now. Raises 404 for what is not deleted, or not any
    more, 409 for what is there, 405 for a lock and for a manifest whose subject is deleted itself.
    """
    deleted = catalog.soft_delete
    kept = deleted.find("manifest", registry, repository, digest, digest)
    there = catalog.manifest(registry, repository, digest)
    if kept is None and there is None:
        raise unknown_manifest(repository, digest)
    if kept is None and not tag:
        raise CloudError(409, "UNSUPPORTED", f"{repository}@{digest} is not deleted")
    named = deleted.find("tag", registry, repository, tag, digest) if tag else None
    moved = catalog.tag(registry, repository, tag) if tag else None
    if tag and named is None:
        if moved is not None and moved.digest == digest:
            raise CloudError(409, "UNSUPPORTED", f"The tag {repository}:{tag} is not deleted")
        raise unknown_tag(repository, tag)
    if moved is not None and not force:
        raise CloudError(
            409,
            "UNSUPPORTED",
            f"The tag {repository}:{tag} exists, and names {moved.digest}. To move it: az acr manifest "
            "restore --force",
        )
    whole = catalog.repository(registry, repository)
    check(Operation.PUSH, whole, moved)
    with cloud.store.transaction():
        if whole is None:
            deleted.put_back_repository(registry, repository)
            catalog.add_repository(registry, repository)
        if kept is not None:
            _restore_manifest(cloud, catalog, kept)
        if named is None:
            return
        if moved is None:
            deleted.put_back(named)
        else:
            catalog.set_tag(registry, repository, tag, moved, digest, time.time(), told=False)
            deleted.forget(named)
        catalog.quarantined_tags.supersede(registry, repository, tag)
        catalog.retention.cancel(registry, repository, digest)


def _restore_manifest(cloud: Cloud, catalog: Catalog, kept: Deleted) -> None:
    registry, repository = kept.registry, kept.repository
    subject = str(kept.record.get("subject") or "")
    if subject and catalog.soft_delete.find("manifest", registry, repository, subject, subject):
        raise disallowed(
            f"{repository}@{kept.digest} refers to {subject}, which is soft-deleted, too: restore "
            "that first."
        )
    children = references(json.loads(cloud.content.read(kept.digest)))
    catalog.soft_delete.put_back(kept)
    if kept.record.get("media_type") not in INDEXES:
        for child in children:
            catalog.link_blob(registry, repository, child)
