"""``python -m helpers doctor``: examine the whole state, and repair what can be repaired."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dulwich.errors import ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.objects import Commit, ObjectID, Tag
from dulwich.repo import Repo

from .blobs.account import BlobAccount
from .cloud import Cloud
from .collector import CACHE, Collector
from .containers.build import cache_mounts
from .containers.errors import SandboxError
from .containers.images import stand_in
from .content import algorithm_of, digest_of_file
from .damage import KINDS, Finding, Kind, glance
from .errors import CloudError
from .events import EVENTS
from .front_door.certificates import Certificates, problem
from .git_host.repositories import Repositories, Repository, mend
from .registry.manifest_format import references
from .set_aside import SetAside
from .store import Resource
from .tasks.completion import complete
from .tasks.runs import Run, Runs

_KINDS = {kind.__name__: kind for kind in EVENTS}
_AGAIN = "push it again"
# What a record is without columns that cannot be read; of the others nothing would be left.
_WITHOUT = {
    ("tags",): "it has no tags now, its value is whole",
    ("attributes",): "it has the usual attributes now, and is not locked",
}


@dataclass(frozen=True)
class Report:
    """What an examination has found; ``collected`` blobs of ``size`` bytes were garbage."""

    findings: tuple[Finding, ...]
    collected: int = 0
    size: int = 0

    @property
    def left(self) -> list[Finding]:
        """What could not be repaired, or was not to be."""
        return [one for one in self.findings if not one.repaired]


def examine(home: Path, *, repair: bool) -> Report:
    """Check everything in a state folder: records, blobs, images, git repositories, events, runs.

    ``repair`` only while no daemon runs there. Raises :class:`CloudError` for a state of a newer
    version, and for one that is so damaged that nothing of it can be examined.
    """
    try:
        cloud = Cloud(home, provision=False)
        try:
            return _Examination(cloud, repair).report()
        finally:
            cloud.close()
    except sqlite3.OperationalError as error:  # rights, space
        raise CloudError(500, "Unusable", f"{home} cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        raise CloudError(
            500,
            "DamagedState",
            f"The state in {home} is damaged: {error}. To begin anew: python -m helpers reset",
        ) from None


class _Examination:
    def __init__(self, cloud: Cloud, repair: bool) -> None:
        self._cloud = cloud
        self._store = cloud.store
        self._content = cloud.content
        self._repair = repair
        self._aside = SetAside(cloud.home)

    def report(self) -> Report:
        findings = [
            *self._keys(),
            *self._database(),
            *self._blobs(),
            *self._stand_ins(),
            *self._images(),
            *self._git_repositories(),
            *self._runs(),
            *self._records(),
        ]
        if not self._repair:
            return Report(tuple(findings))
        collector = Collector(self._cloud)
        collector.sweep_layers()
        collector.remove_leftovers()
        cache_mounts.sweep(self._cloud, time.time() - CACHE)
        collected = collector.collect()
        return Report((*findings, *self._left()), collected.blobs, collected.size)

    def _left(self) -> Iterator[Finding]:
        """What a container has left to ids that this user has no more: it cannot be deleted."""
        places = [self._cloud.folder(name) for name in ("layers", cache_mounts.FOLDER)]
        for path in sorted(path for place in places for path in place.glob(".gone-*")):
            yield Finding(
                f"folder {path.parent.name}/{path.name}",
                "it holds files of ids of /etc/subuid and /etc/subgid that this user does not have (any "
                "more): an administrator can give them back, or delete it",
            )

    def _finding(self, what: str, problem: str, repaired: str = "") -> Finding:
        return Finding(what, problem, repaired if self._repair else "")

    def _keys(self) -> Iterator[Finding]:
        """Those that nothing is lost with: they are made anew at the next start, too."""
        home = self._cloud.home
        key = self._cloud.principals.key_problem()
        if key:
            if self._repair:
                self._cloud.principals.make_key()
            yield self._finding("signing-key.pem", key, "it was made anew")
        key_file, ca_file = home / "ca-key.pem", self._cloud.ca_file
        if key_file.exists() and ca_file.exists() and (reason := problem(key_file, ca_file)):
            if self._repair:
                Certificates(home, ca_file)
            yield self._finding("ca.pem", reason, "it was made anew")

    # -- records and events ------------------------------------------------------------------

    def _database(self) -> Iterator[Finding]:
        for row in self._store.query("PRAGMA integrity_check"):
            if row[0] != "ok":
                yield self._finding("the database state.db", str(row[0]))

    def _records(self) -> Iterator[Finding]:
        if not self._repair:
            for one in glance(self._cloud.home):
                if not one.what.startswith("git repository"):  # examined before, and better
                    yield one
            return
        for kind in KINDS:
            condition = kind.broken
            for row in self._store.query(f"SELECT * FROM {kind.table} WHERE {condition}"):  # noqa: S608
                yield kind.finding(row, self._mended(kind, row))
        for one in glance(self._cloud.home):
            if one.what.startswith("event "):
                yield replace(one, repaired=self._put_back(int(one.what.split()[1])))

    def _mended(self, kind: Kind, row: sqlite3.Row) -> str:
        """Repair a record that cannot be read, or take it out; what was done."""
        where = " AND ".join(f"{column}=?" for column in kind.key)
        key = tuple(row[column] for column in kind.key)
        if kind.columns in _WITHOUT:
            kept = self._aside.record(kind.table, dict(row))
            columns = ", ".join(f"{column}='{{}}'" for column in kind.columns)
            self._store.execute(f"UPDATE {kind.table} SET {columns} WHERE {where}", key)  # noqa: S608
            return f"{_WITHOUT[kind.columns]}; as it was, it is in {kept}"
        kept = self._aside.record(kind.table, dict(row))
        with self._store.transaction():
            if kind.name == "run":  # its number is not another's
                self._store.execute(
                    "INSERT INTO run_numbers VALUES (?,?) ON CONFLICT (registry) DO UPDATE SET"
                    " last=max(last, excluded.last)",
                    (row["registry"], row["number"]),
                )
            self._store.execute(f"DELETE FROM {kind.table} WHERE {where}", key)  # noqa: S608
        return f"it was taken out, and is in {kept}"

    def _put_back(self, sequence: int) -> str:
        """Let an event that can be read be handled again: what failed then may work now."""
        for table in ("outbox_set_aside", "outbox"):
            where = f"FROM {table} WHERE sequence=?"
            rows = self._store.query(f"SELECT * {where}", (sequence,))
            if not rows:
                continue
            try:
                event = _KINDS[rows[0]["kind"]](**json.loads(rows[0]["payload"]))
            except (KeyError, TypeError, ValueError):
                kept = [self._aside.record("events", dict(row)) for row in rows]
                self._store.execute(f"DELETE {where}", (sequence,))
                return f"it was taken out, and is in {kept[0]}"
            with self._store.transaction():
                self._store.execute(f"DELETE {where}", (sequence,))
                self._cloud.outbox.add(event)
            return "it is tried again after the next start"
        return "it is tried again after the next start"  # put back for all of its subscribers

    # -- content -----------------------------------------------------------------------------

    def _blobs(self) -> Iterator[Finding]:
        for digest in list(self._content.digests()):
            with self._content.open(digest) as file:
                found, size = digest_of_file(file, algorithm_of(digest))
            if found != digest:
                if self._repair:
                    self._content.set_aside(digest)
                yield self._finding(
                    f"blob {digest}",
                    f"its {size} bytes are other ones",
                    "moved to content/damaged, so that a push stores it anew",
                )

    def _stand_ins(self) -> Iterator[Finding]:
        """Nobody can push them again: they are made of this machine's programs."""
        if not self._repair:
            return
        try:
            for name in stand_in.restore(self._cloud):
                yield Finding(
                    f"stand-in {name}", "some of its content is missing", "it was assembled anew"
                )
        except SandboxError as error:
            yield Finding("stand-ins", str(error))

    def _images(self) -> Iterator[Finding]:
        rows = self._store.query(
            "SELECT registry, repository, digest, (SELECT group_concat(tag, ', ') FROM"
            " registry_tags AS t WHERE t.registry=m.registry AND t.repository=m.repository"
            " AND t.digest=m.digest) AS tags FROM registry_manifests AS m"
        )
        for row in rows:
            name = f"image {row['registry']}/{row['repository']}"
            name += f":{row['tags']}" if row["tags"] else f"@{row['digest']}"
            missing = self._missing(row["digest"])
            if missing:
                yield self._finding(name, f"{missing} missing: {_AGAIN}, or delete it")
        kept = "SELECT registry, repository, digest FROM registry_deleted WHERE kind='manifest'"
        for row in self._store.query(kept):
            missing = self._missing(row["digest"])
            if missing:
                name = f"{row['registry']}/{row['repository']}@{row['digest']}"
                yield self._finding(
                    f"soft-deleted image {name}", f"{missing} missing: it cannot be restored whole"
                )
        nowhere = self._store.query(
            "SELECT registry, repository, tag, digest FROM registry_tags AS t WHERE NOT EXISTS"
            " (SELECT 1 FROM registry_manifests AS m WHERE m.registry=t.registry AND"
            " m.repository=t.repository AND m.digest=t.digest)"
        )
        for row in nowhere:
            if self._repair:
                self._store.execute(
                    "DELETE FROM registry_tags WHERE registry=? AND repository=? AND tag=?",
                    (row["registry"], row["repository"], row["tag"]),
                )
            yield self._finding(
                f"tag {row['registry']}/{row['repository']}:{row['tag']}",
                f"there is no manifest {row['digest']}",
                "the tag was deleted",
            )

    def _missing(self, digest: str) -> str:
        """What of an image is not stored, in words; "" when it is whole."""
        try:
            children = references(json.loads(self._content.read(digest)))
        except FileNotFoundError:
            return "its manifest is"
        except (ValueError, TypeError, KeyError):
            return "what its manifest says is"
        lost = [one for one in children if not self._content.has(one)]
        return (
            f"of its blobs, {', '.join(lost)} {'is' if len(lost) == 1 else 'are'}" if lost else ""
        )

    # -- git ---------------------------------------------------------------------------------

    def _git_repositories(self) -> Iterator[Finding]:
        repositories = Repositories(self._cloud)
        every = repositories.all()
        known = {one.path.name for one in every}
        for folder in sorted(self._cloud.folder("git").iterdir()):
            if folder.name not in known:
                if self._repair:
                    shutil.rmtree(folder, ignore_errors=True)
                yield self._finding(f"folder git/{folder.name}", "no repository", "it was deleted")
        for one in every:
            if self._repair:
                mend(one)
            problem = _fsck(one)
            if problem:
                repaired = self._take_out(repositories, one) if self._repair else ""
                yield Finding(f"git repository {one.url}", problem, repaired)

    def _take_out(self, repositories: Repositories, repository: Repository) -> str:
        """Without it, who pushes or publishes makes it anew."""
        kept = ""
        if repository.path.exists():
            name = f"{repository.owner}-{repository.name}.git"
            kept = f", and is in {self._aside.move(repository.path, name)}"
        repositories.delete(repository)
        return f"it was taken out{kept}: create and push it again, or python -m helpers publish"

    # -- runs --------------------------------------------------------------------------------

    def _runs(self) -> Iterator[Finding]:
        account = BlobAccount(self._cloud)
        runs = Runs(self._cloud)
        for registry in self._store.find(type="Microsoft.ContainerRegistry/registries"):
            for run in runs.list(registry.id):
                if run.finished:
                    yield from self._log(account, registry, run)
            if self._repair:
                runs.sweep(registry.id)

    def _log(self, account: BlobAccount, registry: Resource, run: Run) -> Iterator[Finding]:
        blob = account.run_log(run.registry_id, run.run_id)
        try:
            problem = "" if blob.exists() and "Complete" in blob.metadata() else "is not complete"
        except (OSError, ValueError, KeyError, TypeError):
            problem = "cannot be read"
        if not problem:
            return
        if self._repair:
            complete(blob, run.status, f"Run ID: {run.run_id}: the end of this log was lost.")
        yield self._finding(
            f"run {run.run_id} of {registry.name}", f"its log {problem}", "it ends with a line now"
        )


def _fsck(repository: Repository) -> str:
    """What is wrong with the content of a git repository; "" when it is whole."""
    try:
        with Repo(str(repository.path)) as repo:
            store = repo.object_store
            for pack in store.packs:
                pack.check()
            seen: set[bytes] = set()
            waiting = [(name, commit) for name, commit in repo.get_refs().items()]
            while waiting:
                name, identifier = waiting.pop()
                if identifier in seen:
                    continue
                seen.add(identifier)
                one = store[identifier]
                one.check()
                if isinstance(one, Tag):
                    waiting.append((name, ObjectID(one.object[1])))
                elif isinstance(one, Commit):
                    waiting += [(name, parent) for parent in one.parents]
                    for entry in store.iter_tree_contents(one.tree, include_trees=True):
                        if entry.sha is not None and entry.sha not in seen:
                            seen.add(entry.sha)
                            store[entry.sha].check()
    except NotGitRepository:
        return "its content is missing on the disk"
    except KeyError as error:
        return f"the object {error} is missing"
    except (ChecksumMismatch, FileFormatException, OSError, ValueError, AssertionError) as error:
        return f"it is damaged ({type(error).__name__}: {error})"
    return ""
