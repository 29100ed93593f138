"""Properties of steps, in a running local cloud: time limits, retries, delays, folders, names."""

from __future__ import annotations

import pytest

from tests.tasks.running import HEAD, Registry
from tests.tasks.test_runner import in_order

BUILD = "FROM docker.io/library/node:15-alpine\nRUN echo begun; sleep 300\n"


def test_a_step_out_of_time_ends_the_run_in_the_engines_words(registry: Registry) -> None:
    step = "  - id: hangs\n    cmd: bash -c 'sleep 300'\n    timeout: 1\n    retries: 2\n"
    step += "    retryDelay: 1\n"
    ended = registry.wait(registry.text(HEAD + step), 20)
    assert (ended.status, ended.complete) == ("Failed", "failed")
    in_order(
        ended.lines,
        r"Executing step ID: hangs\. Timeout\(sec\): 1, Working directory: '', .*",
        r"Launching container with name: hangs",
        r"Container failed during run: hangs, waiting 1 seconds before retrying\.\.\.",
        r"Launching container with name: hangs",
        r"Container failed during run: hangs, waiting 1 seconds before retrying\.\.\.",
        r"Launching container with name: hangs",
        r"Container failed during run: hangs\. No retries remaining\.",
        r"failed to run step ID: hangs: timed out",
        rf"Run ID: {ended.id} failed after \d+s\. Error: failed during run, err: exit status 1",
    )
    assert ended.log.count("its container was killed") == 1  # afterwards nothing is begun


def test_a_detached_step_says_its_last_words_without_a_line_end(registry: Registry) -> None:
    task = """
version: v1.1.0
steps:
  - id: beside
    cmd: bash -c 'printf first; touch $HOME/said; sleep 300'
    detach: true
    keep: true
  - id: waits
    cmd: bash -c 'until test -e $HOME/said; do sleep 0.1; done'
  - cmd: docker stop beside -t 0
  - cmd: docker logs beside
"""
    ended = registry.wait(registry.text(task))
    assert ended.status == "Succeeded", ended.log
    assert "first" in ended.lines


def test_ignored_errors_go_on_after_a_step_out_of_time(registry: Registry) -> None:
    task = """
version: v1.1.0
stepTimeout: 1
steps:
  - id: hangs
    cmd: bash -c 'sleep 300'
    ignoreErrors: true
  - id: builds
    build: -t hangs .
    timeout: 30
    ignoreErrors: true
  - id: goes-on
    cmd: bash -c 'echo went on'
"""
    files = {"task.yaml": task.replace("timeout: 30", "timeout: 3"), "Dockerfile": BUILD}
    ended = registry.wait(registry.files(files))
    assert ended.status == "Succeeded", ended.log
    ignored = r"Step ID: {} encountered an error: context deadline exceeded, but is set to ignore errors\. .*"
    in_order(ended.lines, ignored.format("hangs"), ignored.format("builds"), "went on")


def test_a_docker_tool_out_of_time(registry: Registry) -> None:
    run = "docker run mcr.microsoft.com/acr/bash:2ff604c -c 'sleep 300'"
    ended = registry.wait(registry.text(f"{HEAD}  - cmd: {run}\n    timeout: 1\n"), 20)
    assert ended.status == "Failed"
    assert "failed to run step ID: acb_step_0: timed out" in ended.log
    assert "The step's time is over: its container was killed." in ended.log


def test_a_container_name_is_used_once(registry: Registry) -> None:
    run = "docker run {} --name same mcr.microsoft.com/acr/bash:2ff604c -c 'sleep {}'"
    task = f"{HEAD}  - cmd: {run.format('-d', 300)}\n  - cmd: {run.format('', 0)}\n"
    ended = registry.wait(registry.text(task), 30)
    assert ended.status == "Failed"
    assert 'The container name "/same" is already in use' in ended.log


def test_retry_on_errors_looks_at_the_output(registry: Registry) -> None:
    step = """
  - id: {}
    cmd: bash -c 'echo {}; exit 3'
    retries: 1
    retryDelay: 1
    retryOnErrors: ["come back later"]
    ignoreErrors: true
"""
    task = HEAD + step.format("again", "please come back later") + step.format("once", "never")
    ended = registry.wait(registry.text(task))
    assert ended.status == "Succeeded", ended.log
    assert ended.lines.count("please come back later") == 2
    assert ended.lines.count("never") == 1


