"""``task lint``: it finds nothing where there is nothing, and tells file by file what it finds."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.__main__ import main
from tests.project.test_project import ROOT

from .linting import BASE, HEAD, lint, write

CLEAN = [
    (f"common: &a\n  timeout: 5\n{HEAD}  - cmd: bash\n    <<: *a\n", BASE),
    (f"x-any: {{a: 1}}\n{HEAD}# {{{{.Run.Id}}}}\n  - cmd: bash -c '{{{{.Run.ID}}}}'\n", BASE),
    (f"{HEAD}  - id: p\n    push: [a]\n", BASE),
    (f"{HEAD}  - cmd: bash\n    network: n\nnetworks:\n  - name: n\n", BASE),
    (f"{HEAD}  - cmd: --rm -e A=1 node:15-alpine true\n", BASE),
    (f"{HEAD}  - build: .\n    env: [DOCKER_BUILDKIT=1]\n", f"{BASE}COPY --chmod=755 a /a\n"),
    (f"{HEAD}  - build: .\n    env: [DOCKER_BUILDKIT=0]\n", BASE),
    (f"{HEAD}  - build: .\n    env: [DOCKER_BUILDKIT='1']\n", f"{BASE}COPY --chmod=755 a /a\n"),
    (f"{HEAD}  - build: -t b:1 -f Dockerfile .\n  - cmd: b:1\n", BASE),
    (f"{HEAD}  - cmd: bash -c true\n    env: [\"A='hello world'\"]\n", BASE),
    (f"{HEAD}  - cmd: bash -c 'a | b'\n    env: [A=$HOME]\n", BASE),
    (f"{HEAD}  - build: --build-arg B={{{{.Values.B}}}} .\n", "ARG B\nFROM ${B}\n"),
    (f"{HEAD}  - cmd: bash -c true\n    timeout: {{{{.Values.SECONDS}}}}\n", BASE),
    (f"{HEAD}  - cmd: bash -c 'echo FROM x > D'\n  - build: -f D .\n", BASE),
    (
        f"{HEAD}  - build: -t mine:1 --target Last .\n",
        f"{BASE}FROM node:15-alpine AS last\nCOPY --from=0 /a /a\nCOPY --from=mine:1 /b /b\n",
    ),
    (f"{HEAD}  - build: -f Made https://github.com/o/r.git\n", BASE),
    (f"{HEAD}  - build: -t base:1 .\n  - build: -f Other .\n", BASE),
]


@pytest.mark.parametrize(("task", "dockerfile"), CLEAN)
def test_nothing_is_found_where_nothing_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, task: str, dockerfile: str
) -> None:
    write(tmp_path, task_yaml=task, Dockerfile=dockerfile, Other="FROM base:1\n")
    assert lint(capsys, tmp_path / "task.yaml") == (0, [])


@pytest.mark.parametrize("folder", sorted((ROOT / "repos").iterdir()), ids=lambda one: one.name)
def test_the_sample_repositories_are_clean(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert lint(capsys, folder) == (0, [])


def task_files() -> list[Any]:
    """Texts of task files in cells of the notebooks."""
    found: list[Any] = []
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(notebook.read_text())["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] != "code" or "steps:" not in text:
                continue
            tree = ast.parse(text)
            inner = {
                part
                for node in ast.walk(tree)
                if isinstance(node, ast.JoinedStr)
                for part in node.values
            }
            for node in ast.walk(tree):
                if node in inner:
                    continue
                parts = node.values if isinstance(node, ast.JoinedStr) else [node]
                whole = "".join(
                    str(one.value) if isinstance(one, ast.Constant) else "value"
                    for one in parts
                    if isinstance(one, (ast.Constant, ast.FormattedValue))
                )
                if "steps:\n" in whole:
                    found.append(pytest.param(whole, id=f"{notebook.stem}-{len(found)}"))
    return found


@pytest.mark.parametrize("text", task_files())
def test_the_task_files_of_the_notebooks_are_clean(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    write(tmp_path, task_yaml=text, Dockerfile=BASE)
    assert lint(capsys, tmp_path / "task.yaml") == (0, [])


def test_there_are_task_files_in_notebooks() -> None:
    assert task_files()


def test_a_folder_is_told_file_by_file_and_as_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path, values_yaml="a: 1\n", Dockerfile="FROM ghcr.io/o/i\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "service.Dockerfile").write_text("FROM a b\n")
    assert main(["task", "lint", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("[")[2] for line in lines] == [
        "base-image-unwatched]",
        "image-not-here]",
        "dockerfile-refused]",
        "scan-refuses]",
    ]
    assert lines[3].startswith(f"{tmp_path}/sub/service.Dockerfile:1:1: error: ")


def test_what_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["task", "lint", str(tmp_path / "never.yaml")]) == 1
    assert "there is no such file" in capsys.readouterr().err
    (tmp_path / "task.yaml").write_bytes(b"steps: \xff\n")
    assert main(["task", "lint", str(tmp_path / "task.yaml")]) == 1
    assert "is not UTF-8" in capsys.readouterr().err


def test_it_needs_no_running_cloud(tmp_path: Path) -> None:
    write(tmp_path, task_yaml=f"{HEAD}  - build: .\n", Dockerfile=BASE)
    ended = subprocess.run(
        [sys.executable, "-m", "helpers", "task", "lint", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"LOCALCLOUD_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)},
    )
    assert (ended.returncode, ended.stdout) == (0, "Nothing found.\n"), ended.stderr
    assert not (tmp_path / "home").exists()
