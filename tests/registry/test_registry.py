"""Registries over HTTP: with plain requests, skopeo, and the SDK's ContainerRegistryClient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.conftest import LocalCloud
from tests.registry.places import INDEX, MANIFEST, Place, digest, skopeo


def test_without_credentials_there_is_a_challenge(place: Place) -> None:
    answer = place.cloud.http().get(place.url(""))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="https://{place.server}/oauth2/token",service="{place.server}"'
    )
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert place.http.get(place.url("")).status_code == 200


def test_an_unknown_registry_is_named(local_cloud: LocalCloud) -> None:
    answer = local_cloud.http().get("https://nowhere123.azurecr.io/v2/")
    assert answer.status_code == 404
    assert "no registry nowhere123.azurecr.io" in answer.json()["errors"][0]["message"]


def test_push_and_pull_by_tag_and_digest(place: Place) -> None:
    pushed = place.push("app/one", "v1")
    by_tag = place.http.get(place.url("app/one/manifests/v1"))
    assert by_tag.headers["Docker-Content-Digest"] == pushed
    assert by_tag.headers["Content-Type"] == MANIFEST
    assert place.http.get(place.url(f"app/one/manifests/{pushed}")).content == by_tag.content
    head = place.http.head(place.url("app/one/manifests/v1"))
    assert (head.content, head.headers["Content-Length"]) == (b"", str(len(by_tag.content)))
    layer = by_tag.json()["layers"][0]["digest"]
    assert place.http.get(place.url(f"app/one/blobs/{layer}")).content == b"layer"
    missing = place.http.get(place.url("app/one/manifests/v2"))
    assert missing.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"


def test_chunked_upload_in_order_only(place: Place) -> None:
    data = bytes(range(256)) * 8192
    first, second = data[: 1 << 20], data[1 << 20 :]
    begun = place.http.post(place.url("chunks/blobs/uploads/"))
    url = f"https://{place.server}{begun.headers['Location']}"
    answer = place.http.patch(url, data=first, headers={"Content-Range": f"0-{len(first) - 1}"})
    assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{len(first) - 1}")
    wrong = place.http.patch(url, data=second, headers={"Content-Range": "7-9"})
    assert wrong.status_code == 416
    assert place.http.get(url).headers["Range"] == f"0-{len(first) - 1}"
    answer = place.http.patch(url, data=second)
    done = place.http.put(url, params={"digest": digest(data)})
    assert (done.status_code, done.headers["Docker-Content-Digest"]) == (201, digest(data))
    assert place.http.get(url).status_code == 404


def test_a_chunk_that_is_not_the_next_one_changes_nothing(place: Place) -> None:
    data = bytes(range(256)) * 40
    first, second = data[:1000], data[1000:]
    http = place.http
    url = (
        f"https://{place.server}{http.post(place.url('order/blobs/uploads/')).headers['Location']}"
    )
    assert http.patch(url, data=first, headers={"Content-Range": "0-999"}).status_code == 202
    query = {"digest": digest(data)}
    last = len(data) - 1
    for stated, body in (
        ("0-999", first),
        ("999-1998", second[:1000]),
        ("1001-2000", second[:1000]),
        ("1000-1998", second[:1000]),
        ("1000-2000", second[:1000]),
        ("1000-999", second[:1000]),
        ("1000", second[:1000]),
        ("bytes 1000-2000", iter([second[:500], second[500:1000]])),
        ("a-b", second[:1000]),
    ):
        for method, parameters in (("PATCH", None), ("PUT", query)):
            content = b"".join(body) if method == "PUT" and not isinstance(body, bytes) else body
            headers = {"Content-Range": stated}
            refused = http.request(method, url, params=parameters, data=content, headers=headers)
            assert refused.status_code == 416, (method, stated)
            assert f"https://{place.server}{refused.headers['Location']}" == url
            assert refused.headers["Range"] == "0-999"
            assert http.get(url).headers["Range"] == "0-999"
    headers = {"Content-Range": f"1000-{last}"}
    done = http.put(url, params=query, data=second, headers=headers)
    assert (done.status_code, done.headers["Docker-Content-Digest"]) == (201, digest(data))
    assert http.get(place.url(f"order/blobs/{digest(data)}")).content == data


@pytest.mark.parametrize(
    "wrong",
    ["sha256:abc", "sha256:" + "G" * 64, "latest", "md5:0", "x" * 999],
)
def test_a_digest_that_is_none_is_refused(place: Place, wrong: str) -> None:
    place.push("digests", "v1")
    for method, path in (
        ("GET", f"digests/referrers/{wrong}"),
        ("GET", f"digests/blobs/{wrong}"),
        ("DELETE", f"digests/blobs/{wrong}"),
        ("POST", f"digests/blobs/uploads/?digest={wrong}"),
    ):
        answer = place.http.request(method, place.url(path))
        assert answer.status_code == 400, (method, path)
        assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID"


def test_ranges_of_a_blob(place: Place) -> None:
    blob = place.push_blob("ranges", b"0123456789")["digest"]
    url = place.url(f"ranges/blobs/{blob}")

    def part(text: str) -> tuple[int, bytes, str]:
        answer = place.http.get(url, headers={"Range": text})
        return answer.status_code, answer.content[:20], answer.headers.get("Content-Range", "")

    assert part("bytes=2-4") == (206, b"234", "bytes 2-4/10")
    assert part("bytes=7-") == (206, b"789", "bytes 7-9/10")
    assert part("bytes=-2") == (206, b"89", "bytes 8-9/10")
    assert part("bytes=5-100")[1] == b"56789"
    assert part("bytes=10-")[0] == 416
    assert part("lines=1-2") == (200, b"0123456789", "")  # of a unit that nobody knows


def test_a_wrong_digest_leaves_nothing_behind(place: Place) -> None:
    content = place.cloud.home / "content"
    before = sorted(path for path in content.rglob("*") if path.is_file())
    wrong = digest(b"something else")
    answer = place.http.post(
        place.url("wrong/blobs/uploads/"), params={"digest": wrong}, data=b"never seen before"
    )
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
    assert place.http.head(place.url(f"wrong/blobs/{wrong}")).status_code == 404
    assert sorted(path for path in content.rglob("*") if path.is_file()) == before
    data = place.manifest("wrong")
    answer = place.put("wrong", wrong, data)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
    assert place.http.get(place.url("wrong/tags/list")).status_code == 404


def test_a_manifest_needs_its_blobs_in_its_repository(place: Place) -> None:
    data = place.manifest("holds")
    answer = place.put("lacks", "v1", data)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
        404,
        "MANIFEST_BLOB_UNKNOWN",
    )
    for bad, kind in ((b"{", MANIFEST), (b"[]", MANIFEST), (b'{"schemaVersion":2}', MANIFEST)):
        assert place.put("holds", "v1", bad, kind).status_code == 400
    assert place.put("holds", "v1", data, "text/plain").status_code == 415


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": INDEX},
        {"subject": 5},
        {"annotations": {"a": 1}},
        {"config": None},
        {"config": {"digest": digest(b"{}"), "size": "x"}},
        {"config": {"digest": "sha256:short", "size": 1}},
        {"layers": [{"digest": 5}]},
        {"layers": "none"},
        {"layers": [{"size": 1}]},
    ],
)
def test_a_malformed_manifest_is_refused(place: Place, change: dict[str, Any]) -> None:
    manifest = {**json.loads(place.manifest("malformed")), **change}
    answer = place.put("malformed", "latest", json.dumps(manifest).encode())
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_INVALID")
    assert place.http.head(place.url("malformed/manifests/latest")).status_code == 404


def test_what_a_registry_lacks_names_itself(place: Place) -> None:
    assert place.http.head(place.url("")).status_code == 200
    answer = place.http.get(place.url("_deleted"))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (501, "UNSUPPORTED")
    # az asks a registry three times for what is 501, and waits for five seconds in between.
    for path in ("app/_streaming", "app/_streaming/sha256:0", "app/_operations/1", "_nothing"):
        answer = place.http.get(f"https://{place.server}/acr/v1/{path}")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (405, "UNSUPPORTED")
        assert f"GET /acr/v1/{path}" in answer.json()["errors"][0]["message"]


def test_a_malformed_tag_is_refused(place: Place) -> None:
    answer = place.put("tagged", "-v1", place.manifest("tagged"))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "TAG_INVALID")
    assert place.http.get(place.url("tagged/tags/list")).status_code == 404


def test_referrers_are_told_by_artifact_type(place: Place) -> None:
    subject = place.push("signed", "v1")
    assert place.http.get(place.url(f"signed/referrers/{subject}")).json()["manifests"] == []
    descriptor = {"mediaType": MANIFEST, "digest": subject, "size": 1}
    more = {"subject": descriptor, "artifactType": "application/vnd.example.signature"}
    manifest = {**json.loads(place.manifest("signed")), **more, "annotations": {"by": "me"}}
    plain = {**json.loads(place.manifest("signed", b"sbom")), "subject": descriptor}
    answer = place.put("signed", "signature", json.dumps(manifest).encode())
    assert answer.headers["OCI-Subject"] == subject
    assert place.put("signed", "sbom", json.dumps(plain).encode()).status_code == 201
    found = place.http.get(place.url(f"signed/referrers/{subject}")).json()["manifests"]
    assert [(one["artifactType"], one["annotations"]) for one in found] == [
        ("application/vnd.example.signature", {"by": "me"}),
        ("application/octet-stream", {}),
    ]
    only = place.http.get(
        place.url(f"signed/referrers/{subject}"), params={"artifactType": more["artifactType"]}
    )
    assert only.headers["OCI-Filters-Applied"] == "artifactType"
    assert only.json()["manifests"] == found[:1]


def test_what_is_no_digest_is_refused(place: Place) -> None:
    for method in ("GET", "HEAD", "DELETE"):
        answer = place.http.request(method, place.url("app/blobs/sha256:short"))
        assert answer.status_code == 400
    answer = place.http.post(place.url("app/blobs/uploads/"), params={"digest": "short"}, data=b"")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")


def test_a_blob_is_deleted_once_from_its_repository(place: Place) -> None:
    blob = place.push_blob("deletes", b"deleted")["digest"]
    place.push_blob("keeps", b"deleted")
    assert place.http.delete(place.url(f"deletes/blobs/{blob}")).status_code == 202
    assert place.http.get(place.url(f"deletes/blobs/{blob}")).status_code == 404
    again = place.http.delete(place.url(f"deletes/blobs/{blob}"))
    assert (again.status_code, again.json()["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")
    assert place.http.get(place.url(f"keeps/blobs/{blob}")).content == b"deleted"


def test_mount_from_another_repository(place: Place) -> None:
    blob = place.push_blob("source", b"mounted")["digest"]
    mounted = place.http.post(
        place.url("target/blobs/uploads/"), params={"mount": blob, "from": "source"}
    )
    assert mounted.status_code == 201
    assert place.http.get(place.url(f"target/blobs/{blob}")).content == b"mounted"
    fallback = place.http.post(
        place.url("target/blobs/uploads/"), params={"mount": digest(b"?"), "from": "source"}
    )
    assert fallback.status_code == 202


def test_a_blob_of_another_registry_is_not_given_out(place: Place) -> None:
    blob = place.push_blob("private", b"of the other registry")["digest"]
    other = Place(place.cloud)
    assert other.http.get(other.url(f"private/blobs/{blob}")).status_code == 404


def test_an_index_and_deletion(place: Place) -> None:
    child = place.push("multi", "linux", b"linux")
    size = len(place.http.get(place.url(f"multi/manifests/{child}")).content)
    platform = {"os": "linux", "architecture": "amd64"}
    descriptor = {"mediaType": MANIFEST, "digest": child, "size": size, "platform": platform}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]}
    answer = place.put("multi", "all", json.dumps(index).encode(), INDEX)
    assert answer.status_code == 201
    index["manifests"] = [{**descriptor, "digest": digest(b"missing")}]
    assert place.put("multi", "bad", json.dumps(index).encode(), INDEX).status_code == 404
    assert place.http.get(place.url("multi/tags/list")).json()["tags"] == ["all", "linux"]
    assert place.http.delete(place.url("multi/manifests/linux")).status_code == 202
    assert place.http.get(place.url("multi/tags/list")).json()["tags"] == ["all"]
    top = answer.headers["Docker-Content-Digest"]
    assert place.http.delete(place.url(f"multi/manifests/{top}")).status_code == 202
    assert place.http.get(place.url("multi/tags/list")).json()["tags"] == []


def test_tags_are_paged(place: Place) -> None:
    for number in range(5):
        place.push("paged", f"v{number}")
    first = place.http.get(place.url("paged/tags/list"), params={"n": 2})
    assert first.json()["tags"] == ["v0", "v1"]
    following = first.links["next"]["url"]
    second = place.http.get(f"https://{place.server}{following}")
    assert second.json()["tags"] == ["v2", "v3"]
    assert [tag.name for tag in place.sdk().list_tag_properties("paged", results_per_page=2)] == [
        f"v{number}" for number in range(5)
    ]


def test_listings_by_time_are_paged_too(place: Place) -> None:
    names = ["b", "c", "a", "d"]
    for name in names:
        place.push("timed", name, text=name.encode())
    sdk = place.sdk()
    for order, wanted in (("timeasc", names), ("timedesc", names[::-1])):
        found = sdk.list_tag_properties("timed", order_by=order, results_per_page=1)
        assert [tag.name for tag in found] == wanted
        manifests = sdk.list_manifest_properties("timed", order_by=order, results_per_page=3)
        assert [one.tags for one in manifests] == [[name] for name in wanted]


def test_the_sdk_lists_and_locks(place: Place) -> None:
    pushed = place.push("locked", "v1")
    client = place.sdk()
    assert "locked" in list(client.list_repository_names())
    assert client.get_tag_properties("locked", "v1").digest == pushed
    [manifest] = client.list_manifest_properties("locked")
    assert (manifest.digest, manifest.tags) == (pushed, ["v1"])
    client.update_tag_properties("locked", "v1", can_write=False)
    answer = place.put("locked", "v1", place.manifest("locked", b"changed"))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
        405,
        "REGISTRY_DISALLOWED_OPERATION",
    )
    with pytest.raises(HttpResponseError):
        client.delete_tag("locked", "v1")
    client.update_tag_properties("locked", "v1", can_write=True, can_read=False)
    for reference, status in (("v1", 405), (pushed, 200)):
        answer = place.http.get(place.url(f"locked/manifests/{reference}"))
        assert answer.status_code == status
    client.delete_tag("locked", "v1")
    with pytest.raises(ResourceNotFoundError):
        client.get_tag_properties("locked", "v1")
    client.delete_repository("locked")
    assert "locked" not in list(client.list_repository_names())


@pytest.mark.parametrize("body", [{"color": True}, {"writeEnabled": "no"}])
def test_an_attribute_that_cannot_be_changed_is_named(place: Place, body: dict[str, Any]) -> None:
    place.push("attributes", "v1")
    sdk = place.sdk()
    before = sdk.get_tag_properties("attributes", "v1")
    url = f"https://{place.server}/acr/v1/attributes/_tags/v1"
    answer = place.http.patch(url, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "UNSUPPORTED")
    assert f"{next(iter(body))} cannot be changed" in answer.json()["errors"][0]["message"]
    assert sdk.get_tag_properties("attributes", "v1").can_write == before.can_write


def test_skopeo_copies_there_and_back(place: Place, tmp_path: Path) -> None:
    account = place.cloud.account
    credentials = f"{account.client_id}:{account.client_secret}"
    data = place.manifest("from-requests", b"")
    assert place.put("from-requests", "v1", data).status_code == 201
    source = f"docker://{place.server}/from-requests:v1"
    copied = skopeo(
        place.cloud, "copy", "--all", "--src-creds", credentials, source, f"oci:{tmp_path}/image:v1"
    )
    assert copied.returncode == 0, copied.stderr
    target = f"docker://{place.server}/from-skopeo:v1"
    copied = skopeo(
        place.cloud,
        "copy",
        "--all",
        "--dest-creds",
        credentials,
        f"oci:{tmp_path}/image:v1",
        target,
    )
    assert copied.returncode == 0, copied.stderr
    raw = skopeo(place.cloud, "inspect", "--raw", "--creds", credentials, target)
    assert digest(raw.stdout.encode()) == digest(data)


def test_docker_hub_has_the_stand_in_for_everybody(local_cloud: LocalCloud) -> None:
    found = skopeo(local_cloud, "inspect", "docker://docker.io/library/node:15-alpine")
    assert found.returncode == 0, found.stderr
    labels = json.loads(found.stdout)["Labels"]
    assert labels["localcloud.stand-in"] == "true"
    missing = skopeo(local_cloud, "inspect", "docker://docker.io/library/nothing:1")
    assert "manifest unknown" in missing.stderr or "not found" in missing.stderr
