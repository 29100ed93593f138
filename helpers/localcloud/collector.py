"""Garbage collection: blobs that nothing refers to any more go, those on their way never do.

What a blob may wait for: a push stores its blobs first and its manifest last; a run makes images that
only it knows. So nothing is collected that was stored, or asked for by a push, within the last hour,
and nothing at all while a run goes on. (Docker's registry is read-only meanwhile: "Garbage
collection", distribution.github.io.) What is soft-deleted keeps its blobs until its time is over.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import sqlite3
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from . import user_namespace
from .cloud import Cloud
from .containers.build import cache_mounts
from .containers.build.build_cache import BuildCache
from .containers.sandboxes.ownership import OWNED, RESTRICTED
from .events import ExpiryRecorded, ManifestsDeleted, ResourceDeleted
from .registry.expiry import Expiry
from .registry.manifest_format import references
from .registry.manifest_references import ManifestReferences
from .root_folder import remove_tree
from .run_statuses import FINAL

log = logging.getLogger(__name__)

GRACE = 3600.0  # seconds
CACHE = 30 * 24 * 3600.0  # seconds that what builds keep for others is kept unused
_FIRST, _AGAIN = 10.0, 60.0  # seconds after the start, and after one that had to wait
_GLANCE = 3600.0  # seconds that it sleeps at most: what is over in days is known by then
_BATCH = 100  # blobs that are deleted in one transaction
_MANIFESTS = (  # those that can be restored as well
    "SELECT digest FROM registry_manifests"
    " UNION SELECT digest FROM registry_deleted WHERE kind='manifest'"
)
_Repository = tuple[str, str]


@dataclass(frozen=True)
class Collected:
    """What one collection has removed; ``waits`` is true when it had to leave something for later."""

    blobs: int
    size: int  # bytes
    waits: bool


class Collector:
    """Collects the garbage of one cloud: a while after the start, and after deletions."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._store = cloud.store
        self._content = cloud.content
        self._children: dict[str, frozenset[str] | None] = {}  # of manifests: they never change
        self._expiry = Expiry(cloud)
        self._woken = threading.Event()
        self._wanted = False  # whether to collect, when woken
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="collector", daemon=True)

    def start(self) -> None:
        """Begin; before anything uses unpacked layers."""
        self.sweep_layers()
        self._cloud.outbox.subscribe(
            "collector",
            {
                ManifestsDeleted: self._wake,
                ResourceDeleted: self._wake,
                ExpiryRecorded: lambda _: self._woken.set(),
            },
            slow=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Collect no more."""
        self._stopping = True
        self._woken.set()
        self._thread.join(10)

    def _wake(self, _: object) -> None:
        self._wanted = True
        self._woken.set()

    def _work(self) -> None:
        collection = time.monotonic() + _FIRST  # when the next one is
        over: float | None = time.time()  # when something goes by itself
        while True:
            self._woken.wait(_pause(collection, over))
            self._woken.clear()
            if self._stopping:
                return
            try:
                removed, over = self._expiry.run(time.time())
                if removed or self._wanted or time.monotonic() >= collection:
                    self._wanted = False
                    collection = time.monotonic() + self._collected()
            except Exception:  # a disk that is full, for example: it goes on later
                log.exception("garbage collection")
                collection, over = time.monotonic() + _AGAIN, None

    def _collected(self) -> float:
        """Collect now; in how many seconds to do it again."""
        self.remove_leftovers()
        mounts = cache_mounts.sweep(self._cloud, time.time() - CACHE)
        done = self.collect()
        if done.blobs:
            log.info("%d blobs collected, %d bytes", done.blobs, done.size)
        if done.waits and self._runs_going_on():
            return _AGAIN
        return GRACE if done.waits or mounts else math.inf

    # -- blobs -------------------------------------------------------------------------------

    def collect(self, grace: float = GRACE) -> Collected:
        """Remove every blob that nothing refers to and that nobody has asked for in ``grace`` s."""
        before = time.time() - grace
        if self._runs_going_on():
            return Collected(0, 0, True)
        ManifestReferences(self._store, self._content).catch_up()
        wanted, whole = self._marked()
        unlinked = self._unlink(wanted, whole, before)
        for table in ("registry_descriptions", "registry_references"):
            self._store.execute(f"DELETE FROM {table} WHERE digest NOT IN ({_MANIFESTS})")  # noqa: S608
        known = set().union(*wanted.values()) | self._recorded()
        known |= BuildCache(self._cloud).layers(time.time() - CACHE)
        spare = [digest for digest in self._content.digests() if digest not in known]
        sizes: list[int] = []
        waits = unlinked
        for start in range(0, len(spare), _BATCH):
            batch = spare[start : start + _BATCH]
            try:
                removed = self._discard(batch, before)
            except BlockingIOError:  # somebody stores a blob just now
                waits = True
                continue
            sizes += removed
            waits = waits or len(removed) < len(batch)
        return Collected(len(sizes), sum(sizes), waits)

    def _runs_going_on(self) -> bool:
        marks = ",".join("?" * len(FINAL))
        query = f"SELECT 1 FROM runs WHERE status NOT IN ({marks}) LIMIT 1"  # noqa: S608
        return bool(self._store.query(query, FINAL))

    def _marked(self) -> tuple[dict[_Repository, set[str]], set[_Repository]]:
        """Per repository what its manifests refer to, and the repositories of which that is known."""
        wanted: dict[_Repository, set[str]] = defaultdict(set)
        damaged: set[_Repository] = set()
        rows = self._store.query(
            "SELECT registry, repository, digest FROM registry_manifests UNION"
            " SELECT registry, repository, digest FROM registry_deleted WHERE kind='manifest'"
        )
        for row in rows:
            repository = (row["registry"], row["repository"])
            children = self._references(row["digest"])
            if children is None:
                damaged.add(repository)
            else:
                wanted[repository] |= children
        every = self._store.query("SELECT DISTINCT registry, repository FROM registry_blobs")
        whole = {(row["registry"], row["repository"]) for row in every} - damaged
        current = {row["digest"] for row in rows}
        self._children = {k: v for k, v in self._children.items() if k in current and v is not None}
        return wanted, whole

    def _references(self, digest: str) -> frozenset[str] | None:
        if digest not in self._children:
            try:
                children = references(json.loads(self._content.read(digest)))
                self._children[digest] = frozenset(children)
            except (OSError, ValueError, TypeError, KeyError):
                return None  # doctor names it
        return self._children[digest]

    def _unlink(
        self, wanted: dict[_Repository, set[str]], whole: set[_Repository], before: float
    ) -> bool:
        """Take out of the repositories what none of their manifests names; True if some must wait."""
        rows = self._store.query("SELECT registry, repository, digest, linked FROM registry_blobs")
        spare = [
            row
            for row in rows
            if (place := (row["registry"], row["repository"])) in whole
            and row["digest"] not in wanted.get(place, ())
        ]
        old = [row for row in spare if row["linked"] < before and self._is_old(row, before)]
        for start in range(0, len(old), _BATCH):
            with self._store.transaction() as connection:
                connection.executemany(
                    "DELETE FROM registry_blobs WHERE registry=? AND repository=? AND digest=?"
                    " AND linked<?",
                    [
                        (row["registry"], row["repository"], row["digest"], before)
                        for row in old[start : start + _BATCH]
                    ],
                )
        return len(old) < len(spare)

    def _is_old(self, row: sqlite3.Row, before: float) -> bool:
        try:
            status = self._content.path(row["digest"]).stat()
        except (OSError, ValueError):
            return True
        return status.st_mtime < before

    def _recorded(self) -> set[str]:
        rows = self._store.query(f"{_MANIFESTS} UNION SELECT digest FROM registry_blobs")  # noqa: S608
        return {row["digest"] for row in rows}

    def _discard(self, digests: list[str], before: float) -> list[int]:
        """Delete what is recorded nowhere still: in a transaction, so that nobody records it now."""
        marks = ",".join("?" * len(digests))
        with self._store.transaction() as connection, self._content.kept(exclusive=True):
            recorded = connection.execute(
                f"SELECT digest FROM registry_manifests WHERE digest IN ({marks}) UNION"  # noqa: S608
                f" SELECT digest FROM registry_blobs WHERE digest IN ({marks}) UNION"
                f" SELECT digest FROM registry_deleted WHERE kind='manifest' AND digest IN ({marks})",
                (*digests, *digests, *digests),
            ).fetchall()
            if self._runs_going_on():
                return []
            spare = set(digests) - {row["digest"] for row in recorded}
            return self._content.discard(sorted(spare), before)

    # -- unpacked layers ---------------------------------------------------------------------

    def sweep_layers(self) -> None:
        """Give up unpacked layers whose blobs are gone; before a container uses one."""
        folder = self._cloud.folder("layers")
        for path in list(folder.iterdir()):
            name, _, kind = path.name.partition(".")
            if path.is_dir() and name and not ((whole := self._has_blobs(path)) and _is_kept(kind)):
                for beside in () if whole else (".owners", ".whiteouts", ".parts"):
                    path.with_name(name + beside).unlink(missing_ok=True)
                gone = f".gone-{secrets.token_hex(8)}"
                path.rename(path.with_name(gone))  # deleted when there is time

    def _has_blobs(self, layer: Path) -> bool:
        """Whether the blobs that a folder was unpacked from are stored still."""
        try:
            name = layer.name.partition(".")[0]
            digests = [f"sha256:{name}"]
            parts = layer.with_name(f"{name}.parts")
            if layer.suffix == ".flat" or parts.exists():
                digests = json.loads(parts.read_text())
            return all(self._content.has(digest) for digest in digests)
        except (OSError, ValueError, TypeError):
            return False

    def remove_leftovers(self) -> None:
        """Delete the unpacked layers that were given up."""
        for path in self._cloud.folder("layers").glob(".gone-*"):
            remove_tree(path)


def _pause(collection: float, over: float | None) -> float:
    """How many seconds to sleep until a collection, or something being over; or to look for that."""
    pauses = [collection - time.monotonic(), _GLANCE]
    pauses += [over - time.time()] if over is not None else []
    return max(0.0, min(pauses))


def _is_kept(kind: str) -> bool:
    """Whether an unpacked layer whose name ends so may be used: itself, several, or a copy for containers."""
    users = user_namespace.available()
    if kind.startswith(OWNED):
        return users is not None and kind == f"{OWNED}{users.identities.key}"
    return kind in ("", "flat") or (users is None and kind.startswith(RESTRICTED))


def start(cloud: Cloud) -> Collector:
    """Start collecting the garbage of ``cloud``; ``.stop()`` ends it."""
    collector = Collector(cloud)
    collector.start()
    return collector
