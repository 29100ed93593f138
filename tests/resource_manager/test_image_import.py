"""importImage: what it copies, what it needs, and what it says where it cannot."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud import daemon
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.content import ContentStore
from helpers.localcloud.principals import Principal, Principals
from helpers.localcloud.store import Store
from tests.az import Az
from tests.conftest import LocalCloud, start
from tests.registry.test_registry import INDEX, MANIFEST, Place, digest

TYPE = "Microsoft.ContainerRegistry/registries"
PULL, PUSH, READER, OWNER = (
    "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "8311e382-0749-4cb8-b61a-304f252e45ec",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
)


@dataclass
class Somebody:
    """A principal without a role, and its password."""

    principal: Principal
    secret: str


class World:
    """Two registries: ``source`` has an image, ``target`` is imported into."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.source, self.target = Place(cloud), Place(cloud)
        self.store = Store(cloud.home / "state.db")
        self.content = ContentStore(cloud.home / "content")
        self.principals = Principals(
            self.store, cloud.account.tenant_id, cloud.home / "signing-key.pem"
        )

    def id_of(self, place: Place) -> str:
        return (
            f"{self.cloud.subscription}/resourceGroups/{place.group}/providers/{TYPE}/{place.name}"
        )

    def image(self, name: str) -> str:
        """An image of the source registry, of that repository; its digest."""
        return self.source.push(name, "1", uuid.uuid4().bytes)

    def body(self, image: str, *tags: str, **more: Any) -> dict[str, Any]:
        source = {"resourceId": self.id_of(self.source), "sourceImage": image}
        return {"source": source, "targetTags": list(tags), **more}

    def post(self, body: Any, token: str = "", place: Place | None = None) -> requests.Response:
        return self.cloud.http().post(
            f"https://management.azure.com{self.id_of(place or self.target)}/importImage",
            params={"api-version": "2025-11-01"},
            json=body,
            headers={"Authorization": f"Bearer {token or self.cloud.token()}"},
        )

    def outcome(self, accepted: requests.Response, token: str = "") -> requests.Response:
        """What the address of ``Location`` says in the end."""
        assert accepted.status_code == 202, accepted.text
        while True:
            answer = self.cloud.http().get(
                accepted.headers["Location"],
                headers={"Authorization": f"Bearer {token or self.cloud.token()}"},
            )
            if answer.status_code != 202:
                return answer
            assert answer.content == b""
            assert answer.headers["Location"].partition("?")[0] in accepted.headers["Location"]

    def imported(self, body: Any, token: str = "", place: Place | None = None) -> None:
        answer = self.outcome(self.post(body, token, place), token)
        assert (answer.status_code, answer.content) == (200, b""), answer.text

    def failure(
        self, body: Any, token: str = "", place: Place | None = None
    ) -> tuple[int, str, str]:
        """Status, code and message of an import that fails, without the prefix that all have."""
        accepted = self.post(body, token, place)
        answer = self.outcome(accepted, token)
        assert 400 <= answer.status_code < 500, answer.text
        told = answer.json()["error"]
        name = accepted.headers["Location"].rpartition("/")[2].partition("?")[0]
        prefix = f"Operation {name} failed. Resource {self.id_of(place or self.target)} "
        assert told["message"].startswith(prefix)
        return answer.status_code, told["code"], told["message"].removeprefix(prefix)

    def digest(self, name: str, reference: str, place: Place | None = None) -> str | None:
        place = place or self.target
        answer = place.http.head(
            place.url(f"{name}/manifests/{reference}"), headers={"Accept": f"{MANIFEST}, {INDEX}"}
        )
        return answer.headers.get("Docker-Content-Digest")

    def tags(self, name: str) -> list[str]:
        answer = self.target.http.get(self.target.url(f"{name}/tags/list"))
        return list(answer.json().get("tags", [])) if answer.status_code == 200 else []

    def somebody(self, **roles: str) -> Somebody:
        """A principal with roles: ``source`` and ``target`` name the registry that each is for."""
        secret = uuid.uuid4().hex
        made = self.principals.add(f"somebody-{secret[:8]}", secret=secret)
        for where, role in roles.items():
            self.grant(made, role, self.source if where == "source" else self.target)
        return Somebody(made, secret)

    def grant(self, who: Principal, role: str, place: Place) -> None:
        assignments = self.cloud.client(AuthorizationManagementClient).role_assignments
        definition = (
            f"{self.cloud.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        )
        body = {"roleDefinitionId": definition, "principalId": who.object_id}
        assignments.create(self.id_of(place), str(uuid.uuid4()), {"properties": body})

    def token(self, who: Somebody, audience: str = "https://management.azure.com") -> str:
        return str(
            self.cloud.http()
            .post(
                f"https://login.microsoftonline.com/{self.cloud.account.tenant_id}"
                "/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": who.principal.app_id,
                    "client_secret": who.secret,
                    "scope": f"{audience}/.default",
                },
            )
            .json()["access_token"]
        )


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    made = World(local_cloud)
    yield made
    made.store.close()


