"""A disk that is full: requests fail and say so, what was stored stays, and it goes on later."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from helpers.localcloud import daemon
from tests.conftest import LocalCloud, start

SIZE = 16 * 1024 * 1024


@pytest.fixture
def small_cloud(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """A local cloud whose state folder is a disk of 16 MB, or of the size that the test names."""
    home = tmp_path / "disk"
    home.mkdir()
    size = getattr(request, "param", SIZE)
    options = ["-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(home)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        yield start(home)
        daemon.down(home)
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096):
            while True:
                try:
                    file.write(os.urandom(size))
                except OSError:
                    break


def test_a_full_disk_is_named_and_nothing_is_lost(small_cloud: LocalCloud) -> None:
    http = small_cloud.http()
    bearer = {"Authorization": f"Bearer {small_cloud.token()}"}
    groups = f"https://management.azure.com{small_cloud.subscription}/resourceGroups"

    def put(path: str, **body: object) -> requests.Response:
        return http.put(f"{groups}/{path}", json={"location": "eastus", **body}, headers=bearer)

    assert put("one").status_code == 201
    place = "one/providers/Microsoft.ContainerRegistry/registries/smalldisk"
    assert put(place, sku={"name": "Basic"}).status_code == 201
    account = small_cloud.account
    http.auth = (account.client_id, account.client_secret)
    uploads = "https://smalldisk.azurecr.io/v2/a/blobs/uploads/"
    data = os.urandom(SIZE)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    whole = http.post(uploads, params={"digest": digest}, data=data)
    assert whole.status_code == 507
    assert whole.json()["errors"][0]["code"] == "InsufficientStorage"
    begun = http.post(uploads).headers["Location"]
    part = http.patch(f"https://smalldisk.azurecr.io{begun}", data=data)
    assert part.status_code == 507
    assert http.get(f"https://smalldisk.azurecr.io{begun}").status_code == 404
    assert list((small_cloud.home / "content" / "uploads").iterdir()) == []

    http.auth = None
    filler = small_cloud.home / "filler"
    fill(filler)
    tags = {f"{number:0512}": "x" * 256 for number in range(50)}  # as many as a group may have
    refused = [put(f"full-{number}", tags=tags) for number in range(3)]
    assert [one.status_code for one in refused] == [507] * 3
    assert refused[0].json()["error"]["code"] == "InsufficientStorage"
    assert "Free some space" in refused[0].json()["error"]["message"]
    shown = http.get(groups, headers=bearer).json()["value"]
    assert [one["name"] for one in shown] == ["one"]
    token = {"Authorization": f"token {account.github_token}"}
    repositories = "https://api.github.com/user/repos"
    full = http.post(repositories, json={"name": "full"}, headers=token)
    assert (full.status_code, "Free some space" in full.json()["message"]) == (507, True)
    assert http.get(repositories, headers=token).json() == []

    filler.unlink()
    assert list((small_cloud.home / "git").iterdir()) == []
    assert http.post(repositories, json={"name": "full"}, headers=token).status_code == 201
    assert put("two").status_code == 201
    shown = http.get(groups, headers=bearer).json()["value"]
    assert [one["name"] for one in shown] == ["one", "two"]


def make_registry(cloud: LocalCloud) -> tuple[requests.Session, dict[str, str], str]:
    """A client, its header of authorization, and the address of a new registry."""
    http = cloud.http()
    bearer = {"Authorization": f"Bearer {cloud.token()}"}
    group = f"https://management.azure.com{cloud.subscription}/resourceGroups/one"
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/smalldisk"
    for url, more in ((group, {}), (registry, {"sku": {"name": "Basic"}})):
        made = http.put(url, json={"location": "eastus", **more}, headers=bearer)
        assert made.status_code == 201
    return http, bearer, registry


@pytest.mark.parametrize("small_cloud", [64 * 1024 * 1024], indirect=True)
def test_a_run_that_fills_the_disk_ends_as_soon_as_its_end_can_be_written(
    small_cloud: LocalCloud,
) -> None:
    http, bearer, registry = make_registry(small_cloud)

    def schedule(script: str) -> str:
        task = f"version: v1.1.0\nsteps:\n  - cmd: bash -c '{script}'\n"
        content = base64.b64encode(task.encode()).decode()
        body = {"type": "EncodedTaskRunRequest", "encodedTaskContent": content}
        asked = http.post(f"{registry}/scheduleRun", json=body, headers=bearer)
        return f"{registry}/runs/{asked.json()['properties']['runId']}"

    def log(url: str) -> requests.Response:
        return http.get(http.post(f"{url}/listLogSasUrl", headers=bearer).json()["logLink"])

    def wait(what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def ended(url: str) -> bool:
        shown = http.get(url, headers=bearer).json()["properties"]
        return shown["status"] not in ("Queued", "Started", "Running")

    url = schedule(
        "echo begun; sleep 1; for i in 1 2 3 4 5 6; do head -c 9000 /dev/zero; sleep 0.1; done"
    )
    wait(lambda: "begun" in log(url).text)
    filler = small_cloud.home / "filler"
    fill(filler)
    wait(lambda: not any((small_cloud.home / "runs").iterdir()))  # it is over
    # The files of the run that are gone by now may have left just enough for the record of its end.
    filler.unlink()
    wait(lambda: ended(url))
    shown = http.get(url, headers=bearer).json()["properties"]
    assert shown["status"] == "Failed"
    assert "is full. Free some space" in shown["runErrorMessage"]
    assert log(url).headers["x-ms-meta-Complete"] == "failed"
    assert log(url).text.endswith("Free some space, then run the task again.\r\n")
    again = schedule("echo again")
    wait(lambda: ended(again))
    assert http.get(again, headers=bearer).json()["properties"]["status"] == "Succeeded"


@pytest.mark.parametrize("small_cloud", [200 * 1024 * 1024], indirect=True)
def test_a_build_that_fills_the_disk_says_so_at_its_instruction(small_cloud: LocalCloud) -> None:
    http, bearer, registry = make_registry(small_cloud)
    script = (
        'head -c 95000000 /dev/urandom > big; printf "FROM scratch\\nCOPY big /\\n" > Dockerfile'
    )
    task = f"version: v1.1.0\nsteps:\n  - cmd: bash -c '{script}'\n  - build: -t big .\n"
    content = base64.b64encode(task.encode()).decode()
    body = {"type": "EncodedTaskRunRequest", "encodedTaskContent": content}
    asked = http.post(f"{registry}/scheduleRun", json=body, headers=bearer)
    url = f"{registry}/runs/{asked.json()['properties']['runId']}"
    deadline = time.monotonic() + 60
    while (shown := http.get(url, headers=bearer).json()["properties"])["status"] != "Failed":
        assert shown["status"] in ("Queued", "Started", "Running"), shown
        assert time.monotonic() < deadline
        time.sleep(0.1)
    log = http.get(http.post(f"{url}/listLogSasUrl", headers=bearer).json()["logLink"]).text
    assert "Dockerfile:2: COPY big /: the disk that holds the state of the local cloud is" in log
    assert "Errno" not in log
    assert str(small_cloud.home) not in log
