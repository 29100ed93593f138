"""Runs from the request to the last log line, in a running local cloud."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest
import yaml

from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud, start
from tests.tasks.running import Registry

HANGS = "version: v1.1.0\nsteps:\n  - cmd: bash -c 'sleep 300'\n    "
DOCKERFILE = "FROM docker.io/library/node:15-alpine\nARG WHO=nobody\nRUN echo built for $WHO\n"


def in_order(lines: list[str], *patterns: str) -> None:
    """Assert that lines match the patterns, in this order."""
    rest = iter(lines)
    for pattern in patterns:
        assert any(re.fullmatch(pattern, line) for line in rest), (pattern, "\n".join(lines))


@pytest.mark.parametrize(
    "before", ["reader:s3cret%2Fpass@", "s3cret%2Fpass@"], ids=["password", "token"]
)
def test_a_token_in_the_sources_url_is_in_no_log(registry: Registry, before: str) -> None:
    source = f"https://{before}github.com:99999/o/n.git"
    run = registry.schedule(
        {
            "type": "DockerBuildRequest",
            "sourceLocation": source,
            "dockerFilePath": "Dockerfile",
            "platform": {"os": "Linux"},
        }
    )
    ended = registry.wait(run)
    assert ended.status == "Failed"
    told = f"{ended.log} {ended.properties}"
    assert "***@github.com:99999/o/n.git' is no URL" in told
    assert "s3cret" not in told


def test_quick_build_builds_pushes_and_logs_like_the_service(registry: Registry) -> None:
    source = registry.upload({"Dockerfile": DOCKERFILE})
    run = registry.schedule(
        {
            "type": "DockerBuildRequest",
            "sourceLocation": source,
            "dockerFilePath": "Dockerfile",
            "imageNames": ["app:{{.Run.ID}}"],
            "isPushEnabled": True,
            "arguments": [{"name": "WHO", "value": "s3cret-who", "isSecret": True}],
            "platform": {"os": "Linux"},
        }
    )
    ended = registry.wait(run)
    assert ended.status == "Succeeded", ended.log
    assert ended.complete == "successful"
    image = f"{registry.server}/app:{run}"
    in_order(
        ended.lines,
        r"Downloading source code\.\.\.",
        r"Finished downloading source code",
        r"Using acb_vol_[0-9a-f-]{36} as the home volume",
        r"Setting up Docker configuration\.\.\.",
        r"Successfully set up Docker configuration",
        rf"Logging in to registry: {registry.server}",
        rf"Successfully logged into {registry.server}",
        r"Executing step ID: build\. Timeout\(sec\): 28800, Working directory: '', Network: ''",
        r"Scanning for dependencies\.\.\.",
        r"Successfully scanned dependencies",
        r"Launching container with name: build",
        r"Step 1/3 : FROM docker\.io/library/node:15-alpine",
        r"built for \*\*\*",
        rf"Successfully tagged {image}",
        r"Successfully executed container: build",
        r"Executing step ID: push\. Timeout\(sec\): 3600, Working directory: '', Network: ''",
        rf"Pushing image: {image}, attempt 1",
        rf"Successfully pushed image: {image}",
        r"Step ID: build marked as successful \(elapsed time in seconds: \d+\.\d{6}\)",
        r"Populating digests for step ID: build\.\.\.",
        r"Successfully populated digests for step ID: build",
        r"Step ID: push marked as successful \(elapsed time in seconds: \d+\.\d{6}\)",
        r"The following dependencies were found:",
        rf"Run ID: {run} was successful after \d+s",
    )
    assert "s3cret-who" not in ended.log
    [output] = ended.properties["outputImages"]
    assert (output["registry"], output["repository"], output["tag"]) == (
        registry.server,
        "app",
        run,
    )
    text = "\n".join(ended.lines).partition("The following dependencies were found:\n")[2]
    [found] = yaml.safe_load(text.partition("\nRun ID")[0])
    assert found["image"]["digest"] == output["digest"]
    assert found["runtime-dependency"]["repository"] == "library/node"
    assert found["runtime-dependency"]["digest"].startswith("sha256:")
    assert ended.properties["runType"] == "QuickRun"
    assert ended.properties["finishTime"] > ended.properties["startTime"]


def test_containers_see_workspace_home_and_environment(registry: Registry) -> None:
    task = """
