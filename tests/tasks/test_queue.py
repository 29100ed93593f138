"""The worker: order, limits, cancelling, defects, and what a crash left behind."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.localcloud.blobs.account import BlobAccount
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.resource_manager import deletion
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks.execution.log import RunLog
from helpers.localcloud.tasks.execution.stop import Stop
from helpers.localcloud.tasks.queue import Execute, Worker
from helpers.localcloud.tasks.runs import Run, Runs

TYPE = "Microsoft.ContainerRegistry/registries"
REQUEST = {
    "type": "EncodedTaskRunRequest",
    "encodedTaskContent": base64.b64encode(b"version: v1.1.0").decode(),
}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path / "home")
    Catalog(cloud), Runs(cloud)  # their tables
    yield cloud
    cloud.close()


@pytest.fixture
def worker(cloud: Cloud) -> Iterator[Callable[[Execute], Worker]]:
    made: list[Worker] = []

    def make(execute: Execute) -> Worker:
        made.append(Worker(cloud, execute, per_registry=2, overall=3))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop(5)


def registry(cloud: Cloud, name: str = "acmerockets") -> Resource:
    resource_id = f"{cloud.subscription}/resourceGroups/g/providers/{TYPE}/{name}"
    body = {"properties": {"loginServer": f"{name}.azurecr.io"}}
    return cloud.store.put(Resource(resource_id, TYPE, name, "g", body))


def test_runs_are_executed_once_in_order_within_the_limits(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    runs = Runs(cloud)
    lock = threading.Lock()
    going: list[str] = []
    most: dict[str, int] = {}
    order: list[str] = []

    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        with lock:
            going.append(run.registry_id)
            order.append(run.key)
            most[run.registry_id] = max(most.get(run.registry_id, 0), going.count(run.registry_id))
            most["all"] = max(most.get("all", 0), len(going))
        stop.event.wait(0.05)
        with lock:
            going.remove(run.registry_id)
        runs.update(run, status="Succeeded")

    first = registry(cloud)
    before = runs.queue(first, REQUEST)  # before the worker starts: it must find it
    running = worker(execute)
    second = registry(cloud, "other")
    queued = [before, *(runs.queue(where, REQUEST) for where in (first, first, second, second))]
    assert running.idle(20)
    assert sorted(order) == sorted(run.key for run in queued)
    for where in (first, second):
        mine = [run.key for run in queued if run.registry_id == where.id]
        assert [key for key in order if key in mine] == mine
    assert most[first.id] <= 2
    assert most["all"] <= 3


def test_runs_of_one_task_follow_one_another_and_leave_room_for_other_tasks(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    runs = Runs(cloud)
    both = threading.Barrier(2)  # broken unless a run of each task goes on at the same time
    lock = threading.Lock()
    going: list[str] = []
    order: list[str] = []

    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        with lock:
            assert run.task not in going
            going.append(run.task)
            order.append(run.run_id)
        both.wait(10)
        with lock:
            going.remove(run.task)
        runs.update(run, status="Succeeded")

    where = registry(cloud)
    queued = []
    for name in ("one", "one", "other", "other"):
        step = {"type": "EncodedTask", "encodedTaskContent": REQUEST["encodedTaskContent"]}
        task = cloud.store.put(
            Resource(
                f"{where.id}/tasks/{name}",
                f"{TYPE}/tasks",
                name,
                "g",
                {},
                {"properties": {"status": "Enabled", "step": step}},
                where.id,
            )
        )
        queued.append(runs.queue(where, {"type": "TaskRunRequest", "taskId": task.id}, task))
    assert worker(execute).idle(20)
    assert [runs.get(where.id, run.run_id).status for run in queued] == ["Succeeded"] * 4
    for first, second in (queued[:2], queued[2:]):
        assert order.index(first.run_id) < order.index(second.run_id)


def test_cancel_reaches_the_run_that_is_going_on(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    runs = Runs(cloud)
    started = threading.Event()
    killed = threading.Event()

    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        with stop.action(killed.set):
            started.set()
            assert stop.event.wait(10)
        runs.update(run, status=stop.status, runErrorMessage=stop.message)

    running = worker(execute)
    run = runs.queue(registry(cloud), REQUEST)
    assert started.wait(10)
    runs.cancel(runs.get(run.registry_id, run.run_id))
    assert running.idle(10)
    assert killed.is_set()
    assert runs.get(run.registry_id, run.run_id).status == "Canceled"


def test_a_defect_ends_the_run_with_error_and_completes_its_log(
    cloud: Cloud, worker: Callable[[Execute], Worker], caplog: pytest.LogCaptureFixture
) -> None:
    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        raise ZeroDivisionError

    running = worker(execute)
    run = Runs(cloud).queue(registry(cloud), REQUEST)
    assert running.idle(10)
    found = Runs(cloud).get(run.registry_id, run.run_id)
    assert found.status == "Error"
    assert "daemon.log" in found.properties["runErrorMessage"]
    blob = BlobAccount(cloud).run_log(run.registry_id, run.run_id)
    assert blob.metadata() == {"Complete": "internalerror"}
    assert "ZeroDivisionError" in caplog.text


def test_runs_that_a_crash_cut_are_failed_and_never_run_again(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    runs = Runs(cloud)
    where = registry(cloud)
    cut, waiting = runs.queue(where, REQUEST), runs.queue(where, REQUEST)
    assert runs.claim(cut)
    runs.update(cut, status="Running")
    blob = BlobAccount(cloud).run_log(where.id, cut.run_id)
    RunLog(blob).line("Executing step ID: build")
    executed: list[str] = []

    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        executed.append(run.key)
        runs.update(run, status="Succeeded")

    assert worker(execute).idle(10)
    assert executed == [waiting.key]
    found = runs.get(where.id, cut.run_id)
    assert found.status == "Failed"
    assert "The local cloud was stopped" in found.properties["runErrorMessage"]
    assert blob.metadata() == {"Complete": "failed"}
    text = blob.path.read_text()
    assert "Executing step ID: build" in text
    assert "The local cloud was stopped" in text


def test_stopping_the_worker_stops_its_runs(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    runs = Runs(cloud)
    started = threading.Event()

    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        started.set()
        assert stop.event.wait(10)
        runs.update(run, status=stop.status, runErrorMessage=stop.message)

    running = worker(execute)
    where = registry(cloud)
    run = runs.queue(where, REQUEST)
    assert started.wait(10)
    running.stop()
    later = runs.queue(where, REQUEST)
    assert runs.get(where.id, run.run_id).status == "Failed"
    assert runs.get(where.id, later.run_id).status == "Queued"


def test_deleting_the_registry_forgets_its_runs_and_logs(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    runs = Runs(cloud)

    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        RunLog(BlobAccount(cloud).run_log(run.registry_id, run.run_id)).close("Succeeded")
        runs.update(run, status="Succeeded")

    running = worker(execute)
    where = registry(cloud)
    run = runs.queue(where, REQUEST)
    assert running.idle(10)
    deletion.delete(cloud, where.id)
    assert runs.list(where.id) == []
    assert cloud.outbox.idle(10)
    assert not BlobAccount(cloud).run_log(where.id, run.run_id).exists()


def test_a_registry_that_is_made_again_at_once_has_runs_of_its_own(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    runs, account = Runs(cloud), BlobAccount(cloud)
    started, may_end = threading.Event(), threading.Event()
    ends: list[tuple[str, str]] = []

    def execute(cloud: Cloud, run: Run, stop: Stop) -> None:
        log = RunLog(account.run_log(run.registry_id, run.run_id))
        if not started.is_set():
            started.set()
            assert stop.event.wait(10)
        else:
            assert may_end.wait(10)
        ends.append((run.run_id, stop.status))
        log.close("Succeeded")
        runs.update(run, status="Succeeded")

    running = worker(execute)
    where = registry(cloud)
    old = runs.queue(where, REQUEST)
    assert started.wait(10)
    with cloud.store.transaction():  # nobody is told before all of it has happened
        deletion.delete(cloud, where.id)
        again = registry(cloud)
        assert runs.list(again.id) == []
        new = runs.queue(again, REQUEST)
    assert new.run_id != old.run_id  # whose log is written still
    assert cloud.outbox.idle(10)
    may_end.set()
    assert running.idle(10)
    assert ends == [(old.run_id, "Canceled"), (new.run_id, "")]
    assert [(run.run_id, run.status) for run in runs.list(again.id)] == [(new.run_id, "Succeeded")]
    assert not account.run_log(again.id, old.run_id).exists()
    assert account.run_log(again.id, new.run_id).metadata() == {"Complete": "successful"}


def test_a_start_drops_the_files_of_registries_that_are_gone(
    cloud: Cloud, worker: Callable[[Execute], Worker]
) -> None:
    account = BlobAccount(cloud)
    where, gone = registry(cloud), registry(cloud, "other")
    logs = [account.run_log(one.id, "ca1") for one in (where, gone)]
    for log in logs:
        RunLog(log).close("Succeeded")
    deletion.delete(cloud, gone.id)  # and killed before anybody was told
    worker(lambda *_: None)
    assert [log.exists() for log in logs] == [True, False]
    assert account.url(logs[0], "r", 60).startswith("https://")


def test_time_runs_out_and_the_first_reason_counts() -> None:
    stop = Stop()
    with stop.after(0.01, "Timeout", "too long"):
        assert stop.event.wait(5)
    stop.request("Canceled", "later")
    assert (stop.status, stop.message) == ("Timeout", "too long")
