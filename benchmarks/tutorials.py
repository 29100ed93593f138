"""The whole tutorial, headless, on a fresh local cloud."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .report import Figure
from .sides import Side


def measure(folder: Path, _: Sequence[Side]) -> list[Figure]:
    """One run of every notebook."""
    environment = {**os.environ, "LOCALCLOUD_HOME": str(folder / "tutorial")}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "helpers", "run", "--output", str(folder / "report")],
        env=environment,
        check=False,
        capture_output=True,
    )
    spent = time.perf_counter() - started
    subprocess.run(
        [sys.executable, "-m", "helpers", "down"], env=environment, check=False, capture_output=True
    )
    if done.returncode:
        raise RuntimeError("the tutorial failed: " + done.stdout.decode()[-500:])
    return [Figure("make tutorial", spent, "s", 90, "notebooks 00 to 08, and 99")]
