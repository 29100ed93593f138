"""The cases with the engine's own answers, and what the local cloud makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from helpers.localcloud.tasks.definitions import definition, description
from helpers.localcloud.tasks.definitions.definition import RenderOptions

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "engine"
Case = dict[str, Any]
RUN = {
    "ID": "ca1",
    "Commit": "abc123",
    "Repository": "https://github.com/o/r",
    "Branch": "main",
    "GitTag": "v1",
    "TriggeredBy": "Manual",
    "Date": "20260102-030405z",
    "SharedVolume": "vol",
}


def cases(*kinds: str) -> list[Case]:
    """The cases of these kinds."""
    lines = (FOLDER / "cases.jsonl").read_text().splitlines()
    return [case for case in map(json.loads, lines) if case["kind"] in kinds]


def answer(case: Case) -> dict[str, Any]:
    """What the local cloud makes of a case. Raises TaskError where it refuses."""
    options = RenderOptions(
        run_id=RUN["ID"],
        commit=RUN["Commit"],
        repository=RUN["Repository"],
        branch=RUN["Branch"],
        git_tag=RUN["GitTag"],
        triggered_by=RUN["TriggeredBy"],
        date=RUN["Date"],
        shared_volume=RUN["SharedVolume"],
        registry=case["registry"],
        task_name=case["task_name"],
        values=dict(definition.assignments(case.get("set", ()))),
        values_file=case.get("values", ""),
        resolve_secrets=lambda secrets: {one.id: f"SECRET({one.id})" for one in secrets},
        read_file=_missing,
    )
    text = case.get("task", "")
    if case["kind"] == "render":
        return {"rendered": definition.render_template(text, options)}
    return description.describe(definition.parse(text, options))


def _missing(name: str) -> str:
    raise definition.TaskError(f"{name}: there is no such file")
