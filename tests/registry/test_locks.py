"""Locked repositories, tags and manifests: what is refused, in which words, and what is not."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import Credential
from helpers.localcloud.registry.locks import Operation
from tests.az import Az
from tests.conftest import LocalCloud
from tests.registry.test_acr import LOCK, UNLOCK, acr, own
from tests.registry.test_registry import INDEX, MANIFEST, Place, digest, skopeo
from tests.resource_manager.test_requests import CONTAINERS, send

# https://github.com/sathpal/regulated-k8s-reference, lab 04: a live ACR, October 2026
MESSAGE = (
    "The operation is disallowed on this registry, repository or image. View troubleshooting steps at "
    "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation-"
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    return Place(local_cloud)


@pytest.fixture
def app() -> str:
    """A repository that no other test uses."""
    return f"team/app{next(_numbers)}"


@pytest.fixture
def cloud(place: Place) -> Iterator[Cloud]:
    made = Cloud(place.cloud.home)
    yield made
    made.close()


def lock(place: Place, path: str, **attributes: bool) -> Any:
    answer = acr(place, "PATCH", path, json=attributes)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: requests.Response, *said: str) -> str:
    """The detail of a 405 in ACR's words."""
    assert answer.status_code == 405, answer.text
    [error] = answer.json()["errors"]
    assert (error["code"], error["message"]) == ("REGISTRY_DISALLOWED_OPERATION", MESSAGE)
    detail = str(error["detail"])
    assert all(part in detail for part in said), detail
    return detail


def pull(place: Place, repository: str, reference: str) -> requests.Response:
    return place.http.get(place.url(f"{repository}/manifests/{reference}"))


def begin(place: Place, repository: str) -> requests.Response:
    return place.http.post(place.url(f"{repository}/blobs/uploads/"))


# -- a locked tag --------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["writeEnabled", "deleteEnabled"])
@pytest.mark.parametrize(
    "how", ["push", "untag", "untag as OCI", "manifest", "repository", "manifest of its subject"]
)
def test_a_locked_tag_stays_whatever_is_tried(
    place: Place, app: str, attribute: str, how: str
) -> None:
    pushed = place.push(app, "v1")
    moved = place.manifest(app, b"moved")
    if how == "manifest of its subject":
        data = with_subject(place, app, pushed)
        assert place.put(app, "signature", data).status_code == 201
    tag = "signature" if how == "manifest of its subject" else "v1"
    before = pull(place, app, tag).content
    lock(place, f"{app}/_tags/{tag}", **{attribute: False})
    http = place.http
    ways = {
        "push": lambda: place.put(app, "v1", moved),
        "untag": lambda: acr(place, "DELETE", f"{app}/_tags/v1"),
        "untag as OCI": lambda: http.delete(place.url(f"{app}/manifests/v1")),
        "manifest": lambda: http.delete(place.url(f"{app}/manifests/{pushed}")),
        "repository": lambda: acr(place, "DELETE", app),
        "manifest of its subject": lambda: http.delete(place.url(f"{app}/manifests/{pushed}")),
    }
    if (how, attribute) == ("push", "deleteEnabled"):  # who may not delete may still update
        assert ways[how]().status_code == 201
        return
    detail = refused(ways[how](), f"The tag {app}:{tag} is locked: {attribute} is false.")
    flag = f"--{attribute.removesuffix('Enabled')}-enabled true"
    assert f"az acr repository update --name {place.name} --image {app}:{tag} {flag}" in detail
    assert pull(place, app, tag).content == before
    assert place.put(app, "other", moved).status_code == 201  # other tags are free
    lock(place, f"{app}/_tags/{tag}", **UNLOCK)
    assert ways[how]().status_code in (201, 202)


def with_subject(place: Place, repository: str, subject: str, text: bytes = b"signature") -> bytes:
    """A manifest that refers to another one, as a signature does."""
    made = json.loads(place.manifest(repository, text))
    made |= {
        "artifactType": "application/example",
        "subject": {**made["config"], "digest": subject},
    }
    return json.dumps(made).encode()


