"""Submodules of a run's source: what real git makes of the same repository is what a run gets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.tasks.execution.git_context import GitContext, SourceError
from helpers.localcloud.tasks.execution.submodules import DEEPEST
from tests.tasks.repositories import FILE, LINK, SUBMODULE, Repository, by_git, run, tree


def modules(*entries: tuple[str, str], more: str = "") -> tuple[int, str]:
    """A .gitmodules file of paths and URLs."""
    text = "".join(
        f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n{more}' for path, url in entries
    )
    return FILE, text


@pytest.fixture
def inner(cloud: Cloud) -> Repository:
    return Repository(cloud)


@pytest.fixture
def outer(cloud: Cloud) -> Repository:
    return Repository(cloud)


def test_submodules_and_their_own_are_checked_out_as_git_does(
    cloud: Cloud, tmp_path: Path, inner: Repository, outer: Repository
) -> None:
    deep = Repository(cloud)
    first = deep.commit("main", {"deep.txt": (FILE, "first"), "run": (0o100755, "#!/bin/sh\n")})
    deep.commit("main", {"deep.txt": (FILE, "second")})
    middle = inner.commit(
        "main",
        {
            ".gitmodules": modules(("nested/deep", f"../{deep.name}.git")),
            "nested/deep": (SUBMODULE, first),
            "inner.txt": (FILE, "inner"),
            "up": (LINK, "../../outside"),
        },
    )
    outer.commit(
        "main",
        {
            ".gitmodules": modules(
                ("lib/relative", f"../{inner.name}.git/"),
                ("lib/longer", f"./../../{inner.owner}/{inner.name}"),
                ("absolute", inner.url),
                ("plain", inner.url.replace("https", "http")),
            ),
            **dict.fromkeys(("lib/relative", "lib/longer", "absolute"), (SUBMODULE, middle)),
            "top.txt": (FILE, "top"),
        },
    )
    run(cloud, f"{outer.url}#main", tmp_path / "ours")
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["workspace"]
    assert by_git(cloud, outer.url, tmp_path / "git") == (0, "")
    found = tree(tmp_path / "ours/workspace")
    assert found == tree(tmp_path / "git")
    assert found["absolute/nested/deep/deep.txt"] == ("file", "first")
    assert found["lib/relative/nested/deep/run"][0] == "program"
    assert found["absolute/up"] == ("link", "../../outside")
    run(cloud, f"{outer.url}#main:lib/longer", tmp_path / "folder")
    assert (tmp_path / "folder/workspace/nested/deep/deep.txt").read_text() == "first"


def test_a_submodule_over_http_is_asked_for_over_https(
    cloud: Cloud, tmp_path: Path, inner: Repository, outer: Repository
) -> None:
    commit = inner.commit("main", {"a": (FILE, "a")})
    url = inner.url.replace("https", "http")
    outer.commit("main", {".gitmodules": modules(("x", url)), "x": (SUBMODULE, commit)})
    run(cloud, outer.url, tmp_path)
    assert (tmp_path / "workspace/x/a").read_text() == "a"


def test_a_submodule_that_is_not_to_be_updated_is_an_empty_folder(
    cloud: Cloud, tmp_path: Path, inner: Repository, outer: Repository
) -> None:
    commit = inner.commit("main", {"a": (FILE, "a")})
    given = modules(("x", inner.url), more="\tupdate = none\n")
    outer.commit("main", {".gitmodules": given, "x": (SUBMODULE, commit)})
    run(cloud, outer.url, tmp_path / "ours")
    assert by_git(cloud, outer.url, tmp_path / "git")[0] == 0
    assert tree(tmp_path / "ours/workspace") == tree(tmp_path / "git")


def test_a_repository_may_have_an_older_commit_of_itself(
    cloud: Cloud, tmp_path: Path, outer: Repository
) -> None:
    first = outer.commit("main", {"a": (FILE, "first")})
    outer.commit("main", {".gitmodules": modules(("self", "./")), "self": (SUBMODULE, first)})
    run(cloud, outer.url, tmp_path / "ours")
    assert by_git(cloud, outer.url, tmp_path / "git")[0] == 0
    assert tree(tmp_path / "ours/workspace") == tree(tmp_path / "git")
    assert (tmp_path / "ours/workspace/self/a").read_text() == "first"


def test_a_repository_in_itself_without_end_is_named(
    cloud: Cloud, tmp_path: Path, outer: Repository
) -> None:
    commit = outer.commit("main", {"a": (FILE, "a")})
    for _ in range(DEEPEST + 2):
        files = {".gitmodules": modules(("self", outer.url)), "self": (SUBMODULE, commit)}
        commit = outer.commit("main", files)
    place = "/".join(["self"] * (DEEPEST + 1))
    with pytest.raises(SourceError, match=f"the submodule '{place}' of .* itself as a submodule"):
        run(cloud, outer.url, tmp_path)


def test_submodules_that_double_at_every_level_are_named(
    cloud: Cloud, tmp_path: Path, outer: Repository
) -> None:
    commit = outer.commit("main", {"a": (FILE, "a")})
    for _ in range(DEEPEST - 1):
        given = modules(("one", outer.url), ("two", outer.url))
        files = {".gitmodules": given, "one": (SUBMODULE, commit), "two": (SUBMODULE, commit)}
        commit = outer.commit("main", files)
    with pytest.raises(SourceError, match="the local cloud takes 256 submodules of a source"):
        run(cloud, outer.url, tmp_path)


def test_a_private_submodule_needs_a_token_that_reads_it(
    cloud: Cloud, tmp_path: Path, outer: Repository
) -> None:
    hidden = Repository(cloud, private=True)
    commit = hidden.commit("main", {"a": (FILE, "hidden")})
    files = {".gitmodules": modules(("x", hidden.url)), "x": (SUBMODULE, commit)}
    outer.commit("main", files)
    with pytest.raises(SourceError, match=rf"submodule 'x' of .*{hidden.name}\.git.*git access"):
        run(cloud, outer.url, tmp_path / "none")
    run(cloud, outer.url, tmp_path / "token", token=cloud.account.github_token)
    assert (tmp_path / "token/workspace/x/a").read_text() == "hidden"
    secret = outer.url.replace("https://", f"https://x:{cloud.account.github_token}@")
    run(cloud, secret, tmp_path / "in-url")
    assert (tmp_path / "in-url/workspace/x/a").read_text() == "hidden"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("../nothing-of-that-name.git", "nothing-of-that-name.git: the repository was not found"),
        ("https://example.org/o/n.git", "refuses this host, since nothing leaves"),
        ("git@github.com:o/n.git", "https://HOST/OWNER/NAME.git is refused"),
        ("ssh://git@github.com/o/n.git", "https://HOST/OWNER/NAME.git is refused"),
        ("git://github.com/o/n.git", "https://HOST/OWNER/NAME.git is refused"),
        ("file:///etc", "https://HOST/OWNER/NAME.git is refused"),
        ("/etc", "https://HOST/OWNER/NAME.git is refused"),
        ("ext::sh -c touch% /tmp/x", "https://HOST/OWNER/NAME.git is refused"),
        ("../../../../x/y.git", "it leads out of the host"),
        ("./nested.git", "a repository is https://github.com/OWNER/NAME.git"),
        ("https://[bad/x.git", "is no URL"),
        ("https://user:hidden@[bad/x.git", "'https://***@[bad/x.git' is no URL"),
        ("https://user:hidden/y@host/x.git", "'https://***@host/x.git' is no URL"),
        ("--upload-pack=x", "No url found for submodule path 'x' in .gitmodules"),
        ("", "No url found for submodule path 'x' in .gitmodules"),
    ],
)
def test_a_submodule_that_cannot_be_had_is_named(
    cloud: Cloud, tmp_path: Path, outer: Repository, url: str, told: str
) -> None:
    outer.commit("main", {".gitmodules": modules(("x", url)), "x": (SUBMODULE, "1" * 40)})
    with pytest.raises(SourceError, match=re.escape(told)) as caught:
        run(cloud, outer.url, tmp_path / "ours")
    assert "'x'" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert by_git(cloud, outer.url, tmp_path / "git")[0] != 0


def test_a_commit_that_a_submodule_lacks_is_named(
    cloud: Cloud, tmp_path: Path, inner: Repository, outer: Repository
) -> None:
    inner.commit("main", {"a": (FILE, "a")})
    files = {".gitmodules": modules(("x", inner.url)), "x": (SUBMODULE, "1" * 40)}
    outer.commit("main", files)
    with pytest.raises(SourceError, match=r"submodule 'x' .*the commit '1{40}' was not found"):
        run(cloud, outer.url, tmp_path)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((FILE, '[submodule "x"\n'), r"its file \.gitmodules cannot be read: .*bad config line"),
        ((FILE, '[submodule "x"]\n\tpath = y\n\turl = ../z\n'), "No url found .* 'x'"),
        ((LINK, "elsewhere"), "No url found for submodule path 'x'"),
        ((FILE, '[submodule "../x"]\n\tpath = x\n\turl = ../z\n'), "No url found .* 'x'"),
        (
            (FILE, '[submodule "x"]\n\tpath = x\n\turl = ../z\n\tupdate = !touch /tmp/x\n'),
            "invalid value for 'update' of the submodule 'x'",
        ),
        ((FILE, "[include]\n\tpath = /etc/gitconfig\n"), "No url found for submodule path 'x'"),
    ],
)
def test_settings_that_git_refuses_are_refused(
    cloud: Cloud, tmp_path: Path, outer: Repository, given: tuple[int, str], told: str
) -> None:
    outer.commit("main", {".gitmodules": given, "x": (SUBMODULE, "1" * 40)})
    with pytest.raises(SourceError, match=told):
        run(cloud, outer.url, tmp_path / "ours")
    assert by_git(cloud, outer.url, tmp_path / "git")[0] != 0


def test_a_submodule_without_the_file_is_refused(
    cloud: Cloud, tmp_path: Path, outer: Repository
) -> None:
    outer.commit("main", {"x": (SUBMODULE, "1" * 40)})
    with pytest.raises(SourceError, match=r"No url found for submodule path 'x' in \.gitmodules"):
        run(cloud, outer.url, tmp_path)


@pytest.mark.parametrize(
    ("base", "url", "found"),
    [
        ("https://github.com/o/n.git", "../m.git", "https://github.com/o/m.git"),
        ("https://github.com/o/n.git", "../../p/m.git", "https://github.com/p/m.git"),
        ("https://github.com/o/n", "./", "https://github.com/o/n"),
        ("https://u:p@github.com/o/n.git", "../m.git", "https://u:p@github.com/o/m.git"),
    ],
)
def test_where_a_relative_url_leads(base: str, url: str, found: str) -> None:
    context = GitContext(base, "", "")
    assert context.submodule(url, "").url == found
