"""Images in quarantine: where a registry has that policy, all that nobody has marked as passed.

Source: Azure/acr docs/preview/quarantine, also for images that were there before; the roles of
learn.microsoft.com, "Azure Container Registry roles directory reference". Users have seen (Azure/acr
issues 210 and 597, a scanner of Microsoft's) that a pull by tag finds nothing and one by digest is 403,
and that a tag by which such an image was put is not there as long as it waits.

Not documented, and so decided here: a tag that is there names what it named until the new image has
passed, and only the newest image that was put by it gets it; the policy's end lets no tag go; each
manifest of an index, and what refers to an image, waits by itself; blobs and metadata are for whom they
are else; a mark stays when the same manifest is put again, and goes with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CloudError
from ..store import Store
from .access import QUARANTINE_ACTIONS, Registry
from .entries import Entry
from .unknown import unknown_manifest

STATE, DETAILS = "quarantineState", "quarantineDetails"
PASSED, FAILED = "Passed", "Failed"
READ, WRITE = QUARANTINE_ACTIONS


def passed(entry: Entry | None) -> bool:
    """Whether a manifest is there and marked as passed."""
    return entry is not None and entry.attributes.get(STATE) == PASSED


def needed(registry: Registry, entry: Entry) -> str:
    """The action of the registry that a pull of the manifest needs."""
    return READ if registry.has_quarantine and not passed(entry) else "pull"


def refused(entry: Entry, reference: str) -> CloudError:
    """What a pull is told that may not read what is in quarantine, by a tag or by the digest."""
    if reference != entry.digest:
        return unknown_manifest(entry.repository, reference)
    return CloudError(
        403,
        "IMAGE_QUARANTINED",
        "The image is quarantined.",
        detail=f"{entry.path} waits until it is marked as {PASSED} ({STATE}), by somebody with the role "
        "AcrQuarantineWriter; until then AcrQuarantineReader may pull it.",
    )


@dataclass(frozen=True)
class QuarantinedTag:
    """A tag by which an image in quarantine was put, and when (seconds since 1970)."""

    name: str
    digest: str
    put: float


class QuarantinedTags:
    """The tags by which images in quarantine were put: each waits for the newest of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, registry: str, repository: str, tag: QuarantinedTag) -> None:
        """Have a tag wait for its image, and no longer for the one before."""
        self._store.execute(
            "INSERT INTO registry_quarantined_tags VALUES (?,?,?,?,?)"
            " ON CONFLICT DO UPDATE SET digest=excluded.digest, put=excluded.put",
            (registry, repository, tag.name, tag.digest, tag.put),
        )

    def may_come(self, registry: Registry, may: set[str], repository: str, name: str) -> bool:
        """Whether a tag that is not there may be brought: by who may pull, unless it waits already."""
        if not registry.has_quarantine:
            return True
        waits = self._store.query(
            "SELECT 1 FROM registry_quarantined_tags WHERE registry=? AND repository=? AND tag=?",
            (registry.server, repository, name),
        )
        return "pull" in may and not waits

    def of(self, registry: str, repository: str, digests: Sequence[str]) -> list[QuarantinedTag]:
        """Those that wait for these manifests, the oldest first."""
        rows = self._store.query(
            "SELECT tag, digest, put FROM registry_quarantined_tags WHERE registry=? AND repository=?"
            " AND digest IN (SELECT value FROM json_each(?)) ORDER BY put",
            (registry, repository, json.dumps(list(digests))),
        )
        return [QuarantinedTag(*row) for row in rows]

    def supersede(self, registry: str, repository: str, name: str) -> None:
        """Have no manifest wait for a tag any more: it is put to another one."""
        self._store.execute(
            "DELETE FROM registry_quarantined_tags WHERE registry=? AND repository=? AND tag=?",
            (registry, repository, name),
        )

    def forget(self, registry: str, repository: str, digest: str) -> None:
        """Have no tag wait for a manifest any more."""
        self._store.execute(
            "DELETE FROM registry_quarantined_tags WHERE registry=? AND repository=? AND digest=?",
            (registry, repository, digest),
        )
