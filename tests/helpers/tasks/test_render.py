"""python -m helpers task render, as a reader types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TASK = """\
version: v1.1.0
secrets:
  - id: user
    keyvault: https://kv.vault.azure.net/secrets/user
steps:
  - id: image
    build: -t $Registry/web:$ID .
  - push: [$Registry/web]
    when: ['-']
  - cmd: az login -p {{.Secrets.user}} {{.Values.mode}} {{.Values.size}} {{.Run.Commit}}
    when: [image]
"""


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "helpers", "task", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, check=False, timeout=60, env=os.environ
    )


def refused(*arguments: str, stdin: bytes = b"") -> str:
    """What is told of a file that is refused: one sentence, no traceback."""
    done = run(*arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (1, b"")
    told = done.stderr.decode()
    assert "Traceback" not in told
    return told


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    path = tmp_path / "acr-task.yaml"
    path.write_text(TASK)
    return path


def test_what_would_run_is_told_in_order(task_file: Path, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("mode: slow\nsize: 3\n")
    done = run(
        *("render", str(task_file), "--values", str(values), "--set", "mode=fast"),
        *("--registry", "team.azurecr.io", "--run", "Commit=1a2b3c"),
    )
    told = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "build: -t team.azurecr.io/web:ca1 ." in told
    assert "1. image  (waits for nothing)" in told
    assert "2. acb_step_1  (waits for nothing)\n     push: team.azurecr.io/web:latest" in told
    assert "3. acb_step_2  (waits for image)" in told
    assert (
        "cmd: mcr.microsoft.com/acr/azure-cli:2ff604c login -p SECRET(user) fast 3 1a2b3c" in told
    )
    assert "user: https://kv.vault.azure.net/secrets/user" in told


def test_the_same_as_one_object(task_file: Path) -> None:
    done = run("render", str(task_file), "--json", "--task", "nightly")
    told = json.loads(done.stdout)
    assert [step["waits"] for step in told["steps"]] == [["acb_root"], ["acb_root"], ["image"]]
    assert told["secrets"] == [["user", "https://kv.vault.azure.net/secrets/user", ""]]
    assert "SECRET(user)" in told["rendered"]
    template = run("render", "-", "--json", "--template-only", stdin=b"{{ upper .Run.OS }}")
    assert json.loads(template.stdout) == {"rendered": "LINUX"}


def test_images_are_named_in_full() -> None:
    task = b"steps: [{cmd: node:15 -v}, {build: -t a/b .}, {push: [b, x.io/c:1]}, {cmd: $X a}]"
    told = run("render", "-", stdin=task).stdout.decode()
    assert [line.strip() for line in told.splitlines() if "in full:" in line] == [
        "in full: docker.io/library/node:15",
        "in full: docker.io/a/b:latest",
        "in full: docker.io/library/b:latest",
    ]


def test_a_file_of_aliases_is_beside_the_task_file(tmp_path: Path) -> None:
    (tmp_path / "tools.yaml").write_text("tool: some/tool:1\n")
    task = tmp_path / "t.yaml"
    task.write_text("version: v1.1.0\nalias:\n  src: [tools.yaml]\nsteps:\n  - cmd: tool a\n")
    assert b"cmd: some/tool:1 a" in run("render", str(task)).stdout
    (tmp_path / "tools.yaml").unlink()
    assert "tools.yaml: there is no such file" in refused("render", str(task))


def test_what_is_no_task_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    assert refused("render", str(tmp_path / "no.yaml")).endswith(": there is no such file\n")
    assert "it is a folder" in refused("render", str(tmp_path))
    latin = refused("render", "-", stdin="steps:\n  - cmd: caf\xe9".encode("latin-1"))
    assert latin.startswith("-: line 2, column 13: byte 0xe9 is not UTF-8")
    assert "line 1" in refused("render", "-", stdin=b"\x7fELF\x02\x00\x01" + bytes(200))
    assert "line 3" in refused("render", "-", stdin=b"steps:\n  - cmd: a\n   id: b\n  - x\n")
    assert "NAME=VALUE" in refused("render", "-", "--set", "mode", stdin=b"steps: []")
    assert "--registry" in refused("render", "-", "--run", "Registry=a", stdin=b"steps: []")
    assert "Commit" in refused("render", "-", "--run", "commit=a", stdin=b"steps: []")


def test_help_teaches() -> None:
    told = run("render", "--help").stdout.decode()
    assert "SECRET(id)" in told
    assert "examples:" in told
    assert run().returncode == 2
