"""README tells of every deliberate difference of task files and builds, and of no other."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import ModuleType

import pytest

from helpers.localcloud.differences import BUILDKIT, CLASSIC, DIFFERENCES, ENGINE
from tests.project.test_project import ROOT

_FILES = {
    ENGINE: ROOT / "tests/cases/engine/cases.jsonl",
    CLASSIC: ROOT / "tests/cases/build/cases.jsonl",
    BUILDKIT: ROOT / "tests/cases/build/buildkit.jsonl",
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "differences", ROOT / "docs/differences.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_readme_is_as_the_list_says(script: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text()
    assert script.written(readme) == readme, "run: python docs/differences.py"
    plain = " ".join(readme.split())
    for one in DIFFERENCES:
        assert " ".join(one.reason.split()) in plain


def test_a_readme_without_the_place_is_told(script: ModuleType) -> None:
    with pytest.raises(ValueError, match="no place for the list"):
        script.written("# A readme\n")


def test_what_is_out_of_date_is_written_anew(script: ModuleType) -> None:
    old = f"before\n{script.BEGIN}\n\n* old\n\n{script.END}\nafter\n"
    new = script.written(old)
    assert "* old" not in new
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")
    assert script.written(new) == new


def test_each_difference_is_named_once_and_its_cases_are_cases() -> None:
    names = [one.name for one in DIFFERENCES]
    assert len(names) == len(set(names))
    for suite, path in _FILES.items():
        wanted = {name for one in DIFFERENCES if one.suite == suite for name in one.cases}
        known = {json.loads(line)["name"] for line in path.read_text().splitlines()}
        assert wanted <= known


def test_the_command_says_that_nothing_has_changed() -> None:
    ended = subprocess.run(
        [sys.executable, "docs/differences.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "README.md: unchanged\n"
