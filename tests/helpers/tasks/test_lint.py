"""What ``task lint`` finds, where, and that it finds nothing where there is nothing."""

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


TASKS = [
    # (task file, Dockerfile, rule, severity, file, line, column)
    (
        f"{HEAD}  - build: -t a:1 .\n",
        "FROM --platform=linux/amd64 node:15-alpine\n",
        "scan-refuses",
        "error",
        "Dockerfile",
        1,
        1,
    ),
    (
        f"{HEAD}  - build: -t a:1 .\n",
        f"{BASE}RUN node -e 1 \\\n  from x\n",
        "image-not-here",
        "warning",
        "Dockerfile",
        3,
        1,
    ),
    (
        f"{HEAD}  - build: -t a:1 .\n",
        f"{BASE}RUN cat <<E\nfrom x import y\nE\n",
        "scan-refuses",
        "error",
        "Dockerfile",
        3,
        1,
    ),
    (f"{HEAD}  - build: --build-arg B .\n", BASE, "scan-refuses", "error", "Dockerfile", 1, 1),
    (
        f"{HEAD}  - build: .\n",
        f"{BASE}COPY --chmod=755 a /a\n",
        "buildkit-off",
        "error",
        "Dockerfile",
        2,
        1,
    ),
    *(
        (f"{HEAD}  - build: .\n", f"{BASE}{line}\n", "buildkit-off", "error", "Dockerfile", 2, 1)
        for line in ("ADD --unpack a /a", "HEALTHCHECK --start-interval=5s CMD true")
    ),
    (
        f"{HEAD}  - build: .\n    env: [DOCKER_BUILDKIT=true]\n",  # the agent looks for 1 alone
        f"{BASE}COPY --chmod=755 a /a\n",
        "buildkit-off",
        "error",
        "Dockerfile",
        2,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        f"{BASE}RUN --mount=type=cache,target=/c true\n",
        "buildkit-off",
        "error",
        "Dockerfile",
        2,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        f"{BASE}RUN <<E\ntrue\nE\n",
        "buildkit-off",
        "error",
        "Dockerfile",
        2,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        f"{BASE}ARG TARGETARCH\nRUN echo $TARGETARCH\n",
        "platform-argument-empty",
        "warning",
        "Dockerfile",
        3,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        f"# syntax=docker/dockerfile:1\n{BASE}",
        "syntax-ignored",
        "warning",
        "Dockerfile",
        1,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        f"FROM node:15-alpine@sha256:{'1' * 64}\n",
        "base-image-unwatched",
        "warning",
        "Dockerfile",
        1,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        "FROM ghcr.io/o/i:1\n",
        "base-image-unwatched",
        "warning",
        "Dockerfile",
        1,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        "FROM localhost:5000/i:1\n",
        "base-image-unwatched",
        "warning",
        "Dockerfile",
        1,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        "FROM ubuntu:22.04\n",
        "image-not-here",
        "warning",
        "Dockerfile",
        1,
        1,
    ),
    (
        f"{HEAD}  - build: .\n",
        f"{BASE}RUM true\n",
        "dockerfile-refused",
        "error",
        "Dockerfile",
        2,
        1,
    ),
    (f"{HEAD}  - build: --file=Other .\n", BASE, "option-unseen", "warning", "task.yaml", 3, 5),
    (f"{HEAD}  - build: -f Never .\n", BASE, "dockerfile-missing", "error", "task.yaml", 3, 5),
    (
        f"{HEAD}  - cmd: bash -c true\n    env: ['A=hello world']\n",
        BASE,
        "env-unquoted",
        "error",
        "task.yaml",
        4,
        12,
    ),
    (
        f"{HEAD}  - cmd: bash -c true\n    env: [A=(x)]\n",
        BASE,
        "env-unquoted",
        "error",
        "task.yaml",
        4,
        11,
    ),
    ("steps:\n  - build: -t $Registry/a:1 .\n", BASE, "aliases-off", "error", "task.yaml", 2, 15),
    (
        "version: v1.0.0\nsteps:\n  - cmd: node:15-alpine echo $ID\n",
        BASE,
        "aliases-off",
        "error",
        "task.yaml",
        3,
        30,
    ),
    (
        f"{HEAD}  - cmd: mcr.microsoft.com/hello-world\n",
        BASE,
        "image-not-here",
        "warning",
        "task.yaml",
        3,
        5,
    ),
    (
        f"{HEAD}  - cmd: bash -c true\n    push: [a]\n",
        BASE,
        "task-refused",
        "error",
        "task.yaml",
        3,
        1,
    ),
    (
        f"{HEAD}  - build: .\n    env: [DOCKER_BUILDKIT=2]\n",
        BASE,
        "buildkit-value",  # it is no error: the agent switches it off, and Docker takes the last one
        "warning",
        "task.yaml",
        4,
        11,
    ),
]


