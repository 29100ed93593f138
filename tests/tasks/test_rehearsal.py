"""The rehearsal of runs: it plays what a run does, to its end, and leaves nothing."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from dulwich.object_store import BaseObjectStore
from dulwich.objects import ObjectID

from helpers.localcloud.containers.sandboxes import machine, network
from helpers.localcloud.containers.sandboxes.holder import start_holder
from helpers.localcloud.tasks.execution import rehearsal
from helpers.localcloud.tasks.execution.checkout import check_out
from helpers.localcloud.tasks.runs import Run, Runs


def test_it_executes_whole_runs_without_their_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that failed would leave the rest of the way cold: every run would then pay for it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runs: dict[str, Run] = {}
    update = Runs.update

    def noted(self: Runs, run: Run, **changes: object) -> Run:
        runs[run.run_id] = update(self, run, **changes)  # type: ignore[arg-type]
        return run

    monkeypatch.setattr(Runs, "update", noted)
    cloned: list[str] = []

    def checked_out(objects: BaseObjectStore, tree: ObjectID, folder: Path) -> None:
        check_out(objects, tree, folder)
        cloned.append((folder / "Dockerfile").read_text())

    monkeypatch.setattr(rehearsal, "check_out", checked_out)
    before, known = threading.active_count(), machine.usable()
    rehearsal.rehearse()
    assert threading.active_count() == before
    assert (network.holders, machine.usable()) == (start_holder, known)
    assert list(tmp_path.iterdir()) == []
    ends = [(run.status, run.properties.get("runErrorMessage")) for run in runs.values()]
    assert ends == [("Succeeded", None)] * rehearsal.TIMES
    assert cloned == ["FROM scratch\n"] * rehearsal.TIMES


def test_a_run_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_TASK", "version: v1.1.0\nsteps:\n  - cmd: nothing/here:1\n")
    with pytest.raises(RuntimeError, match="a run has failed: .*exit status 125"):
        rehearsal.rehearse()
    assert network.holders is start_holder