version: v1.1.0
workingDirectory: sub
env: [COLOUR=red, SIZE=big]
steps:
  - id: write
    cmd: bash -c 'echo in $PWD home $HOME $COLOUR $SIZE; cat file; echo kept > $HOME/note'
    env: [COLOUR=blue]
  - id: read
    cmd: bash -c 'cat $HOME/note; ls /workspace'
"""
    ended = registry.wait(registry.files({"task.yaml": task, "sub/file": "from the source\n"}))
    assert ended.status == "Succeeded", ended.log
    in_order(
        ended.lines,
        r"Alias support enabled for version >= 1\.1\.0, .*",
        r"Creating Docker network: acb_default_network, driver: 'bridge'",
        r"Successfully set up Docker network: acb_default_network",
        r"Executing step ID: write\. Timeout\(sec\): 600, .* Network: 'acb_default_network'",
        r"Launching container with name: write",
        r"in /workspace/sub home /acb/home blue big",
        r"from the source",
        r"Successfully executed container: write",
        r"kept",
        r"Step ID: write marked as successful .*",
        r"Step ID: read marked as successful .*",
    )


def command_lines() -> str:
    """The command lines of all processes of this machine, as everybody on it may read them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            found.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(found)


def test_secrets_are_on_no_command_line_and_in_no_log_of_the_daemon(
    registry: Registry, local_cloud: LocalCloud
) -> None:
    source = registry.upload({"Dockerfile": DOCKERFILE + "RUN sleep 300\n"})
    run = registry.schedule(
        {
            "type": "DockerBuildRequest",
            "sourceLocation": source,
            "dockerFilePath": "Dockerfile",
            "arguments": [{"name": "WHO", "value": "s3cret-argument", "isSecret": True}],
            "platform": {"os": "Linux"},
        }
    )
    registry.wait_for(run, "RUN sleep 300")
    deadline = time.monotonic() + 30
    while "sleep\x00300" not in (shown := command_lines()):
        assert time.monotonic() < deadline
    assert "s3cret-argument" not in shown
    assert registry.call("POST", f"/runs/{run}/cancel").status_code in (200, 202)
    ended = registry.wait(run)
    assert "built for ***" in ended.lines
    assert "s3cret-argument" not in ended.log
    assert "s3cret-argument" not in (local_cloud.home / "daemon.log").read_text()


def test_failing_step_ends_the_run(registry: Registry) -> None:
    run = registry.text(
        """
version: v1.1.0
steps:
  - id: good
    cmd: bash -c 'echo fine'
  - id: bad
    cmd: bash -c 'echo about to fail; exit 3'
  - id: never
    cmd: bash -c 'echo must not happen'
"""
    )
    ended = registry.wait(run)
    assert (ended.status, ended.complete) == ("Failed", "failed")
    in_order(
        ended.lines,
        r"fine",
        r"about to fail",
        r"Container failed during run: bad\. No retries remaining\.",
        r"failed to run step ID: bad: exit status 3",
        rf"Run ID: {run} failed after \d+s\. Error: failed during run, err: exit status 1",
    )
    assert "must not happen" not in ended.log
    assert "marked as" not in ended.log
    assert ended.properties["runErrorMessage"] == "failed to run step ID: bad: exit status 3"
    assert not ended.properties.get("outputImages")


def test_retries_ignored_errors_and_repeats(registry: Registry) -> None:
    ended = registry.wait(
        registry.text(
            """
version: v1.1.0
steps:
  - id: second-time
    cmd: bash -c 'test -e $HOME/there || { touch $HOME/there; exit 1; }'
    retries: 2
    retryDelay: 1
  - id: ignored
    cmd: bash -c 'exit 4'
    ignoreErrors: true
  - id: twice
    cmd: bash -c 'echo once more'
    repeat: 1
    startDelay: 1
"""
        )
    )
    assert ended.status == "Succeeded", ended.log
    in_order(
        ended.lines,
        r"Container failed during run: second-time, waiting 1 seconds before retrying\.\.\.",
        r"Successfully executed container: second-time",
        r"Step ID: ignored encountered an error: exit status 4, but is set to ignore errors\. "
        r"Continuing\.\.\.",
        r"Waiting 1 seconds before executing step ID: twice",
        r"once more",
        r"once more",
    )


