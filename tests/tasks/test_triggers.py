"""Triggers: which event starts which task, once, with what it tells of itself."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from dulwich import porcelain

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.engine import Engine
from helpers.localcloud.events import BranchPushed, ManifestPushed
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks.runs import Runs
from helpers.localcloud.tasks.triggers import Triggers, _listens, due, tracks

BASE = {"type": "RunTime", "registry": "base.azurecr.io", "repository": "node", "tag": "15"}
_digests = (f"sha256:{number:064x}" for number in itertools.count(1))


class Bench:
    """A cloud without a daemon: tasks are put into its store, events into its outbox."""

    def __init__(self, home: Path) -> None:
        self.cloud = Cloud(home)
        self.triggers = Triggers(self.cloud)
        self.triggers.start()
        self.registry = self._put("registries", "team", {"loginServer": "team.azurecr.io"})

    def _put(self, kind: str, name: str, properties: dict[str, Any]) -> Resource:
        prefix = f"{self.cloud.subscription}/resourceGroups/g/providers/Microsoft.ContainerRegistry"
        parent = "" if kind == "registries" else f"{prefix}/registries/team"
        identifier = f"{parent or prefix}/{kind.rpartition('/')[2]}/{name}"
        return self.cloud.store.put(
            Resource(
                identifier,
                f"Microsoft.ContainerRegistry/{kind}",
                name,
                "g",
                {"properties": properties, "location": "eastus"},
                {"properties": properties},
                parent=parent,
            )
        )

    def task(self, name: str, *tracked: dict[str, str], **more: Any) -> Resource:
        """A task with all kinds of triggers; ``trigger`` entries and properties may be replaced."""
        source = {
            "name": "source",
            "status": "Enabled",
            "sourceTriggerEvents": ["commit"],
            "sourceRepository": {
                "sourceControlType": "Github",
                "repositoryUrl": "https://github.com/owner/name.git#main",
                "branch": "main",
            },
        }
        base = {"name": "base", "status": "Enabled", "baseImageTriggerType": "Runtime"}
        properties: dict[str, Any] = {
            "status": "Enabled",
            "timeout": 3600,
            "platform": {"os": "Linux", "architecture": "amd64"},
            "agentConfiguration": {"cpu": 2},
            "step": {
                "type": "FileTask",
                "taskFilePath": "acr-task.yaml",
                "contextPath": "https://github.com/owner/name.git#main",
                "baseImageDependencies": list(tracked),
            },
            "trigger": {"sourceTriggers": [source], "baseImageTrigger": base},
            **more,
        }
        return self._put("registries/tasks", name, properties)

    def happen(self, *events: Any) -> list[tuple[str, dict[str, Any]]]:
        """Handle events; the tasks that were started, with what their runs say of the trigger."""
        before = {run.run_id for run in Runs(self.cloud).with_status("Queued")}
        for event in events:
            self.cloud.outbox.add(event)
        assert self.cloud.outbox.idle(10)
        fresh = [run for run in Runs(self.cloud).with_status("Queued") if run.run_id not in before]
        return [(run.task, run.properties) for run in fresh]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "home")
    yield bench
    bench.triggers.stop()
    bench.cloud.close()


def pushed(digest: str = "", *, previous: str | None = "sha256:old", **more: str) -> ManifestPushed:
    values = {"registry": "base.azurecr.io", "repository": "node", "tag": "15", **more}
    return ManifestPushed(
        values["registry"],
        values["repository"],
        values["tag"],
        digest or next(_digests),
        previous,
    )


def test_a_changed_digest_of_a_tracked_tag_starts_one_run(bench: Bench) -> None:
    bench.task("tracks", {**BASE, "digest": "sha256:old"}, {**BASE, "digest": "sha256:old"})
    bench.task("other-tag", {**BASE, "tag": "15-alpine-ca1", "digest": "sha256:old"})
    bench.task("never-ran")
    event = pushed()
    [(name, properties)] = bench.happen(event)
    assert name == "tracks"
    update = properties["imageUpdateTrigger"]
    assert update["images"] == [
        {
            "registry": "base.azurecr.io",
            "repository": "node",
            "tag": "15",
            "digest": event.digest,
        }
    ]
    uuid.UUID(update["id"])
    assert properties["runType"] == "AutoRun"
    assert bench.cloud.outbox.set_aside() == []


def test_what_starts_nothing(bench: Bench) -> None:
    same = next(_digests)
    bench.task("tracks", {**BASE, "digest": same})
    bench.task("disabled", {**BASE, "digest": "sha256:x"}, status="Disabled")
    off = {
        "baseImageTrigger": {"name": "b", "status": "Disabled", "baseImageTriggerType": "Runtime"}
    }
    bench.task("off", {**BASE, "digest": "sha256:x"}, trigger=off)
    bench.task("none", {**BASE, "digest": "sha256:x"}, trigger={})
    bench.task("build-time", {**BASE, "type": "BuildTime", "digest": "sha256:x"})
    assert bench.happen(pushed(same)) == []  # what the last run has built on
    again = next(_digests)
    assert bench.happen(pushed(again, previous=again)) == []  # the same digest pushed again
    assert bench.happen(pushed(repository="other"), pushed(registry="x.azurecr.io")) == []


def test_type_all_includes_build_time(bench: Bench) -> None:
    both = {"baseImageTrigger": {"name": "b", "status": "Enabled", "baseImageTriggerType": "All"}}
    bench.task("all-of-them", {**BASE, "type": "BuildTime", "digest": "sha256:x"}, trigger=both)
    assert [name for name, _ in bench.happen(pushed())] == ["all-of-them"]


@pytest.mark.parametrize("registry", ["registry.hub.docker.com", "docker.io"])
def test_docker_hub_has_several_names(registry: str) -> None:
    repository = "library/node" if registry != "docker.io" else "node"
    tracked = {**BASE, "registry": registry, "repository": repository, "digest": "sha256:x"}
    assert tracks(tracked, pushed(registry="docker.io", repository="library/node"))
    assert not tracks(tracked, pushed(registry="docker.io", repository="library/nginx"))


def test_two_pushes_are_two_runs_in_order(bench: Bench) -> None:
    bench.task("tracks", {**BASE, "digest": "sha256:old"})
    first, second = pushed(), pushed()
    runs = bench.happen(first, second)
    digests = [p["imageUpdateTrigger"]["images"][0]["digest"] for _, p in runs]
    assert digests == [first.digest, second.digest]


@pytest.mark.parametrize("status", ["Running", "Failed", "Canceled", "Succeeded"])
def test_a_tag_that_goes_back_is_an_update_unless_its_digest_is_built(
    bench: Bench, status: str
) -> None:
    """A change and its revert, the second while the first one's run goes on or after it failed."""
    good, bad = next(_digests), next(_digests)
    bench.task("tracks", {**BASE, "digest": good})
    assert len(bench.happen(pushed(bad, previous=good))) == 1
    [run] = Runs(bench.cloud).with_status("Queued")
    Runs(bench.cloud).update(run, status=status)
    started = bench.happen(pushed(good, previous=bad))
    assert [name for name, _ in started] == ([] if status == "Succeeded" else ["tracks"])
    # The tag was deleted, and is back with what it had.
    assert bench.happen(pushed(good, previous=None)) == []


