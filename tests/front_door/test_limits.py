"""What anybody may take of the daemon before it is known who it is."""

from __future__ import annotations

import asyncio
import contextlib
import resource
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

from helpers.localcloud import daemon
from helpers.localcloud.front_door import FrontDoor, http_connection, limits, proxy
from helpers.localcloud.front_door.certificates import Certificates
from helpers.localcloud.front_door.server import loopback_listener
from tests.conftest import LocalCloud, start

HOST = "management.azure.com"


def connect(proxy_url: str) -> socket.socket:
    host, port = proxy_url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def secure(proxy_url: str, ca_file: str, host: str = HOST) -> ssl.SSLSocket:
    """A TLS connection to a host of the cloud, as its clients have."""
    context = ssl.create_default_context(cafile=ca_file)
    with contextlib.ExitStack() as unless_secured:
        plain = unless_secured.enter_context(connect(proxy_url))
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert plain.recv(4096).startswith(b"HTTP/1.1 200 ")
        secured = context.wrap_socket(plain, server_hostname=host)
        unless_secured.pop_all()
    return secured


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def memory(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(pid)


def both(cloud: LocalCloud) -> list[Callable[[], socket.socket]]:
    return [
        lambda: connect(cloud.proxy_url),
        lambda: secure(cloud.proxy_url, cloud.ca_file),
    ]


@pytest.mark.parametrize("opened", [0, 1], ids=["plain", "TLS"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyy\r\n" * 20_000, 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET /" + b"x" * 1_000_000, 414),
        (b"GET /?q=" + b"%61" * 6_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    ],
)
def test_a_head_too_large_is_refused_and_the_connection_closed(
    local_cloud: LocalCloud, opened: int, sent: bytes, status: int
) -> None:
    with both(local_cloud)[opened]() as connection:
        connection.sendall(sent)
        answer = all_of(connection).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "connection: close" in head.lower()
    assert f"content-length: {len(body)}" in head.lower()
    assert answer.count("HTTP/1.1 ") == 1


def test_a_connect_with_a_large_head_is_refused(local_cloud: LocalCloud) -> None:
    for sent, status in (
        (b"CONNECT " + b"x" * 20_000, b"414"),
        (b"CONNECT github.com:443 HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", b"431"),
        (b"CONNECT github.com:443 HTTP/1.1\r\nX: " + b"x" * 100_000, b"431"),
    ):
        with connect(local_cloud.proxy_url) as connection:
            connection.sendall(sent)
            assert all_of(connection).startswith(b"HTTP/1.1 " + status)


TRAILERS = [b"X: " + b"x" * 500_000, b"X: y\r\n" * 50_000]


def test_trailers_have_the_limits_of_a_head(local_cloud: LocalCloud) -> None:
    """Of a request that is answered when it has been read; others may be answered before."""
    start_of_request = (
        f"PUT {local_cloud.subscription}/resourcegroups/x?api-version=2021-04-01 HTTP/1.1\r\n"
        f"Host: {HOST}\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: Bearer {local_cloud.token()}\r\n\r\n"
        "1\r\n{\r\n0\r\n"
    ).encode()
    for trailers in TRAILERS:
        with secure(local_cloud.proxy_url, local_cloud.ca_file) as connection:
            connection.sendall(start_of_request)
            with contextlib.suppress(OSError):
                connection.sendall(trailers)
            answer = all_of(connection)
        assert answer.startswith(b"HTTP/1.1 431 "), answer[:100]


def test_what_is_wrong_with_the_rest_of_an_answered_request_is_no_second_answer(
    local_cloud: LocalCloud,
) -> None:
    start_of_request = (
        f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n"
    ).encode()
    for rest in (*(b"0\r\n" + trailers for trailers in TRAILERS), b"no length\r\n"):
        with secure(local_cloud.proxy_url, local_cloud.ca_file) as connection:
            connection.sendall(start_of_request)
            answer = connection.recv(65536)
            with contextlib.suppress(OSError):
                connection.sendall(rest)
            answer += all_of(connection)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert answer.count(b"HTTP/1.1 ") == 1


def test_an_answer_comes_before_the_refusal_of_what_follows(local_cloud: LocalCloud) -> None:
    good = b"GET /tenants HTTP/1.1\r\nHost: management.azure.com\r\n\r\n"
    with secure(local_cloud.proxy_url, local_cloud.ca_file) as connection:
        connection.sendall(good * 3 + b"GET /" + b"x" * 20_000)
        answer = all_of(connection)
    assert answer.count(b"HTTP/1.1 401 ") == 3
    assert answer.rindex(b"HTTP/1.1 401 ") < answer.index(b"HTTP/1.1 414 ")


def test_many_requests_at_once_on_one_connection_do_not_pile_up(local_cloud: LocalCloud) -> None:
    before = memory(local_cloud.pid)
    good = b"GET /tenants HTTP/1.1\r\nHost: management.azure.com\r\n\r\n"
    with secure(local_cloud.proxy_url, local_cloud.ca_file) as connection:
        connection.sendall(good * 4_000)
        answer = all_of(connection)
    assert answer.count(b"HTTP/1.1 401 ") > limits.PIPELINED  # they wait for one more
    assert answer.count(b"HTTP/1.1 503 ") == 1
    assert memory(local_cloud.pid) - before < 32


def test_megabytes_of_headers_stay_out_of_memory(fresh_cloud: LocalCloud) -> None:
    before = memory(fresh_cloud.pid)
    piece = b"X-Long: " + b"x" * 1_000_000 + b"\r\n"
    for open_one in both(fresh_cloud):
        connections = [open_one() for _ in range(20)]
        for connection in connections:
            with contextlib.suppress(OSError):  # refused meanwhile
                connection.sendall(b"GET / HTTP/1.1\r\n")
                for _ in range(5):
                    connection.sendall(piece)
        for connection in connections:
            connection.close()
    assert memory(fresh_cloud.pid) - before < 32


@pytest.fixture
def narrow_cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """A cloud whose daemon may open 512 descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        cloud = start(tmp_path / "narrow")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield cloud
    daemon.down(cloud.home)


def test_half_sent_heads_neither_use_up_descriptors_nor_memory(narrow_cloud: LocalCloud) -> None:
    """As many as its descriptors twice over, with and without TLS, and others are still answered."""
    before = memory(narrow_cloud.pid)
    with contextlib.ExitStack() as opened:
        refused = 0
        for number in range(1100):
            connection = opened.enter_context(connect(narrow_cloud.proxy_url))
            with contextlib.suppress(OSError):
                connection.sendall(b"GET / HTTP/1.1\r\nX-Half: " + b"x" * 30_000)
            if number < 100:
                continue
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                answer = connection.recv(4096)
                refused += answer.startswith(b"HTTP/1.1 503 ")
        assert len(list(Path(f"/proc/{narrow_cloud.pid}/fd").iterdir())) < 450
        assert memory(narrow_cloud.pid) - before < 32
        time.sleep(1.2)  # then one of those that say nothing more makes room
        headers = {"Authorization": f"Bearer {narrow_cloud.token()}"}
        reply = narrow_cloud.http().get(
            f"https://{HOST}/subscriptions?api-version=2022-12-01", headers=headers
        )
        assert reply.status_code == 200


def test_a_refused_connection_is_told_when_to_come_back(narrow_cloud: LocalCloud) -> None:
    head = (
        f"PUT {narrow_cloud.subscription}/resourcegroups/x?api-version=2021-04-01 HTTP/1.1\r\n"
        "Host: management.azure.com\r\nContent-Length: 10\r\n"
        f"Authorization: Bearer {narrow_cloud.token()}\r\n\r\n"
    )
    time.sleep(1.2)  # then the connection that has brought the token makes room
    with contextlib.ExitStack() as opened:
        for _ in range(256):  # each with a request that is being answered
            connection = opened.enter_context(secure(narrow_cloud.proxy_url, narrow_cloud.ca_file))
            connection.sendall(f"{head}{{".encode())
        last = opened.enter_context(connect(narrow_cloud.proxy_url))
        answer = all_of(last).decode()
    assert answer.startswith("HTTP/1.1 503 Service Unavailable\r\n")
    assert "Retry-After: 1\r\n" in answer
    assert "Connection: close\r\n" in answer


# -- time ----------------------------------------------------------------------------------------


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


# -- the log -------------------------------------------------------------------------------------


def test_whoever_knocks_does_not_fill_the_log(fresh_cloud: LocalCloud) -> None:
    log = fresh_cloud.home / "daemon.log"
    before = log.stat().st_size
    for number in range(400):
        with connect(fresh_cloud.proxy_url) as connection:
            connection.sendall(f"CONNECT h{number}.example.org:443 HTTP/1.1\r\n\r\n".encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")
    for _ in range(100):
        with secure(fresh_cloud.proxy_url, fresh_cloud.ca_file) as connection:
            connection.sendall(b"NONSENSE\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
    with connect(fresh_cloud.proxy_url) as connection:
        connection.sendall(b"CONNECT " + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")
    assert log.stat().st_size - before < 20_000
    assert "more like it within this minute" in log.read_text()


def test_a_log_that_grows_too_large_is_turned_over(tmp_path: Path) -> None:
    home = tmp_path / "loud"
    cloud = start(home)
    try:
        log = home / "daemon.log"
        with log.open("ab") as file:  # as any process of the daemon does that shares its stderr
            for number in range(500_000):
                file.write(b"line %d\n" % number)
        connection = connect(cloud.proxy_url)
        connection.sendall(b"CONNECT example.org:443 HTTP/1.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 403 ")
        connection.close()
        assert log.stat().st_size < 10_000
        kept = home / "daemon.log.1"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert "refused CONNECT example.org:443" in kept.read_text()
        assert kept.stat().st_size <= 4 * 1024 * 1024
    finally:
        daemon.down(home)
    assert "stopped" in log.read_text()
