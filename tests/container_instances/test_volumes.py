"""Volumes of container groups: shared folders, secrets, and clones of repositories of this cloud."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.git_host.repositories import Repositories

from .groups import Azure

URL = "https://github.com/someone/site"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def first_commit(cloud: Cloud, tmp_path: Path) -> str:
    """A public and a private repository with two commits each; the first one's name."""
    work = tmp_path / "work"
    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    (work / "page.txt").write_text("first\n")
    (work / "outside").symlink_to("/etc")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "first")
    first = git(work, "rev-parse", "HEAD")
    (work / "page.txt").write_text("second\n")
    git(work, "commit", "-q", "-a", "-m", "second")
    for name, private in (("site", False), ("closed", True)):
        made = Repositories(cloud).create("someone", name, private=private, description="")
        git(work, "push", "-q", str(made.path), "main")
    return first


def mounted(volume: dict[str, Any], script: str) -> dict[str, Any]:
    """A group whose container has the volume at /data."""
    return {
        "volumes": [{"name": "data", **volume}],
        "container": {
            "command": ["sh", "-c", f"{script}; exec sleep 60"],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        },
    }


def said(azure: Azure, word: str) -> str:
    """What the container has written, once it has written a word."""

    def logs() -> str:
        return str(azure.call("GET", "web/containers/main/logs").body["content"])

    azure.until(lambda _: word in logs())
    return logs()


@pytest.mark.parametrize(
    ("given", "folder", "page"),
    [
        ({}, "/data/site", "second"),
        ({"directory": "."}, "/data", "second"),
        ({"directory": "a/b", "revision": "FIRST"}, "/data/a/b", "first"),
        ({"revision": "main"}, "/data/site", "second"),
    ],
)
def test_a_clone_of_a_repository(
    azure: Azure, first_commit: str, given: dict[str, str], folder: str, page: str
) -> None:
    words = {key: value.replace("FIRST", first_commit) for key, value in given.items()}
    script = (
        f"cat {folder}/page.txt; ls -l {folder}/page.txt; touch /data/x; cat {folder}/.git/config; "
        "echo end"
    )
    azure.put(**mounted({"gitRepo": {"repository": f"{URL}.git", **words}}, script))
    azure.state("Running")
    text = said(azure, "end")
    assert text.startswith(f"{page}\n")
    assert f"url = {URL}\n" in text
    assert str(azure.cloud.home) not in text
    assert "-rw-r--r--" in text
    shown = azure.get()["volumes"][0]["gitRepo"]
    assert shown == {"repository": f"{URL}.git", **words}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"repository": "https://github.com/someone/gone"}, "someone/gone was not found"),
        ({"repository": "https://github.com/someone/closed"}, "someone/closed was not found"),
        ({"repository": "https://no:token@github.com/someone/site"}, "was not found"),
        ({"repository": URL, "revision": "nothing"}, "made of https://github.com/someone/site: "),
    ],
)
def test_a_clone_that_fails_fails_the_group(
    azure: Azure, first_commit: str, given: dict[str, str], why: str
) -> None:
    azure.put(**mounted({"gitRepo": given}, "true"))
    found = azure.state("Failed")
    assert found["provisioningState"] == "Failed"
    message = found["instanceView"]["events"][-1]["message"]
    assert "the volume 'data' could not be made" in message
    assert why in message
    assert "token" not in message


def test_a_private_repository_with_its_token(azure: Azure, first_commit: str) -> None:
    token = azure.cloud.account.github_token
    url = f"https://x-access-token:{token}@github.com/someone/closed"
    script = "cat /data/closed/page.txt; cat /data/closed/.git/config"
    azure.put(**mounted({"gitRepo": {"repository": url}}, script))
    azure.state("Running")
    text = said(azure, "merge")
    assert text.startswith("second\n")
    assert token not in text
    assert token not in str(azure.get())


def test_a_folder_that_two_containers_share_until_the_group_ends(azure: Azure) -> None:
    sent = mounted({"emptyDir": {}}, "echo told > /data/a")
    first: dict[str, Any] = {
        "name": "main",
        "properties": {
            "image": "app.azurecr.io/ok:1",
            "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
            **sent.pop("container"),
        },
    }
    wait = "until cat /data/a 2>&-; do sleep 0.1; done; echo more >> /data/a; exec sleep 60"
    second = {
        "name": "other",
        "properties": {**first["properties"], "command": ["sh", "-c", wait]},
    }
    azure.put(**sent, containers=[first, second])
    azure.state("Running")
    [data] = azure.cloud.scratch.glob("group-*/data")
    file = data / "a"
    azure.until(lambda _: file.exists() and file.read_text() == "told\nmore\n")
    azure.call("POST", "web/stop")
    assert not data.exists()


def test_a_secret_is_a_file_for_whoever_the_container_runs_as(azure: Azure) -> None:
    secret = {"secret": {"key": base64.b64encode(b"hidden\n").decode()}}
    azure.put(**mounted(secret, "cat /data/key; ls -l /data/key"))
    azure.state("Running")
    assert said(azure, "-rw").startswith("hidden\n-rw-r--r--")
    assert azure.get()["volumes"] == [{"name": "data", "secret": {}}]
