"""A fork as git has it, in memory: fetched, edited, committed, pushed.

Git is dulwich's: no git program, no working folder, no credential helper is needed. Author and dates
are fixed, so the same content has the same commit id everywhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from .clouds import Connection
from .errors import HelpersError

BRANCH = "main"
FOLDER = Path(__file__).resolve().parents[1] / "repos"
FILE, EXECUTABLE = 0o100644, 0o100755

_REF = f"refs/heads/{BRANCH}".encode()
_AUTHOR = b"Consume Public Content <tutorial@example.org>"
_FIRST_COMMIT = 1603281600  # 2020-10-21T12:00:00Z; each later commit is one minute younger
_TIMEOUT = 30  # seconds for one request


class ForkError(HelpersError):
    """GitHub refused, or a file is not as expected; the message says what to do."""


@dataclass(frozen=True)
class Fork:
    """A sample repository in the reader's own GitHub account."""

    owner: str
    name: str

    @property
    def url(self) -> str:
        """https://github.com/OWNER/NAME.git"""
        return f"https://github.com/{self.owner}/{self.name}.git"

    @property
    def context(self) -> str:
        """The repository and its branch, as a task names its source."""
        return f"{self.url}#{BRANCH}"

    @property
    def page(self) -> str:
        """The repository's web page."""
        return f"https://github.com/{self.owner}/{self.name}"


