"""The folders of runs: source, home and volumes while a run goes on, nothing afterwards."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

RUNS = "runs"  # in the state folder


def remove_tree(folder: Path) -> None:
    """Remove a folder if it is there, also what a container made unwritable in it."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            inner = Path(path, name)
            if not inner.is_symlink():
                inner.chmod(inner.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)