def test_a_task_that_cannot_be_read_stops_no_other(bench: Bench) -> None:
    timer = {"name": "t1", "schedule": "* * * * *", "status": "Enabled"}
    nameless = {key: timer[key] for key in ("schedule", "status")}
    broken = {"sourceTriggers": [{"status": "Enabled"}], "timerTriggers": [nameless]}
    base = {"name": "base", "status": "Enabled", "baseImageTriggerType": "Runtime"}
    bench.task("a-broken", {"repository": "node"}, trigger={**broken, "baseImageTrigger": base})
    bench.task("b-whole", {**BASE, "digest": "sha256:old"})
    bench.task("c-timed", trigger={"timerTriggers": [timer]})
    commit = BranchPushed("https://github.com/owner/name", "main", "c0ffee", None)
    assert [name for name, _ in bench.happen(pushed())] == ["b-whole"]
    assert [name for name, _ in bench.happen(commit)] == ["b-whole"]
    [run] = bench.triggers.fire(datetime(2026, 11, 23, 21, 30, tzinfo=timezone.utc))
    assert run.task == "c-timed"
    assert bench.cloud.outbox.set_aside() == []


def test_an_event_survives_until_it_is_handled(bench: Bench, tmp_path: Path) -> None:
    """What was pushed before the daemon was killed starts its run at the next start, once."""
    bench.task("tracks", {**BASE, "digest": "sha256:old"})
    bench.cloud.outbox.stop()
    bench.cloud.outbox.add(pushed())
    for _ in range(2):
        again = Cloud(tmp_path / "home")
        triggers = Triggers(again)
        triggers.start()
        assert again.outbox.idle(10)
        triggers.stop()
        assert [run.task for run in Runs(again).with_status("Queued")] == ["tracks"]
        again.close()