@pytest.mark.parametrize(
    ("task", "named"),
    [
        ("version: v1.1.0\nsteps:\n  - cmd: bash -c true > file\n", "a redirection"),
        ("version: v1.1.0\nsteps:\n  - cmd: --frob bash\n", "exit status 125"),
        ("version: v1.1.0\nsteps:\n  - cmd: bash\n    privileged: true\n", "'privileged'"),
        ("version: v1.1.0\nsteps:\n  - build: ../..\n", "outside the source code"),
        ("version: v1.1.0\nsteps:\n  - build: .\n", "error opening dockerfile: ./Dockerfile"),
        ("version: v1.1.0\nsteps:\n  - push: [nothing-built]\n", "failed to push images"),
        ("steps: [", "yaml"),
        ("version: v1.1.0\nsteps:\n  - cmd: a\n    build: b\n", "single build, cmd, or push"),
    ],
)
def test_what_cannot_run_fails_and_says_why(registry: Registry, task: str, named: str) -> None:
    ended = registry.wait(registry.text(task))
    assert ended.status == "Failed"
    assert named in ended.properties["runErrorMessage"], ended.log
    assert ended.lines[-2].endswith("Error: failed during run, err: exit status 1")


def test_missing_task_file_and_source_are_named(registry: Registry) -> None:
    source = registry.upload({"other.yaml": "x"})
    ended = registry.wait(registry.file(source, "acr-task.yaml"))
    assert ended.status == "Failed"
    assert "unable to find the task file 'acr-task.yaml'" in ended.log
    assert "other.yaml" in ended.log
    missing = "https://github.com/nobody/nothing.git#main"
    ended = registry.wait(registry.file(missing, "acr-task.yaml"))
    assert ended.status == "Failed"
    assert "the repository was not found" in ended.properties["runErrorMessage"]


def test_cancel_stops_the_container_and_ends_the_log(registry: Registry) -> None:
    run = registry.text("version: v1.1.0\nsteps:\n  - cmd: bash -c 'echo begun; sleep 300'\n")
    registry.wait_for(run, "begun")
    assert registry.call("POST", f"/runs/{run}/cancel").status_code == 200
    ended = registry.wait(run, 20)
    assert (ended.status, ended.complete) == ("Canceled", "canceled")
    assert registry.call("POST", f"/runs/{run}/cancel").status_code == 409


def test_step_timeout(registry: Registry) -> None:
    task = "version: v1.1.0\nsteps:\n  - cmd: bash -c 'sleep 300'\n    timeout: 1\n"
    ended = registry.wait(registry.text(task), 20)
    assert ended.status == "Failed"
    message = ended.properties["runErrorMessage"]
    assert message == "failed to run step ID: acb_step_0: timed out"


def test_a_run_out_of_time(registry: Registry, local_cloud: LocalCloud) -> None:
    """The service takes no less than 300 seconds: the order of a queued run is shortened."""
    first, second = (registry.text(f"{HANGS}timeout: 2\n") for _ in range(2))
    run = registry.text(HANGS)
    cloud = Cloud(local_cloud.home)
    changed = cloud.store.execute(
        "UPDATE runs SET request=json_set(request, '$.timeout', 1) WHERE run_id=? AND "
        "registry=? AND status='Queued'",
        (run, registry.id),
    )
    cloud.close()
    assert changed == 1
    for blocked in (first, second):
        registry.wait(blocked, 20)
    ended = registry.wait(run, 20)
    assert (ended.status, ended.complete) == ("Timeout", "timedout")
    in_order(
        ended.lines,
        r"Launching container with name: acb_step_0",
        rf"Run ID: {run} timed out after \d+s\. The run did not end within its timeout of 1 .*",
    )
    assert "No retries remaining" not in ended.log
    assert ended.properties["runErrorMessage"].startswith("The run did not end within")


def test_parallel_steps_overlap(registry: Registry) -> None:
    ended = registry.wait(
        registry.text(
            """
version: v1.1.0
steps:
  - id: waits
    cmd: bash -c 'for i in $(seq 100); do test -e $HOME/flag && exit 0; sleep 0.1; done; exit 1'
  - id: tells
    when: ['-']
    cmd: bash -c 'touch $HOME/flag'
"""
        )
    )
    assert ended.status == "Succeeded", ended.log


def test_runs_are_listed_and_kept(registry: Registry) -> None:
    run = registry.text("version: v1.1.0\nsteps:\n  - cmd: bash -c true\n")
    registry.wait(run)
    listed = list(registry.tasks.runs.list(registry.group, registry.name, top=1))
    assert [one.properties.run_id for one in listed] == [run]
    kept = registry.call("PATCH", f"/runs/{run}", {"isArchiveEnabled": True})
    assert kept.json()["properties"]["isArchiveEnabled"] is True
    assert registry.call("PATCH", f"/runs/{run}", {"status": "x"}).status_code == 501
    assert registry.call("GET", "/runs/zz99").status_code == 404
    assert registry.call("POST", "/scheduleRun", {"type": "Odd"}).status_code == 400


