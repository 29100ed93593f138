"""Receivers that answer badly or not at all, and hosts that are not called."""

from __future__ import annotations

import functools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from helpers.localcloud import daemon, webhooks
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.resource_types import WEBHOOK_TYPE
from helpers.localcloud.store import Resource
from helpers.localcloud.webhooks import receivers
from helpers.localcloud.webhooks.posting import Posting
from helpers.localcloud.webhooks.receivers import InvalidUriError, RefusedError
from helpers.localcloud.webhooks.records import Records
from tests.conftest import start
from tests.registry.places import Place

from .receiving import Hooks, Receiver, free_port, soon


def settled(hooks: Hooks, name: str, attempts: int, receiver: Receiver, path: str) -> Any:
    """What is recorded of the only event when so many attempts were made."""
    soon(lambda: len(receiver.at(path)) >= attempts, 60)
    [event] = hooks.answered(name)
    return event["eventResponseMessage"]


def test_a_receiver_that_fails_is_called_again(hooks: Hooks, receiver: Receiver) -> None:
    failing = hooks.make(receiver.uri("/500/always"))
    hooks.ping(failing)
    flaky = hooks.make(receiver.uri("/flaky/one"))
    hooks.ping(flaky)
    wrong = hooks.make(receiver.uri("/404/wrong"))
    hooks.ping(wrong)
    busy = hooks.make(receiver.uri("/429/busy"))
    hooks.ping(busy)
    told = hooks.answered(failing)[0]["eventResponseMessage"]  # of the first attempt, at once
    assert (told["statusCode"], told["content"]) == ("500", "thank you")
    assert settled(hooks, wrong, 1, receiver, "/404/wrong")["statusCode"] == "404"
    soon(lambda: len(receiver.at("/flaky/one")) == 3)
    soon(lambda: hooks.events(flaky)[0]["eventResponseMessage"]["statusCode"] == "200")
    assert settled(hooks, failing, 3, receiver, "/500/always")["statusCode"] == "500"
    assert settled(hooks, busy, 3, receiver, "/429/busy")["statusCode"] == "429"
    assert len(receiver.at("/500/always")) == 3
    assert len(receiver.at("/404/wrong")) == 1
    # It is one event, whatever the number of attempts.
    assert len({one.content["id"] for one in receiver.at("/flaky/one")}) == 1
    assert len(hooks.events(flaky)) == 1


def test_a_receiver_that_hangs_holds_nobody_up(hooks: Hooks, receiver: Receiver) -> None:
    slow = [hooks.make(receiver.uri(f"/hang/{number}")) for number in range(12)]
    drip = hooks.make(receiver.uri("/drip/1"))
    for name in (*slow, *slow, *slow, drip):
        hooks.ping(name)
    soon(lambda: len(receiver.at("/hang/0")) > 0)
    for number in range(3):
        quick = hooks.make(receiver.uri(f"/200/quick{number}"))
        hooks.ping(quick)
        soon(functools.partial(receiver.at, f"/200/quick{number}"), 20)
    for name in (slow[0], drip):
        events = hooks.answered(name, within=60)
        answers = [one["eventResponseMessage"] for one in events if one["eventResponseMessage"]]
        assert {one["statusCode"] for one in answers} == {"504"}
        assert answers[0]["content"] == "The receiver did not answer within 5 seconds."
    for name in (*slow, drip):
        hooks.call("DELETE", f"/{name}")


def test_an_answer_that_is_too_large_is_cut(hooks: Hooks, receiver: Receiver) -> None:
    name = hooks.make(receiver.uri("/large/1"))
    hooks.ping(name)
    answer = settled(hooks, name, 1, receiver, "/large/1")
    assert answer["statusCode"] == "200"
    assert answer["content"] == "y" * 16384


def test_a_redirect_is_not_followed(hooks: Hooks, receiver: Receiver) -> None:
    name = hooks.make(receiver.uri("/redirect/1"))
    receiver.elsewhere = receiver.uri("/200/redirected")
    hooks.ping(name)
    answer = settled(hooks, name, 1, receiver, "/redirect/1")
    assert answer["statusCode"] == "302"
    assert answer["headers"]["Location"] == receiver.uri("/200/redirected")
    assert "follows no redirect" in answer["content"]
    time.sleep(0.2)
    assert receiver.at("/200/redirected") == []


def test_a_receiver_that_is_gone_and_comes_back(hooks: Hooks) -> None:
    port = free_port()
    name = hooks.make(f"http://localhost:{port}/200/back")
    hooks.ping(name)
    answer = hooks.answered(name)[0]["eventResponseMessage"]
    assert answer["reasonPhrase"] == "Connection failed"
    assert f"localhost:{port} could not be called: Connection refused." == answer["content"]
    back = Receiver(port)
    try:
        soon(lambda: back.at("/200/back"))
        soon(lambda: hooks.events(name)[0]["eventResponseMessage"].get("statusCode") == "200")
    finally:
        back.close()


