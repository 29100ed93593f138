"""Long-running operations in the store: begun with a transaction, ended once, waited for."""

from __future__ import annotations

import contextlib
import threading

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.operations import FAILED, IN_PROGRESS, KEPT, SUCCEEDED, Operation


def test_one_that_is_rolled_back_never_began(cloud: Cloud) -> None:
    woken: list[Operation] = []
    cloud.operations.wake = woken.append
    with contextlib.suppress(ZeroDivisionError), cloud.store.transaction():
        cloud.operations.begin("kind", "/a")
        assert woken == []
        raise ZeroDivisionError
    assert (woken, cloud.operations.going_on()) == ([], [])
    with cloud.store.transaction():
        begun = cloud.operations.begin("kind", "/a", {"secret": "hidden"})
        assert woken == []
    assert woken == [begun] == cloud.operations.going_on()
    assert "hidden" not in repr(begun)


def test_it_ends_once_and_forgets_its_request(cloud: Cloud) -> None:
    begun = cloud.operations.begin("kind", "/a", {"password": "hidden"})
    coming = cloud.operations.ending(begun.id)
    assert not coming.done()
    assert cloud.operations.end(begun.id, CloudError(409, "Conflict", "why"))
    assert coming.done()
    assert not cloud.operations.end(begun.id)
    found = cloud.operations.get(begun.id)
    assert found is not None
    assert (found.status, found.request) == (FAILED, {})
    assert found.error is not None
    assert (found.error.status, found.error.code, found.error.message) == (409, "Conflict", "why")
    assert cloud.operations.ending(begun.id).done()


def test_an_ending_that_is_rolled_back_is_told_to_nobody(cloud: Cloud) -> None:
    begun = cloud.operations.begin("kind", "/a")
    coming = cloud.operations.ending(begun.id)
    with contextlib.suppress(ZeroDivisionError), cloud.store.transaction():
        cloud.operations.end(begun.id)
        raise ZeroDivisionError
    assert not coming.done()
    assert [one.status for one in cloud.operations.going_on()] == [IN_PROGRESS]


def test_who_waits_no_more_is_forgotten(cloud: Cloud) -> None:
    begun = cloud.operations.begin("kind", "/a")
    first, second = (cloud.operations.ending(begun.id) for _ in range(2))
    cloud.operations.release(begun.id, first)
    ender = threading.Thread(target=cloud.operations.end, args=(begun.id,))
    ender.start()
    second.result(20)
    ender.join()
    assert not first.done()
    cloud.operations.release(begun.id, second)
    assert not cloud.operations._endings


def test_one_that_ended_long_ago_is_dropped(cloud: Cloud) -> None:
    old, going_on = (cloud.operations.begin("kind", f"/{name}") for name in "ab")
    cloud.operations.end(old.id)
    cloud.store.execute("UPDATE operations SET started=started-?, ended=ended-?", (KEPT, KEPT))
    new = cloud.operations.begin("kind", "/c")
    assert cloud.operations.get(old.id) is None
    assert cloud.operations.going_on() == [cloud.operations.get(going_on.id), new]
    cloud.operations.end(new.id)
    found = cloud.operations.get(new.id)
    assert found is not None
    assert found.status == SUCCEEDED
