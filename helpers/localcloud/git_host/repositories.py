"""The git repositories of the host: bare, on disk, with owner and visibility in the store."""

from __future__ import annotations

import functools
import logging
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dulwich.errors import FileFormatException, NotGitRepository
from dulwich.repo import Repo

from ..cloud import Cloud
from ..errors import CloudError
from ..events import BranchPushed

log = logging.getLogger(__name__)

_NEW = ".new-"  # the folder of a repository that is not recorded yet
_LEFT_BEHIND = (  # by a push that was cut off: names are dulwich's
    "*.lock",
    "refs/**/*.lock",
    "objects/*/*.lock",
    "objects/tmp_pack_*",
    "objects/pack/tmp*",
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True)
class Repository:
    """A repository of the host and where it is stored."""

    id: int
    owner: str
    name: str
    private: bool
    description: str
    created: float
    path: Path

    @property
    def url(self) -> str:
        """https://github.com/OWNER/NAME, as events and web pages name it."""
        return f"https://github.com/{self.owner}/{self.name}"


class Repositories:
    """Create, find and delete repositories; one lock per repository for pushes."""

    def __init__(self, cloud: Cloud) -> None:
        self._store = cloud.store
        self._outbox = cloud.outbox
        self._root = cloud.folder("git")
        self._locks: dict[int, threading.Lock] = {}
        self._guard = threading.Lock()

    @staticmethod
    def valid_name(name: str) -> bool:
        """GitHub's rule: letters, digits, hyphen, underscore, period; not '.' or '..'."""
        return bool(_NAME.fullmatch(name)) and name not in (".", "..") and not name.endswith(".git")

    def create(self, owner: str, name: str, *, private: bool, description: str) -> Repository:
        """An empty repository with default branch main. Raises ValueError when there is one.

        Its folder is complete before it is recorded; one that is not recorded is swept.
        """
        new = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._root))
        try:
            Repo.init_bare(str(new), default_branch=b"main").close()
            with self._store.transaction() as connection:
                try:
                    connection.execute(
                        "INSERT INTO git_repositories (owner, name, private, description, created)"
                        " VALUES (?,?,?,?,?)",
                        (owner, name, private, description, time.time()),
                    )
                except sqlite3.IntegrityError:
                    raise ValueError("name already exists on this account") from None
                created = self.find(owner, name)
                assert created is not None
                shutil.rmtree(created.path, ignore_errors=True)  # of one that was rolled back
                new.rename(created.path)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return created

    def find(self, owner: str, name: str) -> Repository | None:
        """The repository of that owner and name (any case), or None."""
        rows = self._store.query(
            "SELECT * FROM git_repositories WHERE owner=? AND name=?", (owner, name)
        )
        return self._repository(rows[0]) if rows else None

    def of(self, owner: str) -> list[Repository]:
        """All repositories of an owner."""
        rows = self._store.query(
            "SELECT * FROM git_repositories WHERE owner=? ORDER BY name", (owner,)
        )
        return [self._repository(row) for row in rows]

    def delete(self, repository: Repository) -> None:
        """Forget a repository; its content goes when that has committed, and no push goes on."""
        with self._store.transaction():
            self._store.execute("DELETE FROM git_repositories WHERE id=?", (repository.id,))
            self._store.execute("DELETE FROM git_heads WHERE repository=?", (repository.id,))
            self._store.on_commit(functools.partial(self._remove, repository))

    def _remove(self, repository: Repository) -> None:
        with self.lock(repository):
            shutil.rmtree(repository.path, ignore_errors=True)

    def recover(self) -> None:
        """At start: drop what was not recorded, mend what was cut off, tell what was not told.

        A repository whose folder is missing or damaged is named in the log, and left alone.
        """
        every = self.all()
        known = {repository.path.name for repository in every}
        for folder in self._root.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        for repository in every:
            try:
                self._remake(repository)
                mend(repository)
                self.record_heads(repository)
            except (CloudError, ValueError, OSError) as error:
                log.error("git repository %s was set aside: %s", repository.url, error)

    def _remake(self, repository: Repository) -> None:
        """Version 0.1.0 recorded a repository before it made its folder, and may have been cut off."""
        heads = "SELECT 1 FROM git_heads WHERE repository=?"
        if not (repository.path / "HEAD").exists() and not self._store.query(
            heads, (repository.id,)
        ):
            shutil.rmtree(repository.path, ignore_errors=True)
            Repo.init_bare(str(repository.path), mkdir=True, default_branch=b"main").close()

    def lock(self, repository: Repository) -> threading.Lock:
        """Held while refs move, so that every move is seen once and in order."""
        with self._guard:
            return self._locks.setdefault(repository.id, threading.Lock())

    def record_heads(self, repository: Repository) -> None:
        """Compare the branches with what was recorded, and tell of every move."""
        now = branches(repository)
        with self._store.transaction() as connection:
            found = self.find(repository.owner, repository.name)
            if found is None or found.id != repository.id:
                return  # deleted meanwhile
            rows = connection.execute(
                "SELECT branch, commit_id FROM git_heads WHERE repository=?", (repository.id,)
            ).fetchall()
            known = {row["branch"]: row["commit_id"] for row in rows}
            for name, commit in now.items():
                if known.get(name) != commit:
                    moved = BranchPushed(repository.url, name, commit, known.get(name))
                    self._outbox.add(moved)
                    connection.execute(
                        "INSERT OR REPLACE INTO git_heads VALUES (?,?,?)",
                        (repository.id, name, commit),
                    )
            for name in set(known) - set(now):
                connection.execute(
                    "DELETE FROM git_heads WHERE repository=? AND branch=?", (repository.id, name)
                )

    def all(self) -> list[Repository]:
        """Every repository."""
        rows = self._store.query("SELECT * FROM git_repositories ORDER BY id")
        return [self._repository(row) for row in rows]

    def _repository(self, row: sqlite3.Row) -> Repository:
        return Repository(
            row["id"],
            row["owner"],
            row["name"],
            bool(row["private"]),
            row["description"],
            row["created"],
            self._root / f"{row['id']}.git",
        )


