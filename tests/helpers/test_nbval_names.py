"""nbval as README names it: a cell is called by its heading and id, and can be chosen by that."""

from __future__ import annotations

import re
import subprocess
import sys

from helpers.parameters import read
from helpers.tutorial import ROOT, chapters


def test_the_command_of_the_readme_names_cells_by_notebook_and_heading() -> None:
    command = re.search(r"^pytest (--nbval .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert command is not None
    lines = collected(*command[1].split())
    assert "notebooks/08-watch-the-gate.ipynb::What the gate said (log)" in lines
    cells = [
        f"notebooks/{chapter.path.name}::{cell.id}"
        for chapter in chapters()
        for cell in read(chapter.path).cells
        if cell.cell_type == "code"
    ]
    assert [re.sub(r"::.*?([\w-]+)\)?$", r"::\1", line) for line in lines] == cells
    chosen = "notebooks/08-watch-the-gate.ipynb::What the gate said (log)"
    assert collected(*command[1].split()[:-1], chosen) == [chosen]


def collected(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]
