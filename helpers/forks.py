"""The sample repositories on GitHub: publish, edit, commit, push. The same code for both clouds.

Git is dulwich's, in memory: no git program, no working folder, no credential helper is needed.
Author and dates are fixed, so the same content has the same commit id everywhere.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from . import locks
from .clouds import Connection
from .errors import HelpersError

API = "https://api.github.com"
BRANCH = "main"
FOLDER = Path(__file__).resolve().parents[1] / "repos"
NAMES = ("base-image-node", "hello-world", "import-baseimage-node")

_REF = f"refs/heads/{BRANCH}".encode()
_AUTHOR = b"Consume Public Content <tutorial@example.org>"
_FIRST_COMMIT = 1603281600  # 2020-10-21T12:00:00Z; each later commit is one minute younger
_COLOR = re.compile(r"^(ENV BACKGROUND_COLOR[ =]).*$", re.MULTILINE)
_FILE, _EXECUTABLE = 0o100644, 0o100755
_TIMEOUT = 30  # seconds for one request to the REST API


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


def fork(connection: Connection, name: str) -> Fork:
    """The fork of that sample repository; whether it exists is not checked."""
    return Fork(connection.github_owner, name)


def publish(connection: Connection, *, restore: bool = False) -> list[Fork]:
    """Put every sample repository into the reader's GitHub account; what is there, stays.

    ``restore``: a fork that has other content gets the original content back, as one more commit.
    Waits for others on this machine who work with the same account's repositories.
    Raises :class:`ForkError`, and :class:`~helpers.errors.WaitInterruptedError`.
    """
    forks = [fork(connection, name) for name in NAMES]
    with locks.hold(connection, locks.repositories_of(connection), locks.described()):
        for one in forks:
            _create(connection, one)
            checkout = Checkout(connection, one)
            if checkout.head is None:
                checkout.files = _original(one.name)
                checkout.commit(f"Add {one.name}")
                checkout.push()
            elif restore and checkout.files != _original(one.name):
                checkout.files = _original(one.name)
                checkout.commit("Restore the original content")
                checkout.push()
    return forks


def read(connection: Connection, name: str, path: str) -> str:
    """The text of a file in a fork. Raises :class:`ForkError`."""
    return Checkout(connection, fork(connection, name)).read(path)


def folder(connection: Connection, name: str, path: str) -> dict[str, bytes]:
    """The files below a folder of a fork, by their path in it. Raises :class:`ForkError`."""
    checkout = Checkout(connection, fork(connection, name))
    found = {
        inside.removeprefix(f"{path}/"): content
        for inside, (_, content) in checkout.files.items()
        if inside.startswith(f"{path}/")
    }
    if not found:
        raise ForkError(
            f"{checkout.fork.page} has no folder {path}. It has: {', '.join(sorted(checkout.files))}."
            + _older(checkout.fork, path)
        )
    return found


def edit(
    connection: Connection, name: str, path: str, old: str, new: str, message: str
) -> str | None:
    """Replace text in one file of a fork, commit and push; the id of the commit.

    None when ``new`` is there already and ``old`` is not: the edit was made before.
    Raises :class:`ForkError`.
    """
    checkout = Checkout(connection, fork(connection, name))
    text = checkout.read(path)
    if old not in text and new in text:
        return None
    checkout.replace(path, old, new)
    commit = checkout.commit(message)
    checkout.push()
    return commit


def set_color(connection: Connection, color: str) -> str:
    """Make ``color`` the background colour of base-image-node, commit and push; the commit's id.

    When it has that colour already, nothing is committed, and the newest commit's id is returned.
    Raises :class:`ForkError`.
    """
    checkout = Checkout(connection, fork(connection, "base-image-node"))
    text = checkout.read("Dockerfile")
    painted, count = _COLOR.subn(rf"\g<1>{color}", text)
    if not count:
        raise ForkError(
            f"The Dockerfile of {checkout.fork.page} sets no BACKGROUND_COLOR. Get the original "
            "back with: python -m helpers publish --restore"
        )
    checkout.write("Dockerfile", painted)
    commit = checkout.commit(f"Change the background to {color}")
    checkout.push()
    return commit


def set_executable(connection: Connection, name: str, path: str, executable: bool) -> str:
    """Set or clear the execute bit of a file of a fork, commit and push; the id of the commit.

    What ``git update-index --chmod=+x`` (or ``-x``) does. When the file has that mode already,
    nothing is committed, and the newest commit's id is returned. Raises :class:`ForkError`.
    """
    checkout = Checkout(connection, fork(connection, name))
    checkout.set_executable(path, executable)
    commit = checkout.commit(f"Make {path} {'' if executable else 'not '}executable")
    checkout.push()
    return commit


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

    def write(self, path: str, text: str) -> None:
        """Make or overwrite a file; an existing one keeps its mode."""
        mode = self.files[path][0] if path in self.files else _FILE
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
        self.files[path] = (_EXECUTABLE if executable else _FILE, self._entry(path)[1])

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
            raise ForkError(
                f"{self.fork.page} has no file {path}. It has: {', '.join(sorted(self.files))}."
                + _older(self.fork, path)
            )
        return self.files[path]

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


def _older(fork: Fork, path: str) -> str:
    """What to do about a fork that was made before the sample repository got that path."""
    if not (FOLDER / fork.name / path).exists():
        return ""
    return (
        " The sample repository has it by now. Bring the fork up to date, in place of your own "
        "changes, with: python -m helpers publish --restore"
    )


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


def _original(name: str) -> dict[str, tuple[int, bytes]]:
    """The files of a sample repository as they come with this project."""
    folder = FOLDER / name
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            executable = path.stat().st_mode & stat.S_IXUSR
            mode = _EXECUTABLE if executable else _FILE
            files[path.relative_to(folder).as_posix()] = (mode, path.read_bytes())
    if not files:
        raise ForkError(f"The sample repository {name} is missing: {folder} has no files.")
    return files


# -- the REST API --------------------------------------------------------------------------------


def _create(connection: Connection, one: Fork) -> None:
    """Make an empty repository unless there is one."""
    if _is_there(connection, one):
        return
    user = _rest(connection, "GET", "/user")
    if user.status_code != 200:
        raise ForkError(f"GitHub does not accept the token in GIT_TOKEN: {_reason(user)}.")
    mine = str(user.json()["login"]).lower() == one.owner.lower()
    body = {"name": one.name, "description": "A sample of 'Consume public content'."}
    path = "/user/repos" if mine else f"/orgs/{one.owner}/repos"
    answer = _rest(connection, "POST", path, body)
    if answer.status_code == 422 and _is_there(connection, one):
        return  # somebody has created it since
    if answer.status_code != 201:
        raise ForkError(
            f"GitHub does not let the token in GIT_TOKEN create {one.page}: {_reason(answer)}. "
            "It needs the permission repo (or public_repo), and GITHUB_OWNER must be an account "
            "that may create repositories there."
        )


def _is_there(connection: Connection, one: Fork) -> bool:
    return _rest(connection, "GET", f"/repos/{one.owner}/{one.name}").status_code == 200


def _rest(
    connection: Connection, method: str, path: str, body: dict[str, Any] | None = None
) -> requests.Response:
    headers = {
        "Authorization": f"Bearer {connection.git_token}",
        "Accept": "application/vnd.github+json",
    }
    try:
        return requests.request(method, API + path, json=body, headers=headers, timeout=_TIMEOUT)
    except OSError as error:  # requests' own errors are such, too
        connection.check()
        raise ForkError(f"GitHub cannot be reached: {error}") from None


def _reason(answer: requests.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    details = "; ".join(str(one.get("message", "")) for one in content.get("errors") or [])
    return f"{content.get('message', '')} {details}".strip().rstrip(".")
