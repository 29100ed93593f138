"""Commands in running containers, and their output, over a WebSocket: the SDK, its aio, and az itself."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import ssl
import subprocess
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import websocket
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerinstance.aio import (
    ContainerInstanceManagementClient as AsyncContainerInstanceManagementClient,
)

from tests.az import AZ, Az
from tests.conftest import LocalCloud

from .running_groups import Groups


@pytest.fixture(scope="module")
def groups(groups: Groups) -> Groups:
    groups.create("web", "i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.2; done")
    groups.create("done", "exit 0")
    return groups


SIZE = "node -p '`<${process.stdout.rows}x${process.stdout.columns}>`'"
_opened: list[websocket.WebSocket] = []


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    """Closes what a test has connected."""
    yield
    while _opened:
        one = _opened.pop()
        if one.sock is not None:
            one.sock.close()


def opened(cloud: LocalCloud, uri: str) -> websocket.WebSocket:
    """A WebSocket at an address of the cloud."""
    proxy = urlsplit(cloud.proxy_url)
    made = websocket.WebSocket(
        sslopt={"ca_certs": str(cloud.ca_file), "cert_reqs": ssl.CERT_REQUIRED}
    )
    _opened.append(made)
    made.settimeout(20)
    made.connect(  # type: ignore[no-untyped-call]
        uri, http_proxy_host=proxy.hostname, http_proxy_port=proxy.port, proxy_type="http"
    )
    return made


def connect(groups: Groups, answer: Any, password: str | None = None) -> websocket.WebSocket:
    """The WebSocket that an answer names, after the password."""
    made = opened(groups.cloud, answer.web_socket_uri)
    made.send(answer.password if password is None else password)
    return made


def execute(groups: Groups, command: str, rows: int = 24, cols: int = 80) -> Any:
    request: Any = {"command": command, "terminalSize": {"rows": rows, "cols": cols}}
    return groups.client.containers.execute_command(groups.name, "web", "main", request)


def rest(socket: websocket.WebSocket) -> tuple[str, int]:
    """What comes until the end, and the code that ends it."""
    text = b""
    data: bytes
    while True:
        kind, data = socket.recv_data()
        if kind == websocket.ABNF.OPCODE_CLOSE:
            return text.decode(), int.from_bytes(data[:2], "big")
        text += data


def until(socket: websocket.WebSocket, word: str, then: str = "") -> str:
    """What comes until a word has come, and another one after it."""
    text = ""
    while then not in text.partition(word)[2] or word not in text:
        text += str(socket.recv_data()[1].decode())
    return text


def test_a_shell_on_a_terminal(groups: Groups) -> None:
    answer = execute(groups, "/bin/sh", rows=33, cols=97)
    uri = urlsplit(answer.web_socket_uri)
    assert uri.scheme == "wss"
    assert uri.hostname == "bridge-linux-01.eastus.management.azurecontainer.io"
    assert re.fullmatch("/exec/caas-[0-9a-f]{32}/bridge-[0-9a-f]{16}", uri.path)
    socket = connect(groups, answer)
    # What is typed is echoed: so the words of the answer are none of the question.
    socket.send_binary(b'test -t 0 && echo "ter""minal"; echo $TERM; readlink /proc/self/fd/0\n')
    text = until(socket, "/dev/pts/")
    assert "terminal" in text
    socket.send(f"{SIZE}\n")
    until(socket, "<33x97>")
    assert "xterm" in text
    socket.send("sleep 60\n")
    time.sleep(0.3)
    socket.send_binary(b"\x03")  # interrupts it
    socket.send("echo st''ill; exit 3\n")
    text, code = rest(socket)
    assert "still" in text
    assert code == 1000


def test_one_command_sees_what_the_container_sees(groups: Groups) -> None:
    text, code = rest(connect(groups, execute(groups, "ps")))
    assert code == 1000
    assert text


def test_a_command_with_arguments_is_one_word_as_on_azure(groups: Groups) -> None:
    text, code = rest(connect(groups, execute(groups, "echo hello")))
    assert 'exec: "echo hello": executable file not found in $PATH' in text
    assert code == 1000


def test_another_password_is_refused_and_the_right_one_then_too_late(groups: Groups) -> None:
    answer = execute(groups, "/bin/sh")
    assert rest(connect(groups, answer, "wrong"))[1] == 1008
    assert rest(connect(groups, answer))[1] == 1008


def test_a_session_is_for_one(groups: Groups) -> None:
    answer = execute(groups, "/bin/sh")
    first = connect(groups, answer)
    first.send("echo he''re\n")
    until(first, "here")
    assert rest(connect(groups, answer))[1] == 1008
    first.send("exit\n")
    assert rest(first)[1] == 1000


def test_the_command_ends_when_its_client_is_gone(groups: Groups) -> None:
    first = connect(groups, execute(groups, "/bin/sh"))
    first.send("exec sleep 4321\n")
    second = connect(groups, execute(groups, "/bin/sh"))
    look = "set -- $(grep -l '[4]321' /proc/[0-9]*/cmdline 2>&-); echo count''=$#=\n"

    def seen(number: int) -> bool:
        second.send(look)
        return f"={number}=" in until(second, "count=", "=")

    deadline = time.monotonic() + 20
    while not seen(1):
        assert time.monotonic() < deadline
    assert first.sock is not None
    first.sock.close()
    while not seen(0):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    second.close()


def test_large_input_and_output_arrive_whole(groups: Groups) -> None:
    socket = connect(groups, execute(groups, "/bin/sh"))
    socket.send("head -c 3000000 /dev/zero | tr '\\0' x; echo en''d\n")
    text = until(socket, "end")
    assert text.count("x") >= 3_000_000
    socket.send("read line; echo ${#line} by''tes\n")
    socket.send("y" * 3000 + "\n")
    assert "3000 bytes" in until(socket, "bytes")
    socket.close()


def test_what_is_typed_waits_for_who_reads_it(groups: Groups) -> None:
    socket = connect(groups, execute(groups, "/bin/sh"))
    loop = 'n=0; while read x; do n=$((n+1)); test "$x" = end && break; done'
    socket.send(f"sleep 1; {loop}; echo lines''=$n=\n")
    socket.send("some words\n" * 5000 + "end\n")
    assert "lines=5001=" in until(socket, "lines=", "=")
    socket.close()


def test_who_goes_before_the_password_leaves_nothing(groups: Groups) -> None:
    log = groups.cloud.home / "daemon.log"
    before = len(log.read_text())
    for _ in range(3):
        socket = opened(groups.cloud, execute(groups, "/bin/sh").web_socket_uri)
        assert socket.sock is not None
        socket.sock.close()
    ticking = connect(groups, groups.client.containers.attach(groups.name, "web", "main"))
    until(ticking, "tick")
    assert ticking.sock is not None
    ticking.sock.close()
    time.sleep(0.5)
    assert "Traceback" not in log.read_text()[before:]


def test_attach_shows_what_is_written_until_the_end(groups: Groups) -> None:
    groups.create("short", "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.5; done")
    answer = groups.client.containers.attach(groups.name, "short", "main")
    assert "/attach/" in answer.web_socket_uri
    text, code = rest(connect(groups, answer))
    assert text.endswith("line 9\n")
    assert code == 1000
    ticking = connect(groups, groups.client.containers.attach(groups.name, "web", "main"))
    assert "tick" in until(ticking, "tick")
    ticking.close()


@pytest.mark.parametrize(
    ("group", "container", "body", "status", "words"),
    [
        ("web", "other", {"command": "sh"}, 404, "It has: main"),
        (
            "done",
            "main",
            {"command": "sh"},
            409,
            "is not running: the group is in state 'Succeeded'",
        ),
        ("web", "main", {"command": " "}, 400, "'command'"),
        ("web", "main", {}, 400, "'command'"),
        ("web", "main", {"command": "sh", "terminalSize": {"rows": -1, "cols": 2}}, 400, "rows"),
        ("nothing", "main", {"command": "sh"}, 404, "was not found"),
    ],
)
def test_what_cannot_be_executed(
    groups: Groups, group: str, container: str, body: Any, status: int, words: str
) -> None:
    if group == "done":
        deadline = time.monotonic() + 20
        while (
            groups.client.container_groups.get(groups.name, "done").instance_view.state == "Running"
        ):
            assert time.monotonic() < deadline
    with pytest.raises(HttpResponseError, match=words) as refused:
        groups.client.containers.execute_command(groups.name, group, container, body)
    assert refused.value.status_code == status


def test_the_host_of_a_bridge_speaks_nothing_else(groups: Groups) -> None:
    with groups.cloud.http() as client:
        host = "https://bridge-linux-01.eastus.management.azurecontainer.io"
        assert client.get(f"{host}/exec/a/b").status_code == 404
    uri = "wss://bridge-linux-01.eastus.management.azurecontainer.io/exec/a/b"
    unknown = opened(groups.cloud, uri)
    unknown.send("password")
    assert rest(unknown)[1] == 1008
    # Elsewhere an offer to change the protocol is answered in this one.
    with pytest.raises(websocket.WebSocketBadStatusException):
        opened(groups.cloud, "wss://management.azure.com/")


def test_with_the_async_client(groups: Groups) -> None:
    async def ask() -> Any:
        cloud = groups.cloud
        async with (
            cloud.asynchronous_credential() as credential,
            AsyncContainerInstanceManagementClient(
                credential, cloud.account.subscription_id, **cloud.asynchronous_options()
            ) as client,
        ):
            request: Any = {"command": "/bin/sh", "terminalSize": {"rows": 5, "cols": 6}}
            return await client.containers.execute_command(groups.name, "web", "main", request)

    socket = connect(groups, asyncio.run(ask()))
    socket.send(f"{SIZE}; exit\n")
    assert "<5x6>" in rest(socket)[0]


def test_az_container_exec(groups: Groups, az: Az) -> None:
    """As a person has it: az on a terminal, words typed, and the end of the shell is the end of az."""
    assert AZ is not None
    words = ("container", "exec", "-g", groups.name, "-n", "web", "--exec-command", "/bin/sh")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [AZ, *words], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=az.environment
    )
    os.close(theirs)
    text = b""
    deadline = time.monotonic() + 60
    typed = False
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        text += chunk
        if not typed and b"#" in text:
            os.write(ours, b"echo from''az; exit\r")
            typed = True
    os.close(ours)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 0, complaint.decode()
    assert b"fromaz" in text
    assert b"Traceback" not in complaint


def test_az_names_what_cannot_be_entered(groups: Groups, az: Az) -> None:
    where = ("-g", groups.name, "-n", "done", "--exec-command", "sh")
    assert "is not running" in az.refused("container", "exec", *where)
