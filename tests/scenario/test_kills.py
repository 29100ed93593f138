"""Kills at random moments, while commits, pushes, runs and deletions go on: nothing acknowledged is lost.

``LOCALCLOUD_KILLS=200`` in the environment makes it as many kills (some ten minutes).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from helpers.localcloud import daemon
from helpers.localcloud.api_versions import newest
from tests.conftest import LocalCloud, start
from tests.git_host.test_git_host import git
from tests.registry.places import MANIFEST, digest

KILLS = int(os.environ.get("LOCALCLOUD_KILLS", "12"))
TASK = "version: v1.1.0\nsteps:\n  - cmd: docker version\n"
GROUP = "/resourceGroups/kills"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/killed"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/killedkv"


class Client:
    """Does things until it is told to stop, and remembers what was acknowledged."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.http = cloud.http()
        self.bearer = {"Authorization": f"Bearer {cloud.token()}"}
        self.vault = {"Authorization": f"Bearer {cloud.token('https://vault.azure.net')}"}
        self.stopping = threading.Event()
        self.surprises: list[str] = []
        self.commits: dict[str, list[str]] = {"main": [], "side/branch": []}
        self.groups: dict[str, bool] = {}  # whether it is there
        self.secrets: dict[str, str] = {}
        self.tags: dict[str, str | None] = {}  # digest, None when deleted

    def send(self, method: str, url: str, **options: Any) -> requests.Response | None:
        """The answer, or None when there was none: then nobody knows."""
        try:
            answer = self.http.request(method, url, timeout=30, **options)
        except requests.RequestException:
            return None
        if answer.status_code >= 500:
            self.surprises.append(f"{method} {url}: {answer.status_code} {answer.text[:300]}")
        return answer

    def arm(self, method: str, path: str, body: object = None) -> requests.Response | None:
        return self.send(
            method,
            f"https://management.azure.com{self.cloud.subscription}{path}",
            json=body,
            params={"api-version": newest(path)},
            headers=self.bearer,
        )

    def surely(self, method: str, path: str, body: object = None) -> Any:
        answer = self.arm(method, path, body)
        assert answer is not None
        answer.raise_for_status()
        return answer.json() if answer.content else None

    # -- what goes on ------------------------------------------------------------------------

    def push(self, branch: str) -> Iterator[None]:
        work = self.folder / branch.replace("/", "-")
        url = f"https://{self.cloud.account.github_token}@github.com/{self.repository}.git"
        number = 0
        while True:
            number += 1
            (work / "file").write_text(f"{branch} {number}")
            git(self.cloud, work, "add", ".")
            git(self.cloud, work, "commit", "-q", "-m", f"{number}")
            commit = git(self.cloud, work, "rev-parse", "HEAD").stdout.strip()
            while git(self.cloud, work, "push", "-q", url, f"HEAD:{branch}").returncode:
                yield  # a client tries again until it has an answer
            self.commits[branch].append(commit)
            yield

    @property
    def repository(self) -> str:
        return f"{self.cloud.account.github_owner}/killed"

    def write(self) -> Iterator[None]:
        number = 0
        while True:
            number += 1
            name = f"group-{number}"
            made = self.arm("PUT", f"/resourceGroups/{name}", {"location": "eastus"})
            if made is not None and made.ok:
                self.groups[name] = True
            if number % 3 == 0 and self.groups.get(f"group-{number - 1}"):
                self.groups.pop(f"group-{number - 1}")
                gone = self.arm("DELETE", f"/resourceGroups/group-{number - 1}")
                if gone is not None and gone.ok:
                    self.groups[f"group-{number - 1}"] = False
            secret = self.send(
                "PUT",
                f"https://killedkv.vault.azure.net/secrets/secret-{number}",
                params={"api-version": "7.4"},
                json={"value": f"value {number}"},
                headers=self.vault,
            )
            if secret is not None and secret.ok:
                self.secrets[f"secret-{number}"] = f"value {number}"
            yield

    def images(self) -> Iterator[None]:
        auth = (self.cloud.account.client_id, self.cloud.account.client_secret)
        base = "https://killed.azurecr.io/v2/app"
        number = 0
        while True:
            number += 1
            layers = []
            for data in (b"{}", f"layer {number % 9}".encode()):
                done = self.send(
                    "POST",
                    f"{base}/blobs/uploads/",
                    params={"digest": digest(data)},
                    data=data,
                    auth=auth,
                )
                if done is None or done.status_code != 201:
                    break
                layers.append({"digest": digest(data), "size": len(data), "mediaType": "a/b"})
            else:
                config, layer = layers
                manifest = {"schemaVersion": 2, "mediaType": MANIFEST}
                body = {
                    **manifest,
                    "config": config,
                    "layers": [layer],
                    "annotations": {"n": f"{number}"},
                }
                put = self.send(
                    "PUT",
                    f"{base}/manifests/{number}",
                    json=body,
                    auth=auth,
                    headers={"Content-Type": MANIFEST},
                )
                if put is not None and put.status_code == 201:
                    self.tags[f"{number}"] = put.headers["Docker-Content-Digest"]
                elif put is not None:
                    self.surprises.append(f"tag {number}: {put.status_code} {put.text}")
            old = self.tags.pop(f"{number - 5}", None)
            if old:
                gone = self.send("DELETE", f"{base}/manifests/{old}", auth=auth)
                if gone is not None and gone.status_code == 202:
                    self.tags[f"{number - 5}"] = None
            yield

    def work(self, steps: Iterator[None]) -> None:
        for _ in steps:
            if self.stopping.wait(0.02):
                return


