"""Repositories of the git host, filled through its storage, and what a run and real git make of them."""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path

from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.git_host.repositories import Repositories
from helpers.localcloud.tasks.execution.source import fetch

FILE, LINK, SUBMODULE = 0o100644, 0o120000, 0o160000
REGISTRY = "/subscriptions/s/registries/acme"
_numbers = itertools.count(1)


class Repository:
    """A repository of the git host, filled through its storage."""

    def __init__(self, cloud: Cloud, *, private: bool = False) -> None:
        self.owner = cloud.account.github_owner
        self.name = f"source-{os.getpid()}-{next(_numbers)}"
        created = Repositories(cloud).create(self.owner, self.name, private=private, description="")
        self.path = created.path
        self.url = f"https://github.com/{self.owner}/{self.name}.git"

    def commit(self, branch: str, files: dict[str, tuple[int, str]]) -> str:
        """Put files (mode, content) as one commit on a branch; paths may name folders.

        The content of a submodule is the id of its commit.
        """
        with Repo(str(self.path)) as repo:
            return self._commit(repo, branch, self._tree(repo, files))

    @staticmethod
    def _commit(repo: Repo, branch: str, tree: ObjectID) -> str:
        ref = Ref(f"refs/heads/{branch}".encode())
        commit = Commit()
        commit.tree = tree
        commit.parents = [repo.refs[ref]] if ref in repo.refs else []
        commit.author = commit.committer = b"A <a@example.org>"
        commit.author_time = commit.commit_time = 1_700_000_000
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"change"
        repo.object_store.add_object(commit)
        repo.refs[ref] = commit.id
        return commit.id.decode()

    def multiply(self, levels: int, width: int) -> None:
        """Put a few trees on main that name one another: ``width`` to the power of ``levels`` files."""
        with Repo(str(self.path)) as repo:
            blob = Blob.from_string(b"x")
            repo.object_store.add_object(blob)
            below, mode = blob.id, FILE
            for _ in range(levels):
                tree = Tree()
                for number in range(width):
                    tree.add(b"%04d" % number, mode, below)
                repo.object_store.add_object(tree)
                below, mode = tree.id, 0o040000
            self._commit(repo, "main", below)

    def name_it(self, reference: str, commit: str) -> None:
        """Let a reference (``refs/tags/v1``) name a commit."""
        with Repo(str(self.path)) as repo:
            repo.refs[Ref(reference.encode())] = ObjectID(commit.encode())

    def _tree(self, repo: Repo, files: dict[str, tuple[int, str]]) -> ObjectID:
        tree = Tree()
        for top in sorted({path.partition("/")[0] for path in files}):
            below = {
                path.partition("/")[2]: value
                for path, value in files.items()
                if path.startswith(top + "/")
            }
            if below:
                tree.add(os.fsencode(top), 0o040000, self._tree(repo, below))
                continue
            mode, content = files[top]
            if mode == SUBMODULE:
                tree.add(os.fsencode(top), mode, ObjectID(content.encode()))
                continue
            blob = Blob.from_string(content.encode(errors="surrogateescape"))
            repo.object_store.add_object(blob)
            tree.add(os.fsencode(top), mode, blob.id)
        repo.object_store.add_object(tree)
        return tree.id


def run(cloud: Cloud, context: str, folder: Path, **more: str) -> str:
    """Fetch a source into ``workspace`` below ``folder``; its commit."""
    fetched = fetch(cloud, context, folder / "workspace", registry_id=REGISTRY, **more)
    assert fetched.folder == folder / "workspace"
    return fetched.commit


def tree(folder: Path) -> dict[str, tuple[str, str]]:
    """What a folder holds, but for git's own: kind and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if ".git" in path.relative_to(folder).parts:
            continue
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", "")
        else:
            kind = "program" if os.access(path, os.X_OK) else "file"
            found[name] = (kind, path.read_bytes().decode("latin-1"))
    return found


def by_git(cloud: Cloud, url: str, folder: Path) -> tuple[int, str]:
    """A clone by the real git, as the engine does it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "HTTPS_PROXY": cloud.proxy_url,
        "GIT_SSL_CAINFO": str(cloud.ca_file),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    for words in (
        ["git", "clone", "--quiet", url, str(folder)],
        ["git", "-C", str(folder), "submodule", "--quiet", "update", "--init", "--recursive"],
    ):
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.returncode, done.stderr
    return 0, ""