@pytest.mark.parametrize(
    ("task", "dockerfile", "rule", "severity", "file", "line", "column"),
    TASKS,
    ids=[f"{one[2]}-{number}" for number, one in enumerate(TASKS)],
)
def test_a_rule_finds_its_place(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    task: str,
    dockerfile: str,
    rule: str,
    severity: str,
    file: str,
    line: int,
    column: int,
) -> None:
    write(tmp_path, task_yaml=task, Dockerfile=dockerfile)
    status, found = lint(capsys, tmp_path / "task.yaml")
    wanted = (rule, severity, str(tmp_path / file), line, column)
    told = [(f["rule"], f["severity"], f["file"], f["line"], f["column"]) for f in found]
    assert wanted in told, found
    assert status == int(any(one["severity"] == "error" for one in found))
    assert all(one["message"] and one["advice"] for one in found)


def test_the_words_of_a_cmd_are_read_as_by_docker_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path, task_yaml=f"{HEAD}  - cmd: --frob x\n  - cmd: --rm -t ubuntu:1 true\n")
    status, found = lint(capsys, tmp_path / "task.yaml")
    assert status == 1
    assert [(one["rule"], one["line"]) for one in found] == [
        ("command-refused", 3),
        ("image-not-here", 4),
    ]


SOURCES = [
    # (build, Dockerfile, rule, line, what is told)
    (".", f"{BASE}COPY --from=ghcr.io/o/i /a /a\n", "image-not-here", 2, "no ghcr.io/o/i"),
    (
        ".",
        f"{BASE}RUN --mount=from=debian:12,target=/d true\n",
        *("image-not-here", 2, "no debian:12"),
    ),
    ("--target no .", f"{BASE}FROM scratch AS Yes\n", "target-missing", 1, "stages: yes"),
    ("--target no .", BASE, "target-missing", 1, "it has none with a name"),
]


@pytest.mark.parametrize(("build", "dockerfile", "rule", "line", "told"), SOURCES)
def test_what_the_scan_does_not_see_is_told(
    capsys: pytest.CaptureFixture[str],
    *,
    tmp_path: Path,
    build: str,
    dockerfile: str,
    rule: str,
    line: int,
    told: str,
) -> None:
    task = f"{HEAD}  - build: {build}\n    env: [DOCKER_BUILDKIT=1]\n"
    write(tmp_path, task_yaml=task, Dockerfile=dockerfile)
    _, found = lint(capsys, tmp_path / "task.yaml")
    assert [(one["rule"], one["line"]) for one in found] == [(rule, line)]
    assert told in f"{found[0]['message']}. {found[0]['advice']}"