def wait(what: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def prepare(client: Client) -> None:
    cloud = client.cloud
    made = client.send(
        "POST",
        "https://api.github.com/user/repos",
        json={"name": "killed"},
        headers={"Authorization": f"token {cloud.account.github_token}"},
    )
    assert made is not None
    assert made.status_code == 201
    work = client.folder / "first"
    work.mkdir()
    git(cloud, work, "init", "-q", "-b", "main")
    (work / "acr-task.yaml").write_text(TASK)
    git(cloud, work, "add", ".")
    git(cloud, work, "commit", "-q", "-m", "first")
    url = f"https://{cloud.account.github_token}@github.com/{client.repository}.git"
    assert git(cloud, work, "push", "-q", url, "HEAD:main", "HEAD:side/branch").returncode == 0
    for branch in client.commits:
        clone = ("clone", "-q", url, str(client.folder / branch.replace("/", "-")))
        assert git(cloud, client.folder, *clone).returncode == 0
    client.surely("PUT", GROUP, {"location": "eastus"})
    client.surely("PUT", REGISTRY, {"location": "eastus", "sku": {"name": "Standard"}})
    source = f"https://github.com/{client.repository}.git#main"
    token = cloud.account.github_token
    trigger = {
        "name": "source",
        "sourceTriggerEvents": ["commit"],
        "sourceRepository": {
            "sourceControlType": "Github",
            "repositoryUrl": source,
            "branch": "main",
            "sourceControlAuthProperties": {"tokenType": "PAT", "token": token},
        },
    }
    step = {
        "type": "FileTask",
        "taskFilePath": "acr-task.yaml",
        "contextPath": source,
        "contextAccessToken": token,
    }
    properties: dict[str, Any] = {
        "platform": {"os": "Linux"},
        "step": step,
        "trigger": {"sourceTriggers": [trigger]},
    }
    client.surely(
        "PUT", f"{REGISTRY}/tasks/killed", {"location": "eastus", "properties": properties}
    )
    account = cloud.account
    rights = {
        "tenantId": account.tenant_id,
        "objectId": account.object_id,
        "permissions": {"secrets": ["all"]},
    }
    properties = {
        "tenantId": account.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": False,
        "accessPolicies": [rights],
    }
    client.surely("PUT", VAULT, {"location": "eastus", "properties": properties})


def kill_again_and_again(home: Path, pid: int) -> None:
    chance = random.Random(4711)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.02, 1.5))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        pid = daemon.up(home).pid


