"""A state folder of another version: an older one opens with all it holds, a newer one is refused.

``data/state-0.1.0.tar.gz`` was written by version 0.1.0: a registry with an image and a task, a run of
it, a git repository, a vault with a secret, and a push whose run was not started any more. Its
account was made for it alone.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud import daemon, migrations
from helpers.localcloud.api_versions import newest
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError, DaemonError
from helpers.localcloud.outbox import Outbox
from helpers.localcloud.store import Resource, Store
from tests.conftest import LocalCloud, start
from tests.containers.roots import TRUSTED

DATA = Path(__file__).parent / "data"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    with tarfile.open(DATA / "state-0.1.0.tar.gz") as archive:
        archive.extractall(folder, **TRUSTED)
    yield folder
    daemon.down(folder)


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "state.db-shm"  # an index in memory, no state
    }


class Reader:
    """Asks the cloud for what version 0.1.0 has stored."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.session = cloud.http()
        self.registry = (
            f"{cloud.subscription}/resourceGroups/rockets/providers"
            "/Microsoft.ContainerRegistry/registries/acmerockets"
        )

    def arm(self, path: str, method: str = "GET") -> Any:
        answer = self.session.request(
            method,
            f"https://management.azure.com{path}",
            params={"api-version": newest(path)},
            headers={"Authorization": f"Bearer {self.cloud.token()}"},
        )
        answer.raise_for_status()
        return answer.json()

    def runs(self) -> list[Any]:
        """All runs, the oldest first, once they have ended."""
        deadline = time.monotonic() + 30
        while True:
            found = self.arm(f"{self.registry}/runs")["value"]
            ended = all(run["properties"]["status"] in ("Succeeded", "Failed") for run in found)
            if (ended and len(found) > 1) or time.monotonic() > deadline:
                return list(reversed(found))
            time.sleep(0.05)


def test_a_state_of_0_1_0_opens_with_all_that_it_holds(home: Path, tmp_path: Path) -> None:
    assert version(home / "state.db") == 0
    reader = Reader(start(home))
    assert reader.arm(reader.registry)["properties"]["loginServer"] == "acmerockets.azurecr.io"
    # What registries show since then, this one shows, too.
    assert reader.arm(reader.registry)["properties"]["policies"]["softDeletePolicy"]
    first, second = reader.runs()
    assert (first["name"], first["properties"]["runType"]) == ("do1", "QuickRun")
    assert second["properties"]["sourceTrigger"]["branchName"] == "main"  # what was in its outbox
    assert second["properties"]["status"] == "Succeeded"
    link = reader.arm(f"{reader.registry}/runs/do1/listLogSasUrl", "POST")["logLink"]
    assert "Run ID: do1 was successful" in reader.session.get(link).text
    credentials = reader.arm(f"{reader.registry}/listCredentials", "POST")
    manifest = reader.session.get(
        "https://acmerockets.azurecr.io/v2/hello/manifests/1",
        auth=(credentials["username"], credentials["passwords"][0]["value"]),
    )
    assert len(manifest.json()["layers"]) == 1
    secret = reader.session.get(
        "https://acmerocketskv.vault.azure.net/secrets/greeting",
        params={"api-version": "7.4"},
        headers={"Authorization": f"Bearer {reader.cloud.token('https://vault.azure.net')}"},
    )
    assert secret.json()["value"] == "hello"
    url = f"https://github.com/{reader.cloud.account.github_owner}/hello.git"
    clone = ["git", "clone", "-q", url, str(tmp_path / "clone")]
    subprocess.run(clone, env=reader.cloud.env, check=True, timeout=60)
    assert (tmp_path / "clone" / "acr-task.yaml").is_file()
    daemon.down(home)
    assert version(home / "state.db") == migrations.VERSION
    assert len(Reader(start(home)).runs()) == 2  # and once is once


def test_a_state_of_a_newer_version_is_refused_and_untouched(home: Path) -> None:
    newer = migrations.VERSION + 1
    with closing(sqlite3.connect(home / "state.db")) as connection:
        connection.execute(f"PRAGMA user_version={newer}")
    before = files(home)
    with pytest.raises(DaemonError, match=f"version {newer}.*up to version {migrations.VERSION}"):
        daemon.up(home)
    after = files(home)
    assert {name: after.get(name) for name in before} == before
    assert set(after) - set(before) == {"daemon.json", "daemon.log"}


def test_a_newer_version_that_was_killed_is_refused_too(home: Path) -> None:
    """Then its number is in the write-ahead log alone."""
    newer = migrations.VERSION + 1
    script = (
        "import os, signal, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('PRAGMA journal_mode=WAL')\n"
        f"connection.execute('PRAGMA user_version={newer}')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(home / "state.db")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (home / "state.db").read_bytes()[60:64] == bytes(4)
    before = files(home)
    with pytest.raises(CloudError, match=f"has version {newer}"):
        Cloud(home)
    assert files(home) == before


def test_a_step_that_fails_leaves_the_version_before_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE runs")
        raise OSError("no space left on device")

    first, *others = migrations.STEPS
    monkeypatch.setattr(migrations, "STEPS", (first, fail, *others[1:]))
    with pytest.raises(OSError, match="no space"):
        Store(home / "state.db")
    assert version(home / "state.db") == 1
    monkeypatch.undo()
    store = Store(home / "state.db")
    assert store.query("SELECT count(*) AS number FROM runs")[0]["number"] == 1
    store.close()
    assert version(home / "state.db") == migrations.VERSION


def test_tables_are_made_once_by_whoever_comes_first(tmp_path: Path) -> None:
    """Many processes open a new state at the same time."""
    script = "import sys; from pathlib import Path; from helpers.localcloud.store import Store\n"
    script += "Store(Path(sys.argv[1])).close()\n"
    command = [sys.executable, "-c", script, str(tmp_path / "state.db")]
    root = Path(__file__).parents[2]
    started = [subprocess.Popen(command, cwd=root, env={**os.environ}) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]
    store = Store(tmp_path / "state.db")
    store.put(Resource("/a", "t", "a", "", {}))
    assert Outbox(store).waiting() == 0
    store.close()