def test_another_tag_of_the_same_manifest_still_moves(place: Place, app: str) -> None:
    pushed = place.push(app, "v1")
    assert place.push(app, "stable") == pushed
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    moved = place.push(app, "stable", b"moved")
    assert pull(place, app, "stable").headers["Docker-Content-Digest"] == moved
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == pushed
    refused(place.http.delete(place.url(f"{app}/manifests/{pushed}")), f"The tag {app}:v1")
    assert acr(place, "DELETE", f"{app}/_tags/stable").status_code == 202


def test_the_layers_of_a_locked_image_stay(place: Place, app: str) -> None:
    pushed = place.push(app, "v1", b"a layer that stays")
    lock(place, f"{app}/_tags/v1", **LOCK)
    blob = place.url(f"{app}/blobs/{digest(b'a layer that stays')}")
    refused(place.http.delete(blob), f"is part of the manifest {app}@{pushed}")
    assert place.http.get(blob).content == b"a layer that stays"


# -- a locked manifest ---------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["writeEnabled", "deleteEnabled"])
def test_a_locked_manifest_stays(place: Place, app: str, attribute: str) -> None:
    pushed = place.push(app, "v1")
    lock(place, f"{app}/_manifests/{pushed}", **{attribute: False})
    which = f"The manifest {app}@{pushed} is locked: {attribute} is false"
    refused(place.http.delete(place.url(f"{app}/manifests/{pushed}")), which, f"--image {app}@")
    refused(acr(place, "DELETE", app), which)
    assert acr(place, "GET", f"{app}/_tags/v1").json()["tag"]["changeableAttributes"] == {
        **dict.fromkeys(("deleteEnabled", "listEnabled", "readEnabled", "writeEnabled"), True)
    }
    assert pull(place, app, pushed).status_code == 200


def test_a_manifest_that_may_not_be_read_is_not_pulled_by_any_name(place: Place, app: str) -> None:
    pushed = place.push(app, "v1")
    assert place.push(app, "v2") == pushed
    lock(place, f"{app}/_manifests/{pushed}", readEnabled=False)
    for reference in (pushed, "v1", "v2"):
        refused(pull(place, app, reference), f"The manifest {app}@{pushed} is locked: readEnabled")
        assert place.http.head(place.url(f"{app}/manifests/{reference}")).status_code == 405
    lock(place, f"{app}/_manifests/{pushed}", readEnabled=True)
    lock(place, f"{app}/_tags/v1", readEnabled=False)
    refused(pull(place, app, "v1"), f"The tag {app}:v1 is locked: readEnabled is false")
    assert [pull(place, app, one).status_code for one in (pushed, "v2")] == [200, 200]


# -- a locked repository -------------------------------------------------------------------------


def test_a_repository_that_may_not_be_deleted_protects_itself_alone(place: Place, app: str) -> None:
    first, second = place.push(app, "v1", b"1"), place.push(app, "v2", b"2")
    lock(place, app, deleteEnabled=False, writeEnabled=True)
    refused(acr(place, "DELETE", app), f"The repository {app} is locked: deleteEnabled is false")
    assert acr(place, "DELETE", f"{app}/_tags/v1").status_code == 202
    assert place.http.delete(place.url(f"{app}/manifests/{second}")).status_code == 202
    assert place.push(app, "v3") is not None
    assert pull(place, app, first).status_code == 200