class Checkout:
    """The files of a fork's branch, held in memory: path → (mode, content).

    Raises :class:`ForkError` when the repository does not exist or the token may not read it.
    """

    def __init__(self, connection: Connection, fork: Fork) -> None:
        from dulwich.repo import MemoryRepo

        self.fork = fork
        self._connection = connection
        self._token = connection.git_token
        self._repository: Any = MemoryRepo()
        self._client = _git_client(fork, self._token)
        self._pushed: bytes | None = None
        self.head: str | None = None
        self.files: dict[str, tuple[int, bytes]] = {}
        self._fetch()

    def read(self, path: str) -> str:
        """The text of a file."""
        return self._entry(path)[1].decode()

    def folder(self, path: str) -> dict[str, bytes]:
        """The files below a folder, by their path in it."""
        found = {
            inside.removeprefix(f"{path}/"): content
            for inside, (_, content) in self.files.items()
            if inside.startswith(f"{path}/")
        }
        if not found:
            raise self._missing(f"folder {path}", path)
        return found

    def write(self, path: str, text: str) -> None:
        """Make or overwrite a file; an existing one keeps its mode."""
        mode = self.files[path][0] if path in self.files else FILE
        self.files[path] = (mode, text.encode())

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace ``old`` in a file by ``new``. Raises :class:`ForkError` when it is not there."""
        text = self.read(path)
        if old not in text:
            raise ForkError(
                f"{path} of {self.fork.page} has no {old!r}: it was changed before. See what it "
                f"has, or get the original back with: python -m helpers publish --restore"
            )
        self.write(path, text.replace(old, new))

    def set_executable(self, path: str, executable: bool) -> None:
        """What ``git update-index --chmod`` does."""
        self.files[path] = (EXECUTABLE if executable else FILE, self._entry(path)[1])

    def commit(self, message: str) -> str:
        """Record the files as a commit; its id, or the head's when nothing changed."""
        from dulwich.index import commit_tree
        from dulwich.objects import Blob, Commit

        store = self._repository.object_store
        entries = []
        for path, (mode, content) in sorted(self.files.items()):
            blob = Blob.from_string(content)
            store.add_object(blob)
            entries.append((path.encode(), blob.id, mode))
        tree = commit_tree(store, entries)
        parent = store[self.head.encode()] if self.head else None
        if parent is not None and parent.tree == tree:
            return str(self.head)
        commit = Commit()
        commit.tree = tree
        commit.parents = [parent.id] if parent is not None else []
        commit.author = commit.committer = _AUTHOR
        commit.author_time = commit.commit_time = (
            parent.commit_time + 60 if parent is not None else _FIRST_COMMIT
        )
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = message.rstrip("\n").encode() + b"\n"
        store.add_object(commit)
        self.head = commit.id.decode()
        return self.head

    def push(self) -> None:
        """Send the commits. Raises :class:`ForkError` when the branch has moved on meanwhile."""
        if self.head is None or self.head.encode() == self._pushed:
            return
        head = self.head.encode()

        def update(refs: Any) -> Any:
            if refs.get(_REF) != self._pushed:
                raise ForkError(
                    f"{self.fork.page} was changed by someone else meanwhile. Run this step again."
                )
            return {_REF: head}

        result = self._git(
            "push to",
            lambda: self._client.send_pack(
                self._path, update, self._repository.generate_pack_data, progress=_quiet
            ),
        )
        problem = (result.ref_status or {}).get(_REF)
        if problem:
            raise ForkError(f"{self.fork.page} refused the push: {problem}.")
        self._pushed = head

    @property
    def _path(self) -> str:
        return urlsplit(self.fork.url).path

    def _entry(self, path: str) -> tuple[int, bytes]:
        if path not in self.files:
            raise self._missing(f"file {path}", path)
        return self.files[path]

    def _missing(self, what: str, path: str) -> ForkError:
        """Also what to do about a fork that was made before the sample repository got that path."""
        older = (
            " The sample repository has it by now. Bring the fork up to date, in place of your own "
            "changes, with: python -m helpers publish --restore"
        )
        return ForkError(
            f"{self.fork.page} has no {what}. It has: {', '.join(sorted(self.files))}."
            + (older if (FOLDER / self.fork.name / path).exists() else "")
        )

    def _fetch(self) -> None:
        from dulwich.object_store import iter_tree_contents

        def wanted(refs: Any, depth: int | None = None) -> list[Any]:  # noqa: ARG001
            return [refs[_REF]] if _REF in refs else []

        found = self._git(
            "read",
            lambda: self._client.fetch(
                self._path, self._repository, determine_wants=wanted, progress=_quiet
            ),
        )
        self._pushed = found.refs.get(_REF)
        if self._pushed is None:
            return
        self.head = self._pushed.decode()
        store = self._repository.object_store
        for entry in iter_tree_contents(store, store[self._pushed].tree):
            self.files[entry.path.decode()] = (entry.mode, store[entry.sha].data)

    def _git(self, action: str, call: Any) -> Any:
        from dulwich.client import HTTPUnauthorized
        from dulwich.errors import GitProtocolError, NotGitRepository
        from urllib3.exceptions import HTTPError

        try:
            return call()
        except NotGitRepository:
            reason = "it does not exist, or the token may not see it"
        except HTTPUnauthorized:
            self._connection.check()
            reason = "the token in GIT_TOKEN is not accepted, or lacks the permission repo"
        except (GitProtocolError, HTTPError, OSError) as error:
            self._connection.check()
            reason = (self._said() or str(error)).replace(self._token, "***").rstrip(".")
        raise ForkError(f"Cannot {action} {self.fork.page}: {reason}.")

    def _said(self) -> str:
        """Why the host refuses, in its own words: dulwich tells its status alone."""
        try:
            answer = requests.get(
                f"{self.fork.url}/info/refs",
                params={"service": "git-receive-pack"},
                auth=(self.fork.owner, self._token),
                timeout=_TIMEOUT,
            )
        except requests.RequestException:
            return ""
        plain = answer.headers.get("Content-Type", "").startswith("text/plain")
        return answer.text.strip() if plain and not answer.ok else ""


def _quiet(_: bytes) -> None:
    """Swallow the progress lines of git."""


def _git_client(fork: Fork, token: str) -> Any:
    from dulwich.client import HttpGitClient
    from dulwich.config import ConfigDict

    config = ConfigDict()
    certificates = os.environ.get("GIT_SSL_CAINFO") or os.environ.get("REQUESTS_CA_BUNDLE")
    if certificates:
        config.set((b"http",), b"sslCAInfo", certificates.encode())
    return HttpGitClient("https://github.com", config=config, username=fork.owner, password=token)
