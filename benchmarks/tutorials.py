"""The whole tutorial, headless, on a fresh local cloud; and how long the gate with a scan takes in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .report import Figure
from .sides import Side

# The runs of the gate of notebook 11, the oldest first: seconds, and whether it had Syft look.
_STAGED = """
import json
from helpers import Settings, connect, runs
settings, connection = Settings(), connect("local")
found = []
for run in connection.clients.tasks.runs.list(
    settings.staging_group, settings.staging_registry, filter="TaskName eq 'stage-node'"
):
    spent = (runs.moment(run.finish_time) - runs.moment(run.create_time)).total_seconds()
    made = "Attached sbom.cdx.json" in runs.log_of(connection, run)
    found.append((spent, made and run.status == "Succeeded"))
print(json.dumps(found[::-1]))
"""


def measure(folder: Path, _: Sequence[Side]) -> list[Figure]:
    """One run of every notebook; the first run in it that mirrors, scans and promotes an image."""
    environment = {**os.environ, "LOCALCLOUD_HOME": str(folder / "tutorial")}
    report = ["-m", "helpers", "run", "--output", str(folder / "report")]
    try:
        started = time.perf_counter()
        _run([*report, "--to", "13"], environment)
        spent = time.perf_counter() - started
        staged = json.loads(_run(["-c", _STAGED], environment))
        started = time.perf_counter()
        _run([*report, "--from", "99"], environment)
        spent += time.perf_counter() - started
    finally:
        _run(["-m", "helpers", "down"], environment)
    first = next(seconds for seconds, complete in staged if complete)
    return [
        Figure("make tutorial", spent, "s", 60, "notebooks 00 to 13, and 99"),
        Figure("mirror to promote, with Syft", first, "s", 10, "the gate of notebook 11"),
    ]


def _run(words: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *words], env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"the tutorial failed: {(done.stdout + done.stderr)[-500:]}")
    return done.stdout