def mend(repository: Repository) -> None:
    """Drop the locks and half-written packs of a push that was cut off.

    Only for who holds the repository's lock, or at start: then nobody else writes.
    """
    for pattern in _LEFT_BEHIND:
        for path in repository.path.glob(pattern):
            path.unlink(missing_ok=True)


@contextmanager
def opened(repository: Repository) -> Iterator[Repo]:
    """Its content. Raises :class:`CloudError` (503) where that cannot be read on the disk."""
    try:
        repo = Repo(str(repository.path))
    except NotGitRepository:
        raise damaged(repository, "missing") from None
    except ValueError as error:
        raise damaged(repository, f"damaged ({error})") from None
    with repo:
        try:
            yield repo
        except FileFormatException as error:
            raise damaged(repository, f"damaged ({error})") from None


def damaged(repository: Repository, how: str) -> CloudError:
    """503 for a repository that is recorded and whose content cannot be read."""
    return CloudError(
        503,
        "RepositoryDamaged",
        f"The content of {repository.url} is {how} on the disk of the local cloud. Take it out "
        "with python -m helpers down and then python -m helpers doctor; then push it again (the "
        "sample repositories: python -m helpers publish).",
    )


def branches(repository: Repository) -> dict[str, str]:
    """Commit id by branch name, in the order of names.

    Raises :class:`CloudError` (503) where they cannot be read.
    """
    with opened(repository) as repo:
        references = repo.get_refs()
    found = {
        ref.removeprefix(b"refs/heads/").decode(): commit.decode(errors="replace")
        for ref, commit in sorted(references.items())
        if ref.startswith(b"refs/heads/")
    }
    for name, commit in found.items():
        if not _COMMIT.fullmatch(commit):
            raise damaged(repository, f"damaged (the branch {name} is at {commit[:80]!r})")
    return found
