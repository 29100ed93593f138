"""What goes wrong on the way of a change: each ends in a run or in none, and says why."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from helpers import forks

from .world import World, counts, make_gated_world, triggered_by

GATE = ("basereg-rg", "basereg")
QUIET = 1.0  # seconds in which a run that must not start would have started


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_gated_world(tmp_path_factory.mktemp("bad-input")) as made:
        yield made


@pytest.fixture
def clone(world: World, tmp_path: Path) -> Path:
    """A clone of the base image's repository, with git itself."""
    git(world, tmp_path, "clone", "-q", world.repository("base-image-node").partition("#")[0], ".")
    return tmp_path


def git(world: World, folder: Path, *words: str) -> str:
    account = world.cloud.account
    login = base64.b64encode(f"{account.github_owner}:{account.github_token}".encode()).decode()
    options = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    options += ["-c", f"http.extraHeader=Authorization: Basic {login}"]
    return subprocess.run(
        ["git", *options, *words],
        cwd=folder,
        env={**world.cloud.env, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)},
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    ).stdout.strip()


def tasks(world: World) -> Any:
    return world.client(ContainerRegistryTasksMgmtClient).tasks


def settled(world: World) -> dict[str, int]:
    """How many runs there are, once nothing is going on any more."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        before = counts(world)
        time.sleep(QUIET)
        going = [
            run
            for name in before
            for run in world.runs(name)
            if run.properties.status in ("Queued", "Started", "Running")
        ]
        if not going and counts(world) == before:
            return before
    raise AssertionError("it never came to rest")


def started_since(world: World, before: dict[str, int], registry: str) -> list[Any]:
    settled(world)
    return world.runs(registry)[before[registry] :]


# -- pushes ----------------------------------------------------------------------------------------


def test_what_is_no_commit_to_the_branch_starts_nothing(world: World, clone: Path) -> None:
    before = settled(world)
    git(world, clone, "push", "-q", "origin", "HEAD:refs/heads/side")
    git(world, clone, "push", "-q", "origin", "HEAD:refs/tags/v1")
    git(world, clone, "push", "-q", "origin", ":refs/heads/side")
    git(world, clone, "push", "-q", "origin", "HEAD:main")  # nothing new
    assert settled(world) == before


def test_an_empty_commit_and_a_force_push_start_one_run_each(world: World, clone: Path) -> None:
    before = settled(world)
    git(world, clone, "commit", "-q", "--allow-empty", "-m", "Nothing")
    empty = git(world, clone, "rev-parse", "HEAD")
    git(world, clone, "push", "-q", "origin", "HEAD:main")
    [run] = started_since(world, before, "publicreg")
    assert run.properties.source_trigger.commit_id == empty
    assert run.properties.status == "Succeeded"

    git(world, clone, "commit", "-q", "--amend", "--allow-empty", "-m", "Another past")
    rewritten = git(world, clone, "rev-parse", "HEAD")
    git(world, clone, "push", "-q", "--force", "origin", "HEAD:main")
    [_, run] = started_since(world, before, "publicreg")
    assert run.properties.source_trigger.commit_id == rewritten
    # The same image came out of it: nothing that is built on it runs.
    assert counts(world)["basereg"] == before["basereg"]


def test_two_pushes_within_a_second_are_two_runs_in_order(world: World, clone: Path) -> None:
    before = settled(world)
    pushed = []
    started = time.monotonic()
    for number in range(2):
        (clone / "note.txt").write_text(str(number))
        git(world, clone, "add", "note.txt")
        git(world, clone, "commit", "-q", "-m", f"Note {number}")
        git(world, clone, "push", "-q", "origin", "HEAD:main")
        pushed.append(git(world, clone, "rev-parse", "HEAD"))
    assert time.monotonic() - started < 5
    found = started_since(world, before, "publicreg")
    assert [run.properties.source_trigger.commit_id for run in found] == pushed
    assert all(run.properties.status == "Succeeded" for run in found)
    first, second = found
    assert first.properties.finish_time <= second.properties.start_time


def test_a_commit_that_breaks_the_yaml_fails_and_the_next_one_repairs_it(
    world: World, clone: Path
) -> None:
    before = settled(world)
    good = (clone / "acr-task.yaml").read_text()
    for text in ("steps: [", good):
        (clone / "acr-task.yaml").write_text(text)
        git(world, clone, "commit", "-q", "-a", "-m", "Change the task")
        git(world, clone, "push", "-q", "origin", "HEAD:main")
    broken, repaired = started_since(world, before, "publicreg")
    assert (broken.properties.status, repaired.properties.status) == ("Failed", "Succeeded")
    assert counts(world)["basereg"] == before["basereg"]
    _, log = world.next_run("publicreg", before["publicreg"])
    assert "failed to deserialize task and validate: yaml: line 1" in log
    assert "Traceback" not in log


# -- base images -----------------------------------------------------------------------------------


def content(world: World, registry: str) -> ContainerRegistryClient:
    return ContainerRegistryClient(
        f"https://{registry}.azurecr.io", world.cloud.credential, **world.cloud.options
    )


def test_deleting_the_base_image_starts_nothing_and_a_run_says_what_is_missing(
    world: World,
) -> None:
    before = settled(world)
    with content(world, "publicreg") as client:
        client.delete_tag("node", "15-alpine")
    assert settled(world) == before
    gate = tasks(world).get(*GATE, "base-import-node")
    run, log = world.run("basereg", gate.id)
    assert run.properties.status == "Failed"
    assert "publicreg.azurecr.io/node:15-alpine" in log
    assert "not found" in log

    # It comes back with what it had: no update for the gate, but whoever asks can build again.
    before = counts(world)
    public = tasks(world).get("publicreg-rg", "publicreg", "node-public")
    run, log = world.run("publicreg", public.id)
    assert run.properties.status == "Succeeded", log
    assert settled(world)["basereg"] == before["basereg"]
    run, log = world.run("basereg", gate.id)
    assert run.properties.status == "Succeeded", log


def test_a_base_image_of_another_platform_is_an_update_that_fails(world: World) -> None:
    before = settled(world)
    with content(world, "publicreg") as client:
        found = client.get_manifest("node", "15-alpine")
        manifest = dict(found.manifest)
        config = json.loads(b"".join(client.download_blob("node", manifest["config"]["digest"])))
        config["architecture"] = "s390x"
        digest, size = client.upload_blob("node", BytesIO(json.dumps(config).encode()))
        manifest["config"] = {**manifest["config"], "digest": digest, "size": size}
        client.set_manifest("node", manifest, tag="15-alpine", media_type=found.media_type)
    [run] = started_since(world, before, "basereg")
    assert (triggered_by(run), run.properties.status) == ("Image Update", "Failed")
    _, log = world.next_run("basereg", before["basereg"])
    assert "The requested image's platform (linux/s390x) does not match" in log
    assert "exec /bin/sh: exec format error" in log
    assert "failed to run step ID: validate-base-image: exit status 255" in log
    assert counts(world)["teamreg"] == before["teamreg"]

    # The next good one passes.
    before = counts(world)
    world.push_color("Aqua")
    run, log = world.next_run("teamreg", before["teamreg"])
    assert run.properties.status == "Succeeded", log


def test_going_back_to_what_was_good_runs_the_gate_again(world: World) -> None:
    good = world.color
    before = settled(world)
    world.push_color("Red")
    [refused] = started_since(world, before, "basereg")
    assert refused.properties.status == "Failed"

    before = settled(world)
    world.push_color(good)  # the very digest that the gate has let in before
    [passed] = started_since(world, before, "basereg")
    assert triggered_by(passed) == "Image Update"
    assert passed.properties.status == "Succeeded"
    # It has published what is there already: nothing that is built on it runs.
    assert counts(world)["teamreg"] == before["teamreg"]


# -- tasks that change while they run ---------------------------------------------------------------


def slow_task(world: World, name: str) -> Any:
    """A task of a YAML that takes two seconds; the scheduled run, which is going on."""
    text = (
        "version: v1.1.0\nsteps:\n  - cmd: bash -c 'echo begin; sleep 2; echo {{.Values.WORD}}'\n"
    )
    body = {
        "location": "eastus",
        "properties": {
            "platform": {"os": "Linux"},
            "step": {
                "type": "EncodedTask",
                "encodedTaskContent": base64.b64encode(text.encode()).decode(),
                "values": [{"name": "WORD", "value": "apples"}],
            },
        },
    }
    task = tasks(world).create("teamreg-rg", "teamreg", name, body)
    client = world.client(ContainerRegistryTasksMgmtClient)
    request = {"type": "TaskRunRequest", "taskId": task.id}
    run = client.registries.schedule_run("teamreg-rg", "teamreg", request)
    deadline = time.monotonic() + 20
    while True:
        found = client.runs.get("teamreg-rg", "teamreg", run.properties.run_id)
        if found.properties.status == "Running":
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("what", ["disabled", "updated", "deleted"])
def test_a_run_goes_on_when_its_task_changes(world: World, what: str) -> None:
    number = counts(world)["teamreg"]
    name = f"slow-{what}"
    run = slow_task(world, name)
    place = ("teamreg-rg", "teamreg", name)
    if what == "disabled":
        tasks(world).update(*place, {"properties": {"status": "Disabled"}})
    elif what == "updated":
        step = {"type": "EncodedTask", "values": [{"name": "WORD", "value": "pears"}]}
        tasks(world).update(*place, {"properties": {"step": step}})
    else:
        tasks(world).delete(*place)
        with pytest.raises(ResourceNotFoundError):
            tasks(world).get(*place)
    ended, log = world.next_run("teamreg", number)
    assert ended.properties.run_id == run.properties.run_id
    assert ended.properties.status == "Succeeded", log
    assert "apples" in log.split()
    assert "pears" not in log.split()


# -- the gate itself -------------------------------------------------------------------------------


def test_a_gate_test_that_hangs_ends_with_its_timeout(world: World) -> None:
    before = settled(world)
    checkout = forks.Checkout(
        world.connection, forks.fork(world.connection, "import-baseimage-node")
    )
    original = {path: checkout.read(path) for path in ("test.sh", "acr-task.yaml")}
    step = "    cmd: $Registry/test-base-image-node:{{.Run.ID}}\n"
    assert step in original["acr-task.yaml"]
    checkout.write(
        "acr-task.yaml", original["acr-task.yaml"].replace(step, f"{step}    timeout: 1\n")
    )
    checkout.write("test.sh", "#!/bin/sh\necho waiting\nsleep 3600\n")
    checkout.commit("Wait for an hour")
    checkout.push()
    [run] = started_since(world, before, "basereg")
    _, log = world.next_run("basereg", before["basereg"])
    assert run.properties.status == "Failed"
    assert "waiting" in log
    assert "failed to run step ID: validate-base-image" in log
    assert "Timeout(sec): 1," in log
    assert "Executing step ID: pull-base-image" not in log
    assert not run.properties.output_images
    for path, text in original.items():
        checkout.write(path, text)
    checkout.commit("Be quick again")
    checkout.push()
    assert [run.properties.status for run in started_since(world, before, "basereg")] == [
        "Failed",
        "Succeeded",
    ]


def test_a_token_that_expires_between_two_runs(world: World) -> None:
    client = world.client(ContainerRegistryManagementClient)
    place = ("publicreg-rg", "publicreg")
    token = client.tokens.get(*place, "publicreg-pull")

    def password(**more: Any) -> None:
        body = {"tokenId": token.id, "name": "password1", **more}
        made = client.registries.begin_generate_credentials(*place, body).result()
        [value] = [one.value for one in made.passwords if one.value]
        world.set_secret("registry-publicreg-password", value)

    soon = datetime.now(timezone.utc) + timedelta(seconds=4)
    password(expiry=soon.isoformat())
    gate = tasks(world).get(*GATE, "base-import-node")
    run, log = world.run("basereg", gate.id)
    assert run.properties.status == "Succeeded", log
    time.sleep(max(0.0, (soon - datetime.now(timezone.utc)).total_seconds()) + 0.2)
    run, log = world.run("basereg", gate.id)
    assert run.properties.status == "Failed"
    assert "publicreg.azurecr.io" in log
    assert "unauthorized" in log.lower()
    password()
    run, log = world.run("basereg", gate.id)
    assert run.properties.status == "Succeeded", log
