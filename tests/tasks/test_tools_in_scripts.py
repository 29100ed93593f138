"""az called by scripts inside of a step's container: pipes, exit statuses, and who may call it."""

from __future__ import annotations

import base64
import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.mgmt.authorization import AuthorizationManagementClient

from helpers.localcloud.tasks.tools.server import Call, ToolServer
from tests.tasks.running import Ended, Registry

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
NODE = "docker.io/library/node:15-alpine"


def task(registry: Registry, name: str, *steps: str) -> dict[str, Any]:
    """A task of these steps, whose identity owns the registry's group."""
    text = "version: v1.1.0\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)
    content = base64.b64encode(text.encode()).decode()
    made = registry.task(name, {"type": "EncodedTask", "encodedTaskContent": content})
    scope = f"{registry.cloud.subscription}/resourceGroups/{registry.group}"
    roles = "Microsoft.Authorization/roleDefinitions"
    body = {
        "roleDefinitionId": f"{registry.cloud.subscription}/providers/{roles}/{OWNER}",
        "principalId": made["identity"]["principalId"],
        "principalType": "ServicePrincipal",
    }
    client = registry.cloud.client(AuthorizationManagementClient)
    client.role_assignments.create(scope, str(uuid.uuid4()), {"properties": body})
    return made


def ended(registry: Registry, name: str) -> Ended:
    return registry.wait(registry.start_task(name))


def test_scripts_call_az_in_pipes_and_by_status(registry: Registry) -> None:
    script = (
        f"az login --identity -o none && az acr import -n {registry.name} --source {NODE} "
        "-t scripted:1 && echo imported"
    )
    server = f"az acr show -n {registry.name} --query loginServer -o tsv"
    task(
        registry,
        "scripts",
        f'cmd: bash -c "{script}"',
        f"cmd: mcr.microsoft.com/azure-cli bash -c 'echo \"server=$({server})\" | tr a-z A-Z'",
        f"cmd: az -c 'az acr show -n {registry.name} | jq -r .name'\n    entryPoint: bash",
        f"cmd: mcr.microsoft.com/azure-cli az acr show -n {registry.name} --query sku.name",
        "cmd: az bash -c 'az acr show -n nosuchregistry 2>&1 >/dev/null | head -c 26; "
        'az acr show -n nosuchregistry 2>/dev/null; echo " status=$?"; az nonsense 2>/dev/null; '
        'echo " usage=$?"\'',
        "cmd: az bash -c 'AZURE_CORE_OUTPUT=tsv az acr repository list -n "
        f"{registry.name}; az acr repository untag -n {registry.name} -t scripted:9 || exit 7'",
    )
    run = ended(registry, "scripts")
    assert run.status == "Failed", run.log
    assert "imported" in run.lines
    assert f"SERVER={registry.server}".upper() in run.lines, run.log
    assert registry.name in run.lines
    assert '"Premium"' in run.lines
    assert "ERROR: The resource with n status=1" in run.lines
    assert " usage=2" in run.lines
    assert "scripted" in run.lines
    assert "ERROR: Error: the specified tag 9 does not exist." in run.lines
    assert "exit status 7" in run.log


def test_az_in_a_script_is_the_identity_of_its_run(registry: Registry) -> None:
    task(
        registry,
        "nobody",
        "cmd: az bash -c 'az logout; az account show; echo status=$?'",
        "cmd: acr -c 'acr tag list --repository never 2>&1 | head -c 6; acr version'\n"
        "    entryPoint: bash",
        "cmd: mcr.microsoft.com/acr/acr-cli:0.17 version",
        "cmd: mcr.microsoft.com/acr/acr-cli version\n    ignoreErrors: true",
    )
    run = ended(registry, "nobody")
    assert run.status == "Succeeded", run.log
    assert "status=1" in run.lines
    assert "ERROR: Please run 'az login' to setup account." in run.lines
    assert "Error:acr stand-in of the local cloud, for ACR Tasks steps" in run.lines
    assert run.lines.count("acr stand-in of the local cloud, for ACR Tasks steps") == 1
    assert "the local cloud cannot reach mcr.microsoft.com" in run.log


