"""Where a run's files come from: a git repository, an uploaded archive, or nowhere."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from ...blobs.account import BlobAccount
from ...cloud import Cloud
from ...gateway import session
from ...root_folder import RootFolder, remove_tree
from .clone import REFUSED, Clones
from .git_context import GitContext, SourceError
from .source_archive import SourceArchiveError, unpack

_BEFORE_HOST = re.compile(r"[a-z]+://([^/@]*)@", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """The files of a run, and where in the history of a repository they come from."""

    folder: Path
    commit: str = ""  # 40 hex digits; "" where there is no repository
    branch: str = ""
    repository: str = ""  # owner/name
    tag: str = ""


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


def _clone(cloud: Cloud, git: GitContext, folder: Path, token: str, commit: str) -> Source:
    files = folder.with_name(folder.name + ".files") if git.folder else folder
    files.mkdir(parents=True)
    scratch = folder.with_name(folder.name + ".git")
    with Clones(cloud, scratch) as clones, RootFolder(files) as root:
        taken = clones.take(git, root, token=token, commit=commit)
    if git.folder:
        _take_folder(git, files, folder)
    return Source(folder, taken.commit, taken.branch, git.name, taken.tag)


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
    except (OSError, ValueError):  # a zero byte is in no name
        raise SourceError(
            f"the folder '{git.folder}' was not found in {git.shown} at "
            f"'{git.reference or 'HEAD'}'. Check the part of the context after ':'"
        ) from None
    remove_tree(files)


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
        raise SourceError(f"unable to download {shown}: {REFUSED}") from None
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
