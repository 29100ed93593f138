"""How much a registry holds."""

from __future__ import annotations

from contextlib import suppress

from ..content import ContentStore
from ..store import Store

_DELETED = "SELECT digest FROM registry_deleted WHERE registry=?1 AND kind='manifest'"
_MANIFESTS = f"SELECT digest FROM registry_manifests WHERE registry=?1 UNION {_DELETED}"  # noqa: S608
_BLOBS = (  # those of a repository, and of one that was deleted
    "SELECT digest FROM registry_blobs WHERE registry=?1 UNION"  # noqa: S608
    f" SELECT child FROM registry_references WHERE digest IN ({_DELETED}) AND child<>''"
    f" AND child NOT IN ({_MANIFESTS})"
)


def size(store: Store, content: ContentStore, registry: str) -> int:
    """The bytes of all blobs and manifests of a registry (its login server's name): each one once.

    What is soft-deleted counts (learn.microsoft.com, "Recover deleted artifacts with the soft delete
    policy …": it is billed as storage).
    """
    total = 0
    for row in store.query(_BLOBS, (registry,)):
        with suppress(FileNotFoundError):  # one that is cached is fetched when somebody wants it
            total += content.size(row[0])
    manifests = f"SELECT TOTAL(length) FROM registry_descriptions WHERE digest IN ({_MANIFESTS})"  # noqa: S608
    return total + int(store.query(manifests, (registry,))[0][0])
