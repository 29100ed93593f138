"""raw.githubusercontent.com: files of repositories by branch, tag and commit, as curl asks for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.git_host import files
from helpers.localcloud.git_host.repositories import Repositories
from tests.conftest import LocalCloud
from tests.git_host.test_git_host import create, with_token

RAW = "https://raw.githubusercontent.com"


def git(folder: Path, *words: str, **more: object) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    command = ["git", "-C", str(folder), *who, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    return str(done.stdout).strip()


@pytest.fixture(scope="module")
def pushed(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """owner/name of a repository with a branch of two words and a tag, and its first commit."""
    name = create(local_cloud)
    work = tmp_path_factory.mktemp("work")
    git(work, "init", "-q", "-b", "main")
    (work / "folder").mkdir()
    (work / "folder/a file.txt").write_text("first\n")
    (work / "zeros").write_bytes(b"\0\1")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "first")
    first = git(work, "rev-parse", "HEAD")
    git(work, "tag", "-a", "v1", "-m", "v1")
    git(work, "tag", "-a", "again", "-m", "again", "v1")
    (work / "folder/a file.txt").write_text("second\n")
    git(work, "commit", "-q", "-a", "-m", "second")
    git(work, "branch", "feature/one")
    url = with_token(local_cloud, name)
    git(work, "push", "-q", url, "main", "feature/one", "v1", "again", env=local_cloud.env)
    return name, first


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("main/folder/a%20file.txt", "second\n"),
        ("HEAD/folder/a%20file.txt", "second\n"),
        ("refs/heads/main/folder/a%20file.txt", "second\n"),
        ("feature/one/folder/a%20file.txt", "second\n"),
        ("refs/heads/feature/one/folder/a%20file.txt", "second\n"),
        ("v1/folder/a%20file.txt", "first\n"),
        ("refs/tags/v1/folder/a%20file.txt", "first\n"),
        ("again/folder/a%20file.txt", "first\n"),
        ("FIRST/folder/a%20file.txt", "first\n"),
    ],
)
def test_curl_gets_a_file(
    local_cloud: LocalCloud, pushed: tuple[str, str], where: str, expected: str
) -> None:
    name, first = pushed
    url = f"{RAW}/{name}/{where.replace('FIRST', first)}"
    done = subprocess.run(
        ["curl", "-fsS", url], env=local_cloud.env, capture_output=True, text=True, check=True
    )
    assert done.stdout == expected


def test_what_is_text_and_what_is_not(local_cloud: LocalCloud, pushed: tuple[str, str]) -> None:
    with local_cloud.http() as client:
        text = client.get(f"{RAW}/{pushed[0]}/main/folder/a%20file.txt")
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        zeros = client.get(f"{RAW}/{pushed[0]}/main/zeros")
        assert (zeros.content, zeros.headers["content-type"]) == (
            b"\0\1",
            "application/octet-stream",
        )
        assert client.head(f"{RAW}/{pushed[0]}/main/zeros").headers["content-length"] == "2"


@pytest.mark.parametrize(
    "path",
    [
        "main/nothing",
        "main/folder",
        "main/folder/a%20file.txt/more",
        "main",
        "never/folder/a%20file.txt",
        f"{'0' * 40}/zeros",
        "TREE/zeros",
        "main/../main/nothing",
        "",
    ],
)
def test_what_is_no_file(local_cloud: LocalCloud, pushed: tuple[str, str], path: str) -> None:
    with local_cloud.http() as client:
        answer = client.get(f"{RAW}/{pushed[0]}/{path}")
        assert (answer.status_code, answer.text) == (404, "404: Not Found")
        assert client.get(f"{RAW}/nobody/nothing/main/a").status_code == 404
        assert client.get(f"{RAW}/nobody").text == "404: Not Found"


def test_a_private_one_wants_the_token(local_cloud: LocalCloud) -> None:
    url = f"{RAW}/{create(local_cloud, private=True)}/main/a"
    with local_cloud.http() as client:
        client.headers["Authorization"] = f"token {local_cloud.account.github_token}"
        assert client.get(url).text == "404: Not Found"  # there is no branch yet
        client.headers["Authorization"] = "token wrong"
        assert client.get(url).status_code == 404


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-q", "-m", "a")
    for name, private in (("open", False), ("closed", True)):
        made = Repositories(cloud).create("someone", name, private=private, description="")
        git(tmp_path, "push", "-q", str(made.path), "main")


@pytest.mark.usefixtures("repository")
def test_within_the_cloud(cloud: Cloud) -> None:
    assert files.fetch(cloud, f"{RAW}/someone/open/main/a.txt?token=x") == b"a"
    assert (
        files.fetch(cloud, "https://RAW.githubusercontent.com:443/someone/open/main/a.txt") == b"a"
    )


@pytest.mark.usefixtures("repository")
def test_a_damaged_one_says_so(cloud: Cloud) -> None:
    found = Repositories(cloud).find("someone", "open")
    assert found is not None
    (found.path / "packed-refs").write_text("nonsense\n")
    with pytest.raises(CloudError, match="damaged") as refused:
        files.fetch(cloud, f"{RAW}/someone/open/main/a.txt")
    assert refused.value.status == 503


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "url",
    [
        f"{RAW}/someone/closed/main/a.txt",
        f"{RAW}/someone/open/main",
        f"{RAW}/someone/open",
        f"{RAW}/someone/never/main/a.txt",
        "https://example.com/someone/open/main/a.txt",
        "file:///etc/passwd",
        "https://raw.githubusercontent.com:99/someone/open/main/a.txt",
        "https://raw.githubusercontent.com:x/someone/open/main/a.txt",
        "https://[/someone/open/main/a.txt",
        "",
    ],
)
def test_what_the_cloud_itself_does_not_get(cloud: Cloud, url: str) -> None:
    with pytest.raises(files.FileMissingError):
        files.fetch(cloud, url)
