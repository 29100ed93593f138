"""Task files: versions, aliases, defaults, checks in the engine's words, the step graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.tasks.definitions.definition import (
    RenderOptions,
    SecretReference,
    Task,
    needs_secrets,
    parse,
)
from helpers.localcloud.tasks.definitions.graph import Graph
from helpers.localcloud.tasks.errors import TaskError
from helpers.localcloud.tasks.execution.runner import docker_task

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
        "-t team.azurecr.io/node:15-alpine-ca1 .\n"
    )
    hello = parse((ROOT / "repos/hello-world/acr-task.yaml").read_text(), OPTIONS)
    login, deploy = hello.steps[2:]
    assert login.cmd.startswith("mcr.microsoft.com/acr/azure-cli:2ff604c login --identity")
    assert "value of https://kv.vault.azure.net/secrets/registry-team-user" in deploy.cmd


def test_defaults_are_the_engines() -> None:
    task = read("steps:\n  - cmd: bash\n  - id: named\n    push: [a, b:1, a]\n  - build: .\n")
    assert (task.version, task.step_timeout) == ("v1.0.0", 600)
    assert [step.id for step in task.steps] == ["acb_step_0", "named", "acb_step_2"]
    assert task.steps[1].push == ["a:latest", "b:1"]
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
    sign = "version: v1.1.0\nalias:\n  directive: '&'\nsteps:\n  - cmd: x &ID $ID\n"
    assert read(sign).steps[0].cmd == "x ca1 $ID"
    with pytest.raises(TaskError, match="unable to search/replace aliases in task: overwritten"):
        read(sign.replace("'&'", "a"))


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
        (
            "- cmd: x\n  timeout: soon",
            "line 4, column 14: cannot unmarshal !!str `soon` into int \\(timeout must be a whole number\\)",
        ),
        ("- cmd: x\n  cache: maybe", "invalid value for cache property"),
        ("- cmd: x\n  when: ['-', a]", "immediate execution token"),
        ("- cmd: [1, 2]", "line 3, column 10: cannot unmarshal !!seq into string"),
        (
            "- push: a",
            r"line 3, column 11: cannot unmarshal !!str `a` into \[\]string \(push must be a list",
        ),
        (
            "- cmd: x\n- just a text",
            "line 4, column 5: cannot unmarshal !!str `just a ...` into graph.Step",
        ),
        ("-", "item 1 of 'steps' is empty"),
        ("- {}", "step is missing a cmd, build, or push property"),
        ("- cmd: x\n  when: [nobody]", "nobody does not exist as a vertex"),
        ("- cmd: x\n bad", "yaml: line"),
        ("- {<<: x, cmd: y}", "yaml: line 3: map merge requires map or sequence of maps"),
        ("- " + "[" * 5000 + "]" * 5000, "cannot unmarshal !!seq into graph.Step"),
        ("- {<<: " + "{<<: " * 500 + "}" * 501, "yaml: it is nested too deeply"),
        ("- " + "{a: " * 5000, "yaml: line .*did not find expected"),
        ("- " * 20000 + "x", "yaml: line .*exceeded max depth of 10000"),
        ("\n".join(" " * n + "- " for n in range(2000)), "cannot unmarshal !!seq into graph.Step"),
        ('- cmd: "bash \\0"', "cmd must be a text without NUL"),
        ('- cmd: x\n  env: ["A=\\0"]', "line 4, column 11: .*env must be a text without NUL"),
    ],
)
def test_wrong_steps_in_the_engines_words(steps: str, message: str) -> None:
    indented = "\n".join("  " + line for line in steps.splitlines())
    with pytest.raises(TaskError, match=message) as caught:
        read(f"version: v1.1.0\nsteps:\n{indented}\n")
    assert str(caught.value).startswith("failed to unmarshal task before running: ")


def test_version_and_empty_template() -> None:
    with pytest.raises(
        TaskError, match='invalid version specified: "v9", the current version is "v1.0.0"'
    ):
        read("version: v9\nsteps:\n  - cmd: x\n")
    with pytest.raises(TaskError, match="rendered template was empty"):
        read("{{- /* nothing */ -}}\n")


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
    with pytest.raises(
        TaskError, match="failed to validate secret with ID: a: secret should contain either"
    ):
        read("secrets:\n  - id: a\nsteps:\n  - cmd: x {{.Secrets.a}}\n")


def test_secrets_may_be_all_that_a_property_has() -> None:
    text = """version: v1.1.0
