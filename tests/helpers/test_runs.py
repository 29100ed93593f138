"""Following runs of a real registry, with and without success."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest

from helpers import runs
from helpers.clouds import Connection
from helpers.errors import HelpersError

GOOD = """\
version: v1.1.0
steps:
  - cmd: bash -c 'echo one; sleep 0.5; echo two'
"""
BAD = """\
version: v1.1.0
steps:
  - id: first
    cmd: bash -c 'echo before; exit 3'
  - id: never
    cmd: bash echo after
"""


@pytest.fixture
def place(connection: Connection) -> tuple[str, str]:
    name = f"r{uuid.uuid4().hex[:12]}"
    group = f"{name}-rg"
    connection.clients.resources.resource_groups.create_or_update(group, {"location": "eastus"})
    connection.clients.registries.registries.begin_create(
        group, name, {"location": "eastus", "sku": {"name": "Premium"}}
    ).result()
    return group, name


def schedule(connection: Connection, place: tuple[str, str], text: str) -> Any:
    request = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(text.encode()).decode(),
        "platform": {"os": "Linux"},
    }
    return connection.clients.tasks.registries.schedule_run(*place, request)


def test_a_run_is_followed_to_its_end(
    connection: Connection, place: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs.follow(connection, schedule(connection, place, GOOD), timeout=60)
    assert run.status == "Succeeded"
    printed = capsys.readouterr().out.splitlines()
    assert printed.index("one") < printed.index("two")
    log = runs.log_of(connection, run)
    assert log.lines == printed
    assert printed[-1].startswith(f"Run ID: {run.run_id} was successful")
    [row] = runs.table(connection, *place).rows
    assert (row[0], row[2], row[3], row[4]) == (run.run_id, "linux", "Succeeded", "Manual")
    assert row[6] == runs.duration_of(run)
    assert len(row[6]) == len("00:00:01")
    assert runs.images_of(run) == []


def test_a_failing_run_says_so_with_the_end_of_its_log(
    connection: Connection, place: tuple[str, str]
) -> None:
    with pytest.raises(runs.RunFailed, match="ended with status Failed") as caught:
        runs.follow(connection, schedule(connection, place, BAD), timeout=60)
    message = str(caught.value)
    assert caught.value.run.run_id in message
    assert "before" in caught.value.log
    assert "after" not in caught.value.log
    assert "exit status 3" in message
    assert caught.value._render_traceback_() == [f"RunFailed: {message}"]
    [row] = runs.table(connection, *place).rows
    assert row[3] == "Failed"


def test_a_run_that_takes_too_long_goes_on(connection: Connection, place: tuple[str, str]) -> None:
    slow = GOOD.replace("0.5", "60")
    scheduled = schedule(connection, place, slow)
    with pytest.raises(runs.RunTimeout, match="It goes on"):
        runs.follow(connection, scheduled, timeout=0.5)
    connection.clients.tasks.runs.cancel(*place, scheduled.run_id)
    with pytest.raises(runs.RunFailed, match="status Canceled"):
        runs.follow(connection, scheduled, timeout=60)


def test_the_end_of_a_run_is_waited_for_without_a_word(
    connection: Connection, place: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs.ended(connection, schedule(connection, place, GOOD), timeout=60)
    assert run.status == "Succeeded"
    assert capsys.readouterr().out == ""
    with pytest.raises(runs.RunFailed, match="Failed is what should have become of it") as caught:
        runs.ended(connection, run, expect="Failed")
    assert "one" in caught.value.log
    scheduled = schedule(connection, place, GOOD.replace("0.5", "60"))
    with pytest.raises(runs.RunTimeout, match="It goes on"):
        runs.ended(connection, scheduled, timeout=0.5)
    connection.clients.tasks.runs.cancel(*place, scheduled.run_id)
    assert runs.ended(connection, scheduled, expect="Canceled").status == "Canceled"


def test_waiting_for_a_run_that_nobody_starts_ends(
    connection: Connection, place: tuple[str, str]
) -> None:
    assert runs.newest(connection, *place, "task") is None
    with pytest.raises(runs.RunTimeout, match="by the trigger Commit within 1 s"):
        runs.wait_for(connection, *place, "task", after=None, trigger="Commit", timeout=0.6)


def test_something_else_is_no_run(connection: Connection, place: tuple[str, str]) -> None:
    class Something:
        id = "/subscriptions/s/resourceGroups/g"

    with pytest.raises(HelpersError, match="not a run of a task"):
        runs.follow(connection, Something())
    with pytest.raises(HelpersError, match="not a run of a task: its id is None"):
        runs.log_of(connection, runs.newest(connection, *place, "nothing"))


def test_a_run_may_be_expected_to_fail(connection: Connection, place: tuple[str, str]) -> None:
    failed = runs.follow(connection, schedule(connection, place, BAD), expect="Failed", timeout=60)
    assert failed.status == "Failed"
    with pytest.raises(runs.RunFailed, match="Failed is what should have become of it"):
        runs.follow(connection, schedule(connection, place, GOOD), expect="Failed", timeout=60)


def test_what_no_event_has_started_is_explained(
    connection: Connection, place: tuple[str, str]
) -> None:
    step = {
        "type": "EncodedTask",
        "encodedTaskContent": base64.b64encode(GOOD.encode()).decode(),
    }
    body = {
        "location": "eastus",
        "properties": {"platform": {"os": "Linux"}, "step": step},
    }
    connection.clients.tasks.tasks.create(*place, "quiet", body)
    with pytest.raises(runs.RunTimeout) as caught:
        runs.started_by_commit(connection, *place, "quiet", "a" * 40, timeout=0.3)
    message = str(caught.value)
    assert "No run of quiet in" in message
    assert "started by the commit aaaaaaa within 0 s" in message
    assert "it has no source trigger: no commit starts it" in message
    with pytest.raises(runs.RunTimeout, match="it has no base image trigger"):
        runs.started_by_image(connection, *place, "quiet", f"sha256:{'b' * 64}", timeout=0.3)


def test_what_a_run_did_not_push_has_no_digest(
    connection: Connection, place: tuple[str, str]
) -> None:
    run = runs.follow(connection, schedule(connection, place, GOOD), timeout=60)
    with pytest.raises(HelpersError, match=r"did not push node:15-alpine\. It pushed: nothing"):
        runs.digest_of(run, "node:15-alpine")


def test_a_run_counts_when_it_is_newer_and_has_the_trigger(
    connection: Connection, place: tuple[str, str]
) -> None:
    group, registry = place
    step = {
        "type": "EncodedTask",
        "encodedTaskContent": base64.b64encode(GOOD.encode()).decode(),
    }
    body: Any = {
        "location": "eastus",
        "properties": {"platform": {"os": "Linux"}, "step": step},
    }
    task = connection.clients.tasks.tasks.create(group, registry, "twice", body)
    request: Any = {"type": "TaskRunRequest", "taskId": task.id}
    schedule_run = connection.clients.tasks.registries.schedule_run
    first = schedule_run(group, registry, request)
    found = runs.wait_for(connection, *place, "twice", after=None, trigger="Manual", timeout=60)
    assert found.run_id == first.run_id
    with pytest.raises(runs.RunTimeout, match="was started within 1 s"):
        runs.wait_for(connection, *place, "twice", after=found, timeout=0.6)
    with pytest.raises(runs.RunTimeout, match="by the trigger Timer"):
        runs.wait_for(connection, *place, "twice", after=None, trigger="Timer", timeout=0.6)
    second = schedule_run(group, registry, request)
    found = runs.wait_for(connection, *place, "twice", after=found, timeout=60)
    assert found.run_id == second.run_id
    with pytest.raises(runs.RunTimeout, match="started by the base image"):
        runs.started_by_image(
            connection, *place, "twice", f"sha256:{'b' * 64}", after=found, timeout=0.3
        )
    runs.follow(connection, found, timeout=60)


def test_a_log_whose_link_has_expired_is_read_by_another(
    connection: Connection, place: tuple[str, str]
) -> None:
    run = runs.follow(connection, schedule(connection, place, GOOD), timeout=60)
    stream = runs._LogStream(connection, runs._Address.of(run))
    link = stream._link()

    def look() -> tuple[list[str], bool]:
        return stream.read(), stream.complete

    stream._url = link.replace("sig=", "sig=x")
    assert look() == ([], False)  # it is refused
    lines, complete = look()
    assert "one" in lines
    assert complete
    assert look() == ([], True)  # nothing has come since
    stream._url = link.replace("?", "-of-nobody?")
    assert look() == ([], False)
    stream._url = "http://127.0.0.1:9/nothing"
    assert look() == ([], False)  # the next look tries again
    stream.rest()
