"""The git repositories of the host: bare, on disk, with owner and visibility in the store."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from dulwich.repo import Repo

from ..cloud import Cloud
from ..events import BranchPushed

_SCHEMA = """
CREATE TABLE IF NOT EXISTS git_repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE,
    private INTEGER NOT NULL, description TEXT NOT NULL, created REAL NOT NULL,
    UNIQUE (owner, name)
);
CREATE TABLE IF NOT EXISTS git_heads (
    repository INTEGER NOT NULL, branch TEXT NOT NULL, commit_id TEXT NOT NULL,
    PRIMARY KEY (repository, branch)
);
"""
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
        self._store.schema(_SCHEMA)
        self._outbox = cloud.outbox
        self._root = cloud.folder("git")
        self._locks: dict[int, threading.Lock] = {}
        self._guard = threading.Lock()

    @staticmethod
    def valid_name(name: str) -> bool:
        """GitHub's rule: letters, digits, hyphen, underscore, period; not '.' or '..'."""
        return bool(_NAME.fullmatch(name)) and name not in (".", "..") and not name.endswith(".git")

    def create(self, owner: str, name: str, *, private: bool, description: str) -> Repository:
        """An empty repository with default branch main. Raises ValueError when there is one."""
        try:
            self._store.execute(
                "INSERT INTO git_repositories (owner, name, private, description, created)"
                " VALUES (?,?,?,?,?)",
                (owner, name, private, description, time.time()),
            )
        except sqlite3.IntegrityError:
            raise ValueError("name already exists on this account") from None
        created = self.find(owner, name)
        assert created is not None
        shutil.rmtree(created.path, ignore_errors=True)
        repo = Repo.init_bare(str(created.path), mkdir=True, default_branch=b"main")
        repo.close()
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
        """Forget a repository and its content."""
        self._store.execute("DELETE FROM git_repositories WHERE id=?", (repository.id,))
        self._store.execute("DELETE FROM git_heads WHERE repository=?", (repository.id,))
        shutil.rmtree(repository.path, ignore_errors=True)

    def lock(self, repository: Repository) -> threading.Lock:
        """Held while refs move, so that every move is seen once and in order."""
        with self._guard:
            return self._locks.setdefault(repository.id, threading.Lock())

    def record_heads(self, repository: Repository) -> None:
        """Compare the branches with what was recorded, and tell of every move."""
        now = branches(repository)
        with self._store.transaction() as connection:
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


def branches(repository: Repository) -> dict[str, str]:
    """Commit id by branch name."""
    with Repo(str(repository.path)) as repo:
        return {
            ref.removeprefix(b"refs/heads/").decode(): commit.decode()
            for ref, commit in repo.get_refs().items()
            if ref.startswith(b"refs/heads/")
        }
