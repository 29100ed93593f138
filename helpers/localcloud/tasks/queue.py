"""The worker that takes queued runs, oldest first, a few at a time, each exactly once."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable

from .. import timestamps
from ..blobs.account import BlobAccount
from ..cloud import Cloud
from ..events import ResourceDeleted, RunCancelled, RunQueued
from ..resource_types import REGISTRY_TYPE
from ..root_folder import remove_tree
from ..run_statuses import GOING
from . import outcomes
from .agents import Agents
from .completion import complete
from .execution.folders import RUNS
from .execution.stop import Stop, unexpected
from .runs import Run, Runs

log = logging.getLogger(__name__)

PER_REGISTRY = 2
OVERALL = 4
RETRY = 1.0  # seconds
STOPPED = (
    "The local cloud was stopped while the run was going on. Nothing of it goes on now; run the "
    "task again."
)

Execute = Callable[[Cloud, Run, Stop], None]


class Worker:
    """Executes runs on threads of its own; made by :func:`start`."""

    def __init__(
        self,
        cloud: Cloud,
        execute: Execute | None = None,
        *,
        per_registry: int = PER_REGISTRY,
        overall: int = OVERALL,
    ) -> None:
        self._cloud = cloud
        self._agents = Agents(cloud)
        self._execute = execute or self._agents.execute
        self._per_registry = per_registry
        self._overall = overall
        self._runs = Runs(cloud)
        self._lock = threading.Lock()
        self._stopping = False
        self._ended = threading.Event()  # set with it
        self._going: dict[str, tuple[Run, Stop, threading.Thread]] = {}

    def start(self) -> None:
        """Mark what a crash left behind, subscribe, and take what is queued."""
        for run in self._runs.with_status(*GOING):
            self._abandon(run)
        for folder in self._cloud.folder(RUNS).iterdir():
            remove_tree(folder)
        self._sweep()
        outbox = self._cloud.outbox
        outbox.subscribe(
            "runs",
            {RunQueued: lambda _: self._dispatch(), RunCancelled: self._cancel},
            slow=True,
        )
        outbox.subscribe("runs of deleted registries", {ResourceDeleted: self._forget}, slow=True)
        outcomes.settle(self._cloud)
        self._dispatch()

    def _sweep(self) -> None:
        """Drop the files of registries whose deletion was not handled any more."""
        registries = [one.id for one in self._cloud.store.find(type=REGISTRY_TYPE)]
        for folder in BlobAccount(self._cloud).others(registries):
            remove_tree(folder)

    def stop(self, grace: float = 10.0) -> None:
        """Stop the runs that are going on, mark them as Failed, and take no more."""
        with self._lock:
            self._stopping = True
            self._ended.set()
            going = list(self._going.values())
        for _, stop, _ in going:
            stop.request("Failed", STOPPED)
        for run, _, thread in going:
            thread.join(grace)
            if thread.is_alive():
                log.error("run %s did not stop within %s seconds", run.run_id, grace)
                self._abandon(run)
        self._agents.stop()

    def idle(self, timeout: float) -> bool:
        """Wait until no run is queued or going on; False when ``timeout`` seconds were too few."""
        pause = threading.Event()
        for _ in range(int(timeout / 0.05) + 1):
            if not self._runs.with_status("Queued", *GOING):
                return True
            pause.wait(0.05)
        return False

    def _dispatch(self) -> None:
        with self._lock:
            if self._stopping or len(self._going) >= self._overall:
                return
            busy = Counter(run.registry_id.lower() for run, _, _ in self._going.values())
            tasks = {(run.registry_id.lower(), run.task) for run, _, _ in self._going.values()}
            for key, registry, task in self._runs.queued():
                if len(self._going) >= self._overall:
                    return
                # Runs of one task go one after the other: the last push must be the last result.
                if busy[registry] >= self._per_registry or (task and (registry, task) in tasks):
                    continue
                run = self._runs.by_key(key)
                if run is None or not self._runs.claim(run):
                    continue
                busy[registry] += 1
                tasks.add((registry, task))
                stop = Stop()
                thread = threading.Thread(
                    target=self._work, args=(run, stop), name=f"run-{run.run_id}", daemon=True
                )
                self._going[key] = (run, stop, thread)
                thread.start()

    def _work(self, run: Run, stop: Stop) -> None:
        try:
            self._execute(self._cloud, run, stop)
        except Exception as error:
            log.exception("run %s", run.run_id)
            status, message = unexpected(error)
            # Where the disk is full, the end can be recorded only when it is not any more.
            while not self._finished(run, status, message) and not self._ended.wait(RETRY):
                pass
        finally:
            with self._lock:
                self._going.pop(run.key, None)
            self._dispatch()
            outcomes.settle(self._cloud)

    def _cancel(self, event: RunCancelled) -> None:
        with self._lock:
            going = self._going.get(event.run_key)
        if going:
            going[1].request("Canceled", "The run was canceled.")

    def _forget(self, event: ResourceDeleted) -> None:
        """A registry is gone, and its runs with it: stop those that go on, drop their files.

        A registry that was made again meanwhile has runs of its own, which go on.
        """
        if event.type.lower() != REGISTRY_TYPE.lower():
            return
        registry = event.resource_id.lower()
        with self._lock:
            going = [one for one in self._going.values() if one[0].registry_id.lower() == registry]
        gone = [one for one in going if self._runs.by_key(one[0].key) is None]
        for _, stop, _ in gone:
            stop.request("Canceled", "The registry of the run was deleted.")
        for _, _, thread in gone:
            thread.join(10)
        self._runs.sweep(event.resource_id)
        outcomes.settle(self._cloud)

    def _finished(self, run: Run, status: str, message: str) -> bool:
        """Record the end of a run; False when the state cannot be written now."""
        try:
            self._finish(run, status, message)
        except (OSError, sqlite3.OperationalError) as error:
            log.warning("the end of run %s cannot be recorded: %s", run.run_id, error)
            return False
        return True

    def _abandon(self, run: Run) -> None:
        self._finish(run, "Failed", STOPPED)

    def _finish(self, run: Run, status: str, message: str) -> None:
        blob = BlobAccount(self._cloud).run_log(run.registry_id, run.run_id)
        complete(blob, status, f"Run ID: {run.run_id} failed. Error: {message}")
        self._runs.update(
            run, status=status, finishTime=timestamps.microseconds(), runErrorMessage=message
        )