def test_the_outbox_is_written_with_the_tag(bench: Bench) -> None:
    catalog = Catalog(bench.cloud)
    session = Engine(bench.cloud).session()
    seen: list[ManifestPushed] = []
    bench.cloud.outbox.subscribe("test", {ManifestPushed: seen.append})
    session.pull("node:15-alpine", print)
    session.close()
    assert bench.cloud.outbox.idle(10)
    digest = catalog.resolve("docker.io", "library/node", "15-alpine")
    assert [(one.repository, one.digest, one.previous) for one in seen] == [
        ("library/node", digest, None)
    ]
    manifest = bench.cloud.content.read(str(digest))
    kind = "application/vnd.oci.image.manifest.v1+json"
    for reference in ("15-alpine", str(digest)):
        catalog.put("docker.io", "library/node", reference, manifest, kind)
        assert bench.cloud.outbox.idle(10)
        assert len(seen) == 1  # the same digest again is no event


def test_timers_fire_once_a_minute_in_utc(bench: Bench) -> None:
    timer = {"name": "t1", "schedule": "30 21 * * 1-5", "status": "Enabled"}
    bench.task("nightly", trigger={"timerTriggers": [timer]})
    bench.task("off", trigger={"timerTriggers": [{**timer, "status": "Disabled"}]})
    minute = datetime(2026, 11, 23, 21, 30, tzinfo=timezone.utc)  # a Monday
    [run] = bench.triggers.fire(minute)
    assert run.properties["timerTrigger"] == {
        "timerTriggerName": "t1",
        "scheduleOccurrence": "2026-11-23T21:30:00Z",
    }
    assert bench.triggers.fire(minute) == []
    assert bench.triggers.fire(minute.replace(minute=31)) == []
    assert [r.task for r in bench.triggers.fire(minute.replace(day=24))] == ["nightly"]
    assert bench.triggers.fire(minute.replace(day=22)) == []  # a Sunday
    # The clock may go back by a day, and start nothing again; older ones are forgotten.
    assert bench.triggers.fire(minute.replace(day=24)) == []
    assert len(bench.triggers.fire(minute.replace(day=25))) == 1
    kept = bench.cloud.store.query("SELECT occurrence FROM timer_occurrences ORDER BY 1")
    assert [row["occurrence"][8:10] for row in kept] == ["24", "25"]
    assert due("*/15 * * * *", minute)
    assert not due("nonsense", minute)


# -- commits, with a real daemon ---------------------------------------------------------------


def commit(folder: Path, cloud: Any, name: str, text: str, branch: str = "main") -> str:
    """Commit a file in a clone and push it; the commit's id."""
    (folder / name).write_text(text)
    porcelain.add(str(folder), paths=[str(folder / name)])
    made = porcelain.commit(
        str(folder), message=b"change", author=b"A <a@example.org>", committer=b"A <a@example.org>"
    )
    owner, token = cloud.account.github_owner, cloud.account.github_token
    environment = {**cloud.env, "GIT_SSL_CAINFO": cloud.ca_file}
    url = f"https://{token}@github.com/{owner}/{folder.name}.git"
    subprocess.run(
        ["git", "push", "-q", "--force", url, f"HEAD:{branch}"],
        cwd=folder,
        env=environment,
        check=True,
        timeout=60,
    )
    return made.decode()


TASK = "version: v1.1.0\nsteps:\n  - cmd: docker version\n    env: ['COMMIT={{.Run.Commit}}']\n"


