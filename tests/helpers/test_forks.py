"""The sample repositories: published, edited and pushed, over the wire of github.com."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from helpers import forks
from helpers.clouds import Connection, connect
from helpers.settings import SettingsError
from tests.conftest import LocalCloud

_owners = itertools.count(1)


@pytest.fixture
def published(local_cloud: LocalCloud, own_environment: None) -> Connection:
    """Of an account that no other test has."""
    owner = f"team-{next(_owners)}"
    connection = connect("local", github_owner=owner, home=local_cloud.home)
    forks.publish(connection)
    return connection


def clone(cloud: LocalCloud, fork: forks.Fork, folder: Path) -> Path:
    subprocess.run(
        ["git", "clone", "-q", fork.url, str(folder)],
        env={**cloud.env, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder.parent)},
        check=True,
        timeout=60,
    )
    return folder


def test_published_repositories_are_what_the_project_has(
    local_cloud: LocalCloud, published: Connection, tmp_path: Path
) -> None:
    for name in forks.NAMES:
        folder = clone(local_cloud, forks.fork(published, name), tmp_path / name)
        for path in (forks.FOLDER / name).rglob("*"):
            if path.is_file():
                copied = folder / path.relative_to(forks.FOLDER / name)
                assert copied.read_bytes() == path.read_bytes()
                assert bool(copied.stat().st_mode & 0o100) == bool(path.stat().st_mode & 0o100)


def test_a_folder_is_read_as_its_files(published: Connection) -> None:
    found = forks.folder(published, "hello-world", "chart")
    there = forks.FOLDER / "hello-world" / "chart"
    assert found == {
        str(path.relative_to(there)): path.read_bytes()
        for path in there.rglob("*")
        if path.is_file()
    }
    assert "templates/deployment.yaml" in found
    with pytest.raises(forks.ForkError, match=r"has no folder chat\. It has: .*chart/Chart.yaml"):
        forks.folder(published, "hello-world", "chat")


def test_a_fork_from_before_a_file_was_added_says_how_to_get_it(published: Connection) -> None:
    fork = forks.fork(published, "hello-world")
    checkout = forks.Checkout(published, fork)
    del checkout.files["downstream/Dockerfile-base"]
    checkout.commit("As it was before")
    checkout.push()
    with pytest.raises(forks.ForkError, match="in place of your own changes, with: python -m"):
        forks.read(published, "hello-world", "downstream/Dockerfile-base")
    with pytest.raises(forks.ForkError, match=r"has no file never. It has: [^:]*server.js\.$"):
        forks.read(published, "hello-world", "never")


def test_the_same_content_has_the_same_commit_everywhere(
    published: Connection, fresh_cloud: LocalCloud
) -> None:
    heads = [forks.Checkout(published, forks.fork(published, n)).head for n in forks.NAMES]
    other = connect("local", home=fresh_cloud.home)
    published_there = forks.publish(other, restore=True)
    assert [forks.Checkout(other, one).head for one in published_there] == heads


def test_publishing_again_keeps_a_change_unless_told_to_restore(published: Connection) -> None:
    fork = forks.fork(published, "base-image-node")
    first = forks.Checkout(published, fork)
    original = first.read("Dockerfile")
    commit = forks.edit(published, fork.name, "Dockerfile", "DeepSkyBlue", "Orange", "New colour")
    forks.publish(published)
    assert "Orange" in forks.read(published, fork.name, "Dockerfile")
    again = forks.edit(published, fork.name, "Dockerfile", "DeepSkyBlue", "Orange", "New colour")
    assert again is None
    forks.publish(published, restore=True)
    restored = forks.Checkout(published, fork)
    assert restored.read("Dockerfile") == original
    assert len({first.head, commit, restored.head}) == 3


def test_the_mode_of_a_file_is_part_of_it(
    local_cloud: LocalCloud, published: Connection, tmp_path: Path
) -> None:
    fork = forks.fork(published, "import-baseimage-node")
    checkout = forks.Checkout(published, fork)
    checkout.set_executable("test.sh", False)
    checkout.write("folder/new.txt", "new\n")
    checkout.commit("Lose a permission")
    checkout.push()
    folder = clone(local_cloud, fork, tmp_path / "clone")
    assert not (folder / "test.sh").stat().st_mode & 0o100
    assert (folder / "folder/new.txt").read_text() == "new\n"


def test_a_commit_without_a_change_is_none(published: Connection) -> None:
    checkout = forks.Checkout(published, forks.fork(published, "hello-world"))
    head = checkout.head
    assert checkout.commit("Nothing") == head
    checkout.push()


def test_a_push_onto_somebody_elses_is_refused(published: Connection) -> None:
    fork = forks.fork(published, "hello-world")
    late = forks.Checkout(published, fork)
    forks.edit(published, fork.name, "README.md", "# hello-world", "# Hello", "Shout less")
    late.write("README.md", "mine\n")
    late.commit("Mine")
    with pytest.raises(forks.ForkError, match="changed by someone else"):
        late.push()
    assert forks.read(published, fork.name, "README.md").startswith("# Hello")


def test_text_or_file_that_is_not_there_is_named(published: Connection) -> None:
    with pytest.raises(forks.ForkError, match="no 'Purple'"):
        forks.edit(published, "base-image-node", "Dockerfile", "Purple", "Green", "Change")
    with pytest.raises(forks.ForkError, match="no file Containerfile. It has: Dockerfile"):
        forks.read(published, "base-image-node", "Containerfile")


def test_a_repository_that_does_not_exist_is_named(published: Connection) -> None:
    with pytest.raises(forks.ForkError, match="/nowhere: it does not exist"):
        forks.read(published, "nowhere", "README.md")


def test_a_wrong_token_is_refused_and_not_repeated(published: Connection) -> None:
    wrong = {**published.environment, "GIT_TOKEN": "ghp_wrong"}
    stranger = dataclasses.replace(published, environment=wrong)
    with pytest.raises(forks.ForkError, match="token") as caught:
        forks.publish(stranger, restore=True)
    assert "ghp_wrong" not in str(caught.value)


def test_an_owner_that_github_does_not_have_is_refused(published: Connection) -> None:
    environment = {**published.environment, "GITHUB_OWNER": "nobody--at-all"}
    stranger = dataclasses.replace(published, environment=environment)
    with pytest.raises(forks.ForkError, match="GITHUB_OWNER must be an account"):
        forks.publish(stranger)


def test_an_organization_has_forks_of_its_own(
    local_cloud: LocalCloud, published: Connection
) -> None:
    other = connect("local", github_owner="second-team", home=local_cloud.home)
    before = forks.Checkout(published, forks.fork(published, "base-image-node")).head
    made = forks.publish(other)
    assert [one.page for one in made] == [
        f"https://github.com/second-team/{n}" for n in forks.NAMES
    ]
    forks.set_color(other, "Orange")
    assert forks.Checkout(published, forks.fork(published, "base-image-node")).head == before
    assert "Orange" not in forks.read(published, "base-image-node", "Dockerfile")
    answer = requests.get("https://api.github.com/users/second-team", timeout=10)
    assert answer.json()["type"] == "Organization"


def test_a_colour_is_one_commit_and_none_the_second_time(published: Connection) -> None:
    fork = forks.fork(published, "base-image-node")
    before = forks.Checkout(published, fork).head
    commit = forks.set_color(published, "Orange")
    assert commit not in (before, None)
    assert "ENV BACKGROUND_COLOR Orange\n" in forks.read(published, fork.name, "Dockerfile")
    assert forks.set_color(published, "Orange") == commit
    assert forks.color(published) == "Orange"
    with pytest.raises(SettingsError, match="knows no colour"):
        forks.set_color(published, "Chartreus")
    checkout = forks.Checkout(published, fork)
    checkout.write("Dockerfile", "FROM scratch\n")
    checkout.commit("Start anew")
    checkout.push()
    with pytest.raises(forks.ForkError, match="sets no BACKGROUND_COLOR"):
        forks.set_color(published, "Green")


def test_a_change_is_seen_before_it_is_made(published: Connection) -> None:
    change = forks.color_change(published, "#ffa500")
    assert change.diff() == [
        "--- a/Dockerfile",
        "+++ b/Dockerfile",
        "@@ -3,4 +3,4 @@",
        " FROM ${REGISTRY_FROM_URL}node:15-alpine",
        " ENV NODE_VERSION 15-alpine",
        " # What the hello-world site paints its page with. A change here is a change upstream.",
        "-ENV BACKGROUND_COLOR DeepSkyBlue",
        "+ENV BACKGROUND_COLOR #ffa500",
    ]
    assert forks.color(published) == "DeepSkyBlue"  # nothing has happened yet
    commit = forks.make(published, change, "Paint it #ffa500")
    assert forks.color(published) == "#ffa500"
    assert forks.Checkout(published, change.fork).head == commit
    with pytest.raises(forks.ForkError, match="changed by someone else meanwhile"):
        forks.make(published, change, "Paint it again")
    same = forks.color_change(published, "#ffa500")
    assert same.diff() == []
    with pytest.raises(forks.ForkError, match="nothing to commit"):
        forks.make(published, same, "Paint it again")


def test_a_file_is_written_as_it_was_read(published: Connection) -> None:
    before = forks.read(published, "hello-world", "server.js")
    after = before.replace("Hello World", "Hello Team")
    commit = forks.write(published, "hello-world", "server.js", after)
    assert forks.read(published, "hello-world", "server.js") == after
    assert forks.write(published, "hello-world", "server.js", after) == commit
    new = forks.write(published, "hello-world", "notes.md", "new\n", "Take notes")
    assert new != commit
    assert forks.read(published, "hello-world", "notes.md") == "new\n"


def test_an_execute_bit_is_one_commit_and_none_the_second_time(published: Connection) -> None:
    name = "import-baseimage-node"
    fork = forks.fork(published, name)
    before = forks.Checkout(published, fork).head
    assert forks.set_executable(published, name, "test.sh", True) == before
    commit = forks.set_executable(published, name, "test.sh", False)
    assert commit != before
    assert forks.set_executable(published, name, "test.sh", False) == commit
    with pytest.raises(forks.ForkError, match="no file nothing.sh"):
        forks.set_executable(published, name, "nothing.sh", True)


def test_several_who_create_the_same_repository_at_once_all_find_it(connection: Connection) -> None:
    one = forks.Fork(connection.github_owner, "created-by-many")
    start = threading.Barrier(6)

    def create() -> None:
        start.wait()
        forks._create(connection, one)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(create) for _ in range(6)]:
            done.result()
    assert forks.Checkout(connection, one).head is None
