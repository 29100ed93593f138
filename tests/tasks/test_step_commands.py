"""What the commands of steps do and refuse, from the task files of an upload."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import yaml

from tests.tasks.running import BASE, HEAD, Registry


@pytest.fixture(scope="module")
def location(registry: Registry) -> str:
    """An upload with build contexts and task files."""
    files = {"app/Dockerfile": "FROM scratch\n", "app/Broken": "FRO scratch\n"}
    files["app/Platform"] = f"FROM --platform=linux/amd64 {BASE}\n"
    files["app/Python"] = f"FROM {BASE}\nRUN node \\\nfrom x import y\n"
    files["app/Unused"] = f"FROM {BASE}\nRUN echo \\\nfrom never\n"
    files |= {"outside": "FROM scratch\n", "Binary": "FROM scratch\n", "file": "x"}
    files |= {f"{number}.yaml": HEAD + task for number, (task, _) in enumerate(REFUSED)}
    return registry.upload(files)


def volume(content: str, mount: str = "/keys", name: str = "keys", file: str = "token") -> str:
    return (
        f"  - cmd: bash -c true\n    volumeMounts: [{{name: {name}, mountPath: {mount}}}]\n"
        f"volumes:\n  - name: keys\n    secret: {{{file}: {content}}}\n"
    )


REFUSED = [
    ("  - build: -f /etc/passwd app\n", "the Dockerfile '/etc/passwd' lies outside the source"),
    ("  - build: -f ../../etc app\n", "the Dockerfile '../../etc' lies outside the source"),
    (
        "  - build: -f Dockerfile app\n",
        "from the working directory of the step, not from the build",
    ),
    ("  - build: --file=app/Never .\n", "The scan does not see 'app/Never'"),
    ("  - build: -f app/Dockerfile --squash app\n", "--squash"),
    ("  - build: --no-cache app\n", "put 'app' first"),
    ("  - build: -f app/Broken app\n", "failed to scan dependencies: unexpected dockerfile format"),
    ("  - build: -f app/Platform app\n", "unable to understand line FROM --platform=linux/amd64"),
    ("  - build: -f app/Python app\n", "unable to understand line from x import y (app/Python:3)"),
    ("  - build: -f app/Dockerfile --build-arg B app\n", "B cannot be split into 2 tokens"),
    (
        "  - build: -f app/Unused app\n",
        "failed to query digests, msg: Error: No such object: never",
    ),
    ("  - build: /app\n", "the Dockerfile '/app/Dockerfile' lies outside the source code"),
    ("  - build: -f app/Dockerfile file\n", "the build context 'file' was not found in the source"),
    ("  - build: never\n", "error opening dockerfile: never/Dockerfile, error: open never/"),
    (
        "  - build: https://github.com/nobody/nothing.git\n",
        "unable to clone https://github.com/nobody/nothing.git: the repository was not found",
    ),
    (
        "  - build: -f /workspace/app/Dockerfile .\n    workingDirectory: never\n",
        "the working directory 'never' was not found in the source code",
    ),
    (
        "  - cmd: mcr.microsoft.com/acr/cssc:1 patch\n",
        "the local cloud does not implement the tool image mcr.microsoft.com/acr/cssc:1",
    ),
    ("  - cmd: node:never-there true\n", "node:never-there"),
    ("  - cmd: UPPER/Case true\n", "must be lowercase"),
    (volume("eA=="[:3]), "the file 'token' of volume 'keys' is not base64"),
    (volume("eA==", file="a/b"), "file name, a/b, is not well formed"),
    (volume("eA==", file=".."), "volume 'keys': '..' is not the name of a file"),
    (volume("eA==", name="''"), "mount name, , does not correspond to a volume"),
    (volume("eA==", mount="keys"), "invalid mount path: 'keys' mount path must be absolute"),
    (
        "  - cmd: bash true\n    env: ['A=hello world']\n",
        "Unable to find image 'world:latest' locally",
    ),
    ("  - cmd: bash true\n    isolation: process\n", 'Invalid isolation: "process" - linux only'),
    ("  - cmd: bash true\n    env: [A=$(date)]\n", "a command substitution"),
    (
        "  - cmd: bash true\n    workingDirectory: 'a b'\n",
        "Unable to find image 'b:latest' locally",
    ),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_a_step_cannot_do_fails_the_run_and_is_told(
    registry: Registry, location: str, number: int
) -> None:
    ended = registry.wait(registry.file(location, f"{number}.yaml"))
    assert ended.status == "Failed", ended.log
    assert REFUSED[number][1] in ended.log
    told = ended.properties["runErrorMessage"]
    assert REFUSED[number][1] in told or "exit status 125" in told, ended.log


def test_a_download_is_tried_again_as_often_as_the_step_says(registry: Registry) -> None:
    more = "    cmdDownloadRetries: 2\n    cmdDownloadRetryDelay: 1\n"
    task = f"{HEAD}  - cmd: nosuch.azurecr.io/never:1 true\n    pull: true\n{more}"
    ended = registry.wait(registry.text(task))
    assert ended.status == "Failed", ended.log
    assert "exit status 1" in ended.properties["runErrorMessage"]
    assert "nosuch.azurecr.io" in ended.log
    begun, over = (
        datetime.fromisoformat(ended.properties[name][:19]) for name in ("startTime", "finishTime")
    )
    assert over - begun >= timedelta(seconds=1)  # it waited twice, a second each, less what is cut


def test_an_explicit_pull_of_an_image_and_of_a_tool(registry: Registry) -> None:
    task = (
        f"{HEAD}  - cmd: {BASE} node -p 6*7\n    pull: true\n"
        "    disableWorkingDirectoryOverride: true\n"
        "  - cmd: mcr.microsoft.com/acr/azure-cli:2ff604c --version\n    pull: true\n"
    )
    ended = registry.wait(registry.text(task))
    assert ended.status == "Succeeded", ended.log
    assert "42" in ended.lines
    assert "az stand-in of the local cloud, for ACR Tasks steps" in ended.lines
    explicit = "Step specified pull. Performing an explicit pull..."
    assert ended.lines.count(explicit) == 2


def test_a_task_step_runs_where_its_working_directory_is_made(registry: Registry) -> None:
    task = f"{HEAD}  - cmd: {BASE} pwd\n    workingDirectory: new/./folder\n"
    ended = registry.wait(registry.text(task))
    assert ended.status == "Succeeded", ended.log
    assert "/workspace/new/folder" in ended.lines


def test_a_dockerfile_counts_from_the_working_directory_and_may_lie_outside_the_context(
    registry: Registry,
) -> None:
    files = {
        "hello-world.dockerfile": f"FROM {BASE}\nCOPY inner /inner\nRUN cat /inner\n",
        "subDirectory/inner": "from the context",
        "task.yaml": HEAD
        + "  - build: -t $Registry/hello-world -f hello-world.dockerfile ./subDirectory\n"
        + "  - build: -t b:1 -f /workspace/hello-world.dockerfile /workspace/subDirectory\n"
        + "  - build: -t c:1 -f ../hello-world.dockerfile ../../workspace/subDirectory\n"
        + "    workingDirectory: subDirectory\n"
        + "  - push: ['$Registry/hello-world']\n",
    }
    ended = registry.wait(registry.files(files))
    assert ended.status == "Succeeded", ended.log
    assert ended.lines.count("from the context") == 1  # the other two are from the cache
    told = "\n".join(ended.lines).partition("The following dependencies were found:\n")[2]
    pushed, unpushed, _ = yaml.safe_load(told.partition("\nRun ID")[0])
    assert pushed["image"]["digest"] == ended.properties["outputImages"][0]["digest"]
    assert "digest" not in unpushed["image"]
    assert unpushed["runtime-dependency"]["digest"] == pushed["runtime-dependency"]["digest"]


def test_what_a_step_says_of_itself_is_read_by_the_agents_shell(registry: Registry) -> None:
    task = f"""{HEAD}
  - cmd: --rm -it -e LEAD=lead -w /tmp {BASE} sh -c 'echo "$A|$B|$C|$D|$LEAD|$PWD|$0"' name
    env: ["A='hello world'", 'B="x  y"', C=$HOME, D=$MISSING]
  - cmd: {BASE} -c pwd
    entryPoint: "'sh'"
    workingDirectory: "'a b'"
    user: "'0'"
  - cmd: {BASE} pwd
    workingDirectory: /workspace/../tmp
