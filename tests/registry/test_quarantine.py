"""Images in quarantine: who sees them, what marks them, and what their tags name meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential

from helpers.localcloud.media_types import DOCKER_LIST
from tests.conftest import LocalCloud
from tests.registry.locking import lock, with_subject
from tests.registry.places import MANIFEST, digest, skopeo
from tests.registry.quarantining import FAILED, PASSED, QUARANTINED, UNKNOWN, World
from tests.registry.test_acr import acr


@pytest.fixture(scope="module")
def world(local_cloud: LocalCloud) -> Iterator[World]:
    with closing(World(local_cloud)) as made:
        yield made


# -- who sees what ---------------------------------------------------------------------------------


def test_an_image_that_nobody_has_marked_is_not_pulled(world: World, app: str) -> None:
    pushed = world.place.push(app, "v1")
    assert world.pull(app, "v1") == UNKNOWN
    assert world.pull(app, pushed) == QUARANTINED
    user = world.user("AcrPull")
    for reference, status in (("v1", 404), (pushed, 403)):
        url = world.place.url(f"{app}/manifests/{reference}")
        assert world.ask("HEAD", url, auth=user).status_code == status
    url = world.place.url(f"{app}/manifests/{pushed}")
    [error] = world.ask("GET", url, auth=user).json()["errors"]
    assert error["message"] == "The image is quarantined."
    assert f"{app}@{pushed} waits until it is marked as Passed" in error["detail"]
    [error] = world.ask("GET", world.place.url(f"{app}/manifests/v1"), auth=user).json()["errors"]
    assert error["message"] == 'manifest tagged by "v1" is not found'
    assert world.tags(app) == {}
    assert world.place.http.get(world.place.url(f"{app}/tags/list")).json()["tags"] == []
    [listed] = world.place.sdk().list_manifest_properties(app)
    assert (listed.digest, listed.tags) == (pushed, [])
    shown = acr(world.place, "GET", f"{app}/_manifests/{pushed}").json()["manifest"]
    assert shown["quarantineTag"] == "v1"
    assert "quarantineState" not in shown["changeableAttributes"]


def test_the_sdk_is_told_so_too(world: World, app: str) -> None:
    pushed = world.place.push(app, "v1")
    app_id, secret = world.user("AcrPull")
    options = world.cloud.options
    who = ClientSecretCredential(world.cloud.account.tenant_id, app_id, secret, **options)
    with ContainerRegistryClient(f"https://{world.place.server}", who, **options) as client:
        for reference, status in (("v1", 404), (pushed, 403)):
            with pytest.raises(HttpResponseError) as caught:
                client.get_manifest(app, reference)
            assert caught.value.status_code == status
            answer: Any = caught.value.response
            answer.internal_response.close()  # which the SDK leaves to its caller
        world.passes(app, pushed)
        assert client.get_manifest(app, "v1").digest == pushed


def copied(world: World, image: str, role: str, folder: Path) -> tuple[int, str]:
    """What skopeo says when it pulls an image."""
    credentials = ("--src-creds", ":".join(world.user(role)))
    done = skopeo(world.cloud, "copy", *credentials, f"docker://{image}", f"dir:{folder}")
    return done.returncode, done.stderr


def test_a_scanner_pulls_by_the_digest_marks_it_and_then_everybody_pulls(
    world: World, app: str, tmp_path: Path
) -> None:
    pushed, image = world.place.push(app, "v1"), f"{world.place.server}/{app}"
    assert "manifest unknown" in copied(world, f"{image}:v1", "AcrPull", tmp_path / "a")[1]
    told = copied(world, f"{image}@{pushed}", "AcrPull", tmp_path / "b")[1]
    assert "The image is quarantined" in told
    for role in ("AcrQuarantineReader", "AcrQuarantineWriter"):
        status, told = copied(world, f"{image}@{pushed}", role, tmp_path / role)
        assert status == 0, told
    assert world.pull(app, "v1", "AcrQuarantineReader") == UNKNOWN  # its tag is not there yet
    world.passes(app, pushed)
    status, told = copied(world, f"{image}:v1", "AcrPull", tmp_path / "passed")
    assert status == 0, told
    assert world.pull(app, pushed, "AcrQuarantineReader") == (401, "UNAUTHORIZED")


def test_a_token_for_a_push_marks_and_one_for_a_pull_does_not(world: World, app: str) -> None:
    pushed = world.place.push(app, "v1")
    server, user = world.place.server, world.user("AcrQuarantineWriter")
    url = f"https://{server}/acr/v1/{app}/_manifests/{pushed}"

    def bearer(actions: str) -> dict[str, str]:
        query = {"service": server, "scope": f"repository:{app}:{actions}"}
        answer = world.ask("GET", f"https://{server}/oauth2/token", params=query, auth=user)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    pulls = bearer("pull")
    assert world.ask("GET", url, headers=pulls).status_code == 200
    manifest = world.place.url(f"{app}/manifests/{pushed}")
    assert world.ask("GET", manifest, headers=pulls).status_code == 200
    refused = world.ask("PATCH", url, json=PASSED, headers=pulls)
    assert refused.status_code == 401
    assert f'scope="repository:{app}:metadata_write"' in refused.headers["WWW-Authenticate"]
    details = json.dumps({"state": "scan passed", "link": "http://scanner/1"})
    marks = {**PASSED, "quarantineDetails": details}
    answer = world.ask("PATCH", url, json=marks, headers=bearer("pull,push"))
    assert answer.status_code == 200, answer.text
    shown = answer.json()["manifest"]
    assert shown["changeableAttributes"] == {
        **dict.fromkeys(("deleteEnabled", "listEnabled", "readEnabled", "writeEnabled"), True),
        **marks,
    }
    assert shown["tags"] == ["v1"]
    assert "quarantineTag" not in shown
    assert world.ask("GET", manifest, headers=bearer("pull")).status_code == 401  # it waits no more


def test_who_may_change_locks_does_not_mark(world: World, app: str) -> None:
    pushed = world.place.push(app, "v1")
    assert world.mark(app, pushed, {"listEnabled": True}, "AcrPush").status_code == 200
    for marks in (PASSED, {"quarantineDetails": "{}"}, {"listEnabled": False, **PASSED}):
        assert world.mark(app, pushed, marks, "AcrPush").status_code == 401
    assert world.mark(app, pushed, {"listEnabled": False}).status_code == 401
    assert world.mark(app, pushed, {"listEnabled": False, **PASSED}).status_code == 401
    shown = acr(world.place, "GET", f"{app}/_manifests/{pushed}").json()["manifest"]
    assert shown["changeableAttributes"]["listEnabled"] is True
    assert world.pull(app, pushed) == QUARANTINED


# -- marks and tags --------------------------------------------------------------------------------


def test_an_image_that_has_failed_waits_on_and_one_that_fails_later_is_withdrawn(
    world: World, app: str
) -> None:
    pushed = world.place.push(app, "v1")
    assert world.mark(app, pushed, FAILED).status_code == 200
    assert world.place.push(app, "v2") == pushed  # once more, by another tag
    assert (world.pull(app, "v1"), world.pull(app, pushed)) == (UNKNOWN, QUARANTINED)
    assert world.passes(app, pushed)["tags"] == ["v1", "v2"]
    assert world.pull(app, "v1") == world.pull(app, "v2") == (200, pushed)
    assert world.place.push(app, "v3") == pushed  # what has passed has done so
    assert world.pull(app, "v3") == (200, pushed)
    assert world.mark(app, pushed, {**FAILED, "quarantineDetails": '{"cve": 1}'}).status_code == 200
    assert (world.pull(app, "v1"), world.pull(app, pushed)) == (UNKNOWN, QUARANTINED)
    assert world.pull(app, "v1", "Reader") == (200, pushed)  # the tag is there, for who may see it
    attributes = world.passes(app, pushed)["changeableAttributes"]
    assert attributes["quarantineDetails"] == '{"cve": 1}'
    assert world.pull(app, "v1") == (200, pushed)


def test_a_tag_names_the_old_image_until_the_newest_has_passed(world: World, app: str) -> None:
    images = [world.place.push(app, "latest", b"%d" % number) for number in range(4)]
    for image in (images[2], images[0]):  # older ones, which the tag has left
        world.passes(app, image)
        assert world.tags(app) == {}
        assert world.pull(app, image) == (200, image)
    world.passes(app, images[3])
    assert world.pull(app, "latest") == (200, images[3])
    newer = world.place.push(app, "latest", b"newer")
    assert world.pull(app, "latest") == (200, images[3])
    assert world.place.push(app, "latest", b"2") == images[2]  # one that has passed: at once
    assert world.pull(app, "latest") == (200, images[2])
    world.passes(app, newer)  # which was put before
    assert world.tags(app) == {"latest": images[2]}


def test_each_manifest_of_an_index_waits_by_itself(world: World, app: str) -> None:
    children = [world.place.push(app, f"p{number}", b"%d" % number) for number in range(2)]
    whole = world.place.push_index(app, "v1", *children)
    world.passes(app, whole)
    assert world.pull(app, "v1") == (200, whole)
    assert world.pull(app, children[0]) == QUARANTINED
    listed = world.place.push_index(app, "v2", *children, kind=DOCKER_LIST)
    world.passes(app, listed)

    def plain() -> int:
        """The status of a pull by who knows no lists, and gets that of its platform."""
        url, user = world.place.url(f"{app}/manifests/v2"), world.user("AcrPull")
        return world.ask("GET", url, auth=user, headers={"Accept": MANIFEST}).status_code

    assert plain() == 403
    world.passes(app, children[0])
    assert world.pull(app, children[0]) == (200, children[0])
    assert plain() == 200
    assert world.pull(app, children[1]) == QUARANTINED


def test_what_refers_to_an_image_waits_by_itself(world: World, app: str) -> None:
    pushed = world.place.push(app, "v1")
    world.passes(app, pushed)
    data = with_subject(world.place, app, pushed)
    assert world.place.put(app, digest(data), data).status_code == 201
    found = world.place.http.get(world.place.url(f"{app}/referrers/{pushed}")).json()["manifests"]
    assert [one["digest"] for one in found] == [digest(data)]
    assert world.pull(app, digest(data)) == QUARANTINED
    world.passes(app, digest(data))
    assert world.pull(app, digest(data)) == (200, digest(data))


def test_a_tag_that_is_locked_by_now_stays_and_the_image_waits_on(world: World, app: str) -> None:
    old = world.place.push(app, "v1", b"old")
    world.passes(app, old)
    new = world.place.push(app, "v1", b"new")
    lock(world.place, f"{app}/_tags/v1", writeEnabled=False)
    refused = world.mark(app, new, PASSED)
    assert refused.status_code == 405
    assert f"The tag {app}:v1 is locked" in refused.json()["errors"][0]["detail"]
    assert world.pull(app, new) == QUARANTINED
    assert world.pull(app, "v1") == (200, old)
    lock(world.place, f"{app}/_tags/v1", writeEnabled=True)
    world.passes(app, new)
    assert world.pull(app, "v1") == (200, new)


def test_a_manifest_that_is_deleted_takes_its_marks_and_its_waiting_tags_along(
    world: World, app: str
) -> None:
    pushed = world.place.push(app, "v1")
    world.passes(app, pushed)
    waits = world.place.push(app, "v2", b"waits")
    for one in (pushed, waits):
        url = world.place.url(f"{app}/manifests/{one}")
        assert world.place.http.delete(url).status_code == 202
    world.place.push(app, "v1")
    data = world.place.manifest(app, b"waits")
    world.place.put(app, waits, data)
    assert world.pull(app, pushed) == QUARANTINED
    assert world.passes(app, waits)["tags"] == []
    assert world.passes(app, pushed)["tags"] == ["v1"]
    acr(world.place, "DELETE", app)
    world.place.push(app, "v1")
    assert world.pull(app, "v1") == UNKNOWN


def test_images_pass_while_they_are_pushed_again(world: World, app: str) -> None:
    contents = [b"%d" % number for number in range(6)]
    manifests = [world.place.manifest(app, one) for one in contents]
    begun = threading.Barrier(3)

    def push() -> None:
        begun.wait(30)
        for data in manifests * 2:
            assert world.place.put(app, "latest", data).status_code == 201

    def scan() -> None:
        begun.wait(30)
        for data in manifests * 4:
            assert world.mark(app, digest(data), PASSED).status_code in (200, 404)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(push), pool.submit(scan), pool.submit(scan)]:
            done.result(120)
    for data in manifests:
        world.passes(app, digest(data))
    assert world.tags(app) == {"latest": digest(manifests[-1])}
    assert world.pull(app, "latest") == (200, digest(manifests[-1]))
    for data in manifests:
        shown = acr(world.place, "GET", f"{app}/_manifests/{digest(data)}").json()["manifest"]
        assert "quarantineTag" not in shown