def test_a_repository_that_may_not_be_written_takes_nothing_new(place: Place, app: str) -> None:
    pushed = place.push(app, "v1", b"old")
    new, upload = place.manifest(app, b"new"), begin(place, app)
    place.push("somewhere", "v1", b"elsewhere")
    lock(place, app, writeEnabled=False)
    which = f"The repository {app} is locked: writeEnabled is false"
    where = f"https://{place.server}{upload.headers['Location']}"
    mount = {"mount": digest(b"elsewhere"), "from": "somewhere"}
    uploads = place.url(f"{app}/blobs/uploads/")
    for answer in (
        place.put(app, "v2", new),
        place.put(app, digest(new), new),
        place.put(app, "v1", new),
        begin(place, app),
        place.http.post(uploads, params={"digest": digest(b"x")}, data=b"x"),
        place.http.post(uploads, params=mount),
        place.http.patch(where, data=b"x"),
        place.http.put(where, params={"digest": digest(b"x")}, data=b"x"),
        acr(place, "DELETE", f"{app}/_tags/v1"),
        place.http.delete(place.url(f"{app}/manifests/{pushed}")),
        place.http.delete(place.url(f"{app}/blobs/{digest(b'old')}")),
        acr(place, "DELETE", app),
    ):
        refused(answer, which, f"--repository {app} --write-enabled true")
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == pushed
    missing = place.http.get(place.url(f"{app}/blobs/{digest(b'x')}"))
    assert missing.status_code == 404
    lock(place, app, writeEnabled=True)
    assert place.http.put(where, params={"digest": digest(b"x")}, data=b"x").status_code == 201


def test_a_repository_that_may_not_be_read_is_not_pulled(
    place: Place, app: str, tmp_path: Path
) -> None:
    pushed = place.push(app, "v1", b"unreadable")
    lock(place, app, readEnabled=False)
    blob = digest(b"unreadable")
    which = f"The repository {app} is locked: readEnabled is false"
    for path in ("manifests/v1", f"manifests/{pushed}", f"blobs/{blob}"):
        refused(place.http.get(place.url(f"{app}/{path}")), which)
    mount = {"mount": blob, "from": app}
    assert place.http.post(place.url("taker/blobs/uploads/"), params=mount).status_code == 202
    account = place.cloud.account
    credentials = ("--src-creds", f"{account.client_id}:{account.client_secret}")
    copied = skopeo(
        place.cloud,
        "copy",
        *credentials,
        f"docker://{place.server}/{app}:v1",
        f"oci:{tmp_path}/image:v1",
    )
    assert copied.returncode != 0
    assert "The operation is disallowed on this registry" in copied.stderr
    assert place.push(app, "v2")  # to write is another attribute
    assert acr(place, "GET", f"{app}/_tags/v1").status_code == 200


def test_what_is_not_listed_is_there_all_the_same(place: Place, app: str) -> None:
    pushed, other = place.push(app, "v1", b"1"), place.push(app, "v2", b"2")
    client = place.sdk()

    def catalogs() -> list[bool]:
        return [
            app in place.http.get(place.url("_catalog")).json()["repositories"],
            app in acr(place, "GET", "_catalog").json()["repositories"],
            app in list(client.list_repository_names()),
        ]

    def tags() -> list[list[str]]:
        return [
            place.http.get(place.url(f"{app}/tags/list")).json()["tags"],
            [one.name for one in client.list_tag_properties(app)],
        ]

    assert catalogs() == [True, True, True]
    lock(place, app, listEnabled=False)
    assert catalogs() == [False, False, False]
    assert tags() == [["v1", "v2"]] * 2
    client.update_repository_properties(app, can_list=True)
    assert catalogs() == [True, True, True]
    client.update_tag_properties(app, "v1", can_list=False)
    client.update_manifest_properties(app, pushed, can_list=False)
    assert tags() == [["v2"]] * 2
    assert [one.digest for one in client.list_manifest_properties(app)] == [other]
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == pushed
    assert acr(place, "GET", f"{app}/_tags/v1").json()["tag"]["digest"] == pushed


# -- graphs --------------------------------------------------------------------------------------


def referrers(place: Place, repository: str, subject: str) -> list[str]:
    found = place.http.get(place.url(f"{repository}/referrers/{subject}")).json()
    return [one["digest"] for one in found["manifests"]]


