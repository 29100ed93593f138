"""What the policies of a registry say of content that is about to be deleted, or of tags that move."""

from __future__ import annotations

from collections.abc import Sequence

from ..media_types import INDEXES
from ..outbox import Outbox
from ..store import Store
from .descriptions import Descriptions
from .entries import Entry
from .policies import policies_of
from .retention import Retention
from .soft_delete import SoftDelete


class Removal:
    """Called in the transaction that deletes, before it does; ``registry`` is a login server's name."""

    def __init__(self, store: Store, outbox: Outbox, descriptions: Descriptions) -> None:
        self._store = store
        self._descriptions = descriptions
        self.soft_delete = SoftDelete(store)
        self.retention = Retention(store, outbox)

    def untag(self, registry: str, repository: str, tags: Sequence[Entry]) -> None:
        """Of tags whose manifests stay.

        It is not documented whether a tag that a push moves is soft-deleted: here it is, as is one that
        a restoration overwrites.
        """
        policies = policies_of(self._store, registry)
        if policies.keeps_deleted:
            self.soft_delete.keep("tag", registry, repository, [one.name for one in tags])
        if policies.deletes_untagged:
            digests = [one.digest for one in tags]
            self.retention.queue(registry, repository, digests, policies.untagged_days)

    def delete(
        self, registry: str, repository: str, manifests: Sequence[Entry], tags: Sequence[Entry]
    ) -> None:
        """Of manifests, with all tags that they have."""
        policies = policies_of(self._store, registry)
        digests = [one.digest for one in manifests]
        if policies.keeps_deleted:
            self.soft_delete.keep("tag", registry, repository, [one.name for one in tags])
            self.soft_delete.keep("manifest", registry, repository, digests)
        else:
            self.soft_delete.forget_tags(registry, repository, digests)
        if policies.deletes_untagged:
            indexes = [one.digest for one in manifests if one.media_type in INDEXES]
            children = sorted(self._descriptions.children(indexes))
            self.retention.queue(registry, repository, children, policies.untagged_days)

    def delete_repository(self, registry: str, repository: str) -> None:
        """Of a repository, in which there is nothing, or whose content it was told of before."""
        if policies_of(self._store, registry).keeps_deleted:
            self.soft_delete.keep("repository", registry, repository, [repository])
