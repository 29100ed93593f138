"""Which commit, folder or archive of a source a run gets, and what is told where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from dulwich.objects import Commit, ObjectID, Tag
from dulwich.refs import Ref
from dulwich.repo import Repo

from helpers.localcloud.blobs.account import BlobAccount
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.tasks.execution.git_context import SourceError
from helpers.localcloud.tasks.execution.source import fetch
from tests.tasks.repositories import REGISTRY, Repository, run
from tests.tasks.test_source import archive, upload


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


def test_a_reference_may_be_named_in_full(cloud: Cloud, tmp_path: Path) -> None:
    repository = Repository(cloud)
    first = repository.commit("main", {"app/a": (0o100644, "first")})
    second = repository.commit("main", {"app/a": (0o100644, "second")})
    third = repository.commit("dev", {"app/a": (0o100644, "third")})
    repository.name_it("refs/tags/v1", first)
    repository.name_it("refs/pull/1/head", third)
    repository.name_it("refs/tags/dev", first)  # of that name there is a branch, too
    for number, (reference, commit, branch, tag) in enumerate(
        [
            ("refs/heads/main", second, "main", ""),
            ("heads/main", second, "main", ""),
            ("refs/tags/v1", first, "", "v1"),
            ("tags/v1", first, "", "v1"),
            ("refs/pull/1/head", third, "", ""),
            ("pull/1/head", third, "", ""),
            ("HEAD", second, "main", ""),
            ("dev", first, "", "dev"),
            ("refs/heads/dev", third, "dev", ""),
            (second, second, "", ""),
            (first[:4], first, "", ""),
        ]
    ):
        for folder, file in (("", "app/a"), (":app", "a")):
            place = tmp_path / f"{number}{folder}" / "workspace"
            url = f"{repository.url}#{reference}{folder}"
            source = fetch(cloud, url, place, registry_id=REGISTRY)
            assert (source.commit, source.branch, source.tag) == (commit, branch, tag)
            words = {first: "first", second: "second", third: "third"}
            assert (place / file).read_text() == words[commit]
    with pytest.raises(SourceError, match="'refs/pull/2/head' was not found in https://github"):
        run(cloud, f"{repository.url}#refs/pull/2/head", tmp_path / "missing")


def test_a_commit_that_no_reference_leads_to_is_taken_by_its_id(
    cloud: Cloud, tmp_path: Path
) -> None:
    repository = Repository(cloud)
    repository.commit("main", {"a": (0o100644, "a")})
    alone = repository.commit("gone", {"a": (0o100644, "alone")})
    with Repo(str(repository.path)) as repo:
        del repo.refs[Ref(b"refs/heads/gone")]
    assert run(cloud, f"{repository.url}#{alone}", tmp_path) == alone
    assert (tmp_path / "workspace/a").read_text() == "alone"


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