@pytest.fixture
def listening(fresh_cloud: Any, tmp_path: Path) -> tuple[Any, Path, Any]:
    """A cloud with a task that listens to commits, and a clone of its repository."""
    from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

    from tests.resource_manager.test_resource_manager import make_group, make_registry

    cloud = fresh_cloud
    name = "listened"
    cloud.http().post(
        "https://api.github.com/user/repos",
        json={"name": name},
        headers={"Authorization": f"token {cloud.account.github_token}"},
    ).raise_for_status()
    folder = tmp_path / name
    folder.mkdir()
    porcelain.init(str(folder))
    commit(folder, cloud, "acr-task.yaml", TASK)
    group = make_group(cloud)
    registry = make_registry(cloud, group)
    client = cloud.client(ContainerRegistryTasksMgmtClient)
    url = f"https://github.com/{cloud.account.github_owner}/{name}.git#main"
    token = cloud.account.github_token
    body = {
        "location": "eastus",
        "properties": {
            "platform": {"os": "Linux"},
            "step": {
                "type": "FileTask",
                "taskFilePath": "acr-task.yaml",
                "contextPath": url,
                "contextAccessToken": token,
            },
            "trigger": {
                "sourceTriggers": [
                    {
                        "name": "source",
                        "sourceTriggerEvents": ["commit"],
                        "sourceRepository": {
                            "sourceControlType": "Github",
                            "repositoryUrl": url,
                            "branch": "main",
                            "sourceControlAuthProperties": {"tokenType": "PAT", "token": token},
                        },
                    }
                ]
            },
        },
    }
    client.tasks.create(group, registry, "listens", body)

    def runs() -> list[Any]:
        deadline = time.monotonic() + 20
        while True:
            found = list(client.runs.list(group, registry))
            going = [r for r in found if r.properties.status in ("Queued", "Started", "Running")]
            if not going or time.monotonic() > deadline:
                return sorted(found, key=lambda r: r.properties.create_time)
            time.sleep(0.05)

    return cloud, folder, runs


def wait_for(count: int, runs: Callable[[], list[Any]]) -> list[Any]:
    deadline = time.monotonic() + 20
    while len(found := runs()) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)  # one too many would show now
    assert len(runs()) == count
    return found


def test_a_commit_starts_one_run_of_that_commit(listening: tuple[Any, Path, Any]) -> None:
    cloud, folder, runs = listening
    assert runs() == []  # the push before the task was made starts nothing
    made = commit(folder, cloud, "file", "1")
    [run] = wait_for(1, runs)
    assert run.properties.status == "Succeeded"
    source = run.properties.source_trigger
    assert (source.event_type, source.commit_id, source.branch_name) == ("Commit", made, "main")
    assert run.properties.run_type == "AutoRun"
    commit(folder, cloud, "file", "2", branch="side")
    wait_for(1, runs)
    second, third = commit(folder, cloud, "file", "3"), commit(folder, cloud, "file", "4")
    found = wait_for(3, runs)
    assert [r.properties.source_trigger.commit_id for r in found[1:]] == [second, third]
    broken = commit(folder, cloud, "acr-task.yaml", "steps: [")
    last = wait_for(4, runs)[-1]
    assert (last.properties.source_trigger.commit_id, last.properties.status) == (broken, "Failed")


def test_a_push_before_a_crash_starts_its_run_after_it(
    listening: tuple[Any, Path, Any], tmp_path: Path
) -> None:
    from tests.conftest import start

    cloud, folder, runs = listening
    made = commit(folder, cloud, "file", "1")
    os.kill(cloud.pid, signal.SIGKILL)
    os.waitpid(cloud.pid, 0)
    start(cloud.home)
    [run] = wait_for(1, runs)
    assert run.properties.source_trigger.commit_id == made


@pytest.mark.parametrize(
    ("repository", "hears_of"),
    [
        ({"branch": "side"}, "side"),
        ({"branch": "side", "repositoryUrl": "https://github.com/o/r.git#main"}, "side"),
        ({"repositoryUrl": "https://github.com/o/r.git#side"}, "side"),
        ({"repositoryUrl": "https://github.com/o/r#side:folder"}, "side"),
        ({"repositoryUrl": "https://github.com/O/R/#:folder"}, "main"),
        ({}, "main"),
    ],
)
def test_a_source_trigger_hears_of_its_branch_alone(
    repository: dict[str, str], hears_of: str
) -> None:
    source = {
        "status": "Enabled",
        "sourceTriggerEvents": ["Commit"],
        "sourceRepository": {"repositoryUrl": "https://github.com/o/r.git", **repository},
    }

    def heard(url: str = "https://github.com/o/r", **changes: Any) -> set[str]:
        pushes = [BranchPushed(url, branch, "c" * 40, None) for branch in ("main", "side", "")]
        return {one.branch for one in pushes if _listens({**source, **changes}, one)}

    assert heard() == {hears_of}
    assert heard(url="https://github.com/o/other") == set()
    assert heard(status="Disabled") == set()
    assert heard(sourceTriggerEvents=["pullrequest"]) == set()
    assert heard(sourceTriggerEvents=[]) == set()
