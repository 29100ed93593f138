"""The folders of runs: source, home and volumes while a run goes on, nothing afterwards."""

from __future__ import annotations

from pathlib import Path

from ...content import ContentStore
from ...root_folder import remove_tree

RUNS = "runs"  # in the state folder


def folder_of(container: str, run_id: str) -> str:
    """The folder of a run in the state folder; ``container`` is that of its log."""
    return f"{RUNS}/{container}-{run_id}"


def remove(_: list[int], *, home: str, folder: str, process: int) -> None:
    """Remove what a run's process was at when it was killed; a process of its own does it."""
    remove_tree(Path(home, folder))
    ContentStore(Path(home, "content")).sweep(process)
