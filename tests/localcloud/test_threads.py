"""The threads of a service: who waits for whom, and for how long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud import threads
from helpers.localcloud.errors import CloudError
from helpers.localcloud.store import Resource, Store
from helpers.localcloud.threads import Threads


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state.db")
    yield store
    store.close()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_readers_and_other_services_do_not_wait_for_writers(store: Store) -> None:
    async def scenario() -> None:
        one, other = Threads(store, readers=1, writers=2), Threads(store, readers=1, writers=1)
        go_on = threading.Event()
        held = [asyncio.ensure_future(one.outside("it waits", go_on.wait)) for _ in range(6)]
        try:
            assert await one.read(lambda: "read") == "read"
            assert await other.outside("it waits", lambda: "written") == "written"
            assert not any(each.done() for each in held)
        finally:
            go_on.set()
        assert await asyncio.gather(*held) == [True] * 6

    run(scenario)


def test_no_more_than_so_many_at_once(store: Store) -> None:
    async def scenario() -> None:
        service = Threads(store, readers=3, writers=1)
        lock, now, most = threading.Lock(), 0, 0

        def work() -> None:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            threading.Event().wait(0.01)
            with lock:
                now -= 1

        await asyncio.gather(*(service.read(work) for _ in range(30)))
        assert most == 3

    run(scenario)


def test_a_full_queue_is_refused_and_drains(store: Store) -> None:
    async def scenario() -> None:
        service = Threads(store, readers=1, writers=1, queue=2)
        go_on, begun = threading.Event(), threading.Event()

        def hold() -> bool:
            begun.set()
            return go_on.wait(20)

        held = [asyncio.ensure_future(service.outside("it waits", hold)) for _ in range(3)]
        await until(begun.is_set)
        with pytest.raises(CloudError) as caught:
            await service.outside("it waits", hold)
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
        go_on.set()
        assert await asyncio.gather(*held) == [True] * 3
        assert await service.outside("it waits", lambda: 1) == 1

    run(scenario)


def test_nobody_waits_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PATIENCE", 0.05)

    async def scenario() -> None:
        service = Threads(store, readers=1, writers=1)
        go_on = threading.Event()
        held = asyncio.ensure_future(service.read(go_on.wait))
        await asyncio.sleep(0)
        with pytest.raises(CloudError) as caught:
            await service.read(lambda: 1)
        assert caught.value.status == 503
        assert not held.done()  # what has a thread is not cut short
        go_on.set()
        assert await held
        assert await service.read(lambda: 1) == 1

    run(scenario)


def test_an_exception_gives_the_thread_back(store: Store) -> None:
    async def scenario() -> None:
        service = Threads(store, readers=1, writers=1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await service.read(lambda: 1 // 0)
        assert await service.read(lambda: 1) == 1
        assert [item async for item in service.each(iter("abc"))] == ["a", "b", "c"]

    run(scenario)


def test_what_writes_is_one_transaction_and_what_it_raises_rolls_back(store: Store) -> None:
    def work(name: str) -> None:
        store.put(Resource(f"/{name}", "t", name, "", {}))
        if name == "refused":
            raise CloudError(409, "Conflict", "refused after it has written")

    async def scenario() -> None:
        service = Threads(store)
        await service.write(work, "kept")
        with pytest.raises(CloudError, match="refused"):
            await service.write(work, "refused")
        with pytest.raises(CloudError, match="refused"):
            await service.outside("a test", work, "refused")
        assert [one.name for one in store.find()] == ["kept", "refused"]

    run(scenario)
