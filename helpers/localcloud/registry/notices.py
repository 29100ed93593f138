"""What a registry tells the other services of manifests that are put and deleted, for its webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..cloud import Cloud
from ..events import ManifestPut, ManifestsDeleted
from ..resource_types import WEBHOOK_TYPE
from . import origin
from .descriptions import Description, Descriptions
from .entries import Entry

_TOLD = ("org.opencontainers.image.title", "org.opencontainers.image.version")  # annotations


class Notices:
    """Adds events to the outbox, in the transaction that makes the change."""

    def __init__(self, cloud: Cloud, descriptions: Descriptions) -> None:
        self._cloud = cloud
        self._descriptions = descriptions

    def wanted(self) -> bool:
        """Whether any registry has webhooks: to nobody else is it told that a manifest was put."""
        sql = "SELECT 1 FROM resources WHERE type=? COLLATE NOCASE LIMIT 1"
        return bool(self._cloud.store.query(sql, (WEBHOOK_TYPE,)))

    def put(
        self,
        where: tuple[str, str],
        digest: str,
        media_type: str,
        said: Description | None,
        tags: list[str],
        actions: Sequence[str],
    ) -> None:
        """Tell of a manifest of a repository, ``where``: what it says, by which tags it was put.

        ``actions`` are those of :class:`ManifestPut`.
        """
        known = _known(digest, media_type, said, tags)
        request = origin.current(where[0], "PUT")
        self._cloud.outbox.add(ManifestPut(*where, known, request, list(actions)))

    def deleted(
        self, registry: str, repository: str, manifests: list[Entry], tags: list[Entry]
    ) -> None:
        """Tell of manifests that are gone, with the tags that they had."""
        if not self.wanted():  # nobody asks which they were, and there may be thousands
            self._cloud.outbox.add(ManifestsDeleted(registry, repository))
            return
        named: dict[str, list[str]] = {one.digest: [] for one in manifests}
        for tag in tags:
            named.setdefault(tag.digest, []).append(tag.name)
        said = self._descriptions.of([one.digest for one in manifests])
        known = [
            _known(one.digest, one.media_type, said.get(one.digest), named[one.digest])
            for one in manifests
        ]
        request = origin.current(registry, "DELETE")
        self._cloud.outbox.add(ManifestsDeleted(registry, repository, known, request))


def _known(
    digest: str, media_type: str, said: Description | None, tags: list[str]
) -> dict[str, Any]:
    """What an event tells of a manifest."""
    known: dict[str, Any] = {"digest": digest, "mediaType": media_type, "tags": tags}
    if said is not None:
        known |= {"size": said.length, "configMediaType": said.config_media_type}
        told = {name: str(said.annotations.get(name, "")) for name in _TOLD}
        known["annotations"] = {name: value for name, value in told.items() if value}
    return known