secrets:
  - id: command
    keyvault: https://kv.vault.azure.net/secrets/command
steps:
  - cmd: '{{.Secrets.command}}'
    timeout: {{.Secrets.command | default "" | len}}
"""
    step = read(text, resolve_secrets=lambda secrets: {"command": "bash -c ls"}).steps[0]
    assert (step.cmd, step.timeout) == ("mcr.microsoft.com/acr/bash:2ff604c -c ls", 10) or (
        step.cmd == "bash -c ls"
    )
    assert needs_secrets(text)
    assert not needs_secrets("steps: []")


def test_wrong_secrets_and_volumes_in_the_engines_words() -> None:
    steps = "steps:\n  - cmd: x\n"
    secret = "secrets:\n  - id: a\n    keyvault: https://kv.vault.azure.net/secrets/a\n"
    deserialize = (
        "^failed to unmarshal task before running: failed to deserialize task and validate: "
    )
    for text, message in (
        ("secrets:\n  - keyvault: b\n", r"secret is missing an ID .*auto-generated ID \(line 2\)"),
        ("secrets:\n  - {id: a b, keyvault: c}\n", r"a b: .* cannot contain spaces \(line 2\)"),
        (secret + "    clientID: me\n", "a: msi client ID is not a valid guid"),
        (secret + secret.partition("\n")[2], r"duplicate secret found with ID: a \(line 4\)"),
        ("volumes:\n  - name: v\n", r"volume v has no 'secret', .* \(line 2\)"),
        ("volumes:\n  - {name: v, secret: {}}\n", "secret is empty"),
        ("volumes:\n  - {name: v, secret: [a: b]}\n", "(?s:.*)cannot unmarshal !!seq into map"),
        (
            "volumes:\n  - {name: v, secret: {a b: c}}\n",
            r"file name, a b, is not well formed.* \(line 2\)",
        ),
        ("volumes:\n  - {secret: {a: b}}\n", "volume name is empty"),
        ("volumes:\n  - {name: v/w, secret: {a: b}}\n", "volume name is not well formed"),
        (
            "volumes:\n  - &v {name: v, secret: {a: b}}\n  - *v\n",
            r"volume with duplicate name .* \(line 2\)",
        ),
    ):
        with pytest.raises(TaskError, match=deserialize + ".*" + message):
            read(text + steps)
    mounted = steps + "    volumeMounts: [{name: w, mountPath: /w}]\n"
    with pytest.raises(TaskError, match=r"mount name, w, .* to a volume \(line 4\)"):
        read("volumes:\n  - {name: v, secret: {a: b}}\n" + mounted)


def test_a_volume_is_the_files_of_a_secret() -> None:
    task = read("volumes:\n  - name: v\n    secret: {a: YQ==, b.c-d_e: 5}\nsteps:\n  - cmd: x\n")
    assert task.volumes == [{"name": "v", "secret": {"a": "YQ==", "b.c-d_e": "5"}}]
    mounted = "steps:\n  - build: .\n    volumeMounts: [{name: v, mountPath: /v}]\n"
    assert read("volumes:\n  - {name: v, secret: {a: b}}\n" + mounted).steps[0].volume_mounts


def test_environment_of_the_step_wins_and_stands_first() -> None:
    text = "env: ['A=task', 'B=1,C=2']\nsteps:\n  - cmd: x\n    env: [D=own, A=own=x]\n"
    assert read(text).steps[0].env == ["D=own", "A=own=x", "B=1", "C=2"]


def test_networks() -> None:
    [only] = read("steps:\n  - cmd: x\n").networks
    assert (only.name, only.driver) == ("acb_default_network", "bridge")
    own = "networks:\n  - name: one\n  - {name: two, driver: bridge, isDefault: true}\n"
    task = read(own + "steps:\n  - cmd: x\n  - cmd: y\n    network: one\n")
    assert [network.name for network in task.networks] == ["one", "two"]
    assert [step.network for step in task.steps] == ["two", "one"]
    assert read("networks: [name: one]\nsteps:\n  - cmd: x\n").steps[0].network == ""


def test_scalars_keep_their_spelling_and_unknown_properties_are_ignored() -> None:
    text = """steps:
  - id: 012
    cmd: yes
    workingDirectory: 1.10
    keep: on
    timeout: 1_0
    retries: 0x10
    entryPoint: 2001-01-01
    user: ~
    surprise: true
