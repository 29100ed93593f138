"""A disk that is full: requests fail and say so, what was stored stays, and it goes on later."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from helpers.localcloud import daemon
from tests.conftest import LocalCloud, start

SIZE = 16 * 1024 * 1024


@pytest.fixture
def small_cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """A local cloud whose state folder is a disk of 16 MB."""
    home = tmp_path / "disk"
    home.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(home)]
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
    refused = [put(f"full-{number}", tags={"a": "x" * 60_000}) for number in range(3)]
    assert [one.status_code for one in refused] == [507] * 3
    assert refused[0].json()["error"]["code"] == "InsufficientStorage"
    assert "Free some space" in refused[0].json()["error"]["message"]
    shown = http.get(groups, headers=bearer).json()["value"]
    assert [one["name"] for one in shown] == ["one"]

    filler.unlink()
    assert put("two").status_code == 201
    shown = http.get(groups, headers=bearer).json()["value"]
    assert [one["name"] for one in shown] == ["one", "two"]
