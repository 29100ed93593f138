"""The stream of changes of a running daemon: who may listen, what is heard, and how it ends."""

from __future__ import annotations

import base64
import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import requests
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud import daemon
from helpers.localcloud.change_stream import HEARTBEAT
from helpers.localcloud.changes import LISTENERS, PATH, TOKEN_FILE
from helpers.localcloud.run_statuses import FINAL
from tests.conftest import LocalCloud, start


def token(cloud: LocalCloud) -> str:
    return (cloud.home / TOKEN_FILE).read_text()


def opened(cloud: LocalCloud, **headers: str) -> requests.Response:
    """A request for the stream, by who knows the token."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(
            f"{cloud.proxy_url}{PATH}",
            headers={"Authorization": f"Bearer {token(cloud)}", **headers},
            stream=True,
            timeout=30,
        )


class Listening:
    """A listener in a thread of its own."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.lines: list[bytes] = []
        self._answer = opened(cloud)
        assert self._answer.status_code == 200
        assert self._answer.headers["Content-Type"] == "application/x-ndjson"
        self._more = threading.Condition()
        self.ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(requests.RequestException):  # it was closed
            for line in self._answer.iter_lines():
                self._add(line)
        self.ended = True
        self._add(b"")

    def _add(self, line: bytes) -> None:
        with self._more:
            self.lines.append(line)
            self._more.notify_all()

    @property
    def told(self) -> list[Any]:
        """What has changed, piece by piece."""
        return [json.loads(line)["changes"] for line in self.lines if line]

    @property
    def changes(self) -> list[dict[str, str]]:
        return [one for some in self.told for one in some or []]

    def wait(self, wanted: Any) -> None:
        with self._more:
            assert self._more.wait_for(wanted, 60), self.lines

    def close(self) -> None:
        with suppress(RuntimeError):  # it has ended by itself
            self._answer.raw.shutdown()
        self._thread.join(30)
        self._answer.close()


@pytest.fixture
def listening(local_cloud: LocalCloud) -> Iterator[Listening]:
    made = Listening(local_cloud)
    made.wait(lambda: made.told)
    yield made
    made.close()


@pytest.mark.parametrize(
    "header", ["", "Bearer ", "Bearer wrong", "Basic dG9rZW46", "Bearer gr\xfc\xdfe"]
)
def test_only_who_knows_the_token_may_listen(local_cloud: LocalCloud, header: str) -> None:
    with opened(local_cloud, Authorization=header) as answer:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.text == f"Send the token that is in the state folder, in {TOKEN_FILE}.\n"


def test_the_token_is_only_its_owners_and_is_told_nowhere(local_cloud: LocalCloud) -> None:
    path = local_cloud.home / TOKEN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with opened(local_cloud):
        pass
    assert token(local_cloud) not in (local_cloud.home / "daemon.log").read_text()
    assert token(local_cloud) not in requests.get(local_cloud.proxy_url, timeout=10).text
    with requests.post(f"{local_cloud.proxy_url}{PATH}", timeout=10) as answer:
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


def test_a_page_of_another_host_cannot_reach_it(local_cloud: LocalCloud) -> None:
    with opened(local_cloud, Host="attacker.example") as answer:  # a name that resolves to loopback
        assert answer.status_code == 403


def test_what_clients_and_agents_change_is_told(
    local_cloud: LocalCloud, listening: Listening
) -> None:
    assert listening.told == [None]  # to begin with: look at everything
    group, name = "watched-rg", "watchedregistry"
    local_cloud.client(ResourceManagementClient).resource_groups.create_or_update(
        group, {"location": "eastus"}
    )
    registries = local_cloud.client(ContainerRegistryManagementClient).registries
    body = {"location": "eastus", "sku": {"name": "Basic"}}
    made = registries.begin_create(group, name, body).result()
    listening.wait(lambda: listening.changes)
    place = made.id.lower()
    assert {"kind": "registry", "place": place, "name": name} in listening.changes

    tasks = local_cloud.client(ContainerRegistryTasksMgmtClient)
    # An image that there is not, after a while: what happens at once is told in one piece.
    steps = b"version: v1.1.0\nsteps:\n  - cmd: nothing\n    startDelay: 2\n"
    content = base64.b64encode(steps).decode()
    request = {"type": "EncodedTaskRunRequest", "encodedTaskContent": content}
    run = tasks.registries.schedule_run(
        group, name, {**request, "platform": {"os": "Linux"}}
    ).properties
    of_run = {"kind": "run", "place": made.id, "name": run.run_id}

    def told_so_often() -> int:
        return listening.changes.count(of_run)

    # Its agent, a process of its own, records its end, and that is told when it is.
    seen = 0
    while tasks.runs.get(group, name, run.run_id).properties.status not in FINAL:
        listening.wait(lambda seen=seen: told_so_often() > seen)
        seen = told_so_often()
    # A run that was over at the second look has ended the loop before its end was told.
    listening.wait(lambda: told_so_often() >= 2)


def test_many_listen_and_each_is_told_while_one_reads_nothing(local_cloud: LocalCloud) -> None:
    host, port = local_cloud.proxy_url.removeprefix("http://").split(":")
    groups = local_cloud.client(ResourceManagementClient).resource_groups
    groups.create_or_update("flood-rg", {"location": "eastus"})
    registries = local_cloud.client(ContainerRegistryManagementClient).registries
    body = {"location": "eastus", "sku": {"name": "Basic"}}
    with ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        dead.connect((host, int(port)))
        head = f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer "
        dead.sendall(f"{head}{token(local_cloud)}\r\n\r\n".encode())
        many = [Listening(local_cloud) for _ in range(20)]
        for one in many:
            stack.callback(one.close)
        for one in many:  # a change from before that is part of everything, and not told again
            one.wait(lambda one=one: one.told)
        registries.begin_create("flood-rg", "floodedregistry", body).result()
        for one in many:
            one.wait(lambda one=one: "floodedregistry" in [c["name"] for c in one.changes])


def test_more_than_there_are_places_for_are_told_so(local_cloud: LocalCloud) -> None:
    with ExitStack() as stack:
        answers = [stack.enter_context(opened(local_cloud)) for _ in range(LISTENERS + 1)]
        assert [one.status_code for one in answers] == [200] * LISTENERS + [503]
        assert f"{LISTENERS} notebooks and programs watch this cloud" in answers[-1].text
        assert "shut down one that you do not need." in answers[-1].text
    deadline = time.monotonic() + 60  # whoever has gone leaves its place
    while opened(local_cloud).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(HEARTBEAT)


def test_a_stream_says_something_once_in_a_while(listening: Listening) -> None:
    listening.wait(lambda: b"" in listening.lines)


def test_it_ends_with_the_daemon_and_the_next_one_has_another_token(
    fresh_cloud: LocalCloud,
) -> None:
    before = token(fresh_cloud)
    listening = Listening(fresh_cloud)
    listening.wait(lambda: listening.told)
    started = time.monotonic()
    daemon.down(fresh_cloud.home)
    assert time.monotonic() - started < 10  # nobody waits for who listens
    listening.wait(lambda: listening.ended)
    listening.close()
    assert "ERROR" not in (fresh_cloud.home / "daemon.log").read_text()

    again = start(fresh_cloud.home)
    assert token(again) != before
    with opened(again, Authorization=f"Bearer {before}") as answer:
        assert answer.status_code == 401
