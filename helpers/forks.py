"""The sample repositories on GitHub: publish, edit, commit, push. The same code for both clouds."""

from __future__ import annotations

import difflib
import re
import stat
from dataclasses import dataclass
from typing import Any

import requests

from . import locks
from .checkout import BRANCH, EXECUTABLE, FILE, FOLDER, Checkout, Fork, ForkError
from .clouds import Connection
from .settings import check_color

__all__ = [
    "API",
    "BRANCH",
    "FOLDER",
    "NAMES",
    "Change",
    "Checkout",
    "Fork",
    "ForkError",
    "color",
    "color_change",
    "edit",
    "folder",
    "fork",
    "make",
    "publish",
    "read",
    "set_color",
    "set_executable",
    "write",
]

API = "https://api.github.com"
NAMES = ("base-image-node", "hello-world", "import-baseimage-node")

_COLOR = re.compile(r"^ENV BACKGROUND_COLOR[ =](.*)$", re.MULTILINE)
_TIMEOUT = 30  # seconds for one request to the REST API


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
    return Checkout(connection, fork(connection, name)).folder(path)


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


def write(connection: Connection, name: str, path: str, text: str, message: str = "") -> str:
    """Make ``text`` the content of a file of a fork, commit and push; the id of the commit.

    A file that is not there is made. When the file says that already, nothing is committed, and the
    newest commit's id is returned. ``message``: the commit's; without one it names the file. Raises
    :class:`ForkError`.
    """
    checkout = Checkout(connection, fork(connection, name))
    checkout.write(path, text)
    commit = checkout.commit(message or f"Change {path}")
    checkout.push()
    return commit


@dataclass(frozen=True)
class Change:
    """A change of one file of a fork that nobody has made yet; ``head`` is the commit it builds on."""

    fork: Fork
    path: str
    before: str
    after: str
    head: str | None

    def diff(self) -> list[str]:
        """What ``git diff`` would show, line by line; empty when nothing would change."""
        lines = difflib.unified_diff(
            self.before.splitlines(),
            self.after.splitlines(),
            f"a/{self.path}",
            f"b/{self.path}",
            lineterm="",
        )
        return list(lines)


def color_change(connection: Connection, color: str) -> Change:
    """What has to change in base-image-node to make ``color`` its background.

    Raises :class:`ForkError`, and :class:`~helpers.settings.SettingsError` for what is no colour.
    """
    return _painted(connection, color)[1]


def _painted(connection: Connection, color: str) -> tuple[Checkout, Change]:
    """What was fetched for it, and what has to change there."""
    check_color("color", color)
    checkout = Checkout(connection, fork(connection, "base-image-node"))
    text = checkout.read("Dockerfile")
    _color_in(text, checkout.fork)
    painted = _COLOR.sub(lambda found: found[0].removesuffix(found[1]) + color, text)
    return checkout, Change(checkout.fork, "Dockerfile", text, painted, checkout.head)


def color(connection: Connection) -> str:
    """The background colour of base-image-node, as its Dockerfile says now. Raises :class:`ForkError`."""
    one = fork(connection, "base-image-node")
    return _color_in(read(connection, one.name, "Dockerfile"), one)


def _color_in(text: str, one: Fork) -> str:
    found = _COLOR.findall(text)
    if not found:
        raise ForkError(
            f"The Dockerfile of {one.page} sets no BACKGROUND_COLOR. Get the original "
            "back with: python -m helpers publish --restore"
        )
    return str(found[-1]).strip()


def make(connection: Connection, change: Change, message: str) -> str:
    """Commit a change and push it; the id of the commit.

    Raises :class:`ForkError` when it changes nothing, or when the fork has moved on since.
    """
    if change.before == change.after:
        raise ForkError(
            f"{change.path} of {change.fork.page} says that already: there is nothing to commit, and "
            "so nothing would start."
        )
    checkout = Checkout(connection, change.fork)
    if checkout.head != change.head:
        raise ForkError(
            f"{change.fork.page} was changed by someone else meanwhile. Look at the change again."
        )
    return _made(checkout, change, message)


def _made(checkout: Checkout, change: Change, message: str) -> str:
    checkout.write(change.path, change.after)
    commit = checkout.commit(message)
    checkout.push()
    return commit


def set_color(connection: Connection, color: str) -> str:
    """Make ``color`` the background colour of base-image-node, commit and push; the commit's id.

    When it has that colour already, nothing is committed, and the newest commit's id is returned.
    Raises :class:`ForkError`, and :class:`~helpers.settings.SettingsError` for what is no colour.
    """
    checkout, change = _painted(connection, color)
    return _made(checkout, change, f"Change the background to {color}")


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


def _original(name: str) -> dict[str, tuple[int, bytes]]:
    """The files of a sample repository as they come with this project."""
    folder = FOLDER / name
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            executable = path.stat().st_mode & stat.S_IXUSR
            mode = EXECUTABLE if executable else FILE
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
