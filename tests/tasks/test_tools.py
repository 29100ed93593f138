"""docker, az, bash and curl in task steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from helpers.localcloud.blobs.account import BlobAccount
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.workload_identity import WorkloadIdentity
from helpers.localcloud.identities import Identities
from helpers.localcloud.store import Resource
from helpers.localcloud.tasks.execution.agent import Agent
from helpers.localcloud.tasks.execution.attempts import Attempts
from helpers.localcloud.tasks.execution.build_step import BuildSteps
from helpers.localcloud.tasks.execution.docker_config import DockerConfig
from helpers.localcloud.tasks.execution.log import RunLog
from helpers.localcloud.tasks.execution.session import RunSession
from helpers.localcloud.tasks.execution.source import Source
from helpers.localcloud.tasks.execution.step_tools import StepTools
from helpers.localcloud.tasks.execution.stop import Stop
from helpers.localcloud.tasks.runs import Run
from helpers.localcloud.tasks.tools import az, docker

BASE = "node:15-alpine"
TYPE = "Microsoft.ContainerRegistry/registries"
REGISTRY = f"/subscriptions/{UUID(int=0)}/resourceGroups/g/providers/{TYPE}/r"
_GROUP = ("-g", "g", "-n", "n")


CREATE = ["container", "create", "-g", "g", "-n", "n", "--image", "i", "-l", "x"]


class Tools:
    """Runs tool commands as the steps of one run; remembers what they printed."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.lines: list[str] = []
        self.workspace, home = folder / "workspace", folder / "home"
        for one in (self.workspace, home):
            one.mkdir()
        properties = {"loginServer": "r.azurecr.io"}
        registry = Resource(REGISTRY, TYPE, "r", "g", {"properties": properties})
        run = Run(registry.id, "ca1", 1, "Running", "", 0.0, {}, {})
        log = RunLog(BlobAccount(cloud).run_log(run.registry_id, run.run_id))
        source = Source(self.workspace)
        nobody = Identities()
        agent = Agent(cloud, run, registry, log, Stop(), source, home, folder, nobody)
        config = DockerConfig(cloud, home, log.masker)
        proof = WorkloadIdentity(cloud, nobody, log.masker.hide)
        self.session = RunSession(cloud, log.masker.cut, config, proof, registry.key)
        self.tools = StepTools(agent, self.session)
        self.tools.builds = BuildSteps(agent, self.session, Attempts(agent, self.session))
        self.context = self.tools.context({"GIVEN": "value"}, self.lines.append)

    def docker(self, *words: str) -> tuple[int, str]:
        self.lines.clear()
        return docker.run(list(words), self.context), "\n".join(self.lines)

    def az(self, *words: str) -> tuple[int, str]:
        self.lines.clear()
        return az.run(list(words), self.context), "\n".join(self.lines)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    folder = tmp_path_factory.mktemp("tools")
    cloud = Cloud(folder / "cloud")
    tools = Tools(cloud, folder)
    yield tools
    tools.context.session.close()
    cloud.close()


def test_docker_pull_tag_images_inspect(tools: Tools) -> None:
    status, text = tools.docker("pull", BASE)
    assert status == 0
    assert text.splitlines()[-1] == "docker.io/library/node:15-alpine"
    assert tools.docker("tag", BASE, "team.azurecr.io/node:mine") == (0, "")
    status, text = tools.docker("images")
    assert text.splitlines()[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "SIZE"]
    assert {"node", "team.azurecr.io/node"} <= {line.split()[0] for line in text.splitlines()[1:]}
    status, text = tools.docker("image", "inspect", BASE)
    assert (status, json.loads(text)[0]["Os"]) == (0, "linux")
    assert tools.docker("rmi", "team.azurecr.io/node:mine")[0] == 0
    status, text = tools.docker("rmi", "team.azurecr.io/node:mine")
    assert (status, text) == (
        1,
        "Error response from daemon: No such image: team.azurecr.io/node:mine",
    )