def name() -> str:
    return f"team/{uuid.uuid4().hex[:8]}"


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
    index, children = _index(world, repository, 3)
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


def _index(world: World, repository: str, children: int) -> tuple[str, list[str]]:
    """An image of so many platforms under the tag ``all``; its digest, those of its manifests."""
    manifests = []
    config = world.source.push_blob(repository, b"{}")
    for number in range(children):
        data = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [],
                "annotations": {"number": str(number)},
            }
        ).encode()
        assert world.source.put(repository, digest(data), data).status_code == 201
        platform = {"os": "linux", "architecture": "amd64", "variant": str(number)}
        manifests.append(
            {
                "mediaType": MANIFEST,
                "digest": digest(data),
                "size": len(data),
                "platform": platform,
            }
        )
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    assert world.source.put(repository, "all", data, INDEX).status_code == 201
    return digest(data), [str(one["digest"]) for one in manifests]


def test_fifty_manifests_are_copied_and_no_more(world: World) -> None:
    few, many = name(), name()
    index, _ = _index(world, few, 50)
    world.imported(world.body(f"{few}:all", f"{few}:all"))
    assert world.digest(few, "all") == index
    _index(world, many, 51)
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


# -- what fails --------------------------------------------------------------------------------


def test_a_tag_that_is_there_is_told_before_the_source_is_asked(world: World) -> None:
    repository = name()
    image = world.image(repository)
    world.imported(world.body(f"{repository}:1", f"{repository}:2"))
    for source in (f"{repository}:1", f"{repository}:nothing"):
        assert world.failure(world.body(source, f"{repository}:1", f"{repository}:2")) == (
            409,
            "Conflict",
            f"Tag {repository}:2 already exists in target registry.",
        )
    assert world.tags(repository) == ["2"]  # of several targets all or none
    assert world.digest(repository, "2") == image


def test_what_the_source_has_not(world: World) -> None:
    repository, missing = name(), "sha256:" + 64 * "a"
    world.image(repository)
    for image, told in (
        (f"{repository}:2", f"Repo: {repository} Tag: 2 Manifest: "),
        (f"{repository}@{missing}", f"Repo: {repository} Tag:  Manifest: {missing}"),
        (f"{repository}:1@{missing}", f"Repo: {repository} Tag:  Manifest: {missing}"),
        (f"{repository}-other:1", f"Repo: {repository}-other Tag: 1 Manifest: "),
    ):
        assert world.failure(world.body(image, f"{repository}:9")) == (
            400,
            "InvalidParameters",
            f"Unable to find manifest digest  {told}",
        )
    assert world.tags(repository) == []


def test_a_registry_that_is_not_there(world: World) -> None:
    body = world.body("node:1", "node:1")
    body["source"]["resourceId"] = world.id_of(world.source) + "0"
    status, code, told = world.failure(body)
    assert (status, code) == (400, "ResourceNotFound")
    assert f"'{TYPE}/{world.source.name}0'" in told
    somewhere = world.id_of(world.source).replace(world.source.group, "elsewhere")
    body["source"]["resourceId"] = somewhere  # the name is there, in another group
    assert world.failure(body)[1] == "ResourceNotFound"
    for server, what in (
        (f"{world.source.name}0.azurecr.io", f"there is no registry {world.source.name}0.azurecr"),
        ("registry.example.com", "the local cloud refuses registry.example.com"),
    ):
        source = {"registryUri": server, "sourceImage": "node:1"}
        status, code, told = world.failure({"source": source})
        assert (status, code) == (400, "InvalidParameters")
        assert what in told


