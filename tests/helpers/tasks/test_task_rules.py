"""What ``task lint`` finds in the steps of a task file, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from .linting import BASE, HEAD, assert_found, lint, write

RULES = [
    # (task file, rule, severity, line, column)
    (f"{HEAD}  - build: --file=Other .\n", "option-unseen", "warning", 3, 5),
    (f"{HEAD}  - build: -f Never .\n", "dockerfile-missing", "error", 3, 5),
    (
        f"{HEAD}  - cmd: bash -c true\n    env: ['A=hello world']\n",
        *("env-unquoted", "error", 4, 12),
    ),
    (f"{HEAD}  - cmd: bash -c true\n    env: [A=(x)]\n", "env-unquoted", "error", 4, 11),
    ("steps:\n  - build: -t $Registry/a:1 .\n", "aliases-off", "error", 2, 15),
    (
        "version: v1.0.0\nsteps:\n  - cmd: node:15-alpine echo $ID\n",
        *("aliases-off", "error", 3, 30),
    ),
    (f"{HEAD}  - cmd: mcr.microsoft.com/hello-world\n", "image-not-here", "warning", 3, 5),
    (f"{HEAD}  - cmd: bash -c true\n    push: [a]\n", "task-refused", "error", 3, 1),
    # It is no error: the agent switches it off, and Docker takes the last one.
    (f"{HEAD}  - build: .\n    env: [DOCKER_BUILDKIT=2]\n", "buildkit-value", "warning", 4, 11),
]


@pytest.mark.parametrize(
    ("task", "rule", "severity", "line", "column"),
    RULES,
    ids=[f"{one[1]}-{number}" for number, one in enumerate(RULES)],
)
def test_a_rule_finds_its_place(
    capsys: pytest.CaptureFixture[str],
    *,
    tmp_path: Path,
    task: str,
    rule: str,
    severity: str,
    line: int,
    column: int,
) -> None:
    write(tmp_path, task_yaml=task, Dockerfile=BASE)
    assert_found(capsys, tmp_path, rule, severity, ("task.yaml", line, column))


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
