"""The quarantine policy: what it is for, when it begins and ends, and who else is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.client import Credential, RegistryClient
from helpers.localcloud.registry.tokens import exchange_credential
from tests.conftest import LocalCloud
from tests.registry.places import Place
from tests.registry.policies import pass_days, restore, retention, soft_delete, until, wake
from tests.registry.quarantining import FAILED, PASSED, QUARANTINED, UNKNOWN, World
from tests.registry.test_acr import acr

UNKNOWN_TAG = 'manifest unknown: manifest tagged by "v1" is not found'


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    with closing(World(local_cloud)) as made:
        yield made


def test_an_image_that_waits_for_its_tag_is_not_untagged(world: World, app: str) -> None:
    place = world.registry("disabled")
    retention(place, days=5)
    pushed = place.push(app, "v1")
    gone = place.push(app, "v2", b"gone")
    for tag in ("v1", "v2"):
        assert acr(place, "DELETE", f"{app}/_tags/{tag}").status_code == 202
    world.switch(place, "enabled")
    assert place.push(app, "v1") == pushed
    pass_days(place, 6)
    wake(place)
    until(lambda: acr(place, "GET", f"{app}/_manifests/{gone}").status_code == 404)
    assert world.passes(app, pushed, place)["tags"] == ["v1"]


# -- what else brings images -----------------------------------------------------------------------


def test_an_import_waits_and_what_waits_is_imported_by_who_may_see_it(
    world: World, app: str
) -> None:
    other = Place(world.cloud)
    pushed = other.push(app, "v1")
    client = world.cloud.client(ContainerRegistryManagementClient)

    def imported(source: Place, target: Place, tag: str, role: str = "") -> None:
        user, password = world.user(role) if role else ("", "")
        credentials = {"credentials": {"username": user, "password": password}} if role else {}
        body = {
            "source": {"registryUri": source.server, "sourceImage": f"{app}:{tag}", **credentials},
            "targetTags": [f"{app}:{tag}"],
        }
        if not role:
            body["source"] = {"resourceId": source.id, "sourceImage": f"{app}:{tag}"}
        client.registries.begin_import_image(target.group, target.name, body).result()

    imported(other, world.place, "v1")
    assert world.pull(app, "v1") == UNKNOWN
    target = Place(world.cloud)
    with pytest.raises(HttpResponseError, match="Unable to find manifest digest"):
        imported(world.place, target, "v1", "AcrPull")
    world.passes(app, pushed)
    imported(world.place, target, "v1", "AcrPull")
    assert world.pull(app, "v1", place=target) == (200, pushed)
    world.mark(app, pushed, FAILED)
    with pytest.raises(HttpResponseError, match="Unable to find manifest digest"):
        imported(world.place, Place(world.cloud), "v1", "AcrPull")
    imported(world.place, last := Place(world.cloud), "v1")
    assert world.pull(app, "v1", place=last) == (200, pushed)


def test_what_a_cache_rule_brings_waits(world: World, app: str) -> None:
    place, pushed = world.cached(app, "cached")
    assert world.pull("cached", "v1", "AcrQuarantineReader", place) == UNKNOWN  # it brings nothing
    assert world.pull("cached", pushed, "Reader", place) == UNKNOWN
    for _ in range(2):
        assert world.pull("cached", "v1", place=place) == UNKNOWN
    assert world.pull("cached", pushed, place=place) == QUARANTINED
    world.passes("cached", pushed, place)
    assert world.pull("cached", "v1", place=place) == (200, pushed)


def test_what_is_restored_is_marked_as_it_was(world: World, app: str) -> None:
    place = world.registry()
    client = world.cloud.client(ContainerRegistryManagementClient)
    policies = {"softDeletePolicy": {"status": "enabled"}}
    body = {"properties": {"policies": policies}}
    made = client.registries.begin_update(place.group, place.name, body).result()
    assert made.policies.quarantine_policy.status == "enabled"
    passed, waits = place.push(app, "v1", b"1"), place.push(app, "v2", b"2")
    world.passes(app, passed, place)
    for one in (passed, waits):
        assert place.http.delete(place.url(f"{app}/manifests/{one}")).status_code == 202
    for one, tag in ((passed, "v1"), (waits, None)):
        url = f"https://{place.server}/acr/v1/_deleted/{app}/_manifests/{one}"
        restored = place.http.post(url, json={"tag": tag} if tag else {})
        assert restored.status_code == 200, restored.text
    assert world.pull(app, "v1", place=place) == (200, passed)
    assert world.pull(app, waits, place=place) == QUARANTINED
    assert world.passes(app, waits, place)["tags"] == []  # the tag that waited has not come back


@pytest.mark.parametrize("there", [False, True])
def test_a_tag_that_is_restored_stays_where_it_is_when_an_older_push_passes(
    world: World, app: str, there: bool
) -> None:
    place = world.registry()
    soft_delete(place)
    old, new, waits = (place.push(app, "v1", text) for text in (b"old", b"new", b"waits"))
    for one, tag in ((old, "v1"), (new, "v2")):
        world.passes(app, one, place)
        assert place.put(app, tag, place.manifest(app, b"old" if one == old else b"new")).ok
    assert acr(place, "DELETE", f"{app}/_tags/v1").status_code == 202
    if there:
        assert place.put(app, "v1", place.manifest(app, b"new")).ok
    assert place.put(app, "v1", place.manifest(app, b"waits")).ok
    assert restore(place, app, old, "v1", force=there).status_code == 200
    assert world.passes(app, waits, place)["tags"] == []
    assert world.pull(app, "v1", place=place) == (200, old)
    assert place.put(app, "v1", place.manifest(app, b"waits")).ok
    assert world.pull(app, "v1", place=place) == (200, waits)


def test_who_pulls_for_tasks_and_container_groups_is_told_the_same(world: World, app: str) -> None:
    place = world.place
    images = [place.push(app, f"p{number}", b"%d" % number) for number in range(2)]
    whole = place.push_index(app, "v1", *images)
    with closing(Cloud(world.cloud.home)) as cloud:
        client = RegistryClient(cloud)

        def asks(role: str) -> Credential:
            principal = cloud.principals.find(object_id=world.person(role).object_id)
            assert principal is not None
            return exchange_credential(cloud, place.server, principal)

        def refused(reference: Reference, role: str = "AcrPull") -> tuple[int, str]:
            for ask in (client.pull, client.check):
                with pytest.raises(CloudError) as caught:
                    ask(reference, asks(role))
            return caught.value.status, caught.value.message

        tag = Reference(place.server, app, "v1")
        by_digest = replace(tag, tag="", digest=whole)
        assert refused(tag) == (404, f"manifest for {tag} not found: {UNKNOWN_TAG}")
        status, message = refused(by_digest)
        assert (status, message.startswith(f"{by_digest}: {app}@{whole} waits")) == (403, True)
        assert client.resolve(tag, asks("Reader")) is None
        world.passes(app, whole)
        assert client.resolve(tag, asks("AcrPull")) == whole
        assert refused(tag)[0] == 403  # what the index names for this platform waits on
        assert client.pull(tag, asks("Reader")) == images[0]
        assert client.pull(replace(by_digest, digest=images[0]), asks("AcrQuarantineReader"))
        world.passes(app, images[0])
        assert client.pull(tag, asks("AcrPull")) == images[0]
        assert refused(tag, "AcrQuarantineReader")[0] == 401  # it waits no more
        world.mark(app, whole, FAILED)
        assert client.resolve(tag, asks("AcrPull")) is None
        assert client.resolve(tag, asks("Reader")) == whole
        assert client.resolve(by_digest, asks("AcrPull")) == whole
        world.passes(app, whole)
        place.http.delete(place.url(f"{app}/manifests/{images[0]}"))
        status, message = refused(tag)
        assert (status, f"manifest {images[0]} is not found" in message) == (404, True)


def test_a_container_group_is_refused_what_waits(world: World, app: str) -> None:
    pushed = world.place.push(app, "v1")
    client = world.cloud.client(ContainerInstanceManagementClient)
    user, password = world.user("AcrPull")
    for image, said in (
        (f"{app}:v1", UNKNOWN_TAG),
        (f"{app}@{pushed}", "The image is quarantined."),
    ):
        server = world.place.server
        one = {
            "image": f"{server}/{image}",
            "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
        }
        credentials = [{"server": server, "username": user, "password": password}]
        body: Any = {
            "location": "eastus",
            "properties": {
                "osType": "Linux",
                "imageRegistryCredentials": credentials,
                "containers": [{"name": "one", "properties": one}],
            },
        }
        with pytest.raises(HttpResponseError, match="InaccessibleImage") as caught:
            client.container_groups.begin_create_or_update(world.place.group, "waits", body)
        assert said in str(caught.value)


# -- the policy itself -----------------------------------------------------------------------------


def test_images_that_were_there_wait_too_unless_they_were_marked_before(
    world: World, app: str
) -> None:
    place = world.registry("disabled")
    unmarked, marked = place.push(app, "v1", b"1"), place.push(app, "v2", b"2")
    assert world.pull(app, "v1", place=place) == (200, unmarked)
    assert world.pull(app, unmarked, "AcrQuarantineReader", place) == (401, "UNAUTHORIZED")
    world.passes(app, marked, place)
    world.switch(place, "enabled")
    assert world.pull(app, "v1", place=place) == UNKNOWN
    assert world.pull(app, unmarked, place=place) == QUARANTINED
    assert world.pull(app, "v1", "Reader", place) == (200, unmarked)
    assert world.pull(app, "v2", place=place) == (200, marked)
    waits = place.push(app, "v3", b"3")
    world.switch(place, "disabled")
    assert world.pull(app, "v1", place=place) == (200, unmarked)
    assert world.pull(app, waits, place=place) == (200, waits)
    assert world.pull(app, "v3", place=place) == UNKNOWN  # its tag waits on
    world.passes(app, waits, place)
    assert world.pull(app, "v3", place=place) == (200, waits)


@pytest.mark.parametrize("sku", ["Basic", "Standard"])
def test_premium_alone_has_the_policy(world: World, sku: str) -> None:
    client = world.cloud.client(ContainerRegistryManagementClient)
    where = (world.place.group, f"other{sku.lower()}")
    enabled = {"policies": {"quarantinePolicy": {"status": "Enabled"}}}
    disabled = {"policies": {"quarantinePolicy": {"status": "disabled"}}}
    body = {"location": "eastus", "sku": {"name": sku}}
    with pytest.raises(HttpResponseError, match=f"The SKU {sku} is not supported") as caught:
        client.registries.begin_create(*where, {**body, "properties": enabled})
    assert caught.value.status_code == 400
    assert "SkuNotSupported" in str(caught.value)
    with pytest.raises(ResourceNotFoundError):
        client.registries.get(*where)
    client.registries.begin_create(*where, {**body, "properties": disabled}).result()
    with pytest.raises(HttpResponseError, match=f"The SKU {sku} is not supported"):
        client.registries.begin_update(*where, {"properties": enabled})
    premium = {"sku": {"name": "Premium"}, "properties": enabled}
    made = client.registries.begin_update(*where, premium).result()
    assert made.policies.quarantine_policy.status == "enabled"
    with pytest.raises(HttpResponseError, match=f"The SKU {sku} is not supported"):
        client.registries.begin_update(*where, {"sku": {"name": sku}})
    assert client.registries.get(*where).sku.name == "Premium"
    client.registries.begin_update(*where, {"tags": {"a": "b"}}).result()
    assert client.registries.get(*where).policies.quarantine_policy.status == "enabled"
    down = {"sku": {"name": sku}, "properties": disabled}
    assert client.registries.begin_update(*where, down).result().sku.name == sku
    wrong = {"policies": {"quarantinePolicy": {"status": "on"}}}
    with pytest.raises(HttpResponseError, match="must be one of enabled, disabled"):
        client.registries.begin_update(*where, {"properties": wrong})


def test_details_that_are_too_long_are_refused(world: World, app: str) -> None:
    pushed = world.place.push(app, "v1")
    long = json.dumps({"result": "x" * 70_000})
    answer = world.mark(app, pushed, {**PASSED, "quarantineDetails": long})
    assert answer.status_code == 400
    assert "at most 65536 are kept" in answer.json()["errors"][0]["message"]
    assert world.pull(app, pushed) == QUARANTINED


@pytest.mark.timeout(300)
def test_az_switches_it_on_and_shows_the_marks(world: World, app: str, az: Any) -> None:
    place, run = Place(world.cloud), az.json
    policy = "properties.policies.quarantinePolicy.status"
    made = run("resource", "update", "--ids", place.id, "--set", f"{policy}=enabled")
    assert made["properties"]["policies"]["quarantinePolicy"] == {"status": "enabled"}
    pushed = place.push(app, "v1")
    where = ("--registry", place.name, "--name")
    assert run("acr", "repository", "show-tags", "--name", place.name, "--repository", app) == []
    [listed] = run("acr", "manifest", "list-metadata", *where, app)
    assert (listed["digest"], listed["quarantineTag"]) == (pushed, "v1")
    world.mark(app, pushed, {**PASSED, "quarantineDetails": '{"state":"ok"}'}, place=place)
    assert run("acr", "repository", "show-tags", "--name", place.name, "--repository", app) == [
        "v1"
    ]
    shown = run("acr", "manifest", "show-metadata", *where, f"{app}@{pushed}")
    assert shown["changeableAttributes"]["quarantineState"] == "Passed"
    assert shown["changeableAttributes"]["quarantineDetails"] == '{"state":"ok"}'
    shown = run("acr", "show", "--name", place.name, "--query", "policies.quarantinePolicy")
    assert shown == {"status": "enabled"}