def test_an_image_that_lacks_content(world: World) -> None:
    repository = name()
    index, children = _index(world, repository, 2)
    layer = uuid.uuid4().bytes
    world.source.push(f"{repository}-blob", "1", layer)
    for image, lost in (
        (f"{repository}-blob:1", digest(layer)),
        (f"{repository}:all", children[1]),
    ):
        path = world.content.path(lost)
        kept = path.read_bytes()
        path.unlink()
        try:
            told = world.failure(world.body(image, f"{repository}-new:1"))
        finally:
            path.write_bytes(kept)
        assert told == (400, "InvalidParameters", "Error copying blobs")
    assert world.tags(f"{repository}-new") == []
    assert index


@pytest.mark.parametrize("where", ["repository", "tag", "manifest"])
def test_a_source_that_may_not_be_read(world: World, where: str) -> None:
    repository = name()
    image = world.image(repository)
    path = {"repository": "", "tag": "/_tags/1", "manifest": f"/_manifests/{image}"}[where]
    answer = world.source.http.patch(
        f"https://{world.source.server}/acr/v1/{repository}{path}", json={"readEnabled": False}
    )
    assert answer.status_code == 200
    status, code, told = world.failure(world.body(f"{repository}:1", f"{repository}:1"))
    assert (status, code) == (400, "InvalidParameters")
    assert told.startswith("Invalid message MethodNotAllowed Method Not Allowed {")
    [error] = json.loads(told[told.index("{") :])["errors"]
    assert error["code"] == "REGISTRY_DISALLOWED_OPERATION"
    assert f"The {where} {repository}" in error["detail"]


# -- locks -------------------------------------------------------------------------------------


def test_force_moves_a_locked_tag_and_the_lock_stays(world: World) -> None:
    repository = name()
    world.image(repository)
    world.imported(world.body(f"{repository}:1", f"{repository}:1"))
    endpoint = f"https://{world.target.server}"
    sdk = ContainerRegistryClient(endpoint, world.cloud.credential, **world.cloud.options)
    sdk.update_tag_properties(repository, "1", can_write=False, can_delete=False)
    before = sdk.get_tag_properties(repository, "1")
    other = world.image(repository)
    pushed = world.target.put(repository, "1", world.target.manifest(repository, b"other"))
    assert pushed.status_code == 405
    again = world.body(f"{repository}:1", f"{repository}:1")
    assert world.failure(again)[:2] == (409, "Conflict")
    world.imported({**again, "mode": "Force"})
    after = sdk.get_tag_properties(repository, "1")
    assert after.digest == other != before.digest
    assert (after.can_write, after.can_delete) == (False, False)
    assert after.created_on == before.created_on


def test_a_repository_that_lets_nothing_in_is_left_alone(world: World) -> None:
    repository = name()
    image = world.image(repository)
    world.imported(world.body(f"{repository}:1", f"{repository}:1"))
    endpoint = f"https://{world.target.server}"
    sdk = ContainerRegistryClient(endpoint, world.cloud.credential, **world.cloud.options)
    sdk.update_repository_properties(repository, can_write=False)
    world.image(repository)
    body = world.body(f"{repository}:1", f"{repository}-other:1", f"{repository}:1")
    status, code, told = world.failure({**body, "mode": "Force"})
    assert (status, code) == (400, "REGISTRY_DISALLOWED_OPERATION")
    assert "The operation is disallowed on this registry, repository or image" in told
    assert f"The repository {repository} is locked: writeEnabled is false." in told
    assert world.digest(repository, "1") == image
    assert world.tags(f"{repository}-other") == []


# -- rights ------------------------------------------------------------------------------------


def test_to_push_is_no_right_to_import(world: World) -> None:
    repository = name()
    world.image(repository)
    pusher = world.somebody(target=PUSH, source=READER)
    answer = world.post(world.body(f"{repository}:1", f"{repository}:1"), world.token(pusher))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert f"perform action '{TYPE}/importImage/action'" in answer.json()["error"]["message"]