def test_a_subject_goes_with_what_refers_to_it(place: Place, app: str) -> None:
    image, other = place.push(app, "v1"), place.push(app, "other", b"other")
    made = [image]
    for number in range(3):  # a report of a signature of an SBOM of the image
        data = with_subject(place, app, made[-1], b"%d" % number)
        reference = "report" if number == 2 else digest(data)
        assert place.put(app, reference, data).status_code == 201
        made.append(digest(data))
    kept = with_subject(place, app, other)
    assert place.put(app, digest(kept), kept).status_code == 201
    assert referrers(place, app, image) == [made[1]]
    lock(place, f"{app}/_manifests/{made[3]}", deleteEnabled=False)
    url = place.url(f"{app}/manifests/{image}")
    refused(place.http.delete(url), f"The manifest {app}@{made[3]} is locked")
    assert [pull(place, app, one).status_code for one in made] == [200] * 4
    lock(place, f"{app}/_manifests/{made[3]}", deleteEnabled=True)
    assert place.http.delete(url).status_code == 202
    assert [pull(place, app, one).status_code for one in [*made, "v1", "report"]] == [404] * 6
    assert referrers(place, app, image) == []
    assert referrers(place, app, other) == [digest(kept)]
    listed = acr(place, "GET", f"{app}/_manifests").json()["manifests"]
    assert {one["digest"] for one in listed} == {other, digest(kept)}


def test_to_untag_a_subject_deletes_nothing(place: Place, app: str) -> None:
    image = place.push(app, "v1")
    data = with_subject(place, app, image)
    assert place.put(app, digest(data), data).status_code == 201
    place.sdk().delete_tag(app, "v1")
    assert referrers(place, app, image) == [digest(data)]
    assert place.http.delete(place.url(f"{app}/manifests/{digest(data)}")).status_code == 202
    assert pull(place, app, image).status_code == 200


def test_a_graph_is_of_one_repository(place: Place, app: str) -> None:
    image = place.push(app, "v1")
    assert place.push(f"{app}/copy", "v1") == image
    data = with_subject(place, f"{app}/copy", image)
    assert place.put(f"{app}/copy", digest(data), data).status_code == 201
    assert place.http.delete(place.url(f"{app}/manifests/{image}")).status_code == 202
    assert referrers(place, f"{app}/copy", image) == [digest(data)]


# -- to change attributes ------------------------------------------------------------------------


def test_a_changed_tag_is_answered_as_acr_does(place: Place, app: str) -> None:
    pushed = place.push(app, "1.0.0")
    answer = lock(place, f"{app}/_tags/1.0.0", deleteEnabled=False, writeEnabled=False)
    assert list(answer) == ["registry", "imageName", "tag"]
    tag = answer["tag"]
    times = [tag.pop("createdTime"), tag.pop("lastUpdateTime")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", one) for one in times)
    assert tag == {
        "changeableAttributes": {
            "deleteEnabled": False,
            "listEnabled": True,
            "readEnabled": True,
            "writeEnabled": False,
        },
        "digest": pushed,
        "name": "1.0.0",
        "signed": False,
    }
    again = lock(place, f"{app}/_tags/1.0.0", readEnabled=False)["tag"]["changeableAttributes"]
    assert again == {**tag["changeableAttributes"], "readEnabled": False}


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("nowhere", "NAME_UNKNOWN", 'repository "nowhere" is not found'),
        ("nowhere/_tags/v1", "NAME_UNKNOWN", 'repository "nowhere" is not found'),
        ("{app}/_tags/v2", "TAG_UNKNOWN", "the specified tag v2 does not exist"),
        ("{app}/_manifests/{no}", "MANIFEST_UNKNOWN", "manifest {no} is not found"),
    ],
)
def test_attributes_of_nothing_are_not_changed(
    place: Place, app: str, path: str, code: str, message: str
) -> None:
    place.push(app, "v1")
    names = {"app": app, "no": digest(b"nothing")}
    answer = acr(place, "PATCH", path.format(**names), json=LOCK)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (404, code)
    assert error["message"] == message.format(**names)


