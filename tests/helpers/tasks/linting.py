"""What the tests of ``task lint`` write, and what it finds there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.__main__ import main

HEAD = "version: v1.1.0\nsteps:\n"
BASE = "FROM node:15-alpine\n"


def lint(capsys: pytest.CaptureFixture[str], path: Path, *more: str) -> tuple[int, list[Any]]:
    """The exit status and the findings."""
    status = main(["task", "lint", str(path), "--json", *more])
    return status, json.loads(capsys.readouterr().out)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_yaml", ".yaml")).write_text(text)
    return folder


def assert_found(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    rule: str,
    severity: str,
    place: tuple[Any, ...],
) -> None:
    """That linting the task file finds this at a place: a file of the folder, line and column."""
    status, found = lint(capsys, folder / "task.yaml")
    file, line, column = place
    wanted = (rule, severity, str(folder / file), line, column)
    told = [(f["rule"], f["severity"], f["file"], f["line"], f["column"]) for f in found]
    assert wanted in told, found
    assert status == int(any(one["severity"] == "error" for one in found))
    assert all(one["message"] and one["advice"] for one in found)