def test_a_line_of_a_file_of_aliases_is_that_file_s(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(
        tmp_path,
        task_yaml="version: v1.1.0\nalias:\n  src: [names.yaml]\nsteps:\n  - cmd: bash\n",
        names_yaml="tool: a\n\tother: b\n",
    )
    status, [found] = lint(capsys, tmp_path / "task.yaml")
    place = (found["file"], found["line"], found["column"])
    assert (status, place) == (1, (str(tmp_path / "names.yaml"), 2, 1))
    assert "it is a tab" in found["message"]
    assert found["advice"] == "Correct it and lint again: of the steps nothing was looked at yet"


NAMES = [
    # (task file, rule, line, column, what is told)
    (f"{HEAD}  - cmd: bash\n    timout: 5\n", "property-ignored", 4, 5, "Write 'timeout'"),
    (f"{HEAD}  - comand: bash\n", "property-ignored", 3, 5, "Write 'cmd'"),
    (f"# a\n{HEAD}# b\n  - cmd: bash\n    Env: [A=1]\n", "property-ignored", 6, 5, "Write 'env'"),
    ("version: v1.1.0\nstep:\n  - cmd: bash\n", "property-ignored", 2, 1, "Write 'steps'"),
    ("version: v1.1.0\nstep:\n  - cmd: bash\n", "no-steps", 1, 1, "does nothing"),
    ("", "no-steps", 1, 1, "does nothing"),
    (
        f"alias:\n  valeus: {{a: b}}\n{HEAD}  - cmd: bash\n",
        "property-ignored",
        *(2, 3, "Write 'values'"),
    ),
    (
        f"x-step: &common\n  timout: 5\n{HEAD}  - cmd: bash\n    <<: *common\n",
        "property-ignored",
        *(2, 3, "a step has no such property"),
    ),
    (
        f"{HEAD}{{{{range list 1 2}}}}\n  - cmd: bash\n    frob: {{{{.}}}}\n{{{{end}}}}\n",
        "property-ignored",
        *(5, 1, "'frob'"),
    ),
    (f"{HEAD}  - cmd: bash -c '{{{{ .Run.Id }}}}'\n", "run-name-unknown", 3, 19, "Write 'ID'"),
    (f"{HEAD}  - cmd: bash\n    network: nope\n", "network-unknown", 3, 5, "Declare it"),
    (f"{HEAD}  - build: .\n    env: [DOCKER_BUILDKIT=yes]\n", "buildkit-value", 4, 11, "=0 where"),
    (f"{HEAD}  - build: .\n    env: ['DOCKER_BUILDKIT=']\n", "buildkit-value", 4, 12, "=1, or"),
    (f"{HEAD}  - cmd: bash {{{{upcase .A}}}}\n", "task-refused", 3, 1, "upcase"),
    (f"{HEAD}  - id: a\n    cmd: bash\n", "step-name-refused", 4, 5, "two characters or more"),
    (f"{HEAD}  - build: .\n    id: _build\n", "step-name-refused", 3, 5, "docker refuses"),
    (f"{HEAD}  - cmd: bash\n    env: A=b\n", "task-refused", 4, 10, "env must be a list of texts"),
]


@pytest.mark.parametrize(("task", "rule", "line", "column", "told"), NAMES)
def test_a_name_that_nobody_knows_is_told(
    capsys: pytest.CaptureFixture[str],
    *,
    tmp_path: Path,
    task: str,
    rule: str,
    line: int,
    column: int,
    told: str,
) -> None:
    write(tmp_path, task_yaml=task)
    _, found = lint(capsys, tmp_path / "task.yaml")
    places = {(one["rule"], one["line"], one["column"]) for one in found}
    assert (rule, line, column) in places, found
    assert any(told in f"{one['message']}. {one['advice']}" for one in found), found


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


def test_a_secret_in_a_set_and_one_without_quotes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret = "secrets:\n  - id: s\n    keyvault: https://v.vault.azure.net/secrets/s\n"
    step = "  - cmd: bash -c true\n    env: [A={{.Secrets.s}}, B={{.Values.API_KEY}}]\n"
    write(tmp_path, task_yaml=f"version: v1.1.0\n{secret}steps:\n{step}")
    status, found = lint(capsys, tmp_path / "task.yaml", "--set", "API_KEY=x")
    assert status == 0
    assert [(one["rule"], one["line"]) for one in found] == [
        ("secret-in-set", 7),
        ("env-unquoted", 7),
    ]


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
