"""One file of a repository, at a branch, a tag or a commit: for the raw host, and within the cloud."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from dulwich.errors import NotTreeError
from dulwich.object_store import tree_lookup_path
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag
from dulwich.refs import Ref
from dulwich.repo import Repo

from ..cloud import Cloud
from . import access
from .repositories import Repository, opened

RAW_HOST = "raw.githubusercontent.com"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DEEPEST = 10  # tags of tags


class FileMissingError(Exception):
    """There is no such file, or nobody in particular may see it."""


def fetch(cloud: Cloud, url: str) -> bytes:
    """What https://raw.githubusercontent.com/OWNER/NAME/REF/PATH answers to nobody in particular.

    Raises :class:`FileMissingError`, also for a URL of another host.
    """
    try:
        parts = urlsplit(url)
        wanted = parts.scheme in ("http", "https") and parts.port in (None, 80, 443)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise FileMissingError(url) from None
    words = unquote(parts.path).strip("/").split("/", 2)
    if not wanted or host != RAW_HOST or len(words) < 3:
        raise FileMissingError(url)
    try:
        repository = access.find(cloud, words[0], words[1])
    except access.RepositoryNotFoundError:
        raise FileMissingError(url) from None
    return content_of(repository, words[2])


def content_of(repository: Repository, where: str) -> bytes:
    """The content of a file; ``where`` is a branch, tag or commit, and the path below it.

    Raises :class:`FileMissingError`, and 503 where the repository cannot be read.
    """
    words = where.split("/")
    with opened(repository) as repo:
        references = repo.get_refs()
        for count in range(1, len(words)):
            tip = _tip(references, "/".join(words[:count]))
            found = _file(repo, tip, "/".join(words[count:])) if tip is not None else None
            if found is not None:
                return found
    raise FileMissingError(where)


def _tip(references: dict[Ref, ObjectID], name: str) -> ObjectID | None:
    """What a name of a reference, or of a commit, stands for. A branch may have slashes in its name."""
    for full in (name, f"refs/heads/{name}", f"refs/tags/{name}"):
        found = references.get(Ref(full.encode()))
        if found is not None:
            return found
    return ObjectID(name.encode()) if _COMMIT.fullmatch(name) else None


def _file(repo: Repo, tip: ObjectID, path: str) -> bytes | None:
    try:
        one: ShaFile = repo.object_store[tip]
        for _ in range(_DEEPEST):
            if not isinstance(one, Tag):
                break
            one = repo.object_store[one.object[1]]
        if not isinstance(one, Commit):
            return None
        _, found = tree_lookup_path(repo.object_store.__getitem__, one.tree, path.encode())
        blob = repo.object_store[found]
    except (KeyError, NotTreeError, ValueError):
        return None
    return blob.data if isinstance(blob, Blob) else None
