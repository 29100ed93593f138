"""Task files and templates: accepted, refused and understood as the engine of ACR Tasks does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.differences import ENGINE, cases_of
from helpers.localcloud.tasks.errors import TaskError

from .engine_cases import RUN, Case, answer, cases

CASES = {case["name"]: case for case in cases("task", "render")}
MEANT = cases_of(ENGINE)


def agrees(case: Case) -> str:
    """What differs from the engine, or nothing."""
    try:
        told = answer(case)
    except TaskError as error:
        return f"refused: {error}" if case["accepted"] else ""
    if not case["accepted"]:
        return f"accepted, where the engine says: {case['error']}"
    expected = case["expected"]
    return "" if told == expected else f"{told}\nis not\n{expected}"


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case["name"] for case in cases("task", "render", "scan")]
    assert len(names) == len(set(names)) > 300


def test_what_differs_on_purpose_is_named_by_a_case() -> None:
    everything = {case["name"] for case in cases("task", "render", "scan")}
    assert everything >= set(MEANT)


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_as_the_engine_has_it(name: str) -> None:
    case = CASES[name]
    differs = agrees(case)
    if name in MEANT:
        assert differs, f"{name} agrees now: take it out of {MEANT[name].name}"
    else:
        assert not differs, f"{case.get('task')!r}: {differs}"


@pytest.mark.parametrize("name", [name for name in CASES if name not in MEANT][::8])
def test_the_command_says_the_same(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    done = command(case, tmp_path)
    if not case["accepted"]:
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    assert told == case["expected"]


def command(case: Case, folder: Path) -> subprocess.CompletedProcess[str]:
    """``task render --json`` of a case."""
    task, values = folder / "task.yaml", folder / "values.yaml"
    task.write_bytes(case.get("task", "").encode())
    values.write_bytes(case.get("values", "").encode())
    words = [sys.executable, "-m", "helpers", "task", "render", str(task), "--json"]
    words += ["--registry", case["registry"], "--task", case["task_name"]]
    words += [f"--run={name}={value}" for name, value in RUN.items()]
    words += [f"--set={one}" for one in case.get("set", ())]
    if "values" in case:
        words += ["--values", str(values)]
    if case["kind"] == "render":
        words.append("--template-only")
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
