"""What anybody may take of the daemon before it is known who it is."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.localcloud import daemon
from helpers.localcloud.front_door import limits
from tests.conftest import LocalCloud, start

from .sockets import HOST, all_of, connect, memory, secure


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
