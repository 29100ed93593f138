"""What is soft-deleted is gone after its days, its blobs with it, and costs nobody anything meanwhile."""

from __future__ import annotations

import functools
import itertools
import json
import os
import time
from collections.abc import Callable
from typing import Any

from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.registry.catalog import Catalog
from tests.conftest import LocalCloud

from .places import Place, digest
from .policies import (
    delete,
    deleted,
    execute,
    live,
    manage,
    pass_days,
    restore,
    retention,
    soft_delete,
    stored,
    until,
    wake,
)
from .test_acr import acr

POLICIES = {"softDeletePolicy": {"status": "enabled", "retentionDays": 7}}


def test_what_is_over_is_gone_by_the_days_of_today_and_its_blobs_with_it(
    local_cloud: LocalCloud,
) -> None:
    place = Place(local_cloud)
    soft_delete(place, days=3)
    text = os.urandom(32)
    data = place.manifest("app", text)
    one = digest(data)
    assert place.put("app", "v1", data).status_code == 201
    delete(place, "app", one)
    soft_delete(place, days=14)
    pass_days(place, 4)  # what the days were when it was deleted does not count
    assert [found["digest"] for found in deleted(place, "app/_manifests")] == [one]
    execute(place, "UPDATE registry_blobs SET linked=0 WHERE registry=?", place.server)
    layer, manifest = stored(local_cloud, text), stored(local_cloud, data)
    wake(place)
    until(lambda: len(deleted(place, "_catalog")) > 1)
    local_cloud_idle(place)
    assert layer.exists()
    assert manifest.exists()
    soft_delete(place, "disabled")  # which changes nothing for what is kept
    pass_days(place, 11)
    assert deleted(place, "app/_manifests") == deleted(place, "app/_tags") == []
    assert restore(place, "app", one, "v1").status_code == 404
    execute(place, "UPDATE registry_blobs SET linked=0 WHERE registry=?", place.server)
    wake(place)
    until(lambda: not layer.exists() and not manifest.exists())
    assert acr(place, "GET", "_deleted/_catalog").json()["repositories"] == []
    assert place.put("app", "v1", place.manifest("app", text)).status_code == 201


def local_cloud_idle(place: Place) -> None:
    """Two collections are over: the second was asked for when the first had begun."""
    for _ in range(2):
        text = os.urandom(16)
        data = place.manifest("garbage", text)
        assert place.put("garbage", "v1", data).status_code == 201
        path = stored(place.cloud, text)
        soft_delete(place, "disabled", days=14)
        assert acr(place, "DELETE", "garbage").status_code == 202
        soft_delete(place, days=14)
        until(lambda path=path: not path.exists())  # type: ignore[misc]


def test_blobs_go_with_what_is_over_though_nobody_deletes_anything(
    local_cloud: LocalCloud,
) -> None:
    place, other = Place(local_cloud), Place(local_cloud)
    soft_delete(place, days=14)
    retention(other, days=0)
    child = other.push("app", "child")
    other.push_index("app", "index", child)
    text = os.urandom(32)
    data = place.manifest("app", text)
    assert place.put("app", "v1", data).status_code == 201
    delete(place, "app", digest(data))
    execute(place, "UPDATE registry_blobs SET linked=0 WHERE registry=?", place.server)
    layer, manifest = stored(local_cloud, text), stored(local_cloud, data)
    local_cloud_idle(place)
    assert layer.exists()
    pass_days(place, 15)
    assert acr(other, "DELETE", "app/_tags/child").status_code == 202  # is due, and stays
    until(lambda: not layer.exists() and not manifest.exists())
    assert live(other, "app", child)


