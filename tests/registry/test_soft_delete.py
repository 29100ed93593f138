"""The soft delete policy: what is deleted is kept, listed, restored with its tags, and gone in the end.

Source: learn.microsoft.com, "Recover deleted artifacts with soft delete policy in Azure Container
Registry"; azure-cli, command_modules/acr.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from helpers.localcloud import timestamps

from .locking import lock, pull, refused, with_subject
from .places import Place, digest
from .policies import (
    UNKNOWN,
    delete,
    deleted,
    execute,
    live,
    restore,
    soft_delete,
    stored,
)
from .test_acr import acr

POLICIES = {"softDeletePolicy": {"status": "enabled", "retentionDays": 7}}


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
    index = place.push_index(app, "all", child)
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