def test_an_account_is_shown_without_a_right_to_read_its_subscription(registry: Registry) -> None:
    show = "az account show --query [id,user.name] -o tsv"
    task(registry, "account", f"cmd: az bash -c 'az login --identity -o none && {show}'")
    run = ended(registry, "account")
    assert run.status == "Succeeded", run.log
    subscription = registry.cloud.subscription.rpartition("/")[2]
    assert {subscription, "systemAssignedIdentity"} <= set(run.lines), run.log


def test_an_image_that_is_built_on_it_has_az_in_its_steps_alone(registry: Registry) -> None:
    """While an image is built there is no identity, as on a builder."""
    dockerfile = "FROM mcr.microsoft.com/azure-cli\nRUN az version || echo refused=$?\n"
    files = {
        "Dockerfile": dockerfile,
        "task.yaml": "version: v1.1.0\nsteps:\n"
        "  - build: -t $Registry/with-az:1 .\n"
        "  - cmd: $Registry/with-az:1 az version\n"
        "  - cmd: $Registry/with-az:1 az version\n    network: none\n    ignoreErrors: true\n",
    }
    run = registry.wait(registry.files(files))
    assert run.status == "Succeeded", run.log
    assert "refused=1" in run.log
    assert "az: this stand-in works in the steps of a run alone" in run.log
    assert "az stand-in of the local cloud, for ACR Tasks steps" in run.lines


@pytest.fixture
def server() -> Iterator[ToolServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = ToolServer()
    server.listen(listener)
    yield server
    server.close()


def ask(server: ToolServer, data: bytes) -> bytes:
    """What a client is answered until the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.ports[0]), timeout=30) as connection:
        connection.sendall(data)
        answer = b""
        try:
            while received := connection.recv(4096):
                answer += received
        except ConnectionResetError:
            pass
        return answer


def _echo(call: Call) -> int:
    call.output(f"{call.tool} {call.words} {call.settings}\nsecond")
    call.error("wrong")
    return 300


def test_a_call_is_answered_by_line(server: ToolServer) -> None:
    key = server.admit(_echo).encode()
    answer = ask(server, key + b"\0az\x002\0a b\0\x001\0AZURE_X=1=2\0")
    assert answer == b"oaz ['a b', ''] {'AZURE_X': '1=2'}\nosecond\newrong\ns44\n"
    answer = ask(server, key + b"\0az\x001\0\xffa\x000\0")  # what is no UTF-8 names nothing
    assert answer.startswith("oaz ['\ufffda'] {}\n".encode())


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\0",
        b"wrong\0az\x000\x000\0",
        b"KEY\0az\0many\0",
        b"KEY\0az\x00-1\0",
        b"KEY\0az\x00999999999999\0",
        b"KEY\0az\x001\0word\0\xff\0",
        b"KEY\0az\x001\0" + b"x" * (3 << 20),
    ],
)
def test_a_stranger_is_hung_up_on(server: ToolServer, request_: bytes) -> None:
    calls: list[Call] = []

    def execute(call: Call) -> int:
        calls.append(call)
        return 0

    key = server.admit(execute).encode()
    with socket.create_connection(("127.0.0.1", server.ports[0]), timeout=30) as connection:
        try:
            connection.sendall(request_.replace(b"KEY", key))
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(4096) == b""
        except OSError:  # it has hung up
            pass
    assert calls == []


def test_a_call_whose_caller_is_gone_is_told_so(server: ToolServer) -> None:
    seen: list[bool] = []

    def execute(call: Call) -> int:
        deadline = time.monotonic() + 30
        while not call.cancelled() and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(call.cancelled())
        return 0

    key = server.admit(execute).encode()
    with socket.create_connection(("127.0.0.1", server.ports[0])) as connection:
        connection.sendall(key + b"\0az\x000\x000\0")
    deadline = time.monotonic() + 30
    while not seen and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen == [True]


def test_many_that_say_nothing_keep_nobody_out_for_long(
    server: ToolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.localcloud.tasks.tools.server.PATIENCE", 0.2)
    idle = [socket.create_connection(("127.0.0.1", server.ports[0])) for _ in range(40)]
    key = server.admit(_echo).encode()
    assert ask(server, key + b"\0az\x000\x000\0").endswith(b"s44\n")
    for one in idle:
        one.close()
