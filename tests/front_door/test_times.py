"""How long anybody may keep a connection: heads and bodies that do not end, clients that are gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from helpers.localcloud.front_door import FrontDoor, http_connection, limits, proxy
from helpers.localcloud.front_door.certificates import Certificates
from helpers.localcloud.front_door.server import loopback_listener

from .sockets import HOST, all_of, connect, secure

LARGE = 32_000_000  # bytes, more than sockets hold


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/large":
        await PlainTextResponse(b"x" * LARGE)(scope, receive, send)
        return
    if scope["path"] == "/early":  # it answers before it has read
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"early", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)}")(scope, receive, send)


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Proxy URL and CA file of a front door that waits tenths of seconds where others wait ten."""
    for module in (http_connection, proxy):
        for name in ("HEAD_SECONDS", "HANDSHAKE_SECONDS"):
            monkeypatch.setattr(module, name, 0.4, raising=False)
    monkeypatch.setattr(http_connection, "SILENT_SECONDS", 0.6)
    monkeypatch.setattr(http_connection, "IDLE_SECONDS", 0.8)
    monkeypatch.setattr(http_connection, "STALLED_SECONDS", 0.8)
    monkeypatch.setattr(http_connection, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr("helpers.localcloud.front_door.server.CHECK_SECONDS", 0.1)
    listener = loopback_listener(0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    names = ("identity", "resource_manager", "key_vault", "registry", "git_host", "blobs")
    certificates = Certificates(tmp_path, tmp_path / "ca.pem")
    loop, stop, ready = uvloop.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        door = FrontDoor(dict.fromkeys(names, _echo), certificates, url, {}, lambda *_: None)
        await door.listen(listener)
        ready.set()
        await stop.wait()
        await door.close(0.1)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield url, str(tmp_path / "ca.pem")
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def test_whoever_answers_is_told_that_the_client_is_gone_also_when_more_requests_wait() -> None:
    told: list[str] = []

    async def answer(_: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"early", "more_body": True})
        while told[-1:] != ["http.disconnect"]:
            told.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"late", "more_body": True})
        over.set()

    async def serve() -> None:
        connections = http_connection.HttpConnections(answer, limits.Connections())
        server = await asyncio.get_running_loop().create_server(connections.open, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        assert b"early" in await reader.readuntil(b"early")
        writer.transport.abort()
        await asyncio.wait_for(over.wait(), 30)
        server.close()
        await connections.close(5)

    over = asyncio.Event()
    loop = uvloop.new_event_loop()
    loop.run_until_complete(serve())
    loop.close()
    assert told == ["http.request", "http.disconnect"]


def test_a_head_that_does_not_end_is_answered_408(hasty: tuple[str, str]) -> None:
    url, ca_file = hasty
    opened: list[Callable[[], socket.socket]] = [
        lambda: connect(url),
        lambda: secure(url, ca_file),
    ]
    for open_one in opened:
        with open_one() as connection:
            for piece in (b"GET / HTTP/1.1\r\n", b"X: y\r\n", b"X-Slow: "):
                connection.sendall(piece)
            answer = all_of(connection)
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), answer
        assert b"Connection: close\r\n" in answer


def test_a_body_that_stops_is_answered_408_and_one_that_trickles_too(
    hasty: tuple[str, str],
) -> None:
    url, ca_file = hasty
    head = f"PUT / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n".encode()
    for interval in (5.0, 0.1):
        with secure(url, ca_file) as connection:
            connection.sendall(head + b"x")
            connection.settimeout(interval)
            answer = b""
            for _ in range(100):
                with contextlib.suppress(TimeoutError):
                    answer = connection.recv(4096)
                    break
                connection.sendall(b"x")
        assert answer.startswith(b"HTTP/1.1 408 "), (interval, answer)


def test_who_says_nothing_is_let_go(hasty: tuple[str, str]) -> None:
    url, ca_file = hasty
    with contextlib.ExitStack() as opened:
        unfinished = opened.enter_context(connect(url))  # in the middle of a handshake
        unfinished.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        assert unfinished.recv(4096).startswith(b"HTTP/1.1 200 ")
        unfinished.sendall(b"\x16\x03\x01")
        answered = opened.enter_context(secure(url, ca_file))  # idle after a request
        answered.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert answered.recv(4096).startswith(b"HTTP/1.1 200 ")
        silent = opened.enter_context(connect(url))
        secured = opened.enter_context(secure(url, ca_file))
        for connection in (silent, secured, answered, unfinished):
            connection.settimeout(5)
            assert all_of(connection) in (b"", b"0")


def test_a_slow_client_that_goes_on_is_served(hasty: tuple[str, str]) -> None:
    url, ca_file = hasty
    with secure(url, ca_file) as connection:
        connection.sendall(
            f"PUT / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4000\r\n\r\n".encode()
        )
        for _ in range(20):
            connection.sendall(b"x" * 200)
            time.sleep(0.05)
        answer = connection.recv(4096)
        while not answer.endswith(b"4000"):
            answer += connection.recv(4096)


def _read_late(url: str, ca_file: str, pause: float) -> int:
    """How many bytes of a large answer a client gets that reads nothing for some seconds."""
    got = 0
    with secure(url, ca_file) as connection:
        connection.sendall(f"GET /large HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        time.sleep(pause)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while piece := connection.recv(65536):
                got += len(piece)
    return got


def test_who_reads_nothing_of_an_answer_is_let_go(hasty: tuple[str, str]) -> None:
    url, ca_file = hasty
    got = _read_late(url, ca_file, 2)
    if got >= LARGE:  # a busy machine: the server has not come to look at it
        got = _read_late(url, ca_file, 15)
    assert 0 < got < LARGE
    with secure(url, ca_file) as connection:  # one that reads has all of it
        connection.sendall(f"GET /large HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        got = 0
        while got < LARGE:
            piece = connection.recv(65536)
            assert piece
            got += len(piece)


def test_a_body_that_is_wrong_ends_an_answer_that_has_begun(hasty: tuple[str, str]) -> None:
    url, ca_file = hasty
    with secure(url, ca_file) as connection:
        connection.sendall(
            f"PUT /early HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        answer = b""
        while b"early" not in answer:
            answer += connection.recv(4096)
        connection.sendall(b"no length\r\n")
        rest = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1" not in rest  # not a second answer within the first
    assert not rest.endswith(b"0\r\n\r\n")  # nor one that looks whole