def test_start_delay_pull_and_networks_are_logged_as_the_engine_does(registry: Registry) -> None:
    task = """
version: v1.1.0
networks:
  - name: mine
    isDefault: true
  - name: theirs
    skipCreation: true
steps:
  - id: late
    cmd: bash -c 'echo done'
    startDelay: 1
    pull: true
"""
    ended = registry.wait(registry.text(task))
    assert ended.status == "Succeeded", ended.log
    in_order(
        ended.lines,
        r"Creating Docker network: mine, driver: ''",
        r"Successfully set up Docker network: mine",
        r"Skip creating network: theirs",
        r"Executing step ID: late\. .* Network: 'mine'",
        r"Waiting 1 seconds before executing step ID: late",
        r"Step specified pull\. Performing an explicit pull\.\.\.",
        r"2ff604c: Pulling from acr/bash",
        r"Launching container with name: late",
        r"done",
    )
    assert "network: theirs, driver" not in ended.log


def test_a_working_directory_is_inherited_and_made(registry: Registry) -> None:
    task = "version: v1.1.0\nworkingDirectory: deep/down\nsteps:\n  - cmd: bash -c pwd\n"
    ended = registry.wait(registry.text(task))
    assert ended.status == "Succeeded", ended.log
    in_order(
        ended.lines, r"Executing step ID: .* Working directory: 'deep/down', .*", "/workspace/.*"
    )


@pytest.mark.parametrize("name", ["../../../outside", "x", "a/b", "-x"])
def test_an_id_that_no_container_can_have(registry: Registry, name: str) -> None:
    step = f"  - id: {name}\n    cmd: bash -c 'echo must not happen'\n"
    mount = "    volumeMounts: [{name: keys, mountPath: /keys}]\n"
    volume = "volumes:\n  - name: keys\n    secret: {file: YWJj}\n"
    ended = registry.wait(registry.text(HEAD + step + mount + volume))
    assert ended.status == "Failed"
    assert f"Invalid container name ({name})" in ended.log
    assert "must not happen" not in ended.lines


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("..", "volume 'keys': '..' is not the name of a file"),
        ("a/b", "file name, a/b, is not well formed"),
        ("/etc/passwd", "file name, /etc/passwd, is not well formed"),
    ],
)
def test_a_file_of_a_volume_has_a_plain_name(registry: Registry, file: str, told: str) -> None:
    step = "  - cmd: bash -c 'echo must not happen'\n"
    mount = "    volumeMounts: [{name: keys, mountPath: /keys}]\n"
    volume = f"volumes:\n  - name: keys\n    secret: {{{file}: YWJj}}\n"
    ended = registry.wait(registry.text(HEAD + step + mount + volume))
    assert ended.status == "Failed"
    assert told in ended.log
    assert "must not happen" not in ended.lines


@pytest.mark.parametrize("network", ["theirs", "nowhere"])
def test_a_network_that_the_run_does_not_have(registry: Registry, network: str) -> None:
    networks = "networks: [{name: mine}, {name: theirs, skipCreation: true}]\n"
    step = f"  - cmd: bash -c 'echo must not happen'\n    network: {network}\n"
    ended = registry.wait(registry.text(HEAD + step + networks))
    assert ended.status == "Failed"
    assert f"network {network} not found" in ended.log
    assert "must not happen" not in ended.lines


def test_a_bare_build_argument_is_a_variable_of_the_step(registry: Registry) -> None:
    task = """
version: v1.1.0
env: [ONE=from-the-task]
steps:
  - build: --build-arg=ONE --build-arg=TWO --build-arg=THREE -t thing .
    env: [TWO=from-the-step]
"""
    args = "ARG ONE\nARG TWO\nARG THREE=default\nRUN echo $ONE $TWO $THREE\n"
    files = {"task.yaml": task, "Dockerfile": f"FROM node:15-alpine\n{args}"}
    ended = registry.wait(registry.files(files))
    assert ended.status == "Succeeded", ended.log
    assert "from-the-task from-the-step default" in ended.lines