def check(client: Client) -> None:
    for name, there in client.groups.items():
        found = client.arm("HEAD", f"/resourceGroups/{name}")
        assert found is not None
        assert (name, found.status_code) == (name, 204 if there else 404)
    for name, value in client.secrets.items():
        url = f"https://killedkv.vault.azure.net/secrets/{name}"
        shown = client.send("GET", url, params={"api-version": "7.4"}, headers=client.vault)
        assert shown is not None
        assert shown.json()["value"] == value
    auth = (client.cloud.account.client_id, client.cloud.account.client_secret)
    for tag, wanted in client.tags.items():
        url = f"https://killed.azurecr.io/v2/app/manifests/{tag}"
        shown = client.send("GET", url, auth=auth)
        assert shown is not None
        assert (tag, shown.headers.get("Docker-Content-Digest")) == (tag, wanted)
        for one in shown.json()["layers"] if wanted else []:
            blob = f"https://killed.azurecr.io/v2/app/blobs/{one['digest']}"
            stored = client.send("GET", blob, auth=auth)
            assert stored is not None
            assert digest(stored.content) == one["digest"]


@pytest.mark.timeout(240 + 20 * KILLS)
def test_kills_lose_nothing_and_start_everything_once(
    fresh_cloud: LocalCloud, tmp_path: Path
) -> None:
    client = Client(fresh_cloud, tmp_path)
    prepare(client)
    others = [Client(fresh_cloud, tmp_path) for _ in range(3)]  # a connection for each thread
    works = [
        threading.Thread(target=one.work, args=(steps,))
        for one, steps in (
            (client, client.push("main")),
            (others[0], others[0].push("side/branch")),
            (others[1], others[1].write()),
            (others[2], others[2].images()),
        )
    ]
    for work in works:
        work.start()
    try:
        kill_again_and_again(fresh_cloud.home, fresh_cloud.pid)
    finally:
        for one in (client, *others):
            one.stopping.set()
        for work in works:
            work.join(90)
    cloud = start(fresh_cloud.home)
    for one in (client, *others):
        check(one)
        assert one.surprises == []
    assert min(len(client.commits["main"]), len(others[1].secrets), len(others[2].tags)) > 3

    def runs() -> list[Any]:
        found: list[Any] = client.surely("GET", f"{REGISTRY}/runs?$top=10000")["value"]
        return found

    final = ("Succeeded", "Failed")
    wait(lambda: all(run["properties"]["status"] in final for run in runs()))
    started = Counter(run["properties"]["sourceTrigger"]["commitId"] for run in runs())
    assert set(started.values()) == {1}
    assert set(client.commits["main"]) <= set(started)
    heads = git(cloud, tmp_path, "ls-remote", f"https://github.com/{client.repository}.git").stdout
    for branch, pusher in (("main", client), ("side/branch", others[0])):
        clone = tmp_path / branch.replace("/", "-")
        assert f"{pusher.commits[branch][-1]}\trefs/heads/{branch}" in heads
        git(cloud, clone, "commit", "-q", "--allow-empty", "-m", "after all")
        url = f"https://{cloud.account.github_token}@github.com/{client.repository}.git"
        pushed = git(cloud, clone, "push", url, f"HEAD:{branch}")
        assert pushed.returncode == 0, pushed.stderr
    wait(lambda: len(runs()) == len(started) + 1)
    wait(lambda: all(run["properties"]["status"] in final for run in runs()))
    log = "".join(path.read_text() for path in cloud.home.glob("daemon.log*"))
    assert "Traceback" not in log
    daemon.down(cloud.home)
    examined = subprocess.run(
        [sys.executable, "-m", "helpers", "doctor"],
        env={**os.environ, "LOCALCLOUD_HOME": str(cloud.home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (examined.returncode, examined.stderr) == (0, "")
    assert "is whole" in examined.stdout, examined.stdout
