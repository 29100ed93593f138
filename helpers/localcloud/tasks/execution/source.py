"""Where a run's files come from: a git repository, an uploaded archive, or nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
import urllib3
from dulwich.client import HTTPUnauthorized, Urllib3HttpGitClient
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import DiskObjectStore
from dulwich.objects import Commit, ObjectID, Tag
from dulwich.refs import Ref
from dulwich.repo import BaseRepo, MemoryRepo

from ...blobs.account import BlobAccount
from ...cloud import Cloud
from ...gateway import session
from ...root_folder import RootFolder, remove_tree
from .checkout import CheckoutError, check_out
from .source_archive import SourceArchiveError, unpack

_REFUSED = (
    "the local cloud refuses this host, since nothing leaves this machine. It has repositories at "
    "https://github.com/OWNER/NAME.git: push yours there"
)
_BEFORE_HOST = re.compile(r"[a-z]+://([^/@]*)@", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{7,40}")
_HEADS, _TAGS, _HEAD = "refs/heads/", "refs/tags/", Ref(b"HEAD")


class SourceError(Exception):
    """The source cannot be had; the text says which part of it and what to check."""


@dataclass(frozen=True)
class Source:
    """The files of a run, and where in the history of a repository they come from."""

    folder: Path
    commit: str = ""  # 40 hex digits; "" where there is no repository
    branch: str = ""
    repository: str = ""  # owner/name
    tag: str = ""


@dataclass(frozen=True)
class GitContext:
    """The parts of ``https://github.com/OWNER/NAME.git#BRANCH:FOLDER``."""

    url: str
    reference: str  # branch, tag or commit; "" = the default branch
    folder: str

    @classmethod
    def parse(cls, text: str) -> GitContext | None:
        """The parts, or None where ``text`` is no URL of a git repository.

        Raises :class:`SourceError` for a URL that cannot be read.
        """
        address, _, fragment = text.strip().partition("#")
        try:
            parts = urlsplit(address)
            assert parts.port is None or parts.port >= 0  # reading it checks it
        except ValueError as error:
            raise SourceError(f"the source '{address}' is no URL: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        if not (address.endswith(".git") or fragment or parts.hostname.lower() == "github.com"):
            return None
        if parts.hostname.lower() == "github.com":  # which sends http to https
            address = urlunsplit(("https", *parts[1:]))
        reference, _, folder = fragment.partition(":")
        return cls(address.rstrip("/"), reference, folder.strip("/"))

    @property
    def shown(self) -> str:
        """The URL without a user name or password in it."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))

    @property
    def name(self) -> str:
        """owner/name."""
        return urlsplit(self.url).path.strip("/").removesuffix(".git")


def is_none(context: str | None) -> bool:
    """Whether a run has no source: the context is missing or /dev/null."""
    return not context or context.strip() == "/dev/null"


def secrets_of(context: str | None) -> list[str]:
    """What a URL has before its host: a token, or user name and password, as written and decoded."""
    before = _BEFORE_HOST.match((context or "").strip())
    if before is None:
        return []
    user, colon, password = before[1].partition(":")
    secret = password if colon else user
    return [secret, unquote(secret)]


def fetch(
    cloud: Cloud,
    context: str | None,
    folder: Path,
    *,
    registry_id: str,
    token: str = "",
    commit: str = "",
) -> Source:
    """Put the files of ``context`` into ``folder`` (which must not exist).

    ``token`` reads a private repository; ``commit`` takes that one instead of the branch's newest.
    Raises :class:`SourceError`.
    """
    if context is None or is_none(context):
        folder.mkdir(parents=True)
        return Source(folder)
    git = GitContext.parse(context)
    if git is not None:
        return _clone(cloud, git, folder, token, commit)
    if "://" in context:
        return _download(cloud, context, folder)
    account = BlobAccount(cloud)
    try:
        blob = account.blob(account.container_of(registry_id), context)
    except ValueError as error:
        raise SourceError(str(error)) from None
    if not blob.exists():
        raise SourceError(
            f"the source '{context}' is neither a git URL (https://github.com/OWNER/NAME.git"
            "#BRANCH:FOLDER) nor the relativePath of a finished upload to this registry"
        )
    return _unpack(blob.path, folder, context)


# -- git -----------------------------------------------------------------------------------------


class _Connections(urllib3.ProxyManager):
    """Connections that are given back after a refusal too, which the git client leaves open."""

    def urlopen(  # type: ignore[override]  # urllib3's own classes differ in it, too
        self, method: str, url: str, redirect: bool = True, **more: Any
    ) -> urllib3.BaseHTTPResponse:
        answer = super().urlopen(method, url, redirect, **more)
        if answer.status >= 400:
            answer.drain_conn()
            answer.release_conn()
        return answer


def _clone(cloud: Cloud, git: GitContext, folder: Path, token: str, commit: str) -> Source:
    if len(git.name.split("/")) != 2:
        raise SourceError(
            f"unable to clone {git.shown}: a repository is https://github.com/OWNER/NAME.git"
        )
    bare = folder.with_name(folder.name + ".git")
    files = folder.with_name(folder.name + ".files") if git.folder else folder
    bare.mkdir(parents=True)
    manager = _Connections(cloud.proxy_url, ca_certs=str(cloud.ca_file))
    parts = urlsplit(git.url)
    secret = token or parts.password or ""
    client = Urllib3HttpGitClient(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        pool_manager=manager,
        # GitHub takes any user name beside a token.
        username=(parts.username or "x-access-token") if secret else None,
        password=secret or None,
        timeout=120,
        quiet=True,
    )
    repository = new_repository(bare)
    chosen: list[tuple[ObjectID, str, str]] = []
    refused: list[SourceError] = []

    def wants(
        refs: Mapping[Ref, ObjectID | None],
        depth: int | None = None,  # noqa: ARG001 - part of the interface
    ) -> list[ObjectID]:
        known = {name.decode(): sha for name, sha in refs.items() if sha is not None}
        try:
            chosen.append(_choose(git, known))
        except SourceError as error:  # raised here it would leave the connection half read
            refused.append(error)
            return []
        if _HASH.fullmatch(git.reference) and not chosen[0][1]:
            return [sha for name, sha in known.items() if name.startswith((_HEADS, _TAGS))]
        return [chosen[0][0]]

    try:
        result = client.fetch(parts.path, repository, determine_wants=wants)
        if refused:
            raise refused[0]
        sha, branch, tag = chosen[0]
        if not git.reference:
            branch = result.symrefs.get(_HEAD, Ref(b"")).decode().removeprefix(_HEADS)
        found = _commit(repository, commit.encode() if commit else bytes(sha), git)
        files.mkdir(parents=True)
        _check_out(git, repository, found, files)
    except HTTPUnauthorized:
        raise SourceError(_unauthorized(git, bool(secret))) from None
    except NotGitRepository:
        raise SourceError(_not_found(git, bool(secret))) from None
    except (GitProtocolError, urllib3.exceptions.HTTPError) as error:
        raise SourceError(f"unable to clone {git.shown}: {_words(error)}") from None
    finally:
        repository.object_store.close()
        manager.clear()
    remove_tree(bare)
    if git.folder:
        _take_folder(git, files, folder)
    return Source(folder, found.id.decode(), branch, git.name, tag)


def new_repository(folder: Path) -> BaseRepo:
    """An empty repository for one clone: its objects are in ``folder``, all else is in memory."""
    repository = MemoryRepo()
    repository.object_store.close()
    repository.object_store = DiskObjectStore.init(folder)
    return repository


def _check_out(git: GitContext, repository: BaseRepo, commit: Commit, files: Path) -> None:
    try:
        check_out(repository.object_store, commit.tree, files)
    except (CheckoutError, KeyError) as error:
        raise SourceError(
            f"the commit {commit.id.decode()} of {git.shown} cannot be checked out: "
            f"{error if isinstance(error, CheckoutError) else f'the object {error} is missing'}. Run "
            "git fsck in the repository"
        ) from None


def _choose(git: GitContext, refs: dict[str, ObjectID]) -> tuple[ObjectID, str, str]:
    """Which object to fetch, and the branch or tag that names it."""
    wanted = git.reference
    if not wanted and "HEAD" in refs:
        return refs["HEAD"], "", ""
    if _HEADS + wanted in refs and wanted:
        return refs[_HEADS + wanted], wanted, ""
    if _TAGS + wanted in refs and wanted:
        return refs[_TAGS + wanted], "", wanted
    if _HASH.fullmatch(wanted) and refs:
        return ObjectID(wanted.encode()), "", ""
    branches = sorted(name.removeprefix(_HEADS) for name in refs if name.startswith(_HEADS))
    if not branches:
        raise SourceError(f"the repository {git.shown} is empty: push a commit to it first")
    raise SourceError(
        f"the branch, tag or commit '{wanted}' was not found in {git.shown}. Its branches are: "
        f"{', '.join(branches[:10])}. Check the part of the context after '#'"
    )


def _commit(repository: BaseRepo, wanted: bytes, git: GitContext) -> Commit:
    full = len(wanted) == 40
    names = (
        [name for name in repository.object_store if name.startswith(wanted)] if not full else []
    )
    if full and ObjectID(wanted) in repository.object_store:
        names = [ObjectID(wanted)]
    found = repository[names[0]] if len(names) == 1 else None
    while isinstance(found, Tag):
        found = repository[found.object[1]]
    if not isinstance(found, Commit):
        raise SourceError(
            f"the commit '{wanted.decode()}' was not found in {git.shown}. Was it pushed, and not "
            "removed by a forced push?"
        )
    return found


def _take_folder(git: GitContext, files: Path, folder: Path) -> None:
    """Move what the context names to ``folder``: what a link leads to, not the link."""
    try:
        with RootFolder(files) as root:
            real = root.real(git.folder, strict=True)
            if not root.is_folder(real, links=False):
                raise NotADirectoryError(real)
            if real == ".":
                files.rename(folder)
                return
            with root.parent(real, links=False) as (parent, name):
                os.rename(name, folder, src_dir_fd=parent)
        if folder.is_symlink():
            raise NotADirectoryError(real)
    except OSError:
        raise SourceError(
            f"the folder '{git.folder}' was not found in {git.shown} at "
            f"'{git.reference or 'HEAD'}'. Check the part of the context after ':'"
        ) from None
    remove_tree(files)


def _unauthorized(git: GitContext, with_token: bool) -> str:
    if with_token:
        return (
            f"unable to clone {git.shown}: the git access token was refused. Check that it has "
            "not expired and may read the repository (scope repo, or public_repo), then give it "
            "again: az acr task update --git-access-token"
        )
    return (
        f"unable to clone {git.shown}: the repository was not found, or it is private and the "
        "task has no git access token. Check the URL, or give --git-access-token"
    )


def _not_found(git: GitContext, with_token: bool) -> str:
    return f"unable to clone {git.shown}: repository not found. Check its owner and name" + (
        ", and that the git access token may read it" if with_token else ""
    )


def _words(error: Exception) -> str:
    cause = error.__cause__ or error  # the git client wraps what its connections raise
    if isinstance(getattr(cause, "reason", cause), urllib3.exceptions.ProxyError):
        return _REFUSED
    return str(error) or type(error).__name__


# -- archives ------------------------------------------------------------------------------------


def _download(cloud: Cloud, url: str, folder: Path) -> Source:
    shown = url.partition("?")[0]
    if urlsplit(url).scheme != "https":
        raise SourceError(
            f"the source '{shown}' has a scheme that the local cloud does not implement: it has "
            "git and archives over https, and uploads"
        )
    archive = folder.with_name(folder.name + ".tar.gz")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with session(cloud) as client, client.get(url, stream=True, timeout=120) as answer:
            if answer.status_code != 200:
                raise SourceError(f"unable to download {shown}: HTTP {answer.status_code}")
            with archive.open("wb") as file:
                for chunk in answer.iter_content(1 << 20):
                    file.write(chunk)
    except requests.exceptions.ProxyError:
        raise SourceError(f"unable to download {shown}: {_REFUSED}") from None
    except requests.RequestException as error:
        raise SourceError(f"unable to download {shown}: {type(error).__name__}") from None
    try:
        return _unpack(archive, folder, shown)
    finally:
        archive.unlink()


def _unpack(archive: Path, folder: Path, shown: str) -> Source:
    try:
        unpack(archive, folder)
    except SourceArchiveError as error:
        raise SourceError(f"the archive '{shown}' {error}") from None
    return Source(folder)
