"""github.com of the local cloud, with the ordinary git and with REST requests."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import time
from pathlib import Path

import pytest
from dulwich.protocol import Protocol

from helpers.localcloud.git_host.smart_http import _Protocol
from tests.conftest import LocalCloud

_numbers = itertools.count(1)


def git(cloud: LocalCloud, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **cloud.env,
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def create(cloud: LocalCloud, *, private: bool = False) -> str:
    name = f"repository-{next(_numbers)}"
    answer = cloud.http().post(
        "https://api.github.com/user/repos",
        json={"name": name, "private": private},
        headers={"Authorization": f"token {cloud.account.github_token}"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["permissions"]["admin"]
    return f"{cloud.account.github_owner}/{name}"


def with_token(cloud: LocalCloud, name: str) -> str:
    return f"https://{cloud.account.github_token}@github.com/{name}.git"


def push_something(cloud: LocalCloud, folder: Path, name: str) -> str:
    work = folder / "work"
    work.mkdir()
    (work / "file").write_text("content\n")
    return push_folder(cloud, work, name)


def push_folder(cloud: LocalCloud, work: Path, name: str) -> str:
    """Push the files of a folder as the first commit of a repository; returns its id."""
    assert git(cloud, work, "init", "-q", "-b", "main").returncode == 0
    git(cloud, work, "add", ".")
    git(cloud, work, "commit", "-q", "-m", "first")
    pushed = git(cloud, work, "push", with_token(cloud, name), "main")
    assert pushed.returncode == 0, pushed.stderr
    return git(cloud, work, "rev-parse", "HEAD").stdout.strip()


def test_push_then_clone_brings_the_same_commit(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    commit = push_something(local_cloud, tmp_path, name)
    cloned = git(local_cloud, tmp_path, "clone", "-q", f"https://github.com/{name}.git", "clone")
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "clone/file").read_text() == "content\n"
    assert git(local_cloud, tmp_path / "clone", "rev-parse", "HEAD").stdout.strip() == commit
    answer = local_cloud.http().get(f"https://api.github.com/repos/{name}/branches/main")
    assert answer.json()["commit"]["sha"] == commit


def test_shallow_fetch_and_many_commits(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    push_something(local_cloud, tmp_path, name)
    for number in range(30):
        (tmp_path / "work/file").write_text(f"{number}\n" * 1000)
        git(local_cloud, tmp_path / "work", "commit", "-qam", str(number))
    git(local_cloud, tmp_path / "work", "tag", "v1")
    pushed = git(
        local_cloud, tmp_path / "work", "push", "--tags", with_token(local_cloud, name), "main"
    )
    assert pushed.returncode == 0, pushed.stderr
    url = f"https://github.com/{name}"
    cloned = git(local_cloud, tmp_path, "clone", "-q", "--depth", "1", url, "shallow")
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "shallow/file").read_text().startswith("29\n")


def test_a_big_file_comes_back_whole(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    push_something(local_cloud, tmp_path, name)
    content = os.urandom(8 * 1024 * 1024)
    (tmp_path / "work/big").write_bytes(content)
    git(local_cloud, tmp_path / "work", "add", "big")
    git(local_cloud, tmp_path / "work", "commit", "-qm", "big")
    pushed = git(local_cloud, tmp_path / "work", "push", with_token(local_cloud, name), "main")
    assert pushed.returncode == 0, pushed.stderr
    cloned = git(local_cloud, tmp_path, "clone", "-q", f"https://github.com/{name}", "clone")
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "clone/big").read_bytes() == content


def test_packets_take_time_in_proportion_to_the_size() -> None:
    sent = io.BytesIO()
    protocol = _Protocol(io.BytesIO().read, sent.write)
    data = bytes(48 * 1024 * 1024)
    began = time.process_time()
    protocol.write_sideband(1, data)
    assert time.process_time() - began < 1  # with a copy of the rest for each packet: 4 s and more
    protocol.write_pkt_line(None)
    sent.seek(0)
    packets = Protocol(sent.read, sent.write).read_pkt_seq()
    assert b"".join(packet[1:] for packet in packets) == data


@pytest.mark.parametrize("wanted", ["blob:none", "tree:0"])
def test_a_partial_clone_gets_everything(
    local_cloud: LocalCloud, tmp_path: Path, wanted: str
) -> None:
    name = create(local_cloud)
    commit = push_something(local_cloud, tmp_path, name)
    url = f"https://github.com/{name}"
    cloned = git(local_cloud, tmp_path, "clone", f"--filter={wanted}", url, "clone")
    assert cloned.returncode == 0, cloned.stderr
    assert "filtering not recognized by server, ignoring" in cloned.stderr
    assert (tmp_path / "clone/file").read_text() == "content\n"
    checked = git(local_cloud, tmp_path / "clone", "fsck", "--full")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert git(local_cloud, tmp_path / "clone", "rev-parse", "HEAD").stdout.strip() == commit


def test_a_commit_that_no_branch_points_to_can_be_fetched(
    local_cloud: LocalCloud, tmp_path: Path
) -> None:
    """As from GitHub: a fetch that began before a push still gets what it was shown."""
    name = create(local_cloud)
    first = push_something(local_cloud, tmp_path, name)
    work = tmp_path / "work"
    git(local_cloud, work, "commit", "-q", "--amend", "-m", "Another past")
    pushed = git(local_cloud, work, "push", "-f", with_token(local_cloud, name), "main")
    assert pushed.returncode == 0, pushed.stderr
    other = tmp_path / "other"
    other.mkdir()
    git(local_cloud, other, "init", "-q")
    for protocol in ("0", "2"):
        url = f"https://github.com/{name}.git"
        version = ("-c", f"protocol.version={protocol}")
        fetched = git(local_cloud, other, *version, "fetch", "--depth=1", url, first)
        assert fetched.returncode == 0, fetched.stderr
        head = git(local_cloud, other, "rev-parse", "FETCH_HEAD").stdout.strip()
        assert head == first
    missing = git(local_cloud, other, "fetch", f"https://github.com/{name}.git", "0" * 39 + "1")
    assert missing.returncode != 0


def test_a_push_without_the_right_token_is_refused(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    commit = push_something(local_cloud, tmp_path, name)
    (tmp_path / "work/file").write_text("changed\n")
    git(local_cloud, tmp_path / "work", "commit", "-qam", "second")
    for url in (f"https://github.com/{name}.git", f"https://ghp_wrong@github.com/{name}.git"):
        pushed = git(local_cloud, tmp_path / "work", "push", url, "main")
        assert pushed.returncode != 0
    answer = local_cloud.http().get(f"https://api.github.com/repos/{name}/branches/main")
    assert answer.json()["commit"]["sha"] == commit


def test_a_private_repository_is_not_there_without_the_token(
    local_cloud: LocalCloud, tmp_path: Path
) -> None:
    name = create(local_cloud, private=True)
    push_something(local_cloud, tmp_path, name)
    anonymous = git(local_cloud, tmp_path, "clone", f"https://github.com/{name}.git", "no")
    assert anonymous.returncode != 0
    assert local_cloud.http().get(f"https://api.github.com/repos/{name}").status_code == 404
    mine = git(local_cloud, tmp_path, "clone", "-q", with_token(local_cloud, name), "yes")
    assert mine.returncode == 0, mine.stderr


def test_an_unknown_repository_is_not_found(local_cloud: LocalCloud, tmp_path: Path) -> None:
    url = with_token(local_cloud, f"{local_cloud.account.github_owner}/nothing-here")
    cloned = git(local_cloud, tmp_path, "clone", url, "no")
    assert cloned.returncode != 0
    assert "not found" in cloned.stderr.lower()


@pytest.mark.parametrize("name", ["", "..", "a b", "x.git"])
def test_bad_names_and_taken_names_are_refused(local_cloud: LocalCloud, name: str) -> None:
    http = local_cloud.http()
    headers = {"Authorization": f"token {local_cloud.account.github_token}"}
    answer = http.post("https://api.github.com/user/repos", json={"name": name}, headers=headers)
    assert answer.status_code == 422
    taken = create(local_cloud).split("/")[1]
    answer = http.post("https://api.github.com/user/repos", json={"name": taken}, headers=headers)
    assert answer.json()["errors"][0]["message"] == "name already exists on this account"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"null"])
def test_a_body_that_is_no_object_is_refused(local_cloud: LocalCloud, body: bytes) -> None:
    headers = {"Authorization": f"token {local_cloud.account.github_token}"}
    answer = local_cloud.http().post(
        "https://api.github.com/user/repos", data=body, headers=headers
    )
    assert answer.status_code == 400
    assert answer.json()["message"] in ("Problems parsing JSON", "Body should be a JSON object")


@pytest.mark.parametrize(
    "header",
    ["token ghp_wrong", "Bearer", "Basic no-base64", "Basic /w==", "Digest username=x"],
)
def test_bad_credentials_are_named(local_cloud: LocalCloud, header: str) -> None:
    answer = local_cloud.http().get(
        "https://api.github.com/user", headers={"Authorization": header}
    )
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_a_branchs_name_is_text_on_the_page(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    push_something(local_cloud, tmp_path, name)
    branch = "main:<script>"
    pushed = git(local_cloud, tmp_path / "work", "push", with_token(local_cloud, name), branch)
    assert pushed.returncode == 0, pushed.stderr
    page = local_cloud.http().get(f"https://github.com/{name}").text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_force_push_and_branch_deletion(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    push_something(local_cloud, tmp_path, name)
    work, url = tmp_path / "work", with_token(local_cloud, name)
    git(local_cloud, work, "commit", "-q", "--amend", "-m", "other")
    assert git(local_cloud, work, "push", url, "main").returncode != 0
    assert git(local_cloud, work, "push", "--force", url, "main").returncode == 0
    assert git(local_cloud, work, "push", url, "main:side").returncode == 0
    assert git(local_cloud, work, "push", url, ":side").returncode == 0
    found = local_cloud.http().get(f"https://api.github.com/repos/{name}/branches").json()
    assert [branch["name"] for branch in found] == ["main"]


def test_garbage_is_a_client_error(local_cloud: LocalCloud) -> None:
    name = create(local_cloud)
    answer = local_cloud.http().post(
        f"https://github.com/{name}.git/git-upload-pack", data=b"\x00garbage"
    )
    assert answer.status_code == 400