def test_volumes_of_a_task_are_files_masked_where_they_come_from_a_secret(
    registry: Registry,
) -> None:
    values = [{"name": "key", "value": "aHVudGVyMi1zZWNyZXQ=", "isSecret": True}]
    ended = registry.wait(
        registry.text(
            """
version: v1.1.0
volumes:
  - name: keys
    secret:
      open: c2VjcmV0LWZyb20tdm9sdW1l
      hidden: '{{.Values.key}}'
steps:
  - cmd: bash -c 'cat /run/keys/open; cat /run/keys/hidden; wc -c < /run/keys/hidden'
    volumeMounts: [{name: keys, mountPath: /run/keys}]
""",
            values=values,
        )
    )
    assert ended.status == "Succeeded", ended.log
    in_order(ended.lines, r"secret-from-volume", r"\*\*\*", r"15")  # and a line break


def test_failure_ends_the_steps_beside_it(registry: Registry) -> None:
    task = """
version: v1.1.0
steps:
  - id: long
    cmd: bash -c 'touch $HOME/begun; sleep 300'
  - id: fails
    when: ['-']
    cmd: bash -c 'until test -e $HOME/begun; do sleep 0.1; done; exit 7'
"""
    ended = registry.wait(registry.text(task), 30)
    assert ended.status == "Failed"
    assert ended.properties["runErrorMessage"] == "failed to run step ID: fails: exit status 7"


def test_detached_container_is_reached_by_its_name(registry: Registry) -> None:
    server = "require('http').createServer((q, r) => r.end('hello')).listen(8080)"
    client = "fetch('http://site:8080').then(r => r.text()).then(console.log)"
    retry = f"const go = n => {client}.catch(e => n ? setTimeout(go, 100, n - 1) : process.exit(1))"
    task = {
        "version": "v1.1.0",
        "steps": [
            {
                "id": "site",
                "cmd": f'docker.io/library/node:15-alpine node -e "{server}"',
                "detach": True,
                "ports": ["8080:8080"],
            },
            {"cmd": f'docker.io/library/node:15-alpine node -e "{retry}; go(50)"'},
        ],
    }
    ended = registry.wait(registry.text(yaml.safe_dump(task, width=10_000)))
    assert ended.status == "Succeeded", ended.log
    assert "hello" in ended.lines


def test_wrong_registry_password_is_told_without_it(registry: Registry) -> None:
    secret = {"type": "Opaque", "value": "wr0ng-passw0rd"}
    user = {"type": "Opaque", "value": "somebody"}
    credentials = {"customRegistries": {registry.server: {"userName": user, "password": secret}}}
    task = "version: v1.1.0\nsteps:\n  - cmd: bash -c true\n"
    ended = registry.wait(registry.text(task, credentials=credentials))
    assert ended.status == "Failed"
    in_order(
        ended.lines,
        rf"Logging in to registry: {registry.server}",
        r"failed to login, ran out of retries: failed to set docker credentials: unauthorized: .*",
        rf"Run ID: {ended.id} failed after \d+s\. Error: failed during run, err: exit status 1",
    )
    assert registry.server in ended.properties["runErrorMessage"]
    assert "wr0ng-passw0rd" not in ended.log
    assert ended.properties["customRegistries"] == [registry.server]


def test_daemon_killed_during_a_run(fresh_cloud: LocalCloud) -> None:
    killed = Registry(fresh_cloud)
    run = killed.text("version: v1.1.0\nsteps:\n  - cmd: bash -c 'echo begun; sleep 300'\n")
    killed.wait_for(run, "begun")
    os.kill(fresh_cloud.pid, signal.SIGKILL)
    os.waitpid(fresh_cloud.pid, 0)
    killed.http.close()
    again = start(fresh_cloud.home)
    killed.cloud, killed.http = again, again.http()
    ended = killed.wait(run, 30)
    killed.http.close()
    assert (ended.status, ended.complete) == ("Failed", "failed")
    assert "The local cloud was stopped while the run was going on" in ended.log
    assert "begun" in ended.log
    assert not list((fresh_cloud.home / "runs").iterdir())
