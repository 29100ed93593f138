"""Every change is written down where it is committed, and told to whoever listens."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, suppress

import pytest

from helpers.localcloud.changes import LISTENERS, Change, Changes
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.git_host.repositories import Repositories
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.resource_types import (
    CONTAINER_GROUP_TYPE,
    REGISTRY_TYPE,
    TASK_TYPE,
    VAULT_TYPE,
)
from helpers.localcloud.store import Resource, Store
from helpers.localcloud.tasks.runs import Runs, forget_runs

GROUP = "/subscriptions/s/resourceGroups/Rockets"
REGISTRY = f"{GROUP}/providers/{REGISTRY_TYPE}/acmerockets"


class Heard:
    """A listener that keeps all it is told."""

    def __init__(self) -> None:
        self.told: list[list[Change] | None] = []
        self.ended = threading.Event()
        self._more = threading.Condition()

    def tell(self, changes: Sequence[Change] | None) -> None:
        with self._more:
            self.told.append(None if changes is None else list(changes))
            self._more.notify_all()

    def end(self) -> None:
        self.ended.set()

    @property
    def changes(self) -> list[Change]:
        return [one for some in self.told for one in some or []]

    def wait(self, number: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.told) >= number, 30), self.told


def listening(cloud: Cloud) -> Heard:
    """A listener that was told to look at everything, and so is told of all that comes."""
    heard = Heard()
    assert cloud.changes.listen(heard)
    heard.wait(1)
    assert heard.told.pop() is None
    return heard


def recorded(store: Store) -> list[Change]:
    """What was written down, and is forgotten now."""
    rows = store.query("SELECT kind, place, name FROM changes ORDER BY sequence")
    store.execute("DELETE FROM changes")
    return [Change(*row) for row in rows]


def resource(kind: str, resource_id: str, parent: str = "") -> Resource:
    name = resource_id.rpartition("/")[2]
    return Resource(resource_id, kind, name, "Rockets", {"properties": {}}, parent=parent)


def test_each_kind_of_change_is_written_down_with_its_place(cloud: Cloud) -> None:
    store = cloud.store
    recorded(store)
    registry = store.put(resource(REGISTRY_TYPE, REGISTRY))
    assert recorded(store) == [Change("registry", REGISTRY.lower(), "acmerockets")]

    task = resource(TASK_TYPE, f"{REGISTRY}/tasks/Build", REGISTRY)
    store.put(task)
    store.put(task)  # as it was: nothing has changed
    assert recorded(store) == [Change("task", REGISTRY.lower(), "Build")]
    task.properties["status"] = "Disabled"
    store.put(task)
    assert recorded(store) == [Change("task", REGISTRY.lower(), "Build")]
    store.remove(task.id)
    assert recorded(store) == [Change("task", REGISTRY.lower(), "Build")]

    group = resource(CONTAINER_GROUP_TYPE, f"{GROUP}/providers/{CONTAINER_GROUP_TYPE}/aci")
    store.put(group)
    assert recorded(store) == [Change("container group", group.key, "aci")]
    store.put(resource(VAULT_TYPE, f"{GROUP}/providers/{VAULT_TYPE}/safe"))
    assert recorded(store) == []  # nobody watches vaults

    order = {"type": "EncodedTaskRunRequest", "encodedTaskContent": "c3RlcHM6IFtd"}
    run = Runs(cloud).queue(registry, order)
    of_run = Change("run", REGISTRY, run.run_id)
    assert recorded(store) == [of_run]
    assert Runs(cloud).claim(run)
    assert recorded(store) == [of_run]
    Runs(cloud).update(run, status="Succeeded")
    assert recorded(store) == [of_run]
    forget_runs(store, REGISTRY)  # with the registry, whose change is told
    assert recorded(store) == []


def test_tags_and_branches_are_told_as_their_clients_name_them(cloud: Cloud) -> None:
    store = cloud.store
    server = "acmerockets.azurecr.io"
    catalog = Catalog(cloud)
    recorded(store)
    body = b'{"schemaVersion": 2, "manifests": []}'
    kind = "application/vnd.oci.image.index.v1+json"
    digest = catalog.put(server, "team/node", "15", body, kind)
    assert recorded(store) == [Change("tag", server, "team/node:15")]
    catalog.put(server, "team/node", digest, body, kind)
    assert recorded(store) == []  # no tag was moved
    catalog.delete_tag(server, "team/node", "15")
    assert recorded(store) == [Change("tag", server, "team/node:15")]

    made = Repositories(cloud).create("Acme", "site", private=False, description="")
    store.execute("INSERT OR REPLACE INTO git_heads VALUES (?,?,?)", (made.id, "main", "c1"))
    assert recorded(store) == [Change("branch", "https://github.com/Acme/site", "main")]


def test_only_the_newest_are_kept(cloud: Cloud) -> None:
    with cloud.store.transaction() as connection:
        connection.executemany(
            "INSERT INTO changes (kind, place, name) VALUES ('tag', 'r', ?)",
            [(str(number),) for number in range(3000)],
        )
    [row] = cloud.store.query("SELECT count(*) AS kept, max(name + 0) AS newest FROM changes")
    assert (row["kept"], row["newest"]) == (1000, 2999)


def test_what_is_committed_is_told_to_everybody_in_order_and_what_is_not_never(
    cloud: Cloud,
) -> None:
    one, other = listening(cloud), listening(cloud)
    first = resource(REGISTRY_TYPE, REGISTRY)
    cloud.store.put(first)
    with suppress(KeyError), cloud.store.transaction():
        cloud.store.put(resource(REGISTRY_TYPE, f"{REGISTRY}x"))
        raise KeyError
    cloud.store.remove(first.id)
    wanted = [Change("registry", REGISTRY.lower(), "acmerockets")] * 2
    for heard in (one, other):
        heard.wait(1)
        while len(heard.changes) < 2:
            heard.wait(len(heard.told) + 1)
        assert heard.changes == wanted


def test_what_another_process_commits_is_told_when_it_says_so(cloud: Cloud) -> None:
    heard = listening(cloud)
    with closing(sqlite3.connect(cloud.store.path)) as other:
        other.execute("INSERT INTO changes (kind, place, name) VALUES ('run', 'r', 'ca1')")
        other.commit()
    assert heard.told == []
    cloud.changes.wake()
    heard.wait(1)
    assert heard.changes == [Change("run", "r", "ca1")]


def test_who_missed_more_than_is_kept_is_told_to_look_at_everything(cloud: Cloud) -> None:
    heard = listening(cloud)
    with closing(sqlite3.connect(cloud.store.path)) as other:
        other.executemany(
            "INSERT INTO changes (kind, place, name) VALUES ('tag', 'r', ?)",
            [(str(number),) for number in range(1500)],
        )
        other.commit()
    cloud.changes.wake()
    heard.wait(1)
    assert heard.told == [None]


def test_a_state_that_cannot_be_read_is_no_end(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    heard = listening(cloud)
    cloud.store.execute("ALTER TABLE changes RENAME TO elsewhere")
    cloud.changes.wake()
    heard.wait(1)
    assert heard.told == [None]  # not known, so everything
    assert "the changes cannot be read: no such table: changes" in caplog.text
    cloud.store.execute("ALTER TABLE elsewhere RENAME TO changes")
    cloud.store.put(resource(REGISTRY_TYPE, REGISTRY))
    heard.wait(2)
    assert heard.changes == [Change("registry", REGISTRY.lower(), "acmerockets")]


def test_while_nobody_listens_nothing_is_read_and_no_thread_is_there(cloud: Cloud) -> None:
    def going() -> bool:
        return any(one.name == "changes" for one in threading.enumerate())

    assert not going()
    assert cloud.store.changed is None
    heard = listening(cloud)
    assert going()
    cloud.changes.leave(heard)
    for thread in threading.enumerate():
        if thread.name == "changes":
            thread.join(30)
    assert not going()
    assert cloud.store.changed is None
    cloud.store.put(resource(REGISTRY_TYPE, REGISTRY))
    assert heard.told == []
    listening(cloud)  # and anew


def test_places_are_limited_and_all_end_at_once(cloud: Cloud) -> None:
    changes = Changes(cloud.store)
    heard = [Heard() for _ in range(LISTENERS)]
    assert all(changes.listen(one) for one in heard)
    assert not changes.listen(Heard())
    changes.leave(heard.pop())
    last = Heard()
    assert changes.listen(last)
    changes.close()
    assert all(one.ended.is_set() for one in (*heard, last))
    assert not changes.listen(Heard())