@pytest.mark.parametrize(
    ("version", "told"), [("v1.1.0", True), ("v9", True), ("v1.0.0", False), ('"v1.1.0"', True)]
)
def test_alias_support_is_told_before_anything_is_read(
    registry: Registry, version: str, told: bool
) -> None:
    ended = registry.wait(registry.text(f"version: {version}\nsteps: [\n"))
    assert ended.status == "Failed"
    assert ("Alias support enabled for version >= 1.1.0" in ended.log) == told


def test_a_failure_beside_it_is_no_error_that_a_step_ignores(registry: Registry) -> None:
    task = """
version: v1.1.0
steps:
  - id: long
    cmd: bash -c 'touch $HOME/begun; sleep 300'
    ignoreErrors: true
  - id: fails
    when: ['-']
    cmd: bash -c 'until test -e $HOME/begun; do sleep 0.1; done; exit 7'
"""
    ended = registry.wait(registry.text(task), 30)
    assert ended.status == "Failed"
    assert "failed to run step ID: fails: exit status 7" in ended.lines
    assert "Continuing..." not in ended.log


def test_tools_that_are_lacking_are_named(registry: Registry) -> None:
    ended = registry.wait(registry.text(f"{HEAD}  - cmd: cssc patch --help\n"))
    assert ended.status == "Failed"
    assert "(cssc): of those that have aliases it has acr, az, bash and curl" in ended.log
    ended = registry.wait(registry.text(f"{HEAD}  - cmd: acr annotate -r $RegistryName\n"))
    assert ended.status == "Failed"
    assert "Error: works on Azure only for acr in the local cloud. It has: purge" in ended.log


def test_what_a_task_is_built_on_follows_its_last_run(registry: Registry) -> None:
    def built_on(dockerfile: str, cache: str = "disabled") -> list[str]:
        task = f"{HEAD}  - build: -t thing .\n    cache: {cache}\n"
        files = registry.upload({"task.yaml": task, "Dockerfile": dockerfile})
        run = registry.start_task("follows", contextPath=files)
        ended = registry.wait(run)
        assert ended.status == "Succeeded", ended.log
        assert ("Populating digests" in ended.log) == (cache == "disabled")
        step = registry.call("GET", "/tasks/follows").json()["properties"]["step"]
        return [one["repository"] for one in step.get("baseImageDependencies") or []]

    step = {"type": "FileTask", "taskFilePath": "task.yaml", "contextPath": "given-by-the-run"}
    registry.task("follows", step)
    assert built_on("FROM node:15-alpine\n", cache="enabled") == []
    assert built_on("FROM node:15-alpine\n") == ["library/node"]
    assert built_on("FROM scratch\nCOPY Dockerfile /\n") == []


def test_an_image_may_have_the_same_layer_twice(registry: Registry) -> None:
    """As when a task builds on an image that it has built: the same step, the same layer."""
    same = "RUN echo same > /file\n"
    dockerfile = f"FROM node:15-alpine\n{same}RUN rm /file\n{same}RUN echo it is the $(cat /file)\n"
    task = f"{HEAD}  - build: -t twice .\n  - cmd: twice cat /file\n"
    ended = registry.wait(registry.files({"task.yaml": task, "Dockerfile": dockerfile}))
    assert ended.status == "Succeeded", ended.log
    assert {"it is the same", "same"} <= set(ended.lines)


@pytest.mark.parametrize("text", ["steps: []\n", "# nothing\n"])
def test_a_task_without_steps_succeeds(registry: Registry, text: str) -> None:
    ended = registry.wait(registry.text(text))
    assert ended.status == "Succeeded", ended.log
    assert not any("Executing step" in line for line in ended.lines)


def test_times_may_be_longer_than_anything(registry: Registry) -> None:
    step = f"  - cmd: bash -c 'echo done'\n    timeout: {(1 << 63) - 1}\n    retryDelay: 1e18\n"
    ended = registry.wait(registry.text(HEAD + step))
    assert ended.status == "Succeeded", ended.log
    assert "done" in ended.lines