def test_what_is_kept_makes_neither_lists_nor_pushes_slower(cloud: Cloud) -> None:
    catalog = Catalog(cloud)
    kept = catalog.soft_delete
    now = time.time()
    with cloud.store.transaction() as connection:
        connection.executemany(
            "INSERT INTO registry_deleted (registry, repository, kind, name, digest, record, deleted)"
            " VALUES ('r.azurecr.io', ?, ?, ?, '', '{\"created\": 1}', ?)",
            [
                (f"app{number}" if kind == "repository" else "app", kind, f"app{number}", now)
                for kind in ("repository", "tag")
                for number in range(5000)
            ],
        )

    def steps(call: Callable[[], Any]) -> int:
        """How many thousand instructions SQLite needs for it."""
        done = itertools.count()
        with cloud.store.transaction() as connection:
            connection.set_progress_handler(lambda: next(done) and 0, 1000)
            call()
            connection.set_progress_handler(None, 1000)
        return next(done)

    listed = functools.partial(kept.listed, registry="r.azurecr.io", after=3000, count=100)
    assert steps(lambda: listed("repository", repository=None)) < 10
    assert steps(lambda: listed("repository", repository=None, newest_first=True)) < 10
    assert steps(lambda: listed("tag", repository="app")) < 10
    assert len(listed("repository", repository=None)) == 100
    record = json.dumps({"created": 1})
    cloud.store.execute(
        "UPDATE registry_deleted SET deleted=1, record=? WHERE sequence=7", (record,)
    )
    assert steps(lambda: kept.purge(now)) < 150
    assert kept.purge(now)[0] == 0
    assert cloud.outbox.waiting() == 0
    kept.keep("repository", "r.azurecr.io", "app", ["app"])
    assert cloud.outbox.waiting() == 0


def test_what_is_soft_deleted_is_stored_still_and_counts(local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    soft_delete(place, days=1)
    client = local_cloud.client(ContainerRegistryManagementClient)

    def size() -> int:
        [found] = [
            one.current_value
            for one in client.registries.list_usages(place.group, place.name).value
            if one.name == "Size"
        ]
        return int(found)

    one, two = place.push("app", "v1", b"one" * 1000), place.push("app", "v2", b"two" * 1000)
    place.push_index("app", "all", one, two)
    before = size()
    delete(place, "app", one)
    assert size() == before
    assert acr(place, "DELETE", "app").status_code == 202
    assert size() == before
    assert restore(place, "app", two, "v2").status_code == 200
    assert size() == before
    pass_days(place, 2)
    wake(place)
    until(lambda: size() < before - 3000)


def test_what_is_over_can_be_pushed_and_no_later_days_bring_it_back(
    local_cloud: LocalCloud, app: str
) -> None:
    place = Place(local_cloud)
    soft_delete(place, days=1)
    one = place.push(app, "v1")
    place.push(app, "other", b"other")
    delete(place, app, one)
    pass_days(place, 2)
    assert place.push(app, "v1") == one
    soft_delete(place, days=90)
    assert deleted(place, f"{app}/_manifests") == []
    assert restore(place, app, one).status_code == 409
    assert place.push(app, "v1") == one


def test_without_the_policy_nothing_is_kept_nor_what_it_kept_of_tags(
    local_cloud: LocalCloud, app: str
) -> None:
    place = Place(local_cloud)
    assert deleted(place, "_catalog") == []
    soft_delete(place)
    one = place.push(app, "v1")
    assert acr(place, "DELETE", f"{app}/_tags/v1").status_code == 202
    two = place.push(app, "v2", b"two")
    assert acr(place, "DELETE", f"{app}/_tags/v2").status_code == 202
    soft_delete(place, "disabled")
    assert [found["tag"] for found in deleted(place, f"{app}/_tags")] == ["v1", "v2"]
    delete(place, app, one)
    assert [found["tag"] for found in deleted(place, f"{app}/_tags")] == ["v2"]
    assert acr(place, "DELETE", app).status_code == 202
    assert deleted(place, f"{app}/_tags") == deleted(place, f"{app}/_manifests") == []
    assert restore(place, app, two, "v2").status_code == 404
    assert place.push(app, "v1") == one


def test_with_its_registry_all_of_it_goes(local_cloud: LocalCloud, app: str) -> None:
    place = Place(local_cloud)
    soft_delete(place)
    one = place.push(app, "v1")
    assert acr(place, "DELETE", app).status_code == 202
    assert manage(place, "DELETE").status_code == 200
    assert acr(place, "GET", "_deleted/_catalog").status_code == 404
    body = {"location": "eastus", "sku": {"name": "Premium"}}
    assert manage(place, "PUT", body).status_code == 201
    assert deleted(place, "_catalog") == deleted(place, f"{app}/_manifests") == []
    assert place.push(app, "v1") == one