@pytest.fixture
def talker() -> Iterator[Any]:
    """Makes a server that says the same to everybody."""
    listeners = []

    def talk(said: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(10)
                    connection.recv(65536)
                    connection.sendall(said)
                    connection.shutdown(socket.SHUT_WR)
                    # What is left unread makes closing a reset, which takes back what was said.
                    with suppress(OSError):
                        while connection.recv(65536):
                            pass

        threading.Thread(target=serve, daemon=True).start()
        return int(listener.getsockname()[1])

    yield talk
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("said", "status", "reason", "content"),
    [
        (b"", None, "Connection failed", "could not be called: "),
        (b"SSH-2.0-OpenSSH\r\n", None, "Connection failed", "it does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "200", "OK", "half"),
        (b"HTTP/1.0 204 \r\n\r\n", "204", "", ""),
        (b"HTTP/1.1 200 OK\r\n\r\n\xff\x00", "200", "OK", "\ufffd\x00"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "200", "OK", ""),
    ],
)
def test_a_receiver_that_talks_nonsense(
    hooks: Hooks, talker: Any, said: bytes, status: str | None, reason: str, content: str
) -> None:
    name = hooks.make(f"http://127.0.0.1:{talker(said)}/")
    hooks.ping(name)
    answer = hooks.answered(name)[0]["eventResponseMessage"]
    assert (answer.get("statusCode"), answer["reasonPhrase"]) == (status, reason)
    assert content in answer["content"]
    hooks.call("DELETE", f"/{name}")


ELSEWHERE = [
    "http://example.com/hook",
    "https://www.microsoft.com/",
    "http://192.0.2.1/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[2001:db8::1]:8080/",
    "http://[::ffff:192.0.2.1]/",
    "http://169.254.169.254/metadata/identity/oauth2/token",
    "http://2130706433/",
    "http://127.0.0.1.example.com/",
    "http://localhost.example.com/",
    "http://management.azure.com/",
]


def test_nothing_leaves_this_machine(hooks: Hooks) -> None:
    for uri in ELSEWHERE:
        name = hooks.make(uri)
        hooks.ping(name)
        answer = hooks.answered(name)[0]["eventResponseMessage"]
        assert answer["reasonPhrase"] == "Forbidden"
        assert "statusCode" not in answer
        assert "nothing leaves this machine" in answer["content"]
        hooks.call("DELETE", f"/{name}")


def test_places_of_this_cloud(cloud: Cloud) -> None:
    assert receivers.places(cloud, "127.70.1.2", 80) == [("127.70.1.2", 80)]
    assert receivers.places(cloud, "::1", 81) == [("::1", 81)]
    assert receivers.places(cloud, "::ffff:127.0.0.9", 80) == [("127.0.0.9", 80)]
    assert receivers.places(cloud, "hook.localhost", 80) == [("127.0.0.1", 80), ("::1", 80)]
    with pytest.raises(RefusedError):
        receivers.places(cloud, "site.westus.azurecontainer.io", 80)


@pytest.mark.parametrize(
    ("uri", "port", "authority", "target"),
    [
        ("http://LOCALHOST", 80, "LOCALHOST", "/"),
        ("HTTPS://localhost/a?b=c#d", 443, "localhost", "/a?b=c"),
        ("http://[::1]:81?x", 81, "[::1]:81", "/?x"),
        ("http://user:pw@127.0.0.1:8080/a", 8080, "127.0.0.1:8080", "/a"),
    ],
)
def test_a_uri_is_taken_apart(uri: str, port: int, authority: str, target: str) -> None:
    receiver = receivers.Receiver.parse(uri)
    assert (receiver.port, receiver.authority, receiver.target) == (port, authority, target)
    assert "pw" not in repr(receiver)


@pytest.mark.parametrize(
    "uri",
    [
        *("", "hook", "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x", "//127.0.0.1/"),
        *("http://", "http:///x", "http://:80/", "http://a:b:c/", "http://a:99999/", "http://a:0/"),
        *("http://[::1/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://ä/"),
        *("http://127.0.0.1\\@example.com/", "http://127.0.0.1/" + "a" * 10_000, "javascript:x"),
    ],
)
def test_what_is_no_uri(uri: str) -> None:
    with pytest.raises(InvalidUriError):
        receivers.Receiver.parse(uri)


def test_https_needs_a_certificate_that_is_valid(hooks: Hooks) -> None:
    home = hooks.place.cloud.home
    keys = [(home / name).read_bytes() for name in ("ca.pem", "ca-key.pem")]
    known, unknown = trustme.CA.from_pem(*keys), trustme.CA()
    answers = {}
    for authority in (known, unknown):
        secure = Receiver(authority=authority)
        try:
            name = hooks.make(f"https://localhost:{secure.port}/200/secure")
            hooks.ping(name)
            answers[authority] = hooks.answered(name)[0]["eventResponseMessage"]
            other = hooks.make(f"https://127.0.0.1:{secure.port}/200/secure")  # not its name
            hooks.ping(other)
            wrong = hooks.answered(other)[0]["eventResponseMessage"]
            assert "its certificate is not valid (" in wrong["content"]
            for one in (name, other):
                hooks.call("DELETE", f"/{one}")
            assert len(secure.at("/200/secure")) == (authority is known)
        finally:
            secure.close()
    assert answers[known]["statusCode"] == "200"
    assert answers[unknown]["reasonPhrase"] == "Connection failed"
    assert "its certificate is not valid (" in answers[unknown]["content"]


def test_an_event_that_cannot_be_told_is_given_up(cloud: Cloud) -> None:
    records = Records(cloud.store)
    records.add("/gone/hook", {})
    records.add("/gone/other", {})
    cloud.store.execute("UPDATE webhook_events SET content='[' WHERE webhook='/gone/other'")
    worker = webhooks.start(cloud)
    soon(lambda: not records.waiting(time.time(), 9))
    worker.stop()
    assert [one.attempts for one in records.of("/gone/hook")] == [0]
    assert records.of("/gone/other") == []


def test_an_error_of_the_store_or_of_a_record_holds_nothing_up(
    cloud: Cloud, receiver: Receiver
) -> None:
    records = Records(cloud.store)
    hook = Resource("/of/hook", WEBHOOK_TYPE, "hook", "", {})
    hook.private = {"serviceUri": receiver.uri("/200/stored"), "customHeaders": {}}
    cloud.store.put(hook)
    cloud.store.put(Resource("/of/damaged", WEBHOOK_TYPE, "damaged", "", {}))
    for name in ("damaged", "hook"):
        records.add(f"/of/{name}", {})
    cloud.store.execute("ALTER TABLE webhook_events RENAME TO elsewhere")
    worker = webhooks.start(cloud)
    time.sleep(0.2)
    cloud.store.execute("ALTER TABLE elsewhere RENAME TO webhook_events")
    soon(lambda: receiver.at("/200/stored"))
    soon(lambda: not records.waiting(time.time(), 9))
    worker.stop()
    assert [one.attempts for one in records.of("/of/damaged")] == [0]
    assert [one.attempts for one in records.of("/of/hook")] == [1]


def test_what_is_aborted_is_late(receiver: Receiver) -> None:
    posting = Posting()
    posting.abort()
    there = receivers.Receiver.parse(receiver.uri("/200/aborted"))
    outcome = posting.post(there, [("127.0.0.1", there.port)], {}, b"{}", None)
    assert outcome.again
    assert outcome.response["statusCode"] == "504"
    assert receiver.at("/200/aborted") == []


def test_what_comes_before_an_answer_is_none() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(
                    interim + b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
                )

        answering = threading.Thread(target=answer)
        answering.start()
        there = receivers.Receiver.parse(f"http://127.0.0.1:{port}/")
        outcome = Posting().post(there, [("127.0.0.1", port)], {}, b"{}", None)
        answering.join()
    assert (outcome.response["statusCode"], outcome.response["content"]) == ("202", "ok")
    assert not outcome.again


@given(st.text() | st.from_regex(r"https?://[!-~]*", fullmatch=True))
def test_any_text_is_a_uri_or_refused(text: str) -> None:
    try:
        receiver = receivers.Receiver.parse(text)
    except InvalidUriError:
        return
    assert receiver.uri.isascii()
    assert 0 < receiver.port < 65536
    assert receivers.Receiver.parse(receiver.uri).uri == receiver.uri


@pytest.mark.parametrize("way", ["down", "kill"])
def test_what_was_not_delivered_is_delivered_after_a_restart(tmp_path: Path, way: str) -> None:
    home = tmp_path / "localcloud"
    receiver = Receiver()
    port = free_port()
    try:
        hooks = Hooks(Place(start(home)))
        gone = hooks.make(f"http://127.0.0.1:{port}/200/later")
        hanging = hooks.make(receiver.uri("/hang/restart"), scope="slow:*")
        done = hooks.make(receiver.uri("/200/done"))
        hooks.place.push("slow", "v1")
        [event] = hooks.answered(done)
        soon(lambda: receiver.at("/hang/restart"))
        [before] = hooks.answered(gone)
        assert before["eventResponseMessage"]["reasonPhrase"] == "Connection failed"
        if way == "down":
            assert daemon.down(home)
        else:
            os.kill(hooks.place.cloud.pid, signal.SIGKILL)
            soon(lambda: daemon.status(home) is None)
        later = Receiver(port)
        try:
            hooks.place.cloud = start(home)
            [got] = soon(lambda: later.at("/200/later"))
            assert got.content["id"] == before["id"]
            assert got.content["target"]["repository"] == "slow"
            soon(lambda: len(receiver.at("/hang/restart")) == 2)
            restarted = Hooks(hooks.place)
            assert len(restarted.events(gone)) == 1
            assert len(restarted.events(hanging)) == 1
            assert [one["id"] for one in restarted.events(done)] == [event["id"]]
            assert len(receiver.at("/200/done")) == 1
        finally:
            later.close()
    finally:
        daemon.down(home)
        receiver.close()
