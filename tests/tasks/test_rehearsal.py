"""The rehearsal of runs: it is one, and leaves nothing."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest

from helpers.localcloud.tasks.execution import rehearsal
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
    before = threading.active_count()
    rehearsal.rehearse()
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []
    errors = [run.properties["runErrorMessage"] for run in runs.values()]
    assert len(errors) == rehearsal.TIMES
    assert all("Invalid container name" in error for error in errors), errors
