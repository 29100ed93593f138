"""A registry is filled by an importing identity and tidied by a timer, as typed with the real az."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.run_statuses import FINAL
from tests.az import AZ
from tests.conftest import LocalCloud
from tests.tasks.running import Registry
from tests.tasks.test_purge import Content

NODE = "docker.io/library/node:15-alpine"
IMPORTER = "Container Registry Data Importer and Data Reader"


class Az:
    """The real az, logged in as the tutorial's principal."""

    def __init__(self, cloud: LocalCloud, folder: Path) -> None:
        if AZ is None:
            pytest.skip("the Azure CLI is not installed; do it with: make az")
        self._az = AZ
        self._env = {**cloud.env, "AZURE_CONFIG_DIR": str(folder)}
        account = cloud.account
        secret = ("-p", account.client_secret, "--tenant", account.tenant_id)
        self("login", "--service-principal", "-u", account.client_id, *secret)

    def __call__(self, *words: str) -> Any:
        """What a command that succeeds answers."""
        done = subprocess.run(
            [self._az, *words, "-o", "json"],
            capture_output=True,
            text=True,
            env=self._env,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="module")
def az(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Az:
    return Az(local_cloud, tmp_path_factory.mktemp("azure"))


@pytest.fixture(scope="module")
def registry(local_cloud: LocalCloud) -> Iterator[Registry]:
    made = Registry(local_cloud)
    yield made
    made.http.close()


def test_a_scheduled_purge_runs_when_its_timer_fires(
    az: Az, registry: Registry, local_cloud: LocalCloud
) -> None:
    content = Content(local_cloud, registry.server)
    for number in range(3):
        content.push("hello-world", f"run{number}", number)
    content.push("hello-world", "stable", 9)
    content.lock("hello-world", "_tags/run0", writeEnabled=False)
    command = "acr purge --filter 'hello-world:^run' --ago 0d --untagged --keep 1"
    nowhere = ("--context", "/dev/null")
    name = ("-n", "purge", "-r", registry.name)
    az("acr", "task", "create", *name, "--cmd", f"{command} --dry-run", *nowhere)
    dry = registry.wait(registry.start_task("purge"))
    assert dry.status == "Succeeded", dry.log
    assert "Number of tags to be deleted: 1" in dry.lines
    assert content.tags("hello-world") == {"run0", "run1", "run2", "stable"}

    az("acr", "task", "delete", *name, "--yes")
    az("acr", "task", "create", *name, "--cmd", command, *nowhere, "--schedule", "* * * * *")
    deadline = time.monotonic() + 180
    timed: list[Any] = []
    while not timed:
        assert time.monotonic() < deadline
        time.sleep(1)
        runs = registry.call("GET", "/runs").json()["value"]
        timed = [
            run["properties"]
            for run in runs
            if run["properties"].get("timerTrigger") and run["properties"]["status"] in FINAL
        ]
    log = registry.log(timed[-1]["runId"])[0]
    assert timed[-1]["status"] == "Succeeded", log
    assert "Number of deleted tags: 1" in log
    assert "Number of deleted manifests: 1" in log
    assert content.tags("hello-world") == {"run0", "run2", "stable"}
    az("acr", "task", "delete", *name, "--yes")


def test_an_identity_that_may_import_imports_in_a_script(az: Az, registry: Registry) -> None:
    image = f"az acr import -n {registry.name} --source {NODE} -t imported:{{{{.Run.ID}}}}"
    script = f"az login --identity --allow-no-subscriptions -o none && {image} && echo imported"
    az(
        *("acr", "task", "create", "-n", "imports", "-r", registry.name, "--assign-identity"),
        *("--cmd", f'mcr.microsoft.com/azure-cli bash -c "{script}"', "--context", "/dev/null"),
    )
    refused = registry.wait(registry.start_task("imports"))
    assert refused.status == "Failed", refused.log
    who = az("acr", "task", "show", "-n", "imports", "-r", registry.name)["identity"]["principalId"]
    az(
        "role",
        "assignment",
        "create",
        "--assignee",
        who,
        "--role",
        IMPORTER,
        "--scope",
        registry.id,
    )
    done = registry.wait(registry.start_task("imports"))
    assert done.status == "Succeeded", done.log
    assert "imported" in done.lines
    tags = az("acr", "repository", "show-tags", "-n", registry.name, "--repository", "imported")
    assert tags == [done.id]