@pytest.mark.parametrize("role", ["", PULL])
def test_a_source_that_the_caller_may_not_read(world: World, role: str) -> None:
    caller = world.somebody(target=OWNER, **({"source": role} if role else {}))
    body = world.body("node:1", "node:1")
    answer = world.post(body, world.token(caller))
    assert answer.status_code == 403
    who = caller.principal
    assert answer.json()["error"] == {
        "code": "LinkedAuthorizationFailed",
        "message": f"The client '{who.app_id}' with object id '{who.object_id}' has permission to "
        f"perform action '{TYPE}/importImage/action' on scope '{world.id_of(world.target)}'; "
        "however, it does not have permission to perform action 'read' on the linked scope(s) "
        f"'{world.id_of(world.source)}'.",
    }
    body["source"]["resourceId"] = body["source"]["resourceId"] + "-that-is-not-there"
    answer = world.post(body, world.token(caller))
    assert answer.json()["error"]["code"] == "LinkedAuthorizationFailed"


def test_a_source_whose_images_the_caller_may_not_pull(world: World) -> None:
    tasks = "fb382eab-e894-4461-af04-94435c366c3f"  # Container Registry Tasks Contributor
    caller = world.somebody(target=OWNER, source=tasks)
    repository = name()
    world.image(repository)
    body = world.body(f"{repository}:1", f"{repository}:1")
    status, code, told = world.failure(body, world.token(caller))
    assert (status, code) == (400, "InvalidParameters")
    assert told.startswith("Invalid message Unauthorized Unauthorized {")


def test_of_many_imports_to_one_tag_one_succeeds(world: World) -> None:
    repository = name()
    images = [world.source.push(repository, str(one), uuid.uuid4().bytes) for one in range(8)]
    bodies = [world.body(f"{repository}:{one}", f"{repository}:tag") for one in range(8)]
    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(world.post, bodies))
        outcomes = list(pool.map(world.outcome, accepted))
    [first] = [number for number, one in enumerate(outcomes) if one.status_code == 200]
    assert {one.status_code for one in outcomes} == {200, 409}
    assert world.digest(repository, "tag") == images[first]


def test_no_token_another_registry_and_another_subscription(world: World) -> None:
    body = world.body("node:1")
    assert world.post(body, "nonsense").status_code == 401
    nobody = world.somebody()
    assert world.post(body, world.token(nobody)).status_code == 403
    path = f"https://management.azure.com{world.id_of(world.target)}"
    headers = {"Authorization": f"Bearer {world.cloud.token()}"}
    for url, status in (
        (f"{path}0/importImage", 404),
        (
            path.replace(world.cloud.account.subscription_id, str(uuid.uuid4())) + "/importImage",
            404,
        ),
    ):
        answer = world.cloud.http().post(url, json=body, headers=headers)
        assert answer.status_code == status


def _refused(world: World, body: dict[str, Any]) -> str:
    status, code, told = world.failure(body)
    assert (status, code) == (400, "InvalidParameters")
    assert told.startswith('Invalid message Unauthorized Unauthorized {"errors": [{')
    [error] = json.loads(told.removeprefix("Invalid message Unauthorized Unauthorized "))["errors"]
    assert error["code"] == "UNAUTHORIZED"
    return str(error["message"])


def test_a_source_that_is_logged_in_to(world: World) -> None:
    repository = name()
    image = world.image(repository)
    reader = world.source.token(
        f"reader{uuid.uuid4().hex[:6]}", f"repositories/{repository}/content/read"
    )
    pulls = world.somebody(source=PULL)
    nobody, wrong = world.somebody(), str(uuid.uuid4())

    def body(username: str | None, password: str | None) -> dict[str, Any]:
        source: dict[str, Any] = {
            "registryUri": world.source.server,
            "sourceImage": f"{repository}:1",
        }
        if password:
            source["credentials"] = {"username": username, "password": password}
        return {"source": source, "targetTags": [f"{repository}:1"], "mode": "Force"}

    entra = "https://management.azure.com"
    for username, password in (
        reader,
        (pulls.principal.app_id, pulls.secret),
        (None, world.token(pulls, entra)),
        ("", world.token(pulls, "https://containerregistry.azure.net")),
    ):
        world.imported(body(username, password))
        assert world.digest(repository, "1") == image
    assert "without credentials" in _refused(world, body(None, None))
    for username, password in (
        (reader[0], wrong),
        (pulls.principal.app_id, wrong),
        (None, wrong),
        (None, world.token(nobody, entra)),
        (nobody.principal.app_id, nobody.secret),
    ):
        assert password not in _refused(world, body(username, password))
    other = body(*reader)
    other["source"]["sourceImage"] = f"{repository}-other:1"
    assert "may not pull" in _refused(world, other)


