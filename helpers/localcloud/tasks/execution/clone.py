"""Clones: a commit of a repository with its submodules, as files below an opened folder.

As an agent has it: ``git fetch`` of what the context names, ``git checkout``, then
``git submodule update --init --recursive`` (Azure/acr-builder, scan/git.go).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from dulwich.client import FetchPackResult, HTTPUnauthorized, Urllib3HttpGitClient
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import BaseObjectStore, DiskObjectStore
from dulwich.objects import Commit, ObjectID, Tag
from dulwich.refs import Ref
from dulwich.repo import BaseRepo, MemoryRepo

from ...cloud import Cloud
from ...root_folder import RootFolder, remove_tree
from .attributes import Attributes
from .checkout import CheckoutError, Entry, entries_of, write
from .git_context import GitContext, SourceError
from .git_program import GitProgram, GitProgramError
from .submodules import DEEPEST, MOST, Submodule, submodules_of

REFUSED = (
    "the local cloud refuses this host, since nothing leaves this machine. It has repositories at "
    "https://github.com/OWNER/NAME.git: push yours there"
)
_HASH = re.compile(r"[0-9a-f]{4,40}")
_HEADS, _TAGS, _HEAD = "refs/heads/", "refs/tags/", "HEAD"
# How git completes a name (gitrevisions(7)): a tag comes before a branch.
_RULES = ("", "refs/", _TAGS, _HEADS)
_FULL = 40  # digits


@dataclass(frozen=True)
class Taken:
    """What was checked out, and the branch or tag that has named it."""

    commit: str
    branch: str = ""
    tag: str = ""


@dataclass(frozen=True)
class _Fetched:
    """A commit whose objects are here."""

    taken: Taken
    objects: BaseObjectStore
    commit: Commit


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


class Clones:
    """Clones of one source; what they need meanwhile is in ``scratch``, which is made and removed.

    A credential that a repository was fetched with is used for its submodules of the same host, as
    an agent's credential cache does (Azure/acr-builder, issue 538).
    """

    def __init__(self, cloud: Cloud, scratch: Path) -> None:
        self._scratch = scratch
        self._manager = _Connections(cloud.proxy_url, ca_certs=str(cloud.ca_file))
        self._credentials: dict[tuple[str, str], tuple[str, str]] = {}
        self._made = 0

    def __enter__(self) -> Clones:
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.clear()
        remove_tree(self._scratch)

    def take(self, git: GitContext, folder: RootFolder, *, token: str, commit: str) -> Taken:
        """Put the files of a repository into the empty ``folder``.

        ``token`` reads a private repository; ``commit`` takes that one instead of what the context
        names. Raises :class:`SourceError`.
        """
        if token:
            self._credentials[git.host] = (git.credential or ("x-access-token", ""))[0], token
        elif git.credential is not None:
            self._credentials[git.host] = git.credential
        return self._take(git, folder, commit, ())

    def _take(
        self, git: GitContext, folder: RootFolder, commit: str, above: tuple[str, ...]
    ) -> Taken:
        self._made += 1
        place = self._scratch / str(self._made)
        (place / "objects").mkdir(parents=True)
        repository = new_repository(place / "objects")
        try:
            fetched = self._fetch(git, repository, commit)
            program = GitProgram(place / "git", place / "objects")
            entries = _check_out(git, fetched, program, folder)
            submodules = submodules_of(program, fetched.objects, entries)
        finally:
            repository.object_store.close()
            remove_tree(place)
        for one in submodules:
            self._add(git, one, folder, above)
        return fetched.taken

    def _add(
        self, git: GitContext, submodule: Submodule, folder: RootFolder, above: tuple[str, ...]
    ) -> None:
        """Check a submodule out into its folder, with its own submodules."""
        path = "/".join((*above, submodule.path))
        try:
            if len(above) >= DEEPEST or self._made > MOST:
                raise SourceError(
                    f"the local cloud takes {MOST} submodules of a source, {DEEPEST} in one another. "
                    "Does a repository have itself as a submodule?"
                )
            source = git.submodule(submodule.url, submodule.commit)
            if source.credential is not None:
                self._credentials[source.host] = source.credential
            with folder.folder(submodule.path, links=False) as below:
                self._take(source, below, submodule.commit, (*above, submodule.path))
        except SourceError as error:
            text = str(error)
            if not text.startswith("unable to fetch the submodule "):  # the innermost says it
                text = f"unable to fetch the submodule '{path}' of {git.shown}: {text}"
            raise SourceError(text) from None
        except OSError as error:
            raise SourceError(
                f"unable to fetch the submodule '{path}' of {git.shown}: {error.strerror}"
            ) from None

    # -- fetching ----------------------------------------------------------------------------------

    def _fetch(self, git: GitContext, repository: BaseRepo, commit: str) -> _Fetched:
        if len(git.name.split("/")) != 2:
            raise SourceError(
                f"unable to clone {git.shown}: a repository is https://github.com/OWNER/NAME.git"
            )
        user, secret = self._credentials.get(git.host, (None, None))
        parts = urlsplit(git.url)
        client = Urllib3HttpGitClient(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            pool_manager=self._manager,
            username=user,
            password=secret,
            timeout=120,
            quiet=True,
        )
        wish = _Wish(git, commit)
        try:
            result = wish.fetch(client, parts.path, repository)
            found = _commit(repository, wish.commit)
            if found is None and len(wish.commit) == _FULL:
                wish.alone = True  # it may be here, and on no branch any more
                try:
                    wish.fetch(client, parts.path, repository)
                except GitProtocolError:
                    found = None
                else:
                    found = _commit(repository, wish.commit)
        except HTTPUnauthorized:
            raise SourceError(_unauthorized(git, secret is not None)) from None
        except NotGitRepository:
            raise SourceError(_not_found(git, secret is not None)) from None
        except (GitProtocolError, urllib3.exceptions.HTTPError) as error:
            raise SourceError(f"unable to clone {git.shown}: {_words(error)}") from None
        if found is None:
            raise SourceError(
                f"the commit '{wish.commit.decode()}' was not found in {git.shown}. Was it pushed, "
                "and not removed by a forced push?"
            )
        branch, tag = wish.branch_and_tag(result)
        taken = Taken(found.id.decode(), branch, tag)
        return _Fetched(taken, repository.object_store, found)


class _Wish:
    """What is wanted of a repository, once it has told what it has."""

    def __init__(self, git: GitContext, commit: str) -> None:
        self._git = git
        self._given = commit
        self._name = ""  # the reference that is wanted
        self._refused: SourceError | None = None
        self.commit = commit.encode()
        self.alone = False  # the commit by its id, whatever references there are

    def fetch(
        self, client: Urllib3HttpGitClient, path: str, repository: BaseRepo
    ) -> FetchPackResult:
        """Fetch it. Raises :class:`SourceError`, and what the git client raises."""
        result = client.fetch(path, repository, determine_wants=self._wants)
        if self._refused is not None:
            raise self._refused
        return result

    def _wants(
        self,
        refs: Mapping[Ref, ObjectID | None],
        depth: int | None = None,  # noqa: ARG002 - part of the interface
    ) -> list[ObjectID]:
        if self.alone:
            return [ObjectID(self.commit)]
        known = {
            name.decode(errors="replace"): sha
            for name, sha in refs.items()
            if sha is not None and not name.endswith(b"^{}")
        }
        try:
            found = self._choose(known)
        except SourceError as error:  # raised here it would leave the connection half read
            self._refused = error
            return []
        if found is None:  # a commit by its id, or by the begin of it
            return [sha for name, sha in known.items() if name.startswith((_HEADS, _TAGS))]
        return [found]

    def _choose(self, refs: dict[str, ObjectID]) -> ObjectID | None:
        """The object of the reference that is wanted; None for a commit that has to be looked for."""
        wanted = self._git.reference or _HEAD
        name = next((rule + wanted for rule in _RULES if rule + wanted in refs), "")
        if name:
            self._name = name
            self.commit = self._given.encode() or bytes(refs[name])
            return refs[name]
        if _HASH.fullmatch(wanted) and refs:
            self.commit = self._given.encode() or wanted.encode()
            return None
        branches = sorted(one.removeprefix(_HEADS) for one in refs if one.startswith(_HEADS))
        shown = self._git.shown
        if not branches:
            raise SourceError(f"the repository {shown} is empty: push a commit to it first")
        raise SourceError(
            f"the branch, tag or commit '{self._git.reference}' was not found in {shown}. Its "
            f"branches are: {', '.join(branches[:10])}. Check the part of the context after '#'"
        )

    def branch_and_tag(self, result: FetchPackResult) -> tuple[str, str]:
        """The branch or the tag that was wanted, where it was one."""
        name = self._name
        if name == _HEAD:
            name = result.symrefs.get(Ref(_HEAD.encode()), Ref(b"")).decode(errors="replace")
        if name.startswith(_HEADS):
            return name.removeprefix(_HEADS), ""
        return "", name.removeprefix(_TAGS) if name.startswith(_TAGS) else ""


def new_repository(folder: Path) -> BaseRepo:
    """An empty repository for one clone: its objects are in ``folder``, all else is in memory."""
    repository = MemoryRepo()
    repository.object_store.close()
    repository.object_store = DiskObjectStore.init(folder)
    return repository


def _commit(repository: BaseRepo, wanted: bytes) -> Commit | None:
    """The commit that an id, or the begin of one, or that of a tag leads to."""
    objects = repository.object_store
    if len(wanted) == _FULL:
        names = [ObjectID(wanted)] if ObjectID(wanted) in objects else []
    else:
        names = [name for name in objects if name.startswith(wanted)]
    found = repository[names[0]] if len(names) == 1 else None
    while isinstance(found, Tag):
        found = repository[found.object[1]]
    return found if isinstance(found, Commit) else None


def _check_out(
    git: GitContext, fetched: _Fetched, program: GitProgram, folder: RootFolder
) -> list[Entry]:
    try:
        entries = entries_of(fetched.objects, fetched.commit.tree)
        attributes = Attributes(program, fetched.objects, entries)
        try:
            write(fetched.objects, folder, entries, attributes.convert)
        finally:
            attributes.close()
    except KeyError as error:
        reason = f"the object {error} is missing. Run git fsck in the repository"
    except (CheckoutError, GitProgramError) as error:
        reason = str(error)
    else:
        return entries
    raise SourceError(
        f"the commit {fetched.taken.commit} of {git.shown} cannot be checked out: {reason}"
    )


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
        return REFUSED
    return str(error) or type(error).__name__
