"""The threads of a service: who waits for whom, and for how long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from helpers.localcloud import threads
from helpers.localcloud.errors import CloudError
from helpers.localcloud.threads import Threads


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_readers_and_other_services_do_not_wait_for_writers() -> None:
    async def scenario() -> None:
        one, other = Threads(readers=1, writers=2), Threads(readers=1, writers=1)
        go_on = threading.Event()
        held = [asyncio.ensure_future(one.write(go_on.wait)) for _ in range(6)]
        try:
            assert await one.read(lambda: "read") == "read"
            assert await other.write(lambda: "written") == "written"
            assert not any(each.done() for each in held)
        finally:
            go_on.set()
        assert await asyncio.gather(*held) == [True] * 6

    run(scenario)


def test_no_more_than_so_many_at_once() -> None:
    async def scenario() -> None:
        service = Threads(readers=3, writers=1)
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


def test_a_full_queue_is_refused_and_drains() -> None:
    async def scenario() -> None:
        service = Threads(readers=1, writers=1, queue=2)
        go_on, begun = threading.Event(), threading.Event()

        def hold() -> bool:
            begun.set()
            return go_on.wait(20)

        held = [asyncio.ensure_future(service.write(hold)) for _ in range(3)]
        await until(begun.is_set)
        with pytest.raises(CloudError) as caught:
            await service.write(hold)
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
        go_on.set()
        assert await asyncio.gather(*held) == [True] * 3
        assert await service.write(lambda: 1) == 1

    run(scenario)


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PATIENCE", 0.05)

    async def scenario() -> None:
        service = Threads(readers=1, writers=1)
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


def test_an_exception_gives_the_thread_back() -> None:
    async def scenario() -> None:
        service = Threads(readers=1, writers=1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await service.read(lambda: 1 // 0)
        assert await service.read(lambda: 1) == 1
        assert [item async for item in service.each(iter("abc"))] == ["a", "b", "c"]

    run(scenario)