"""
    ended = registry.wait(registry.text(task))
    assert ended.status == "Succeeded", ended.log
    for line in (
        "hello world|x  y|/root||lead|/tmp|name",
        "/workspace/a b",
        "/tmp",
    ):
        assert line in ended.lines


def test_the_errors_of_a_repeated_step_are_joined(registry: Registry) -> None:
    task = f"{HEAD}  - cmd: bash -c 'exit 3'\n    repeat: 2\n"
    ended = registry.wait(registry.text(task))
    assert ended.status == "Failed"
    told = "failed to run step ID: acb_step_0: exit status 3, exit status 3, exit status 3"
    assert told in ended.lines


def test_a_refused_way_out_names_the_local_cloud(registry: Registry) -> None:
    npm = f"FROM {BASE}\nRUN npm view something --registry=https://packages.example.org/\n"
    runs = [registry.files({"Dockerfile": npm, "task.yaml": f"{HEAD}  - build: .\n"})]
    runs += [
        registry.text(f"{HEAD}  - cmd: {command}\n")
        for command in ("curl -sS https://example.org/", "curl -sS http://example.org/")
    ]
    ended = [registry.wait(run) for run in runs]
    assert {one.status for one in ended} == {"Failed"}
    for one in ended:
        assert any("That is the local cloud's limit" in line for line in one.lines), one.log
    assert any("npm notice Forbidden by the local cloud" in line for line in ended[0].lines)


def test_an_image_that_is_not_here_is_told_with_the_way_out(registry: Registry) -> None:
    hub = registry.text(f"{HEAD}  - cmd: ubuntu:22.04 true\n")
    other = registry.text(f"{HEAD}  - cmd: mcr.microsoft.com/hello-world\n")
    log = registry.wait(hub).log
    assert "the local cloud cannot reach Docker Hub" in log
    assert "It has stand-ins for node:15-alpine" in log
    assert "Publish your own: push any image under this name" in log
    log = registry.wait(other).log
    assert "the local cloud cannot reach mcr.microsoft.com for mcr.microsoft.com/hello-world" in log
    assert "It has stand-ins for mcr.microsoft.com/acr/bash" in log


def test_a_vault_that_is_named_by_no_value_is_told(registry: Registry) -> None:
    vault = "https://{{.Values.KEYVAULT}}.vault.azure.net/secrets/user"
    task = f"secrets:\n  - id: user\n    keyvault: {vault}\n"
    task = f"version: v1.1.0\n{task}steps:\n  - cmd: bash -c true\n"
    ended = registry.wait(registry.text(task))
    assert ended.status == "Failed"
    told = (
        "It is made with {{.Values.KEYVAULT}}, which has no value: give it one (--set KEYVAULT=…)"
    )
    assert told in ended.properties["runErrorMessage"]


def test_labels_network_and_memory_of_a_build(registry: Registry) -> None:
    quoted = """--label a=b --label 'c=d "e" $f'"""
    dockerfile = f"FROM {BASE} AS one\nFROM {BASE} AS two\nLABEL a=0 z=1\nRUN false\n"
    files = {
        "Dockerfile": dockerfile,
        "reach": f"FROM {BASE}\nRUN node -e 'fetch(\"https://management.azure.com\")'\n",
        "use": f"FROM {BASE}\nRUN node -e 'Buffer.alloc(2**28, 1); setTimeout(() => 1, 30000)'\n",
        "task.yaml": HEAD
        + f"  - build: -t x:1 --target one {quoted} .\n"
        + "  - cmd: docker inspect x:1\n"
        + "  - build: -f reach --network none .\n    ignoreErrors: true\n"
        + "  - build: -f use --memory 128m .\n    ignoreErrors: true\n",
    }
    ended = registry.wait(registry.files(files))
    assert ended.status == "Succeeded", ended.log
    assert '"c": "d \\"e\\" $f"' in ended.log
    assert '"z"' not in ended.log
    refused = [line for line in ended.lines if "but is set to ignore errors" in line]
    assert len(refused) == 2
    assert "137" in refused[1]


def test_buildkit_tells_the_digests_of_what_it_used(registry: Registry) -> None:
    files = {
        "Dockerfile": f"FROM {BASE} AS unused\nFROM {BASE} AS one\n"
        "FROM scratch\nCOPY --from=one /etc/passwd /\n",
        "task.yaml": f"{HEAD}  - build: -t $Registry/kit:1 .\n    env: [DOCKER_BUILDKIT=1]\n",
    }
    ended = registry.wait(registry.files(files))
    assert ended.status == "Succeeded", ended.log
    told = "\n".join(ended.lines).partition("The following dependencies were found:\n")[2]
    [found] = yaml.safe_load(told.partition("\nRun ID")[0])
    assert found["runtime-dependency"]["repository"] == "library/scratch"
    assert "digest" not in found["runtime-dependency"]
    [base] = found["buildtime-dependency"]
    assert base["digest"].startswith("sha256:")
    assert "digest" not in found["image"]  # it was not pushed