def test_docker_build_and_run(tools: Tools) -> None:
    (tools.workspace / "Dockerfile").write_text(
        f"FROM {BASE}\nARG GIVEN\nRUN echo $GIVEN > /given; grep far /etc/hosts\nCMD cat /given\n"
    )
    options = ("--build-arg", "GIVEN", "--add-host", "far:192.0.2.7")
    status, text = tools.docker("build", "-t", "made", *options, ".")
    assert (status, "192.0.2.7\tfar" in text) == (0, True), text
    assert tools.docker("run", "--rm", "made") == (0, "value")
    (tools.workspace / "file").write_text("shared")
    status, text = tools.docker(
        "run", "-v", "/workspace:/w", "-e", "A=1", "made", "sh", "-c", "cat /w/file; echo $A"
    )
    assert (status, text) == (0, "shared1")
    assert tools.docker("run", "made", "sh", "-c", "exit 7")[0] == 7
    (tools.workspace / "variables").write_text("# none\nA=from file\n\nGIVEN\nNOT_GIVEN\n")
    words = ("-it", "--rm", "--env-file=variables", "-eB=b=c", "-w", "/tmp", "-vkept:/k")
    script = "echo $A $GIVEN $B ${NOT_GIVEN-unset} $PWD; cat /k/x 2>/dev/null; echo put > /k/x"
    assert tools.docker("run", *words, "made", "sh", "-c", script) == (
        0,
        "from file value b=c unset /tmp",
    )
    assert tools.docker("run", *words, "made", "sh", "-c", script)[1].splitlines()[1] == "put"
    assert tools.docker("run", "--entrypoint", "node", "made", "-p", "6*7") == (0, "42")
    status, text = tools.docker("run", "made", "nothing-here")
    assert (status, "executable file not found" in text) == (127, True)


