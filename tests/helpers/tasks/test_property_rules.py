"""What ``task lint`` tells of properties and names that nobody knows, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from .linting import HEAD, lint, write

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
