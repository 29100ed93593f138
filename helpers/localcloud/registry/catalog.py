"""What each repository of each registry holds: manifests, tags, and which blobs it may give out."""

from __future__ import annotations

import json
import time

from ..cloud import Cloud
from ..content import algorithm_of, digest_of
from ..errors import CloudError
from ..events import ManifestPushed
from ..media_types import INDEXES
from ..reference import valid_digest
from ..store import Store
from .descriptions import Descriptions, describe
from .entries import PLACES, Attributes, Entry, entries_of
from .listings import Listings, Window
from .locks import Operation, check, disallowed
from .manifest_format import (
    each_once,
    image_size,
    media_type_of,
    parse_manifest,
    references,
)
from .manifest_references import ManifestReferences
from .notices import Notices
from .policies import policies_of
from .quarantine import PASSED, STATE, QuarantinedTag, QuarantinedTags, passed
from .removal import Removal
from .unknown import unknown_repository

_OF_MANIFEST = (
    *("registry_tags", "registry_quarantined_tags", "registry_untagged"),
    "registry_manifests",
)
_TABLES = (*_OF_MANIFEST, "registry_blobs", "registry_repositories")


class Catalog:
    """The contents of all registries; ``registry`` is always a login server's name."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._store = cloud.store
        self.listings = Listings(cloud.store)
        self.descriptions = Descriptions(cloud.store, cloud.content)
        self.quarantined_tags = QuarantinedTags(cloud.store)
        self._removal = Removal(cloud.store, cloud.outbox, self.descriptions)
        self.soft_delete, self.retention = self._removal.soft_delete, self._removal.retention
        self._notices = Notices(cloud, self.descriptions)
        self._references = ManifestReferences(cloud.store, cloud.content)

    # -- manifests and tags ------------------------------------------------------------------

    def put(
        self,
        registry: str,
        repository: str,
        reference: str,
        manifest: bytes,
        media_type: str,
        *,
        digest: str = "",
        operation: Operation = Operation.PUSH,
    ) -> str:
        """Store a manifest whose blobs are in the content store; returns its digest.

        ``reference`` is a tag or the manifest's digest. ``digest``: that of a manifest under a tag, one
        of sha256 where it is not given. Where the registry has the quarantine policy, what has not
        passed gets its tag when it does, and only scanners are told of it. ``operation`` is PUSH; CACHE,
        which is no event but for scanners; or IMPORT_WITH_FORCE, which moves a locked tag and leaves its
        lock.
        Raises :class:`CloudError`: 400 for a manifest that is none or does not match, 404 for a
        missing blob, 405 for a lock, and for what is soft-deleted.
        """
        parsed = parse_manifest(manifest, media_type)
        tag = "" if valid_digest(reference) else reference
        named = digest if tag else reference
        digest = digest_of(manifest, algorithm_of(named)) if named else digest_of(manifest)
        if named and named != digest:
            raise CloudError(
                400,
                "DIGEST_INVALID",
                f"provided digest did not match uploaded content: {named} was named, the "
                f"manifest is {digest}",
            )
        children = references(parsed)
        for child in children:
            if not self._cloud.content.has(child):
                raise CloudError(404, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {child}")
        self._cloud.content.put(manifest, digest)
        description = describe(self._cloud.content, manifest)
        subject = str((parsed.get("subject") or {}).get("digest") or "")
        now = time.time()
        with self._store.transaction() as connection:
            whole = self.repository(registry, repository)
            there = self.tag(registry, repository, tag) if tag else None
            check(operation, whole, there)
            self.soft_delete.check_push(registry, repository, digest)
            self.descriptions.keep({digest: description})
            self._references.keep(digest, children)
            quarantine = policies_of(self._store, registry).quarantines
            before = self.manifest(registry, repository, digest) if quarantine else None
            waits = quarantine and not passed(before)
            told = operation is not Operation.CACHE
            if whole is None:
                self.soft_delete.put_back_repository(registry, repository)
            self.add_repository(registry, repository)
            connection.execute(
                "INSERT INTO registry_manifests (registry, repository, digest, media_type, size,"
                " subject, created, updated) VALUES (?,?,?,?,?,?,?,?)"
                " ON CONFLICT DO UPDATE SET updated=excluded.updated",
                (
                    registry,
                    repository,
                    digest,
                    media_type,
                    image_size(parsed, len(manifest)),
                    subject,
                    now,
                    now,
                ),
            )
            if media_type not in INDEXES:
                for child in children:
                    self.link_blob(registry, repository, child)
            if tag and waits:
                self.quarantined_tags.add(registry, repository, QuarantinedTag(tag, digest, now))
                self.retention.cancel(registry, repository, digest)
            elif tag:
                self.set_tag(registry, repository, tag, there, digest, now, told=told)
            if (told or (waits and before is None)) and self._notices.wanted():
                self._notices.put(
                    (registry, repository),
                    digest,
                    media_type,
                    description,
                    [tag] if tag else [],
                    ("quarantine",) if waits else ("quarantine", "push"),
                )
        return digest

    def add_repository(self, registry: str, repository: str) -> None:
        """Make a repository, if there is none, or note that something of it changes."""
        now = time.time()
        self._store.execute(
            "INSERT INTO registry_repositories (registry, repository, created, updated)"
            " VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET updated=excluded.updated",
            (registry, repository, now, now),
        )

    def set_tag(
        self,
        registry: str,
        repository: str,
        tag: str,
        there: Entry | None,
        digest: str,
        now: float,
        *,
        told: bool,
    ) -> None:
        """Have a tag, ``there`` as it is so far, name a manifest; that it moves is an event if ``told``."""
        previous = there.digest if there is not None else None
        if digest != previous:
            if there is not None:
                self._removal.untag(registry, repository, [there])
            self.retention.cancel(registry, repository, digest)
        self._store.execute(
            "INSERT INTO registry_tags (registry, repository, tag, digest, created, updated)"
            " VALUES (?,?,?,?,?,?)"
            " ON CONFLICT DO UPDATE SET digest=excluded.digest, updated=excluded.updated",
            (registry, repository, tag, digest, now, now),
        )
        if told and digest != previous:
            moved = ManifestPushed(registry, repository, tag, digest, previous)
            self._cloud.outbox.add(moved)

    def adopt(self, registry: str, repository: str, reference: str, digest: str) -> str:
        """Put a stored manifest, with all of an index, under a reference; it is no event.

        Raises what :meth:`put` raises, and :class:`MissingContentError` for damaged content.
        """
        media_types: dict[str, str] = {}

        def needs(one: str) -> list[str]:
            parsed = json.loads(self._cloud.content.read(one))
            media_types[one] = self.media_type(one) or media_type_of(parsed)
            return references(parsed) if media_types[one] in INDEXES else []

        for one in each_once(digest, needs):
            version = reference if one == digest else one
            manifest = self._cloud.content.read(one)
            self.put(
                registry,
                repository,
                version,
                manifest,
                media_types[one],
                digest=one,
                operation=Operation.CACHE,
            )
        return digest

    def resolve(self, registry: str, repository: str, reference: str) -> str | None:
        """The digest that a tag (or a digest) names in that repository, or None."""
        find = self.manifest if valid_digest(reference) else self.tag
        entry = find(registry, repository, reference)
        return entry.digest if entry else None

    def check_pull(self, manifest: Entry, reference: str) -> None:
        """Raise 405 unless the manifest may be pulled by that reference, a tag or a digest."""
        where = (manifest.registry, manifest.repository)
        tag = None if reference == manifest.digest else self.tag(*where, reference)
        check(Operation.PULL, self.repository(*where), manifest, tag)

    def tag(self, registry: str, repository: str, tag: str) -> Entry | None:
        """One tag."""
        rows = self._store.query(
            "SELECT * FROM registry_tags WHERE registry=? AND repository=? AND tag=?",
            (registry, repository, tag),
        )
        return next(iter(entries_of(rows, "tag")), None)

    def manifest(self, registry: str, repository: str, digest: str) -> Entry | None:
        """One manifest."""
        rows = self._store.query(
            "SELECT * FROM registry_manifests WHERE registry=? AND repository=? AND digest=?",
            (registry, repository, digest),
        )
        return next(iter(entries_of(rows, "digest")), None)

    def media_type(self, digest: str) -> str | None:
        """The media type under which some repository holds a manifest, or None."""
        rows = self._store.query(
            "SELECT media_type FROM registry_manifests WHERE digest=? LIMIT 1", (digest,)
        )
        return rows[0]["media_type"] if rows else None

    def repository(self, registry: str, repository: str) -> Entry | None:
        """One repository."""
        rows = self._store.query(
            "SELECT * FROM registry_repositories WHERE registry=? AND repository=?",
            (registry, repository),
        )
        return next(iter(entries_of(rows, "repository")), None)

    # -- deleting and locking ----------------------------------------------------------------

    def delete_tag(self, registry: str, repository: str, tag: str) -> bool:
        """Forget a tag; its manifest stays. Raises 405 when it is locked."""
        entry = self.tag(registry, repository, tag)
        if entry is None:
            return False
        check(Operation.DELETE, self.repository(registry, repository), entry)
        with self._store.transaction() as connection:
            self._removal.untag(registry, repository, [entry])
            connection.execute(
                "DELETE FROM registry_tags WHERE registry=? AND repository=? AND tag=?",
                (registry, repository, tag),
            )
        return True

    def delete_manifest(self, registry: str, repository: str, digest: str) -> bool:
        """Forget a manifest, what refers to it, and every tag of them. Raises 405 for one locked.

        What refers to it: all manifests whose subject it is, theirs, and so on. (``az acr manifest
        delete`` asks whether "all manifests that refer to it" may go.) With its last manifest a
        repository goes, too (learn.microsoft.com, "Manage OCI artifacts", where a graph is deleted);
        one that may not be deleted stays. All of it is kept where the soft delete policy says so.
        """
        graph = self.listings.graph(registry, repository, digest)
        if not graph:
            return False
        digests = [one.digest for one in graph]
        tags = self.listings.tagged(registry, repository, digests)
        whole = self.repository(registry, repository)
        check(Operation.DELETE, whole, *graph, *tags)
        with self._store.transaction() as connection:
            self._removal.delete(registry, repository, graph, tags)
            for table in _OF_MANIFEST:
                connection.executemany(
                    f"DELETE FROM {table} WHERE registry=? AND repository=? AND digest=?",  # noqa: S608
                    [(registry, repository, one) for one in digests],
                )
            if whole is not None and whole.attributes["deleteEnabled"]:
                self._delete_if_empty(registry, repository)
            self._notices.deleted(registry, repository, graph, tags)
        return True

    def _delete_if_empty(self, registry: str, repository: str) -> None:
        where = "WHERE registry=? AND repository=?", (registry, repository)
        if self._store.query(f"SELECT 1 FROM registry_manifests {where[0]} LIMIT 1", where[1]):  # noqa: S608
            return
        self._removal.delete_repository(registry, repository)
        self._store.execute(f"DELETE FROM registry_repositories {where[0]}", where[1])  # noqa: S608

    def delete_repository(self, registry: str, repository: str) -> tuple[list[str], list[str]]:
        """Forget a repository; returns the digests and the tags that it had."""
        entry = self.repository(registry, repository)
        if entry is None:
            raise unknown_repository(repository)
        tags = self.listings.tags(registry, repository, Window()).entries
        manifests = self._manifests(registry, repository)
        check(Operation.DELETE_REPOSITORY, entry, *tags, *manifests)
        with self._store.transaction() as connection:
            self._removal.delete(registry, repository, manifests, tags)
            self._removal.delete_repository(registry, repository)
            for table in _TABLES:
                connection.execute(
                    f"DELETE FROM {table} WHERE registry=? AND repository=?",  # noqa: S608
                    (registry, repository),
                )
            self._notices.deleted(registry, repository, manifests, tags)
        return [one.digest for one in manifests], [one.name for one in tags]

    def _manifests(self, registry: str, repository: str) -> list[Entry]:
        rows = self._store.query(
            "SELECT * FROM registry_manifests WHERE registry=? AND repository=?"
            " ORDER BY created, digest",
            (registry, repository),
        )
        return entries_of(rows, "digest")

    def mark(self, entry: Entry, changes: Attributes) -> None:
        """Change attributes of a manifest; one that passes by them leaves the quarantine.

        It gets the tags by which it was put since a tag of that name has moved, and is told as a push
        where the registry has the policy. Raises 405 for a tag that is locked by now.
        """
        self.lock(entry, changes)
        if passed(entry) or changes.get(STATE) != PASSED:
            return
        where = (entry.registry, entry.repository)
        tags = []
        for waiting in self.quarantined_tags.of(*where, [entry.digest]):
            there = self.tag(*where, waiting.name)
            if there is None or there.updated <= waiting.put:
                check(Operation.PUSH, self.repository(*where), there)
                self.set_tag(*where, waiting.name, there, entry.digest, time.time(), told=True)
                tags.append(waiting.name)
        self.quarantined_tags.forget(*where, entry.digest)
        quarantine = policies_of(self._store, entry.registry).quarantines
        if (quarantine or tags) and self._notices.wanted():
            said = self.descriptions.of([entry.digest]).get(entry.digest)
            had = [one.name for one in self.listings.tagged(*where, [entry.digest])]
            for names in [[one] for one in tags] or [had]:
                self._notices.put(where, entry.digest, entry.media_type, said, names, ("push",))

    def lock(self, entry: Entry, changes: Attributes) -> None:
        """Change attributes of a repository, a tag or a manifest."""
        table, column = PLACES[entry.kind]
        merged = json.dumps({**entry.attributes, **changes})
        self._store.execute(
            f"UPDATE {table} SET attributes=? WHERE registry=? AND repository=? AND {column}=?",  # noqa: S608
            (merged, entry.registry, entry.repository, entry.name),
        )

    # -- blobs -------------------------------------------------------------------------------

    def link_blob(self, registry: str, repository: str, digest: str) -> None:
        """Let a repository give out a blob."""
        self._store.execute(
            "INSERT INTO registry_blobs VALUES (?,?,?,?)"
            " ON CONFLICT DO UPDATE SET linked=excluded.linked",
            (registry, repository, digest, time.time()),
        )

    def unlink_blob(self, registry: str, repository: str, digest: str) -> bool:
        """Take a blob out of a repository. Raises 405 when a manifest of it needs the blob."""
        check(Operation.DELETE, self.repository(registry, repository))
        holder = self._references.holder(registry, repository, digest)
        if holder is not None:
            raise disallowed(
                f"The blob {digest} is part of the manifest {repository}@{holder}. Delete the manifest "
                "first."
            )
        return bool(
            self._store.execute(
                "DELETE FROM registry_blobs WHERE registry=? AND repository=? AND digest=?",
                (registry, repository, digest),
            )
        )

    def has_blob(self, registry: str, repository: str, digest: str) -> bool:
        """Whether the repository holds the blob, and the blob is stored and whole."""
        rows = self._store.query(
            "SELECT 1 FROM registry_blobs WHERE registry=? AND repository=? AND digest=?",
            (registry, repository, digest),
        )
        return bool(rows) and self._cloud.content.whole(digest)


def forget_registry(store: Store, registry: str) -> None:
    """Drop everything of a deleted registry; its blobs go when nothing else refers to them."""
    with store.transaction() as connection:
        for table in (*_TABLES, "registry_deleted"):
            connection.execute(f"DELETE FROM {table} WHERE registry=?", (registry,))  # noqa: S608