@pytest.mark.parametrize("object_", ["", "/_tags/v1", "/_manifests/{digest}"])
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"color": true}', 400, "color cannot be changed; attributes are deleteEnabled, list"),
        (b'{"writeEnabled": "no"}', 400, "writeEnabled cannot be changed"),
        (b'{"writeEnabled": 0}', 400, "writeEnabled cannot be changed"),
        (b'{"writeEnabled": false, "WriteEnabled": false}', 400, "WriteEnabled cannot be changed"),
        (b"[]", 400, "the body must be a JSON object of attributes"),
        (b'"writeEnabled"', 400, "the body must be a JSON object of attributes"),
        (b"{", 400, "and is no JSON"),
        (b'{"quarantineState": "Passed"}', 501, "the attribute quarantineState"),
        (b'{"writeEnabled": false, "quarantineDetails": "{}"}', 501, "quarantineDetails"),
    ],
)
def test_what_is_no_attribute_changes_nothing(
    place: Place, object_: str, body: bytes, status: int, said: str
) -> None:
    pushed = place.push("attributes", "v1")
    path = "attributes" + object_.format(digest=pushed)
    answer = acr(place, "PATCH", path, data=body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["errors"][0]["message"]
    for each in ("", "/_tags/v1", f"/_manifests/{pushed}"):
        shown = acr(place, "GET", f"attributes{each}").text
        assert '"writeEnabled":true' in shown


def test_what_is_null_or_missing_stays(place: Place, app: str) -> None:
    place.push(app, "v1")
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    for body in (b"", b"{}", b'{"writeEnabled": null, "readEnabled": true}'):
        answer = acr(place, "PATCH", f"{app}/_tags/v1", data=body)
        assert answer.status_code == 200
        assert answer.json()["tag"]["changeableAttributes"]["writeEnabled"] is False


# -- clients -------------------------------------------------------------------------------------


def test_an_import_with_force_moves_a_locked_tag(place: Place, app: str, cloud: Cloud) -> None:
    pushed, other = place.push(app, "v1", b"1"), place.push(app, "v2", b"2")
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    catalog, content = Catalog(cloud), cloud.content.read(other)
    with pytest.raises(CloudError) as caught:
        catalog.put(place.server, app, "v1", content, MANIFEST)
    assert (caught.value.status, caught.value.message) == (405, MESSAGE)
    assert pull(place, app, "v1").headers["Docker-Content-Digest"] == pushed
    catalog.put(place.server, app, "v1", content, MANIFEST, operation=Operation.IMPORT_WITH_FORCE)
    shown = acr(place, "GET", f"{app}/_tags/v1").json()["tag"]
    assert (shown["digest"], shown["changeableAttributes"]["writeEnabled"]) == (other, False)
    lock(place, app, writeEnabled=False)
    with pytest.raises(CloudError, match="disallowed"):
        catalog.put(
            place.server, app, "v3", content, MANIFEST, operation=Operation.IMPORT_WITH_FORCE
        )


def test_runs_and_container_groups_are_told_which_lock_it_is(
    place: Place, app: str, cloud: Cloud
) -> None:
    child = place.manifest(app)
    assert place.put(app, digest(child), child).status_code == 201
    entry = {
        "mediaType": MANIFEST,
        "digest": digest(child),
        "size": len(child),
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    assert place.put(app, "v1", index, INDEX).status_code == 201
    client, image = RegistryClient(cloud), Reference.parse(f"{place.server}/{app}:v1")
    assert client.pull(image, own(place)) == digest(child)
    for path, which in (
        (app, f"The repository {app}"),
        (f"{app}/_tags/v1", f"The tag {app}:v1"),
        (f"{app}/_manifests/{digest(index)}", f"The manifest {app}@{digest(index)}"),
        (f"{app}/_manifests/{digest(child)}", f"The manifest {app}@{digest(child)}"),
    ):
        lock(place, path, readEnabled=False)
        with pytest.raises(CloudError) as caught:
            client.pull(image, own(place))
        assert caught.value.status == 405
        said = f"{image}: {which} is locked: readEnabled is false. To unlock it: az acr repository"
        assert caught.value.message.startswith(said)
        assert caught.value.message.endswith(f"({MESSAGE})")
        lock(place, path, readEnabled=True)
    lock(place, f"{app}/_tags/v1", writeEnabled=False)
    account = place.cloud.account
    credential = Credential(account.client_id, account.client_secret)
    with pytest.raises(CloudError, match=f"The tag {app}:v1 is locked: writeEnabled is false"):
        client.push(image, digest(child), credential)


def test_a_container_group_of_an_image_that_may_not_be_read_is_refused(
    place: Place, app: str
) -> None:
    place.push(app, "v1")
    lock(place, f"{app}/_tags/v1", readEnabled=False)
    image, account = f"{place.server}/{app}:v1", place.cloud.account
    container = {
        "image": image,
        "resources": {"requests": {"cpu": 1.0, "memoryInGB": 1.0}},
    }
    credential = {
        "server": place.server,
        "username": account.client_id,
        "password": account.client_secret,
    }
    properties = {
        "osType": "Linux",
        "containers": [{"name": "main", "properties": container}],
        "imageRegistryCredentials": [credential],
    }
    path = f"resourceGroups/{place.group}/{CONTAINERS}/unread"
    body = {"location": "eastus", "properties": properties}
    error = send(place.cloud, "PUT", path, body).json()["error"]
    assert error["code"] == "InaccessibleImage"
    assert f"({image}: The tag {app}:v1 is locked: readEnabled is false." in error["message"]
    assert send(place.cloud, "GET", path, None).status_code == 404


def test_the_sdk_is_told_what_is_locked(place: Place, app: str) -> None:
    pushed, client = place.push(app, "v1"), place.sdk()
    client.update_tag_properties(app, "v1", can_write=False)
    for attempt in (
        lambda: client.delete_tag(app, "v1"),
        lambda: client.delete_manifest(app, pushed),
        lambda: client.delete_manifest(app, "v1"),
        lambda: client.delete_repository(app),
        lambda: client.set_manifest(app, json.loads(place.manifest(app, b"new")), tag="v1"),
    ):
        with pytest.raises(HttpResponseError, match="disallowed on this registry") as caught:
            attempt()
        assert caught.value.status_code == 405
    assert client.get_tag_properties(app, "v1").can_write is False
    client.update_tag_properties(app, "v1", can_write=True)
    client.delete_repository(app)


def test_az_prints_what_is_locked(az: Az, place: Place, app: str) -> None:
    pushed, here = place.push(app, "v1"), ("--name", place.name)
    image = ("--image", f"{app}:v1")
    shown = az.json("acr", "repository", "update", *here, *image, "--write-enabled", "false")
    assert (shown["name"], shown["changeableAttributes"]["writeEnabled"]) == ("v1", False)
    for command in (
        ("acr", "repository", "untag", *here, *image),
        ("acr", "repository", "delete", *here, *image, "--yes"),
        ("acr", "repository", "delete", *here, "--repository", app, "--yes"),
        ("acr", "manifest", "delete", f"{place.server}/{app}@{pushed}", "--yes"),
    ):
        said = az.refused(*command)
        assert MESSAGE in said
        assert f"Detail: The tag {app}:v1 is locked: writeEnabled is false." in said
    whole = ("--repository", app, "--list-enabled", "false")
    assert app in az.json("acr", "repository", "list", *here)
    az.ok("acr", "repository", "update", *here, *whole)
    assert app not in az.json("acr", "repository", "list", *here)
    missing = az.refused("acr", "repository", "update", *here, "--image", f"{app}:v2", *whole[2:])
    assert "does not exist" in missing
    az.ok("acr", "repository", "update", *here, *image, "--write-enabled", "true")
    az.ok("acr", "repository", "delete", *here, *image, "--yes")
    assert pull(place, app, pushed).status_code == 404
