"""Which commit, folder or archive of a source a run gets, and what is told where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from dulwich.objects import Commit, ObjectID, Tag
from dulwich.refs import Ref
from dulwich.repo import Repo

from helpers.localcloud.blobs.account import BlobAccount
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.tasks.execution.source import SourceError, fetch
from tests.tasks.test_source import REGISTRY, Repository, archive, run, upload


def test_tags_and_annotated_tags_are_checked_out(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    commit = repository.commit("main", {"a": (0o100644, "a")})
    with Repo(str(repository.path)) as repo:
        repo.refs[Ref(b"refs/tags/plain")] = ObjectID(commit.encode())
        tag = Tag()
        tag.name, tag.tagger, tag.message = b"v1", b"A <a@example.org>", b"first"
        tag.object = (Commit, ObjectID(commit.encode()))
        tag.tag_time, tag.tag_timezone = 1_700_000_000, 0
        repo.object_store.add_object(tag)
        repo.refs[Ref(b"refs/tags/v1")] = tag.id
    for name in ("plain", "v1"):
        url = f"{repository.url}#{name}"
        source = fetch(cloud, url, tmp_path / name / "workspace", registry_id=REGISTRY)
        assert (source.commit, source.tag, source.branch) == (commit, name, "")
        assert (source.folder / "a").read_text() == "a"


def test_a_commit_that_is_not_there_is_told(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"a": (0o100644, "a")})
    with pytest.raises(SourceError, match="the commit 'abcdef0' was not found in https://github"):
        run(cloud, f"{repository.url}#abcdef0", tmp_path / "short")
    with pytest.raises(SourceError, match=r"was not found .*removed by a forced push\?"):
        run(cloud, f"{repository.url}#main", tmp_path / "full", commit="0" * 39 + "1")


def test_a_folder_that_is_a_file_is_not_found(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"a": (0o100644, "a")})
    with pytest.raises(SourceError, match="the folder 'a' was not found"):
        run(cloud, f"{repository.url}#main:a", tmp_path)


def test_a_folder_that_names_the_whole_repository(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"a": (0o100644, "a")})
    run(cloud, f"{repository.url}#main:.", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]
    assert (tmp_path / "workspace/a").read_text() == "a"


def test_an_unknown_repository_with_a_token_is_told(cloud: Cloud, tmp_path: Path) -> None:
    url = f"https://github.com/{cloud.account.github_owner}/nothing.git"
    with pytest.raises(SourceError, match=r"unable to clone https://github\.com/.*token"):
        run(cloud, url, tmp_path, token=cloud.account.github_token)


def test_an_archive_is_downloaded_from_a_url_of_the_cloud(cloud: Cloud, tmp_path: Path) -> None:
    name = upload(cloud, archive(("a", b"x")))
    account = BlobAccount(cloud)
    url = account.url(account.blob(account.container_of(REGISTRY), name), "r", 600)
    run(cloud, url, tmp_path / "signed")
    assert (tmp_path / "signed/workspace/a").read_text() == "x"
    assert [path.name for path in (tmp_path / "signed").iterdir()] == ["workspace"]
    with pytest.raises(SourceError, match=r"^unable to download https://[^?]*: HTTP 40\d$"):
        run(cloud, url.partition("?")[0], tmp_path / "unsigned")
    with pytest.raises(SourceError, match="a scheme that the local cloud does not implement"):
        run(cloud, "ftp://example.org/a.tar.gz", tmp_path / "scheme")
    with pytest.raises(SourceError, match=r"^unable to download https://[^?]*: "):
        run(cloud, "https://management.azure.com/never.tar.gz", tmp_path / "other")
