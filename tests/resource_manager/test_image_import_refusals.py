"""importImage: what it needs, and what it says where it cannot."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient

from tests.az import Az
from tests.registry.places import MANIFEST, digest

from .importing import OWNER, PULL, PUSH, READER, TYPE, World, name, push_index

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
        ("registry.example.com", "the local cloud cannot reach registry.example.com"),
    ):
        source = {"registryUri": server, "sourceImage": "node:1"}
        status, code, told = world.failure({"source": source})
        assert (status, code) == (400, "InvalidParameters")
        assert what in told


def test_an_image_that_lacks_content(world: World) -> None:
    repository = name()
    index, children = push_index(world, repository, 2)
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
    status, code, told = world.failure({**body, "mode": "force"})
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
        version = {"api-version": "2025-11-01"}
        answer = world.cloud.http().post(url, json=body, params=version, headers=headers)
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
