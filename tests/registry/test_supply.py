"""Content that comes from a supplier: assembled once, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from helpers.localcloud import registry
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry import supply
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.client import RegistryClient

MANIFEST = b'{"schemaVersion": 2, "manifests": []}'
TYPE = "application/vnd.oci.image.index.v1+json"
IMAGE = "docker.io/library/slow:1"


class Slow:
    """A supplier that takes as long as the test says."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = 0
        self.refuses = False

    def has(self, registry: str, repository: str, tag: str) -> bool:
        return (registry, repository) == ("docker.io", "library/slow")

    def names(self, registry: str) -> list[str]:
        return []

    def provide(self, cloud: Cloud, registry: str, repository: str, tag: str) -> str:
        self.begun += 1
        assert self.go_on.wait(30)
        if self.refuses:
            raise CloudError(500, "UNKNOWN", "there is no program 'slow'")
        return Catalog(cloud).put(registry, repository, tag, MANIFEST, TYPE)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    slow = Slow()
    monkeypatch.setattr(supply, "_suppliers", [slow])
    return slow


def test_it_is_assembled_once_and_for_all_who_wait(cloud: Cloud, slow: Slow) -> None:
    client = RegistryClient(cloud)
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(client.pull, Reference.parse(IMAGE), None, None) for _ in range(5)]
        with pytest.raises(CloudError, match="manifest unknown"):  # others are answered meanwhile
            client.pull(Reference.parse("docker.io/library/nothing:1"))
        assert not any(one.done() for one in waiting)
        slow.go_on.set()
        [digest] = {one.result() for one in waiting}
    assert client.resolve(Reference.parse(IMAGE)) == digest
    assert slow.begun == 1


def test_why_it_cannot_be_had_is_told_and_it_is_tried_again(cloud: Cloud, slow: Slow) -> None:
    slow.go_on.set()
    slow.refuses = True
    client = RegistryClient(cloud)
    with pytest.raises(CloudError, match="there is no program 'slow'"):
        client.pull(Reference.parse(IMAGE), None, None)
    slow.refuses = False
    assert client.pull(Reference.parse(IMAGE), None, None)


def test_nobody_waits_for_ever(cloud: Cloud, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "PATIENCE", 0.05)
    with pytest.raises(CloudError) as caught:
        RegistryClient(cloud).pull(Reference.parse(IMAGE))
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "5")
    coming = supply.begin(cloud, "docker.io", "library/slow", "1")
    slow.go_on.set()
    assert coming is not None
    assert coming.result(30)


def test_more_pulls_than_threads_hold_up_nobody(cloud: Cloud, slow: Slow) -> None:
    """30 clients wait for the image over HTTP, and the registry still answers."""
    service = registry.app(cloud)

    async def ask(path: str, token: str, query: str = "") -> tuple[int, bytes]:
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answers.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [
                (b"host", b"registry-1.docker.io"),
                (b"authorization", f"Bearer {token}".encode()),
                (b"accept", TYPE.encode()),
            ],
        }
        await service(scope, receive, send)  # type: ignore[arg-type]
        return int(answers[0]["status"]), b"".join(one.get("body", b"") for one in answers)

    async def scenario() -> None:
        scopes = "scope=repository:library/slow:pull&scope=repository:library/nothing:pull"
        status, answer = await ask("/token", "", f"service=registry.docker.io&{scopes}")
        assert status == 200, answer
        token = json.loads(answer)["token"]
        path = "/v2/library/slow/manifests/1"
        waiting = [asyncio.ensure_future(ask(path, token)) for _ in range(30)]
        other = ask("/v2/library/nothing/manifests/1", token)
        assert (await asyncio.wait_for(other, 20))[0] == 404
        assert not any(one.done() for one in waiting)
        slow.go_on.set()
        assert set(await asyncio.gather(*waiting)) == {(200, MANIFEST)}
        assert slow.begun == 1

    asyncio.run(scenario())
