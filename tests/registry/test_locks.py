"""Locked repositories, tags and manifests: what is refused, in which words, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.places import Place, digest, skopeo
from tests.registry.test_acr import LOCK, UNLOCK, acr

from .locking import begin, lock, pull, refused, with_subject

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
