"""The soft delete policy: what is deleted is kept, listed, restored with its tags, and gone in the end.

Source: learn.microsoft.com, "Recover deleted artifacts with soft delete policy in Azure Container
Registry"; azure-cli, command_modules/acr.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud import timestamps
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.registry.catalog import Catalog
from tests.az import Az
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_registry

from .locking import lock, pull, refused, with_subject
from .places import INDEX, Place, digest, skopeo
from .policies import (
    DAY,
    deleted,
    execute,
    live,
    manage,
    pass_days,
    restore,
    retention,
    soft_delete,
    until,
    wake,
)
from .test_acr import acr


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    made = Place(local_cloud)
    soft_delete(made)
    return made


def delete(place: Place, repository: str, reference: str) -> None:
    answer = place.http.delete(place.url(f"{repository}/manifests/{reference}"))
    assert answer.status_code == 202, answer.text


def put_index(place: Place, repository: str, tag: str, *children: str) -> str:
    named = [{"digest": one, "mediaType": "m", "size": 1} for one in children]
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": named}).encode()
    answer = place.put(repository, tag, data, INDEX)
    assert answer.status_code == 201, answer.text
    return digest(data)


def stored(cloud: LocalCloud, text: bytes) -> Path:
    """Where a blob is; two hours old from now on, so that it may be collected."""
    name = hashlib.sha256(text).hexdigest()
    path = cloud.home / "content" / "sha256" / name[:2] / name
    past = time.time() - 7200
    os.utime(path, (past, past))
    return path


# -- what is kept --------------------------------------------------------------------------------


def test_a_deleted_manifest_is_listed_with_its_tags_and_restored_as_it_was(
    place: Place, app: str
) -> None:
    before = time.time()
    one = place.push(app, "v1")
    assert place.push(app, "stable") == one
    place.push(app, "other", b"other")
    lock(place, f"{app}/_tags/v1", listEnabled=False)
    was = acr(place, "GET", f"{app}/_manifests/{one}").json()["manifest"]
    tag = acr(place, "GET", f"{app}/_tags/v1").json()["tag"]
    delete(place, app, one)
    assert not live(place, app, one)
    assert not live(place, app, "v1")
    [manifest] = deleted(place, f"{app}/_manifests")
    assert set(manifest) == {"createdAt", "deletedAt", "digest"}
    assert (manifest["digest"], manifest["createdAt"]) == (one, was["createdTime"])
    assert before <= timestamps.parse(manifest["deletedAt"]).timestamp() <= time.time()
    tags = deleted(place, f"{app}/_tags")
    assert [(one["tag"], one["digest"]) for one in tags] == [("stable", one), ("v1", one)]
    assert set(tags[0]) == {"createdAt", "deletedAt", "digest", "tag"}
    answer = restore(place, app, one, "v1")
    assert (answer.status_code, answer.json()) == (200, {"digest": one, "tag": "v1"})
    assert acr(place, "GET", f"{app}/_manifests/{one}").json()["manifest"] == {
        **was,
        "tags": ["v1"],
    }
    assert acr(place, "GET", f"{app}/_tags/v1").json()["tag"] == tag
    assert deleted(place, f"{app}/_manifests") == []
    assert [one["tag"] for one in deleted(place, f"{app}/_tags")] == ["stable"]
    assert restore(place, app, one, "stable").status_code == 200
    assert pull(place, app, "stable").headers["Docker-Content-Digest"] == one
    assert deleted(place, f"{app}/_tags") == []


def test_an_untagged_manifest_is_there_and_its_tag_comes_back(place: Place, app: str) -> None:
    one = place.push(app, "v1")
    assert acr(place, "DELETE", f"{app}/_tags/v1").status_code == 202
    assert deleted(place, f"{app}/_manifests") == []
    [tag] = deleted(place, f"{app}/_tags")
    assert tag["tag"] == "v1"
    refusal = restore(place, app, one)
    assert refusal.status_code == 409
    assert f"{app}@{one} is not deleted" in refusal.text
    assert restore(place, app, one, "v1").status_code == 200
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == one


@pytest.mark.parametrize("how", ["manifests", "repository"])
def test_a_deleted_repository_comes_back_with_what_is_restored(
    place: Place, app: str, how: str
) -> None:
    first, second = place.push(app, "1", b"first"), place.push(app, "2", b"second")
    was = acr(place, "GET", app).json()
    if how == "repository":
        gone = acr(place, "DELETE", app).json()
        assert (sorted(gone["manifestsDeleted"]), gone["tagsDeleted"]) == (
            sorted([first, second]),
            ["1", "2"],
        )
    else:
        delete(place, app, first)
        delete(place, app, second)
    assert acr(place, "GET", app).status_code == 404
    [kept] = [one for one in deleted(place, "_catalog") if one["repository"] == app]
    assert set(kept) == {"createdAt", "deletedAt", "repository"}
    assert kept["createdAt"] == was["createdTime"]
    assert {one["digest"] for one in deleted(place, f"{app}/_manifests")} == {first, second}
    assert restore(place, app, second, "2").status_code == 200
    there = acr(place, "GET", app).json()
    assert (there["createdTime"], there["manifestCount"]) == (was["createdTime"], 1)
    assert app not in [one["repository"] for one in deleted(place, "_catalog")]
    layer = json.loads(pull(place, app, "2").content)["layers"][0]["digest"]
    assert place.http.get(place.url(f"{app}/blobs/{layer}")).content == b"second"


def test_a_push_makes_a_deleted_repository_again_but_not_what_was_in_it(
    place: Place, app: str
) -> None:
    old = place.push(app, "v1")
    was = acr(place, "GET", app).json()
    assert acr(place, "DELETE", app).status_code == 202
    new = place.push(app, "v1", b"new")
    there = acr(place, "GET", app).json()
    assert (there["createdTime"], there["manifestCount"]) == (was["createdTime"], 1)
    assert [one["digest"] for one in deleted(place, f"{app}/_manifests")] == [old]
    refusal = restore(place, app, old, "v1")  # the tag has another manifest by now
    assert refusal.status_code == 409
    assert new in refusal.text
    assert restore(place, app, old).json() == {"digest": old, "tag": None}
    assert live(place, app, old)
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == new


def test_a_tag_that_a_push_moves_is_kept_and_force_moves_it_back(place: Place, app: str) -> None:
    one, two = place.push(app, "v1", b"one"), place.push(app, "v1", b"two")
    assert place.push(app, "v1", b"two") == two  # moves nothing
    [tag] = deleted(place, f"{app}/_tags")
    assert (tag["tag"], tag["digest"]) == ("v1", one)
    assert restore(place, app, one, "v1").status_code == 409
    assert restore(place, app, one, "v1", force=True).status_code == 200
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == one
    [tag] = deleted(place, f"{app}/_tags")  # the overwritten one
    assert (tag["tag"], tag["digest"]) == ("v1", two)
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    refused(restore(place, app, two, "v1", force=True), f"The tag {app}:v1 is locked")
    lock(place, f"{app}/_tags/v1", writeEnabled=True)
    lock(place, app, writeEnabled=False)
    refused(restore(place, app, two, "v1", force=True), f"The repository {app} is locked")


def test_a_tag_that_is_back_by_a_push_is_restored_to_the_same_by_force(
    place: Place, app: str
) -> None:
    one = place.push(app, "v1")
    assert acr(place, "DELETE", f"{app}/_tags/v1").status_code == 202
    assert place.push(app, "v1") == one
    assert restore(place, app, one, "v1").status_code == 409
    assert restore(place, app, one, "v1", force=True).status_code == 200
    assert deleted(place, f"{app}/_tags") == []


def test_a_manifest_that_is_deleted_can_only_be_restored(place: Place, app: str) -> None:
    data = place.manifest(app, b"once")
    assert place.put(app, "v1", data).status_code == 201
    delete(place, app, digest(data))
    for reference in ("v1", "v2", digest(data)):
        detail = refused(place.put(app, reference, data), f"{app}@{digest(data)} is soft-deleted")
        assert f"az acr manifest restore --registry {place.name} --name {app} --digest" in detail
    assert place.put(f"{app}/other", "v1", place.manifest(f"{app}/other", b"once")).ok
    soft_delete(place, "disabled")  # what is kept stays so
    try:
        refused(place.put(app, "v1", data), "is soft-deleted")
        assert restore(place, app, digest(data), "v1").status_code == 200
    finally:
        soft_delete(place)


def test_an_index_and_what_refers_to_a_manifest_come_back_one_by_one(
    place: Place, app: str
) -> None:
    child = place.push(app, "child")
    index = put_index(place, app, "all", child)
    data = with_subject(place, app, child)
    assert place.put(app, digest(data), data).status_code == 201
    delete(place, app, index)
    delete(place, app, child)  # with what refers to it
    assert len(deleted(place, f"{app}/_manifests")) == 3
    detail = refused(restore(place, app, digest(data)), f"refers to {child}")
    assert "restore that first" in detail
    assert restore(place, app, index, "all").status_code == 200
    assert not live(place, app, child)
    assert restore(place, app, child).status_code == 200
    assert not live(place, app, digest(data))
    assert restore(place, app, digest(data)).status_code == 200
    shown = place.http.get(place.url(f"{app}/referrers/{child}")).json()["manifests"]
    assert [one["digest"] for one in shown] == [digest(data)]


def test_lists_have_pages_in_the_order_of_deletion(place: Place, app: str) -> None:
    pushed = [place.push(app, f"v{number}", str(number).encode()) for number in range(5)]
    for one in reversed(pushed):
        delete(place, app, one)
    url = f"https://{place.server}/acr/v1/_deleted/{app}"
    for what, key, order in (
        ("_manifests", "digest", list(reversed(pushed))),
        ("_tags", "tag", [f"v{number}" for number in range(4, -1, -1)]),
    ):
        for params in ({"n": "2"}, {"n": "2", "orderby": "timedesc"}):
            found: list[str] = []
            answer = place.http.get(f"{url}/{what}", params=params)
            while True:
                found += [one[key] for one in answer.json()[what[1:]]]
                if "next" not in answer.links:
                    break
                answer = place.http.get(f"https://{place.server}{answer.links['next']['url']}")
            assert found == (order if len(params) == 1 else order[::-1])
    assert acr(place, "GET", f"_deleted/{app}/_tags", params={"last": "v1"}).status_code == 400
    assert acr(place, "GET", f"_deleted/{app}/_tags", params={"n": "0"}).json()["tags"] == []


UNKNOWN = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("path", "options", "status", "said"),
    [
        (UNKNOWN, {}, 404, "MANIFEST_UNKNOWN"),
        ("sha256:1", {}, 400, "DIGEST_INVALID"),
        ("latest", {}, 400, "DIGEST_INVALID"),
        (UNKNOWN, {"params": {"force": "maybe"}}, 400, "force must be true or false"),
        (UNKNOWN, {"json": {"tag": 1}}, 400, "tag"),
        (UNKNOWN, {"json": {"tag": "a b"}}, 400, "TAG_INVALID"),
        (UNKNOWN, {"json": {"tags": ["a"]}}, 400, "tags"),
        (UNKNOWN, {"json": []}, 400, "object"),
        (UNKNOWN, {"data": b"{"}, 400, "UNSUPPORTED"),
    ],
)
def test_what_cannot_be_restored_is_said(
    place: Place, path: str, options: dict[str, Any], status: int, said: str
) -> None:
    answer = acr(place, "POST", f"_deleted/team/app/_manifests/{path}", **options)
    assert answer.status_code == status, answer.text
    assert said in answer.text


def test_a_tag_is_restored_only_with_the_manifest_that_it_named(place: Place, app: str) -> None:
    one = place.push(app, "v1")
    delete(place, app, one)
    answer = restore(place, app, one, "v2")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "TAG_UNKNOWN")
    assert not live(place, app, one)
    assert restore(place, app, one, "v1").status_code == 200
    again = restore(place, app, one, "v1")
    assert (again.status_code, again.json()["errors"][0]["message"]) == (
        409,
        f"The tag {app}:v1 is not deleted",
    )
    assert acr(place, "GET", f"_deleted/{app}/_other").status_code == 405
    assert acr(place, "GET", "_deleted/A/_tags").status_code == 400


def test_what_is_damaged_is_told_and_nothing_of_it_is_restored(place: Place, app: str) -> None:
    text = app.encode()
    data = place.manifest(app, text)
    one = digest(data)
    assert place.put(app, "v1", data).status_code == 201
    delete(place, app, one)
    path = stored(place.cloud, data)
    path.unlink()
    answer = restore(place, app, one, "v1")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    path.write_bytes(data)
    change = (
        "UPDATE registry_deleted SET record=? WHERE registry=? AND repository=? AND kind='manifest'"
    )
    for record, status in (('{"created": 1, "unheard": 2}', 409), ('{"created": "?"}', 404)):
        execute(place, change, record, place.server, app)
        assert restore(place, app, one, "v1").status_code == status
    assert deleted(place, f"{app}/_manifests") == []  # it was set aside
    assert not live(place, app, one)
    assert acr(place, "GET", app).status_code == 404


# -- by time -------------------------------------------------------------------------------------


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
    put_index(other, "app", "index", child)
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
    put_index(place, "app", "all", one, two)
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


# -- clients -------------------------------------------------------------------------------------


def test_skopeo_pulls_what_the_sdk_has_deleted_and_was_restored(
    place: Place, app: str, tmp_path: Path
) -> None:
    one = place.push(app, "v1")
    with place.sdk() as client:
        client.delete_manifest(app, one)
    who = f"{place.cloud.account.client_id}:{place.cloud.account.client_secret}"
    pulling = ("inspect", "--raw", "--creds", who, f"docker://{place.server}/{app}:v1")
    gone = skopeo(place.cloud, *pulling)
    assert gone.returncode != 0
    assert "is not found" in gone.stderr
    assert restore(place, app, one, "v1").status_code == 200
    assert digest(skopeo(place.cloud, *pulling).stdout.encode()) == one


def test_az_lists_and_restores(az: Az, local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    of = ("--registry", place.name)
    shown = az.json("acr", "config", "soft-delete", "show", *of)
    assert (shown["status"], shown["retentionDays"]) == ("disabled", 7)
    changing = ("acr", "config", "soft-delete", "update", *of)
    set_to = az.json(*changing, "--status", "enabled", "--days", "30")
    assert (set_to["status"], set_to["retentionDays"]) == ("enabled", 30)
    assert set_to["lastUpdatedTime"] > shown["lastUpdatedTime"]
    one, two = place.push("app", "v1", b"one"), place.push("app", "v1", b"two")
    az.ok("acr", "repository", "delete", "--name", place.name, "--image", "app:v1", "--yes")
    [manifest] = az.json("acr", "manifest", "list-deleted", *of, "--name", "app")
    assert manifest["digest"] == two
    day = timestamps.parse(manifest["deletedAt"]).timestamp() + 30 * DAY
    assert timestamps.parse(manifest["expiresAfter"]).timestamp() == pytest.approx(day, abs=1)
    listing = ("acr", "manifest", "list-deleted-tags", *of, "--name")
    assert [found["digest"] for found in az.json(*listing, "app:v1")] == [one, two]
    assert az.json(*listing, "app:v2") == []
    restoring = ("acr", "manifest", "restore", *of, "--name")
    assert az.json(*restoring, "app:v1", "--yes") == {"digest": two, "tag": "v1"}
    conflict = az.refused(*restoring, "app:v1", "--digest", one)
    assert f"The tag app:v1 exists, and names {two}" in conflict
    forced = az.json(*restoring, "app:v1", "--digest", one, "--force")
    assert forced == {"digest": one, "tag": "v1"}
    unknown = az.refused(*restoring, "app:v1", "--digest", UNKNOWN)
    assert f"manifest {UNKNOWN} is not found" in unknown
    az.ok("acr", "repository", "delete", "--name", place.name, "--repository", "app", "--yes")
    [gone] = az.json("acr", "repository", "list-deleted", "--name", place.name)
    assert gone["repository"] == "app"
    table = az.ok("acr", "manifest", "list-deleted", *of, "--name", "app", "--output", "table")
    assert one in table


def test_az_says_what_policies_cannot_be(az: Az, local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    of = ("--registry", place.name)
    retaining = ("acr", "config", "retention", "update", *of, "--type", "UntaggedManifests")
    set_to = az.json(*retaining, "--status", "enabled", "--days", "30")
    assert (set_to["status"], set_to["days"]) == ("enabled", 30)
    both = az.refused("acr", "config", "soft-delete", "update", *of, "--status", "enabled")
    assert "cannot have both a retention policy and a soft delete policy" in both
    far = az.refused("acr", "config", "soft-delete", "update", *of, "--days", "91")
    assert "retentionDays' must be between 1 and 90" in far
    basic = make_registry(local_cloud, place.group, "Basic")
    keeping = az.json(
        *("acr", "config", "soft-delete", "update", "--registry", basic, "--status", "enabled")
    )
    assert keeping["status"] == "enabled"


# -- imports -------------------------------------------------------------------------------------


def test_nothing_that_is_deleted_is_imported_from_here_or_to_here(place: Place, app: str) -> None:
    other = Place(place.cloud)
    data = place.manifest(app, b"imported")
    assert place.put(app, "v1", data).status_code == 201
    one = digest(data)

    def imported(source: Place, target: Place, image: str) -> str:
        body = {
            "source": {"resourceId": source.id, "sourceImage": image},
            "targetTags": [f"{app}:copy"],
            "mode": "Force",
        }
        return _imported(target, body)

    assert imported(place, other, f"{app}:v1") == ""
    delete(place, app, one)
    for image in (f"{app}:v1", f"{app}@{one}"):
        assert "Unable to find manifest" in imported(place, other, image)
    assert f"{app}@{one} is soft-deleted" in imported(other, place, f"{app}:copy")
    assert not live(place, app, "copy")
    retention(other, days=7)
    assert imported(other, other, f"{app}:copy") == ""


def _imported(place: Place, body: dict[str, Any]) -> str:
    """What is said of an import that fails; "" of one that does not."""
    http = place.cloud.http()
    http.headers["Authorization"] = f"Bearer {place.cloud.token()}"
    answer = http.post(
        f"https://management.azure.com{place.id}/importImage",
        params={"api-version": "2023-07-01"},
        json=body,
    )
    while answer.status_code == 202:
        time.sleep(0.1)
        answer = http.get(answer.headers["Location"])
    return "" if answer.ok else str(answer.json()["error"]["message"])
