"""What goes from registries by itself, because its time is over: called by who collects garbage."""

from __future__ import annotations

import logging

from ..cloud import Cloud
from ..errors import CloudError
from .catalog import Catalog
from .manifest_references import ManifestReferences
from .policies import policies_of

log = logging.getLogger(__name__)


class Expiry:
    """Deletes untagged manifests by the retention policy; removes soft-deleted content for good."""

    def __init__(self, cloud: Cloud) -> None:
        self._store = cloud.store
        self._catalog = Catalog(cloud)
        self._references = ManifestReferences(cloud.store, cloud.content)

    def run(self, now: float) -> tuple[bool, float | None]:
        """Delete what is over at ``now`` (seconds since 1970): whether soft-deleted content was.

        And when there is more to do, or None.
        """
        retention = self._catalog.retention
        for (registry, repository), digests in retention.due(now).items():
            self._delete_untagged(registry, repository, digests)
        removed, first = self._catalog.soft_delete.purge(now)
        following = (first, retention.following())
        return removed > 0, min((one for one in following if one is not None), default=None)

    def _delete_untagged(self, registry: str, repository: str, digests: list[str]) -> None:
        """Delete those that have no tag, are in no index and are not locked, nor what refers to them.

        The policy must be in effect still. What refers to a manifest that is there goes with that (as
        ``acr purge`` has it: Azure/acr-cli issue 133). What is not deleted now is forgotten: when its
        last tag, or the last index that it is in, goes, it is untagged anew.
        """
        for digest in digests:
            with self._store.transaction():
                self._catalog.retention.cancel(registry, repository, digest)
                if (
                    not policies_of(self._store, registry).deletes_untagged
                    or self._catalog.listings.tagged(registry, repository, [digest])
                    or self._references.holder(registry, repository, digest)
                    or self._has_subject(registry, repository, digest)
                ):
                    continue
                try:
                    self._catalog.delete_manifest(registry, repository, digest)
                except CloudError as error:
                    log.info("the retention policy leaves %s@%s: %s", repository, digest, error)

    def _has_subject(self, registry: str, repository: str, digest: str) -> bool:
        """Whether a manifest refers to another one that is there."""
        entry = self._catalog.manifest(registry, repository, digest)
        subject = entry.subject if entry is not None else ""
        return self._catalog.manifest(registry, repository, subject) is not None