def test_no_secret_is_left_behind(world: World) -> None:
    repository, secret = name(), f"secret-{uuid.uuid4()}"
    source = {
        "registryUri": world.source.server,
        "sourceImage": f"{repository}:1",
        "credentials": {"username": "somebody", "password": secret},
    }
    _refused(world, {"source": source})
    rows = world.store.query("SELECT request, error FROM operations WHERE status<>'InProgress'")
    assert rows
    assert all(secret not in row["request"] + (row["error"] or "") for row in rows)
    assert secret not in (world.cloud.home / "daemon.log").read_text()


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


# -- the importer, and the real az -------------------------------------------------------------


IMPORTER = "577a9874-89fd-4f24-9dbd-b5034d0ad23a"


def test_the_importer_imports_and_pushes_nothing(world: World) -> None:
    repository = name()
    image = world.image(repository)
    importer = world.somebody(target=IMPORTER, source=IMPORTER)
    token = world.token(importer)
    body = world.body(f"{repository}:1", f"{repository}:1")
    world.imported(body, token)
    world.imported({**body, "mode": "Force"}, token)
    http = world.target.as_user((importer.principal.app_id, importer.secret))
    url = world.target.url(repository)
    pulled = http.get(f"{url}/manifests/1", headers={"Accept": MANIFEST})
    assert pulled.headers["Docker-Content-Digest"] == image
    assert http.post(f"{url}/blobs/uploads/").status_code == 401
    assert http.delete(f"{url}/manifests/{image}").status_code == 401
    lock = f"https://{world.target.server}/acr/v1/{repository}/_tags/1"
    assert http.patch(lock, json={"writeEnabled": False}).status_code == 401


@pytest.mark.timeout(400)
def test_az_imports_as_the_importer(world: World, az: Az, tmp_path: Path) -> None:
    repository = name()
    image = world.image(repository)
    importer = world.somebody(target=IMPORTER, source=IMPORTER)
    mine = Az(world.cloud, tmp_path / "az")
    who = ("-u", importer.principal.app_id, "-p", importer.secret)
    mine.ok("login", "--service-principal", *who, "-t", world.cloud.account.tenant_id)
    source, target = world.source, world.target
    into = ("acr", "import", "--name", target.name)

    hub = ("--source", "docker.io/library/node:15-alpine")
    tags = ("--image", f"{repository}-hub:1", "--image", f"{repository}-hub:2")
    assert mine.ok(*into, *hub, *tags) == ""
    assert sorted(world.tags(f"{repository}-hub")) == ["1", "2"]
    told = mine.refused(*into, *hub, *tags)
    assert "(Conflict) Operation registries-" in told
    assert f"Tag {repository}-hub:1 already exists in target registry." in told

    by_digest = ("--source", f"{source.server}/{repository}@{image}")
    mine.ok(*into, *by_digest, "--repository", repository, "--image", f"{repository}:1")
    assert world.digest(repository, "1") == image
    other = world.image(repository)
    own = ("--registry", world.id_of(source), "--source", f"{repository}:1")
    done = mine.run(*into, *own, "--force", "--no-wait")
    assert done.returncode == 0, done.stderr
    assert "Due to no-wait option, failures will not be reflected." in done.stderr
    deadline = time.monotonic() + 20
    while world.digest(repository, "1") != other:
        assert time.monotonic() < deadline

    reader = source.token(f"az{uuid.uuid4().hex[:6]}", f"repositories/{repository}/content/read")
    public = ("--source", f"{source.server}/{repository}:1", "--username", reader[0])
    told = mine.refused(*into, *public, "--password", "wrong", "--image", f"{repository}:wrong")
    assert "Invalid message Unauthorized Unauthorized" in told
    assert "user name or password" in told


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