def test_docker_run_with_file_systems_in_memory(tools: Tools) -> None:
    fills = "head -c 2000000 /dev/zero 2>&1 > /t/f; ls /t"
    chrooted = tools.session.networks.get("bridge").mode == "chroot"  # where mounts are copies
    for words, fits in (
        (("--tmpfs", "/t"), True),
        (("--tmpfs", "/t:rw,size=4m"), True),
        (("--tmpfs", "/t:size=1m"), False),
        (("--mount", "type=tmpfs,target=/t,tmpfs-size=1m"), False),
    ):
        status, text = tools.docker("run", "--rm", *words, BASE, "sh", "-c", fills)
        assert (status, text.splitlines()[-1]) == (0, "f")
        assert ("No space left on device" not in text) == (fits or chrooted), text
    status, _ = tools.docker("run", "--tmpfs", "/t:ro", BASE, "sh", "-c", "touch /t/f")
    assert (status == 0) == chrooted


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["swarm", "init"], 1, "'swarm' is not a docker command"),
        ([], 1, "a command is missing"),
        (["pull", "--all-of-it", "x"], 125, "unknown flag or argument: --all-of-it"),
        (["pull", "--all-of-it", "x"], 125, "This is the local cloud's stand-in for docker, with"),
        (["pull", "node:nothing"], 1, "manifest for node:nothing not found"),
        (["push", "nothing:1"], 1, "does not exist locally"),
        (["tag", "nothing", "x"], 1, "No such image: nothing"),
        (["build", "../outside"], 1, "the build context '../outside' lies outside the source code"),
        (["build", "missing"], 1, "the build context 'missing' was not found in the source code"),
        (["run", "--frob", BASE], 125, "unknown flag: --frob"),
        (["run", "-x", BASE], 125, "unknown shorthand flag: 'x' in -x"),
        (["run", "--name"], 125, "flag needs an argument: --name"),
        (["run", "-w", "here", BASE], 125, "the working directory 'here' is invalid"),
        (["run", "--rm=perhaps", BASE], 125, 'parsing "perhaps": invalid syntax'),
        (["run", "--gpus", "all", BASE], 125, "does not implement the option --gpus of docker run"),
        (["run", "--env-file", "never", BASE], 125, "open never: no such file or directory"),
        (["run", "-e", "=x", BASE], 125, "invalid environment variable: =x"),
        (["run", "--memory", "1k", BASE], 125, "Minimum memory limit allowed is 6MB"),
        (["run", "--memory", "9" * 400, BASE], 125, "invalid size"),
        (["run", "--pull", "perhaps", BASE], 125, "invalid pull option: 'perhaps'"),
        (["run", "--pull", "never", "node:never"], 125, "No such image: node:never"),
        (["run", "node:never"], 125, "Unable to find image 'node:never' locally"),
        (["run", "-v", "/etc:/x", BASE], 125, "lies outside /workspace"),
        (["run", "-v", "named:x", BASE], 125, "mount path must be absolute"),
        (["run", "--tmpfs", "x", BASE], 125, "invalid mount path: 'x' mount path must be absolute"),
        (["run", "--tmpfs", "/x:size=much", BASE], 125, "invalid tmpfs option: size=much"),
        (["run", "--mount", "type=tmpfs", BASE], 125, "target is required"),
        (["run", "--mount", "type=npipe,target=/x", BASE], 125, "--mount type=npipe"),
        (["run", "-v", "-n:/x", BASE], 125, "invalid characters for a local volume name"),
        (["run", "--network", "never", BASE], 125, "network never not found"),
        (["run", "-p", "a:b", BASE], 125, "invalid containerPort: b"),
        (["run", "--expose", "x", BASE], 125, "invalid range format for --expose: x"),
        (["exec", "never", "ls"], 1, "Error response from daemon: No such container: never"),
        (["exec", "never"], 1, '"docker exec" requires at least 2 arguments.'),
        (["exec", "--never", "x", "ls"], 125, "unknown flag: --never"),
        (["exec", "--privileged", "x", "ls"], 125, "the option --privileged of docker exec"),
        (["exec", "-e", "=x", "x", "ls"], 125, "invalid environment variable: =x"),
        (["stop"], 1, '"docker stop" requires at least 1 argument.'),
        (["network", "rm", "never"], 1, "network never not found"),
        (["network", "create", "-d", "foo", "n"], 125, 'plugin "foo" not found'),
        (["volume", "rm", "never"], 1, "get never: no such volume"),
        (["manifest", "create", "a", "b"], 125, "does not implement docker manifest"),
        (["run"], 1, '"docker run" requires at least 1 argument.'),
        (["login", "-u", "x", "--password-stdin", "a.azurecr.io"], 125, "no standard input"),
        (["login", "-u", "x", "-p", "y", "nowhere.azurecr.io"], 1, "there is no registry"),
        (["Node"], 1, "is not a docker command"),
        (["pull", "UPPER"], 1, "must be lowercase"),
    ],
)
def test_docker_says_what_is_wrong(
    tools: Tools, words: list[str], status: int, message: str
) -> None:
    assert (tools.docker(*words)[0], message in "\n".join(tools.lines)) == (status, True), (
        tools.lines
    )


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["vm", "create"], 2, "'vm create' is not in the az stand-in"),
        (
            ["login", "--allow-no-subscriptions-x"],
            2,
            "This is the local cloud's stand-in for az, with",
        ),
        (["login", "--identity"], 1, "this task has no managed identity"),
        (["login"], 2, "log in with --identity"),
        (["account", "show"], 1, "Please run 'az login' to setup account."),
        (["group", "show"], 2, "required"),
        (
            [
                "container",
                "create",
                "-g",
                "g",
                "-n",
                "n",
                "--image",
                "i",
                "--cpu",
                "much",
                "-l",
                "x",
            ],
            2,
            "invalid float",
        ),
        (["acr", "import", "-n", "r", "--source", "x", "--frob"], 2, "--frob"),
        ([*CREATE, "--ports", "http"], 2, "argument --ports or --command-line: invalid literal"),
        ([*CREATE, "--command-line", "sh 'x"], 2, "No closing quotation"),
        (["container", "delete", "-g", "g", "-n", "n"], 1, "no tty available. Use --yes."),
        (["container", "delete", "-g", "g", "-n", "n", "-y"], 1, "Please run 'az login'"),
        (["acr", "repository", "delete", "-n", "r", "-t", "a:1"], 1, "Registry names may contain"),
    ],
)
def test_az_says_what_is_wrong(tools: Tools, words: list[str], status: int, message: str) -> None:
    assert (tools.az(*words)[0], message in "\n".join(tools.lines)) == (status, True), tools.lines


def test_bash_runs_commands_and_scripts(tools: Tools) -> None:
    image = "mcr.microsoft.com/acr/bash:2ff604c"
    assert tools.docker("run", image, "echo", "hello")[1].splitlines()[-1] == "hello"
    assert tools.docker("run", image, "-c", "echo $((1+1))") == (0, "2")


def test_curl_reaches_nothing_but_the_cloud(tools: Tools) -> None:
    image = "mcr.microsoft.com/acr/curl:2ff604c"
    status, text = tools.docker("run", image, "-sS", "--max-time", "5", "http://192.0.2.1/")
    assert status not in (0, 125), text
