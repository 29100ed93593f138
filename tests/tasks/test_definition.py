"""Task files: versions, aliases, defaults, checks in the engine's words, the step graph."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from helpers.localcloud.tasks.definition import RenderOptions, SecretReference, Step, Task, parse
from helpers.localcloud.tasks.errors import TaskError
from helpers.localcloud.tasks.graph import Graph

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = RenderOptions(
    run_id="ca1",
    registry="team.azurecr.io",
    values={"REGISTRY_FROM_URL": "docker.io/", "KEYVAULT": "kv", "ACI": "aci", "ACI_RG": "aci-rg"},
    resolve_secrets=lambda secrets: {one.id: f"value of {one.key_vault}" for one in secrets},
)


def read(text: str, **more: object) -> Task:
    return parse(text, RenderOptions(**{**OPTIONS.__dict__, **more}))


def test_the_sample_repositories_are_task_files() -> None:
    for name in ("base-image-node", "hello-world", "import-baseimage-node"):
        task = parse((ROOT / "repos" / name / "acr-task.yaml").read_text(), OPTIONS)
        Graph(task.steps)
        assert task.version == "v1.1.0"
    base = parse((ROOT / "repos/base-image-node/acr-task.yaml").read_text(), OPTIONS)
    assert base.steps[0].build == (
        "--build-arg REGISTRY_FROM_URL=docker.io/ -t team.azurecr.io/node:15-alpine "
        "-t team.azurecr.io/node:15-alpine-ca1 ."
    )
    hello = parse((ROOT / "repos/hello-world/acr-task.yaml").read_text(), OPTIONS)
    login, deploy = hello.steps[2:]
    assert login.cmd.startswith("mcr.microsoft.com/acr/azure-cli:2ff604c login --identity")
    assert "value of https://kv.vault.azure.net/secrets/registry-team-user" in deploy.cmd


def test_defaults_are_the_engines() -> None:
    task = read("steps:\n  - cmd: bash\n  - id: named\n    push: a\n  - build: .\n")
    assert (task.version, task.step_timeout) == ("v1.0.0", 600)
    assert [step.id for step in task.steps] == ["acb_step_0", "named", "acb_step_2"]
    assert task.steps[1].push == ["a"]
    assert (task.steps[0].retry_delay, task.steps[0].network) == (5, "acb_default_network")
    assert task.steps[0].cmd == "bash"  # v1.0.0 has no aliases


def test_aliases() -> None:
    text = """version: v1.1.0
# a comment with $Registry
alias:
  values:
    tool: some.azurecr.io/tool:1
steps:
  - cmd: $tool $Registry $$ID $Unknown {{.Run.ID}}
  - cmd: az login
  - cmd: bash -c 'echo $Date'
"""
    steps = read(text, date="20260101-000000z").steps
    assert steps[0].cmd == "some.azurecr.io/tool:1 team.azurecr.io $ID $Unknown ca1"
    assert steps[1].cmd == "mcr.microsoft.com/acr/azure-cli:2ff604c login"
    assert steps[2].cmd.endswith("echo 20260101-000000z'")
    old = read(text.replace("v1.1.0", "v1.0.0")).steps
    assert old[0].cmd == "$tool $Registry $$ID $Unknown ca1"
    sign = "version: v1.1.0\nalias:\n  values:\n    directive: '&'\nsteps:\n  - cmd: x &ID $ID\n"
    assert read(sign).steps[0].cmd == "x ca1 $ID"
    with pytest.raises(TaskError, match="can only be symbols"):
        read(sign.replace("'&'", "a"))
    with pytest.raises(TaskError, match="alphanumeric"):
        read("version: v1.1.0\nalias:\n  values:\n    a-b: c\nsteps:\n  - cmd: x\n")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            "- id: a\n  build: .\n  cmd: x",
            "must only contain a single build, cmd, or push property",
        ),
        ("- id: a", "step is missing a cmd, build, or push property"),
        ("- id: a b\n  cmd: x", "step ID cannot contain spaces"),
        ("- cmd: x\n  retries: -1", "retries >= 0"),
        ("- cmd: x\n  repeat: -1", "repeat >= 0"),
        ("- cmd: x\n  timeout: soon", "'timeout' of step '0': it must be a whole number"),
        ("- cmd: x\n  cache: maybe", "invalid value for cache property"),
        ("- cmd: x\n  when: ['-', a]", "immediate execution token"),
        ("- cmd: [1, 2]", "'cmd' of step '0': it must be a text"),
        ("- cmd: x\n bad", "yaml: line"),
        ("[]", "has no steps"),
    ],
)
def test_wrong_steps_in_the_engines_words(steps: str, message: str) -> None:
    indented = "\n".join("  " + line for line in steps.splitlines())
    with pytest.raises(TaskError, match=message) as caught:
        read(f"version: v1.1.0\nsteps:\n{indented}\n")
    assert str(caught.value).startswith("failed to unmarshal task before running: ")


def test_version_and_empty_template() -> None:
    with pytest.raises(TaskError, match="invalid version specified: v9"):
        read("version: v9\nsteps:\n  - cmd: x\n")
    with pytest.raises(TaskError, match="rendered template was empty"):
        read("{{/* nothing */}}")


def test_secrets_are_resolved_between_two_renderings() -> None:
    asked: list[list[SecretReference]] = []

    def resolve(secrets: list[SecretReference]) -> dict[str, str]:
        asked.append(secrets)
        return {"one": "s3cret"}

    text = """version: v1.1.0
secrets:
  - id: one
    keyvault: https://{{.Values.KEYVAULT}}.vault.azure.net/secrets/one
steps:
  - cmd: bash {{.Secrets.one}}
"""
    task = read(text, resolve_secrets=resolve)
    assert asked == [[SecretReference("one", "https://kv.vault.azure.net/secrets/one")]]
    assert task.steps[0].cmd.endswith(" s3cret")
    with pytest.raises(TaskError, match="missing its keyvault"):
        read("secrets:\n  - id: a\nsteps:\n  - cmd: x {{.Secrets.a}}\n")


def steps(*names: str, **when: list[str]) -> list[Step]:
    return [Step(name, cmd="x", when=when.get(name)) for name in names]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (steps("a", "b", b=["nobody"]), "nobody does not exist as a vertex [from: nobody, to: b]"),
        (steps("a", "a"), "a already exists as a vertex"),
        (steps("a", a=["a"]), "step a waits for itself"),
        (steps("a", "b", "c", a=["c"], c=["b"]), "a, b, c wait for one another in a cycle"),
    ],
)
def test_impossible_orders(given: list[Step], message: str) -> None:
    with pytest.raises(TaskError) as caught:
        Graph(given)
    assert message in str(caught.value)


def test_what_is_free_runs_side_by_side() -> None:
    together = threading.Barrier(2, timeout=10)
    order: list[str] = []

    def execute(step: Step) -> None:
        if step.id in ("a", "b"):
            together.wait()  # breaks unless both run at the same time
        order.append(step.id)

    Graph(steps("a", "b", "c", b=["-"], c=["a", "b"])).run(execute)
    assert order[-1] == "c"
    assert sorted(order) == ["a", "b", "c"]


def test_the_first_error_ends_the_run() -> None:
    stopped = threading.Event()
    done: list[str] = []

    def execute(step: Step) -> None:
        if step.id == "bad":
            raise TaskError("broken")
        assert stopped.wait(10)
        done.append(step.id)

    graph = Graph(steps("slow", "bad", "after", bad=["-"], after=["slow"]))
    with pytest.raises(TaskError, match="broken"):
        graph.run(execute, stopped.set)
    assert done == ["slow"]
