"""A registry is filled by an importing identity and tidied by a timer, as typed with the real az."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.localcloud.run_statuses import FINAL
from tests.az import Az
from tests.conftest import LocalCloud
from tests.tasks.running import Registry
from tests.tasks.test_purge import Content

NODE = "docker.io/library/node:15-alpine"
IMPORTER = "Container Registry Data Importer and Data Reader"


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
    az.ok("acr", "task", "create", *name, "--cmd", f"{command} --dry-run", *nowhere)
    dry = registry.wait(registry.start_task("purge"))
    assert dry.status == "Succeeded", dry.log
    assert "Number of tags to be deleted: 1" in dry.lines
    assert content.tags("hello-world") == {"run0", "run1", "run2", "stable"}

    az.ok("acr", "task", "delete", *name, "--yes")
    az.ok("acr", "task", "create", *name, "--cmd", command, *nowhere, "--schedule", "* * * * *")
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
    az.ok("acr", "task", "delete", *name, "--yes")


def test_an_identity_that_may_import_imports_in_a_script(az: Az, registry: Registry) -> None:
    command = f"az acr import -n {registry.name} --source {NODE} -t imported:{{{{.Run.ID}}}}"
    script = f"az login --identity --allow-no-subscriptions -o none && {command} && echo imported"
    az.ok(
        *("acr", "task", "create", "-n", "imports", "-r", registry.name, "--assign-identity"),
        *("--cmd", f'mcr.microsoft.com/azure-cli bash -c "{script}"', "--context", "/dev/null"),
    )
    refused = registry.wait(registry.start_task("imports"))
    assert refused.status == "Failed", refused.log
    task = az.json("acr", "task", "show", "-n", "imports", "-r", registry.name)
    who = ("--assignee", task["identity"]["principalId"])
    az.ok("role", "assignment", "create", *who, "--role", IMPORTER, "--scope", registry.id)
    done = registry.wait(registry.start_task("imports"))
    assert done.status == "Succeeded", done.log
    assert "imported" in done.lines
    image = ("-n", registry.name, "--repository", "imported")
    tags = az.json("acr", "repository", "show-tags", *image)
    assert tags == [done.id]
