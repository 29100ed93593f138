"""The rehearsal of runs: it is one, and leaves nothing."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from dulwich.object_store import BaseObjectStore
from dulwich.objects import ObjectID

from helpers.localcloud.tasks.execution import rehearsal
from helpers.localcloud.tasks.execution.checkout import check_out
from helpers.localcloud.tasks.runs import Run, Runs


def test_it_executes_runs_up_to_their_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    before = threading.active_count()
    rehearsal.rehearse()
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []
    errors = [run.properties["runErrorMessage"] for run in runs.values()]
    assert len(errors) == len(cloned) == rehearsal.TIMES
    assert set(cloned) == {"FROM scratch\n"}
    assert all("Invalid container name" in error for error in errors), errors
