"""What a kill or a damaged disk leaves of git repositories: the start mends it, or names it and goes on."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.doctor import examine
from helpers.localcloud.git_host.repositories import Repositories
from tests.conftest import LocalCloud, start
from tests.git_host.test_git_host import create, git, push_something, with_token


def killed(cloud: LocalCloud) -> None:
    os.kill(cloud.pid, signal.SIGKILL)
    os.waitpid(cloud.pid, 0)


def folder_of(cloud: LocalCloud, name: str) -> Path:
    with closing(sqlite3.connect(cloud.home / "state.db")) as state:
        [(number,)] = state.execute(
            "SELECT id FROM git_repositories WHERE name=?", (name.rpartition("/")[2],)
        )
    return cloud.home / "git" / f"{number}.git"


def commit_and_push(cloud: LocalCloud, work: Path, name: str, text: str) -> str:
    (work / "file").write_text(text)
    git(cloud, work, "add", ".")
    git(cloud, work, "commit", "-q", "-m", text)
    pushed = git(cloud, work, "push", with_token(cloud, name), "HEAD:main", "HEAD:side/branch")
    assert pushed.returncode == 0, pushed.stderr
    return git(cloud, work, "rev-parse", "HEAD").stdout.strip()


def leave_behind(folder: Path) -> list[Path]:
    """What a push leaves that is killed: git's and dulwich's locks, packs that are half-written."""
    left = [
        folder / "refs" / "heads" / "main.lock",
        folder / "refs" / "heads" / "side" / "branch.lock",
        folder / "packed-refs.lock",
        folder / "HEAD.lock",
        folder / "objects" / "tmp_pack_x1y2z3",
        folder / "objects" / "pack" / "tmp4abc.pack",
        folder / "objects" / "pack" / "pack-0.idx.lock",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    return left


def test_a_push_works_after_one_that_was_killed(local_cloud: LocalCloud, tmp_path: Path) -> None:
    name = create(local_cloud)
    push_something(local_cloud, tmp_path, name)
    left = leave_behind(folder_of(local_cloud, name))
    commit_and_push(local_cloud, tmp_path / "work", name, "again")
    assert [path for path in left if path.exists()] == []


def test_a_start_mends_what_kills_have_left_and_names_what_it_cannot(
    fresh_cloud: LocalCloud, tmp_path: Path
) -> None:
    names = [create(fresh_cloud) for _ in range(4)]
    whole, cut_off, never_made, lost = names
    for name in (whole, cut_off, lost):
        (tmp_path / name).mkdir(parents=True)
        push_something(fresh_cloud, tmp_path / name, name)
    killed(fresh_cloud)
    git_folder = fresh_cloud.home / "git"
    left = leave_behind(folder_of(fresh_cloud, cut_off))
    shutil.rmtree(folder_of(fresh_cloud, never_made))  # 0.1.0: recorded before it was made
    shutil.rmtree(folder_of(fresh_cloud, lost))  # somebody's mistake, or a disk's
    orphans = [git_folder / "4711.git", git_folder / ".new-abc"]  # made before it is recorded
    for orphan in orphans:
        orphan.mkdir()
        (orphan / "HEAD").write_text("ref: refs/heads/main\n")
    cloud = start(fresh_cloud.home)
    assert [path for path in (*left, *orphans) if path.exists()] == []
    for name in (whole, cut_off):
        commit_and_push(cloud, tmp_path / name / "work", name, "after the start")
    (tmp_path / "new").mkdir()
    push_something(cloud, tmp_path / "new", never_made)
    log = (cloud.home / "daemon.log").read_text()
    assert f"git repository https://github.com/{lost} was set aside" in log
    assert "Traceback" not in log
    listed = git(cloud, tmp_path, "ls-remote", with_token(cloud, lost))
    assert "503" in listed.stderr
    api = f"https://api.github.com/repos/{lost}"
    bearer = {"Authorization": f"token {cloud.account.github_token}"}
    branches = cloud.http().get(f"{api}/branches", headers=bearer)
    assert (branches.status_code, "missing on the disk" in branches.text) == (503, True)
    assert cloud.http().delete(api, headers=bearer).status_code == 204
    made = cloud.http().post(
        "https://api.github.com/user/repos",
        json={"name": lost.rpartition("/")[2]},
        headers=bearer,
    )
    assert made.status_code == 201
    commit_and_push(cloud, tmp_path / lost / "work", lost, "pushed again")
    daemon.down(cloud.home)


@pytest.mark.parametrize(
    ("file", "content"),
    [("packed-refs", "x\n"), ("refs/heads/main", "garbage\n"), ("config", "[core\n x")],
)
def test_a_repository_that_is_damaged_is_told_and_stops_no_other(
    local_cloud: LocalCloud, tmp_path: Path, file: str, content: str
) -> None:
    name = create(local_cloud)
    push_something(local_cloud, tmp_path, name)
    (folder_of(local_cloud, name) / file).write_text(content)
    bearer = {"Authorization": f"token {local_cloud.account.github_token}"}
    url = f"https://api.github.com/repos/{name}"
    answer = local_cloud.http().get(f"{url}/branches", headers=bearer)
    assert (answer.status_code, "is damaged (" in answer.json()["message"]) == (503, True)
    cloud = Cloud(local_cloud.home, provision=False)
    Repositories(cloud).recover()  # as a start does
    assert f"git repository https://github.com/{name}" in "".join(
        f"{one.what}\n" for one in examine(local_cloud.home, repair=False).findings
    )
    cloud.close()
    assert local_cloud.http().delete(url, headers=bearer).status_code == 204


def test_a_repository_that_is_deleted_leaves_nothing(
    local_cloud: LocalCloud, tmp_path: Path
) -> None:
    name = create(local_cloud)
    push_something(local_cloud, tmp_path, name)
    folder = folder_of(local_cloud, name)
    answer = local_cloud.http().delete(
        f"https://api.github.com/repos/{name}",
        headers={"Authorization": f"token {local_cloud.account.github_token}"},
    )
    assert answer.status_code == 204
    deadline = time.monotonic() + 10
    while folder.exists():  # it goes after the commit
        assert time.monotonic() < deadline
        time.sleep(0.01)
    refused = git(local_cloud, tmp_path / "work", "push", with_token(local_cloud, name), "main")
    assert refused.returncode != 0