"""
    step = read(text).steps[0]
    assert (step.id, step.cmd, step.working_directory, step.entry_point, step.user) == (
        *("012", "yes", "1.10", "2001-01-01"),
        "",
    )
    assert (step.keep, step.timeout, step.retries) == (True, 10, 16)


def test_what_the_engine_reads_is_read_however_long_its_lines_are() -> None:
    """libyaml and what yaml.v2 made of it let a tab stand before the end of a line."""
    long = " ".join(["word"] * 1000)
    for cmd in ("echo a", long):  # by libyaml, and by the reader in Python
        [step] = read(f"steps:\n  - {{cmd: {cmd}, env: [A=1, 'B=2']}}\n").steps
        assert step.cmd == cmd
        assert [str(one) for one in step.env] == ["A=1", "B=2"]
    assert read("steps:\n  - cmd: echo a\t\n").steps[0].cmd == "echo a"


def test_an_empty_when_means_after_the_step_before() -> None:
    task = read("steps:\n  - id: a\n    cmd: x\n  - id: b\n    cmd: x\n    when: []\n")
    assert Graph(task.steps).waits == {"a": set(), "b": {"a"}}


def test_errors_name_the_line_of_the_file() -> None:
    text = """version: v1.1.0
# a comment is dropped before anything is rendered
alias:
  values:
    one: two
steps:
  - cmd: $one
    # another
    timeout: VALUE
