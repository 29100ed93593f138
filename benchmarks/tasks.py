"""Reading task files: the slowest of the engine's cases, and the command as a process."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from helpers.localcloud.tasks.definitions import definition, description
from helpers.localcloud.tasks.definitions.definition import RenderOptions
from helpers.localcloud.tasks.errors import TaskError

from .report import Figure, compared, median, seconds
from .sides import HERE, Side

_CASES = HERE / "tests" / "cases" / "engine" / "cases.jsonl"
_KEYS = re.compile("derivePassword|gen[A-Z]")  # these take what making a key takes
_STEPS = 2000
_STEP = """\
  - id: step{number}
    cmd: bash -c 'echo {{{{ .Run.ID | upper }}}} $Registry'
    env: [A=1, "B={{{{ .Values.b }}}}"]
    when: ['-']
"""


def measure(folder: Path, sides: Sequence[Side]) -> list[Figure]:
    """Milliseconds of the slowest case; of a file of many steps; of ``task render`` as a command."""
    del folder
    cases = [json.loads(line) for line in _CASES.read_text().splitlines()]
    tasks = [case for case in cases if case["kind"] in ("task", "render")]
    tasks = [case for case in tasks if not _KEYS.search(case.get("task", ""))]
    for case in tasks:
        _read(case)
    slowest = max(min(seconds(partial(_read, case))) for case in tasks)
    steps = "".join(_STEP.format(number=number) for number in range(_STEPS))
    text = f"version: v1.1.0\nsteps:\n{steps}"
    large = {"kind": "task", "task": text, "registry": "r", "task_name": "t"}
    return [
        Figure("render, slowest case", slowest * 1000, "ms", 20, f"of {len(tasks)}"),
        Figure(
            "… a task", min(seconds(partial(_read, large), 3)) * 1000, "ms", note=f"{_STEPS} steps"
        ),
        compared("… as a command", [_command(side) for side in sides], "s", 0.4, "hello-world"),
    ]


def _read(case: dict[str, Any]) -> None:
    options = RenderOptions(
        registry=case["registry"],
        task_name=case["task_name"],
        values_file=case.get("values", ""),
        resolve_secrets=lambda secrets: {one.id: "" for one in secrets},
    )
    text = case.get("task", "")
    with suppress(TaskError):
        if case["kind"] == "render":
            definition.render_template(text, options)
        else:
            description.describe(definition.parse(text, options))


def _command(side: Side) -> float:
    task = HERE / "repos" / "hello-world" / "acr-task.yaml"
    words = [side.python, "-m", "helpers", "task", "render", str(task), "--json"]

    def run() -> None:
        done = subprocess.run(words, cwd=side.root, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())

    return median(run)
