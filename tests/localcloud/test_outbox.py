"""The outbox: told with what it tells of, to everybody, once, whatever others do meanwhile."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.events import BranchPushed, ResourceDeleted, RunQueued
from helpers.localcloud.outbox import Outbox
from helpers.localcloud.store import Resource, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "state.db")
    yield store
    store.close()


@pytest.fixture
def outbox(store: Store) -> Iterator[Outbox]:
    outbox = Outbox(store)
    yield outbox
    outbox.stop()


def note(store: Store, name: str) -> None:
    """Write something, as the handler of an event does."""
    store.put(Resource(f"/{name}", "t", name, "", {}))


def noted(store: Store) -> list[str]:
    return [resource.name for resource in store.find(type="t")]


def test_an_action_waits_for_the_outermost_commit(store: Store) -> None:
    done: list[str] = []
    with store.transaction():
        with store.transaction():
            store.on_commit(lambda: done.append("inner"))
        store.on_commit(lambda: done.append("outer"))
        assert done == []
    assert done == ["inner", "outer"]
    store.on_commit(lambda: done.append("at once"))
    assert done[2:] == ["at once"]


def test_after_a_rollback_nothing_is_called_nor_told(store: Store, outbox: Outbox) -> None:
    called: list[Any] = []
    outbox.subscribe("test", {RunQueued: called.append})

    def fail() -> None:
        with store.transaction():
            store.on_commit(lambda: called.append("action"))
            outbox.add(RunQueued("gone"))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    store.execute("DELETE FROM resources")  # the next transaction inherits nothing
    outbox.add(RunQueued("stays"))
    assert outbox.idle(10)
    assert called == [RunQueued("stays")]


def test_an_action_that_fails_takes_nothing_back(store: Store) -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("no such file")

    with store.transaction():
        note(store, "kept")
        store.on_commit(fail)
        store.on_commit(lambda: done.append("next"))
    assert (noted(store), done) == (["kept"], ["next"])


def test_what_is_no_event_cannot_be_published(outbox: Outbox) -> None:
    with pytest.raises(TypeError, match=r"str is not one of the events of events\.py"):
        outbox.add("hello")


def test_a_transaction_reads_what_holds_when_it_writes(store: Store) -> None:
    """Two that count up: the other reads only when the one has written."""
    store.put(Resource("/n", "n", "n", "", {"n": 0}))
    has_read = threading.Event()

    def count(pause: float) -> None:
        with store.transaction():
            found = store.get("/n")
            assert found is not None
            has_read.set()
            time.sleep(pause)
            found.body["n"] += 1
            store.put(found)

    def count_later() -> None:
        assert has_read.wait(10)
        count(0)

    other = threading.Thread(target=count_later)
    other.start()
    count(0.5)
    other.join(30)
    found = store.get("/n")
    assert found is not None
    assert found.body["n"] == 2


def test_every_subscriber_gets_every_event_in_order_and_then_it_is_gone(
    store: Store, outbox: Outbox
) -> None:
    seen: dict[str, list[str]] = {"a": [], "b": []}
    for name, keys in seen.items():
        handlers = {
            RunQueued: lambda event, keys=keys: keys.append(event.run_key),
            ResourceDeleted: lambda event, keys=keys: keys.append(event.type),
        }
        outbox.subscribe(name, handlers, slow=name == "a")
    for number in range(50):
        outbox.add(RunQueued(str(number)))
        outbox.add(ResourceDeleted("/", f"t{number}"))
    assert outbox.idle(10)
    expected = [word for number in range(50) for word in (str(number), f"t{number}")]
    assert seen == {"a": expected, "b": expected}
    assert store.query("SELECT * FROM outbox") == []


def test_a_slow_subscriber_holds_up_nobody(outbox: Outbox) -> None:
    may_end, seen = threading.Event(), threading.Event()

    def wait(_: RunQueued) -> None:
        assert may_end.wait(10)

    outbox.subscribe("slow", {RunQueued: wait}, slow=True)
    outbox.subscribe("quick", {RunQueued: lambda _: seen.set()})
    outbox.add(RunQueued("a"))
    try:
        assert seen.wait(5)
        assert outbox.waiting() == 1
    finally:
        may_end.set()
    assert outbox.idle(10)


def test_what_a_handler_writes_and_its_position_go_together(store: Store, outbox: Outbox) -> None:
    """A handler that is cut off after it has written has written nothing, and is called again."""
    tries: list[str] = []

    def handle(event: RunQueued) -> None:
        note(store, f"{event.run_key}-{len(tries)}")
        tries.append(event.run_key)
        assert outbox.waiting() == 0  # as it sees it: the entry is gone in its own transaction
        if len(tries) == 1:
            raise RuntimeError("cut off")

    outbox.subscribe("test", {RunQueued: handle})
    outbox.add(RunQueued("a"))
    assert outbox.idle(10)
    assert (tries, noted(store)) == (["a", "a"], ["a-1"])
    assert outbox.set_aside() == []


def test_two_processes_handle_an_event_once(tmp_path: Path, store: Store, outbox: Outbox) -> None:
    another = Store(tmp_path / "state.db")
    other = Outbox(another)
    handled: list[str] = []
    for number in range(20):
        outbox.add(RunQueued(str(number)))

    def handle(its: Store, event: RunQueued) -> None:
        note(its, event.run_key)
        handled.append(event.run_key)

    for one, its in ((outbox, store), (other, another)):
        one.subscribe("test", {RunQueued: functools.partial(handle, its)})
    assert outbox.idle(10)
    other.stop()
    another.close()
    assert handled == noted(store) == [str(number) for number in range(20)]


def test_waiting_events_are_delivered_after_a_restart(tmp_path: Path, outbox: Outbox) -> None:
    outbox.add(RunQueued("a"))
    outbox.subscribe("test", {RunQueued: lambda _: None})
    assert outbox.idle(10)
    outbox.stop()
    outbox.add(RunQueued("b"))
    seen: list[RunQueued] = []
    store = Store(tmp_path / "state.db")
    again = Outbox(store)
    again.subscribe("test", {RunQueued: seen.append})
    assert again.idle(10)
    again.stop()
    store.close()
    assert seen == [RunQueued("b")]


def test_an_event_that_cannot_be_handled_is_set_aside_and_the_rest_goes_on(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def handle(event: RunQueued) -> None:
        if event.run_key == "poison":
            raise ValueError("cannot be handled")
        seen.append(event.run_key)

    for kind, payload in (("RunQueued", "{"), ("RunQueued", '{"color": 1}'), ("Unheard", "{}")):
        store.execute(
            "INSERT INTO outbox (kind, payload, created) VALUES (?,?,0)",
            (kind, payload),
        )
    outbox.add(RunQueued("poison"))
    outbox.add(RunQueued("whole"))
    outbox.subscribe("test", {RunQueued: handle})
    outbox.settle()
    assert outbox.idle(10)
    assert seen == ["whole"]
    assert [(one.kind, one.subscriber) for one in outbox.set_aside()] == [
        ("RunQueued", "test"),
        ("RunQueued", "test"),
        ("Unheard", ""),
        ("RunQueued", "test"),
    ]
    assert outbox.set_aside()[3].reason == "its handler failed: ValueError: cannot be handled"
    assert store.query("SELECT * FROM outbox") == []
    assert "event 4 (RunQueued) of test was set aside, everything else goes on" in caplog.text


def test_a_state_that_is_busy_loses_no_event(store: Store, outbox: Outbox) -> None:
    """The disk's trouble is not the event's: it is tried until it works."""
    import sqlite3

    tries: list[int] = []

    def handle(_: RunQueued) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        note(store, "handled")

    outbox.subscribe("test", {RunQueued: handle})
    outbox.add(RunQueued("a"))
    assert outbox.idle(20)
    assert (noted(store), outbox.set_aside()) == (["handled"], [])


def test_who_has_left_holds_nothing_back(tmp_path: Path, store: Store) -> None:
    before = Outbox(store)
    before.subscribe("of another version", {BranchPushed: lambda _: None})
    before.stop()
    outbox = Outbox(store)
    outbox.add(BranchPushed("https://github.com/o/n", "main", "c0ffee", None))
    outbox.subscribe("test", {BranchPushed: lambda _: None})
    assert not outbox.idle(0.2)
    outbox.settle()
    assert outbox.idle(10)
    assert store.query("SELECT * FROM outbox") == []
    outbox.stop()