"""
    with pytest.raises(TaskError) as caught:
        read(text.replace("VALUE", "{{ nope }}"))
    assert str(caught.value) == (
        "unable to render task: error while rendering templates: "
        'template: gotpl:9: function "nope" not defined in {{nope}}'
    )
    with pytest.raises(
        TaskError, match="line 9, column 14: cannot unmarshal !!str `soon` into int"
    ):
        read(text.replace("VALUE", "soon"))
    with pytest.raises(TaskError, match="unable to render alias data: template: gotpl:5: "):
        read(text.replace("two", "{{ nope }}"))


def test_a_values_file_is_read_and_values_of_the_run_win() -> None:
    text = "steps:\n  - cmd: x {{.Values.a}} {{.Values.b}} {{range .Values.c}}{{.}}{{end}}\n"
    made = read(text, values_file="a: 1\nb: 2\nc: [x, y]\n", values={"b": "3"})
    assert made.steps[0].cmd == "x 1 3 xtrue"


def test_values_as_json_are_quoted_for_the_shell() -> None:
    text = "steps:\n  - cmd: x {{.ValuesJSON}}\n    env: ['{{.Values.day}}']\n"
    made = read(text, values={}, values_file="z: <it's>\nday: 2001-99-01\n1: [ä, null]\n")
    assert made.steps[0].env == ["2001-99-01"]
    values = made.steps[0].cmd.removeprefix("x ")
    assert values == """'{"1":["ä",null],"day":"2001-99-01","z":"\\u003cit'"'"'s\\u003e"}'"""


@pytest.mark.parametrize("values", ["a: [", "a: !!int x", "- a", "a: " + "[" * 5000 + "]" * 5000])
def test_a_values_file_that_is_none_is_told(values: str) -> None:
    with pytest.raises(TaskError, match="failed to read the values file"):
        read("steps:\n  - cmd: x\n", values_file=values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "volumes:\n  - name: v\n    secret: {'': eA==}\nsteps:\n  - cmd: x\n",
            r"secret name provided for value is empty \[volume: v\] \(line 2\)$",
        ),
        (
            "steps:\n  - cmd: x\n    env: [OWN]\nenv: [A=1]\n",
            r"cannot parse step environment variable OWN correctly: it must be NAME=value \(line 2\)$",
        ),
        (
            "steps:\n  - cmd: x\nenv: ['A=1,SECOND']\n",
            "cannot parse task environment variable SECOND correctly: it must be NAME=value$",
        ),
        (
            "version: v1.1.0\nalias:\n  src: [names.yaml]\nsteps:\n  - cmd: x\n",
            "the alias source 'names.yaml' cannot be read: there is no context$",
        ),
        (
            "secrets:\n  - id: a\n    keyvault: https://v\nsteps:\n  - cmd: x {{.Secrets.a}}\n",
            "the run has nobody who could read its secrets$",
        ),
        (
            "steps:\n  - cmd: x\n  - cmd: '{{ fail \"told\" }}'\n",
            r"gotpl:3:13: .* error calling fail: told$",
        ),
    ],
)
def test_what_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read(text, resolve_secrets=None)


def test_names_come_from_a_file_of_the_context() -> None:
    text = "version: v1.1.0\nalias:\n  src: [names.yaml]\nsteps:\n  - cmd: $tool $one\n"
    files = {"names.yaml": "tool: a.azurecr.io/tool\none: first\n"}
    assert read(text, read_file=files.__getitem__).steps[0].cmd == "a.azurecr.io/tool first"


def test_a_build_argument_of_several_lines_has_no_comments() -> None:
    argument = {"name": "SCRIPT", "value": "#!/bin/sh\n# told\n  # and told\n"}
    text = docker_task({"dockerFilePath": "Dockerfile", "arguments": [argument]}, "t.azurecr.io")
    assert f"SCRIPT={argument['value']}" in read(text).steps[0].build


def test_a_task_without_steps_is_one() -> None:
    for text in ("", "\n\n", "# nothing\n", "steps: []\n", "steps:\n"):
        assert read(text).steps == []


@pytest.mark.parametrize(
    "step", ["retries: -1", "when: [nobody]", "id: acb_step_0", "id: acb_root", "when: ['']"]
)
def test_a_step_that_is_refused_is_told_with_its_line(step: str) -> None:
    text = f"version: v1.1.0\n# one\nsteps:\n  - cmd: a\n  # two\n  - cmd: b\n    {step}\n"
    with pytest.raises(TaskError, match=r"\(line 6\)$"):
        read(text)


def test_a_line_that_the_engine_would_stop_at_is_refused() -> None:
    long = "x" * (1 << 16)
    with pytest.raises(TaskError, match="line 2 of the task file has 65536 bytes or more"):
        read(f"steps:\n# {long}\n  - cmd: x\n")
    assert read(f"steps:\n# {long[3:]}\n  - cmd: x\n").steps


def test_an_alias_of_several_lines_leaves_lines_as_they_are_rendered() -> None:
    text = 'version: v1.1.0\nalias:\n  values:\n    two: "a\\n      b"\nsteps:\n  - cmd: $two\n'
    assert read(text).steps[0].cmd == "a b"
    with pytest.raises(TaskError, match=r"yaml: line 5, column 6: "):  # of what is rendered
        read(text + "  bad\n")
