"""importImage: the wire, what it copies, and that its end is one with it."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from tests.conftest import LocalCloud, start
from tests.registry.places import INDEX, MANIFEST, digest

from .importing import World, name, push_index

# -- the wire ----------------------------------------------------------------------------------


def test_the_answer_names_where_the_outcome_will_be(world: World) -> None:
    repository = name()
    image = world.image(repository)
    answer = world.post(world.body(f"{repository}:1", f"{repository}:2"))
    assert (answer.status_code, answer.content) == (202, b"")
    assert "Azure-AsyncOperation" not in answer.headers
    place, _, rest = answer.headers["Location"].partition("/operationResults/registries-")
    assert place == (
        f"https://management.azure.com{world.cloud.subscription}/providers/"
        "Microsoft.ContainerRegistry/locations/EASTUS"
    )
    guid, _, query = rest.partition("?")
    assert str(uuid.UUID(guid)) == guid
    assert query == "api-version=2025-11-01"
    outcome = world.outcome(answer)
    assert (outcome.status_code, outcome.content) == (200, b"")
    assert world.digest(repository, "2") == image


def test_the_sdk_gets_nothing_or_the_reason(world: World) -> None:
    repository = name()
    image = world.image(repository)
    registries = world.cloud.client(ContainerRegistryManagementClient).registries
    where = (world.target.group, world.target.name)
    body = world.body(f"{repository}:1", f"{repository}:1")
    assert registries.begin_import_image(*where, body).result() is None
    assert world.digest(repository, "1") == image
    poller = registries.begin_import_image(*where, body)
    with pytest.raises(HttpResponseError) as caught:
        poller.result()
    assert caught.value.error is not None
    assert caught.value.error.code == "Conflict"
    assert str(caught.value.error.message).endswith(
        f" {world.id_of(world.target)} Tag {repository}:1 already exists in target registry."
    )
    registries.begin_import_image(*where, {**body, "mode": "Force"}).result()


def test_an_outcome_that_nobody_asked_for_is_not_found(world: World) -> None:
    repository = name()
    world.image(repository)
    known = world.post(world.body(f"{repository}:1", f"{repository}:2")).headers["Location"]
    guid = known.partition("registries-")[2].partition("?")[0]
    answer = world.cloud.http().get(
        known.replace(guid, str(uuid.uuid4())),
        headers={"Authorization": f"Bearer {world.cloud.token()}"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "OperationNotFound")
    assert world.cloud.http().get(known).status_code == 401


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ({}, "InvalidSourceImage", "source.sourceImage is required"),
        ({"source": {"sourceImage": ""}}, "InvalidSourceImage", "source.sourceImage"),
        (
            {"source": {"sourceImage": "a:1"}},
            "InvalidRequestContent",
            "One of source.registryUri and source.resourceId is required.",
        ),
        (
            {"source": {"sourceImage": "a:1", "registryUri": "docker.io", "resourceId": "/s/1"}},
            "InvalidRequestContent",
            "source.resourceId and source.registryUri both name a registry",
        ),
        (
            {"source": {"sourceImage": "a:1", "registryUri": "somewhere"}},
            "InvalidRequestContent",
            "not the address of a registry, like myregistry.azurecr.io or docker.io: 'somewhere'",
        ),
        (
            {"source": {"sourceImage": "a:1", "resourceId": "somewhere"}},
            "LinkedInvalidPropertyId",
            "Property id 'somewhere' at path 'properties.source.resourceId' is invalid. Expect "
            "fully qualified resource Id that start with '/subscriptions/{subscriptionId}' or "
            "'/providers/{resourceProviderNamespace}/'.",
        ),
        (
            {"source": {"sourceImage": "a:1", "resourceId": "/subscriptions/1/resourceGroups/g"}},
            "InvalidRequestContent",
            "source.resourceId is not the id of a registry: '/subscriptions/1/resourceGroups/g'",
        ),
        (
            {"source": {"sourceImage": "A:1", "registryUri": "docker.io"}},
            "InvalidImageReference",
            "must be lowercase",
        ),
        (
            {"source": {"sourceImage": "a:1", "registryUri": "docker.io"}, "targetTags": ["a:b:c"]},
            "InvalidImageReference",
            "invalid reference format",
        ),
        (
            {
                "source": {"sourceImage": "a:1", "registryUri": "docker.io"},
                "targetTags": [f"a@sha256:{64 * 'a'}"],
            },
            "InvalidImageReference",
            "names a digest",
        ),
        (
            {
                "source": {"sourceImage": "a:1", "registryUri": "docker.io"},
                "untaggedTargetRepositories": ["a", "a:1"],
            },
            "InvalidImageReference",
            "The untagged target 'a:1' is not the name of a repository",
        ),
        (
            {
                "source": {"sourceImage": "a:1", "registryUri": "docker.io"},
                "targetTags": [256 * "a"],
            },
            "InvalidImageReference",
            "longer than the name of a repository may be",
        ),
        (
            {
                "source": {"sourceImage": "a:1", "registryUri": "docker.io"},
                "targetTags": 60 * ["a:1"],
                "untaggedTargetRepositories": 60 * ["a"],
            },
            "InvalidRequestContent",
            "at most 100 targets at once, and this request names 120: send several.",
        ),
        (
            {"source": {"sourceImage": "a:1", "registryUri": "docker.io"}, "mode": "Maybe"},
            "InvalidRequestContent",
            "The mode 'Maybe' is not one of NoForce, Force.",
        ),
        (
            {
                "source": {
                    "sourceImage": "a:1",
                    "registryUri": "docker.io",
                    "credentials": {"username": "me"},
                }
            },
            "InvalidRequestContent",
            "source.credentials.password is required",
        ),
    ],
)
def test_a_body_that_says_nothing_that_can_be_done_is_refused(
    world: World, body: dict[str, Any], code: str, told: str
) -> None:
    answer = world.post(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert told in answer.json()["error"]["message"]


# -- what is copied ----------------------------------------------------------------------------


def test_every_platform_of_an_index_comes_along_and_no_referrer(world: World) -> None:
    repository = name()
    index, children = push_index(world, repository, 3)
    report = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/sarif+json",
            "config": world.source.push_blob(repository, b"{}"),
            "layers": [],
            "subject": {"mediaType": INDEX, "digest": index, "size": 1},
        }
    ).encode()
    assert world.source.put(repository, digest(report), report).status_code == 201
    world.imported(world.body(f"{repository}:all", f"{repository}:1", f"{repository}:2"))
    for tag in ("1", "2"):
        assert world.digest(repository, tag) == index
    for child in children:
        assert world.digest(repository, child) == child
        manifest = world.target.http.get(
            world.target.url(f"{repository}/manifests/{child}"), headers={"Accept": MANIFEST}
        ).json()
        for blob in (manifest["config"], *manifest["layers"]):
            url = world.target.url(f"{repository}/blobs/{blob['digest']}")
            assert len(world.target.http.get(url).content) == blob["size"]
    place = world.source
    for place, count in ((world.source, 1), (world.target, 0)):
        found = place.http.get(place.url(f"{repository}/referrers/{index}")).json()
        assert len(found["manifests"]) == count
    # A referrer comes when it is asked for: by its digest, without a tag.
    by_digest = world.body(f"{repository}@{digest(report)}")
    world.imported({**by_digest, "untaggedTargetRepositories": [repository]})
    found = world.target.http.get(world.target.url(f"{repository}/referrers/{index}")).json()
    assert [one["digest"] for one in found["manifests"]] == [digest(report)]


def test_fifty_manifests_are_copied_and_no_more(world: World) -> None:
    few, many = name(), name()
    index, _ = push_index(world, few, 50)
    world.imported(world.body(f"{few}:all", f"{few}:all"))
    assert world.digest(few, "all") == index
    push_index(world, many, 51)
    assert world.failure(world.body(f"{many}:all", f"{many}:all")) == (
        400,
        "InvalidParameters",
        f"The image {world.source.server}/{many}:all has 51 manifests; at most 50 can be imported.",
    )
    assert world.digest(many, "all") is None


def test_without_a_tag_and_by_digest(world: World) -> None:
    repository, other = name(), name()
    image = world.image(repository)
    untagged = {"untaggedTargetRepositories": [repository, other]}
    world.imported({**world.body(f"{repository}@{image}"), **untagged})
    for one in (repository, other):
        assert world.digest(one, image) == image
        assert world.tags(one) == []
    world.imported({**world.body(f"{repository}@{image}"), **untagged})  # nothing is in its way
    both = world.body(f"{repository}@{image}", f"{other}:new", untaggedTargetRepositories=[other])
    world.imported(both)
    assert world.tags(other) == ["new"]


@pytest.mark.parametrize(
    ("image", "target", "tag"),
    [("{0}:1", "{0}-a", "1"), ("{0}@{1}", "{0}-b", "latest"), ("{0}:1", "", "1")],
)
def test_a_target_without_a_tag_gets_that_of_the_source(
    world: World, image: str, target: str, tag: str
) -> None:
    repository = name()
    made = world.image(repository)
    body = world.body(image.format(repository, made), *([target.format(repository)] * bool(target)))
    world.imported(body)
    assert world.digest(target.format(repository) or repository, tag) == made


def test_a_registry_imports_from_itself_and_stores_nothing_new(world: World) -> None:
    repository = name()
    image = world.image(repository)
    before = sorted(world.content.digests())
    body = world.body(f"{repository}:1", f"{repository}:stable", f"{repository}-copy:1")
    world.imported(body, place=world.source)
    assert world.digest(repository, "stable", world.source) == image
    assert world.digest(f"{repository}-copy", "1", world.source) == image
    world.imported(body)
    assert sorted(world.content.digests()) == before


def test_a_stand_in_of_docker_hub_and_what_it_has_not(world: World) -> None:
    repository = name()
    source = {"registryUri": "docker.io", "sourceImage": "library/node:15-alpine"}
    world.imported({"source": source, "targetTags": [f"{repository}:1", f"{repository}:2"]})
    assert world.digest(repository, "1") == world.digest(repository, "2") is not None
    for image in ("node", "nobody/nothing"):
        source["sourceImage"] = f"{image}:15-alpine"
        assert world.failure({"source": source}) == (
            400,
            "InvalidParameters",
            f"Unable to find manifest digest  Repo: {image} Tag: 15-alpine Manifest: ",
        )


# -- transactions ------------------------------------------------------------------------------


def test_an_import_and_its_end_are_one(world: World) -> None:
    """Whoever carries on what a killed daemon had begun finds it ended, or not begun."""
    repository = name()
    image = world.image(repository)
    answer = world.post(world.body(f"{repository}:1", f"{repository}:1"))
    assert world.outcome(answer).status_code == 200
    guid = answer.headers["Location"].partition("registries-")[2].partition("?")[0]
    cloud = Cloud(world.cloud.home)
    try:
        assert not cloud.operations.end(guid)
    finally:
        cloud.close()
    assert world.digest(repository, "1") == image
    ended, tagged = (
        world.store.query(sql, (key,))[0][0]
        for sql, key in (
            ("SELECT ended FROM operations WHERE id=?", guid),
            ("SELECT updated FROM registry_tags WHERE repository=?", repository),
        )
    )
    assert ended >= tagged


# -- kills -------------------------------------------------------------------------------------


def test_an_import_survives_the_daemon(fresh_cloud: LocalCloud) -> None:
    """What waits for the assembly of a stand-in is carried on by the next daemon, or done."""
    world = World(fresh_cloud)
    source = {"registryUri": "docker.io", "sourceImage": "library/node:15-alpine"}
    tags = [f"node:{number}" for number in range(20)]
    accepted = world.post({"source": source, "targetTags": tags})
    os.kill(fresh_cloud.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while daemon.status(fresh_cloud.home) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    again = start(fresh_cloud.home)
    world.cloud = again
    assert world.outcome(accepted).status_code == 200
    rows = world.store.query(
        "SELECT DISTINCT digest FROM registry_tags WHERE registry=?", (world.target.server,)
    )
    assert len(rows) == 1
    world.store.close()
