"""What manifests refer to, kept in the store: who deletes a blob need not read every manifest."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence

from ..content import ContentStore, MissingContentError
from ..store import Store
from .manifest_format import references

_UNREAD = ""  # the child of a manifest that an older version has stored


class ManifestReferences:
    """Which blobs and manifests each manifest needs, by digest: contents never change."""

    def __init__(self, store: Store, content: ContentStore) -> None:
        self._store = store
        self._content = content

    def keep(self, digest: str, children: Sequence[str]) -> None:
        """Remember what a stored manifest refers to."""
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO registry_references (child, digest) VALUES (?,?)",
                [(child, digest) for child in children],
            )
            connection.execute(
                "DELETE FROM registry_references WHERE child=? AND digest=?", (_UNREAD, digest)
            )

    def holder(self, registry: str, repository: str, child: str) -> str | None:
        """The digest of a manifest of that repository that refers to ``child``, or None.

        What a damaged manifest refers to is known if it was stored by this version.
        """
        self._read(self._naming(registry, repository, _UNREAD, most=-1))
        return next(iter(self._naming(registry, repository, child, most=1)), None)

    def catch_up(self) -> None:
        """Read what an older version has stored, so that nobody else has to."""
        rows = self._store.query("SELECT digest FROM registry_references WHERE child=?", (_UNREAD,))
        self._read([row["digest"] for row in rows])

    def _read(self, digests: Sequence[str]) -> None:
        for digest in digests:
            with contextlib.suppress(MissingContentError):
                self.keep(digest, references(json.loads(self._content.read(digest))))

    def _naming(self, registry: str, repository: str, child: str, most: int) -> list[str]:
        # CROSS JOIN: from the child to its manifests, not through all of the repository.
        rows = self._store.query(
            "SELECT one.digest FROM registry_references AS named CROSS JOIN registry_manifests AS one"
            " ON one.registry=? AND one.repository=? AND one.digest=named.digest"
            " WHERE named.child=? ORDER BY named.digest LIMIT ?",
            (registry, repository, child, most),
        )
        return [row["digest"] for row in rows]
