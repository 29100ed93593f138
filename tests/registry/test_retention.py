"""The retention policy: untagged manifests are deleted by themselves, and nothing else is.

Source: learn.microsoft.com, "Set a retention policy for untagged manifests in Azure Container Registry".
"""

from __future__ import annotations

import json
import time
from typing import Any

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.expiry import Expiry
from helpers.localcloud.resource_types import REGISTRY_TYPE
from helpers.localcloud.store import Resource
from tests.az import Az
from tests.conftest import LocalCloud

from .locking import lock, with_subject
from .places import INDEX, MANIFEST, Place, digest
from .policies import (
    delete,
    live,
    pass_days,
    queued,
    retention,
    until,
    wake,
)
from .test_acr import acr

POLICIES = {"retentionPolicy": {"status": "enabled", "days": 30}}


def untag(place: Place, repository: str, tag: str) -> None:
    assert acr(place, "DELETE", f"{repository}/_tags/{tag}").status_code == 202


def test_a_manifest_goes_that_many_days_after_its_last_tag_and_no_other_does(
    place: Place, app: str
) -> None:
    earlier = Place(place.cloud)
    before = earlier.push(app, "v1", b"before")
    untag(earlier, app, "v1")
    retention(earlier, days=0)  # which is not for what was untagged before
    moved = place.push(app, "latest", b"moved")
    place.push(app, "latest")
    untagged = place.push(app, "untagged", b"untagged")
    untag(place, app, "untagged")
    again = place.push(app, "again", b"again")
    untag(place, app, "again")
    assert place.push(app, "again", b"again") == again
    twice = place.push(app, "one", b"twice")
    assert place.push(app, "two", b"twice") == twice
    untag(place, app, "one")
    locked = place.push(app, "locked", b"locked")
    lock(place, f"{app}/_manifests/{locked}", deleteEnabled=False)
    untag(place, app, "locked")
    unlocked = place.push(app, "unlocked", b"unlocked")
    lock(place, f"{app}/_manifests/{unlocked}", deleteEnabled=False)
    untag(place, app, "unlocked")
    lock(place, f"{app}/_manifests/{unlocked}", deleteEnabled=True)
    late = place.push(app, "late", b"late")
    untag(place, app, "late")
    lock(place, f"{app}/_manifests/{late}", writeEnabled=False)
    never = place.manifest(app, b"never")
    assert place.put(app, digest(never), never).status_code == 201
    pass_days(place, 29)
    wake(place)
    wake(place)
    assert live(place, app, moved)
    assert live(place, app, untagged)
    pass_days(place, 2)
    wake(place)
    until(lambda: not queued(place))
    assert not live(place, app, moved)
    assert not live(place, app, untagged)
    for one in ("latest", again, twice, locked, unlocked, late, digest(never)):
        assert live(place, app, one)
    assert live(earlier, app, before)


def test_with_no_days_it_goes_at_once_and_the_last_takes_its_repository(
    local_cloud: LocalCloud, app: str
) -> None:
    place = Place(local_cloud)
    retention(place, days=0)
    pushed = place.push(app, "v1")
    data = with_subject(place, app, pushed)
    assert place.put(app, digest(data), data).status_code == 201
    assert live(place, app, digest(data))
    untag(place, app, "v1")
    until(lambda: acr(place, "GET", app).status_code == 404)
    assert not live(place, app, digest(data))  # what refers to it has gone with it


def test_what_an_index_names_stays_as_long_as_that(local_cloud: LocalCloud, app: str) -> None:
    place = Place(local_cloud)
    retention(place, days=0)
    child, other = place.push(app, "child"), place.push(app, "other", b"other")
    index = place.push_index(app, "all", child, other)
    place.push_index(app, "some", other)
    untag(place, app, "child")
    untag(place, app, "other")
    gone = place.push(app, "gone", b"gone")
    untag(place, app, "gone")
    until(lambda: not live(place, app, gone))
    assert live(place, app, child)
    assert live(place, app, other)
    untag(place, app, "all")
    until(lambda: not live(place, app, index) and not live(place, app, child))
    assert live(place, app, other)
    delete(place, app, place.push(app, "last", b"last"))
    assert live(place, app, "some")


def test_what_refers_to_a_manifest_stays_as_long_as_that(local_cloud: LocalCloud, app: str) -> None:
    place = Place(local_cloud)
    retention(place, days=0)
    image = place.push(app, "v1")
    data = with_subject(place, app, image)
    assert place.put(app, "signature", data).status_code == 201
    lost = with_subject(place, app, digest(b"nowhere"), b"lost")
    assert place.put(app, "lost", lost).status_code == 201
    untag(place, app, "signature")
    untag(place, app, "lost")
    until(lambda: not queued(place))
    assert live(place, app, digest(data))
    assert not live(place, app, digest(lost))
    untag(place, app, "v1")
    until(lambda: not queued(place))
    assert not live(place, app, digest(data))


def test_many_are_deleted_beside_many_indexes(cloud: Cloud) -> None:
    properties = {"policies": {"retentionPolicy": {"status": "enabled", "days": 0}}}
    cloud.store.put(Resource("/r", REGISTRY_TYPE, "r", "g", {"properties": properties}))
    catalog = Catalog(cloud)
    cloud.content.put(b"{}", digest(b"{}"))

    def put(tag: str, body: dict[str, Any], kind: str) -> str:
        data = json.dumps({"schemaVersion": 2, "mediaType": kind, **body}).encode()
        return catalog.put("r.azurecr.io", "app", tag, data, kind)

    def image(number: int) -> str:
        config = {"digest": digest(b"{}"), "size": 2, "mediaType": "m"}
        return put(
            str(number),
            {"config": config, "layers": [], "annotations": {"n": f"{number}"}},
            MANIFEST,
        )

    images = [image(number) for number in range(60)]
    for number, one in enumerate(images[:30]):
        put(
            f"all{number}",
            {"manifests": [{"digest": one, "size": 1, "mediaType": MANIFEST}]},
            INDEX,
        )
    for number in range(60):
        catalog.delete_tag("r.azurecr.io", "app", str(number))
    asked: list[str] = []
    with cloud.store.transaction() as connection:
        connection.set_trace_callback(asked.append)
        Expiry(cloud).run(time.time())
        connection.set_trace_callback(None)
    assert catalog.listings.counts("r.azurecr.io", "app") == (60, 30)
    reading = sum("registry_descriptions" in one for one in asked)
    assert reading == 30  # for each that is deleted, and none for each that might be in an index


def test_a_policy_that_is_no_more_deletes_nothing(local_cloud: LocalCloud, app: str) -> None:
    place = Place(local_cloud)
    retention(place, days=5)
    one = place.push(app, "v1")
    place.push(app, "v1", b"two")
    retention(place, "disabled")
    pass_days(place, 6)
    wake(place)
    until(lambda: not queued(place))
    retention(place, days=0)
    three = place.push(app, "v1", b"three")
    place.push(app, "v1", b"four")
    until(lambda: not live(place, app, three))
    assert live(place, app, one)


def test_az_untags_and_the_manifest_goes(az: Az, local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    retaining = ("--registry", place.name, "--status", "enabled", "--days", "0")
    az.ok("acr", "config", "retention", "update", *retaining, "--type", "UntaggedManifests")
    shown = az.json("acr", "config", "retention", "show", "--registry", place.name)
    assert (shown["status"], shown["days"]) == ("enabled", 0)
    pushed = place.push("app", "v1")
    az.ok("acr", "repository", "untag", "--name", place.name, "--image", "app:v1")
    until(lambda: not live(place, "app", pushed))
