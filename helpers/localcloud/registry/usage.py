"""How much a registry holds."""

from __future__ import annotations

from contextlib import suppress

from ..content import ContentStore
from ..store import Store


def size(store: Store, content: ContentStore, registry: str) -> int:
    """The bytes of all blobs and manifests of a registry (its login server's name): each one once."""
    blobs = "SELECT DISTINCT digest FROM registry_blobs WHERE registry=?"
    total = 0
    for row in store.query(blobs, (registry,)):
        with suppress(FileNotFoundError):  # one that is cached is fetched when somebody wants it
            total += content.size(row[0])
    manifests = (
        "SELECT TOTAL(length) FROM registry_descriptions WHERE digest IN"
        " (SELECT digest FROM registry_manifests WHERE registry=?)"
    )
    return total + int(store.query(manifests, (registry,))[0][0])
