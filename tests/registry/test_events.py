"""What the outbox is told of manifests that are put and deleted, and of the request that did it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.media_types import OCI_MANIFEST
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.locks import Operation
from helpers.localcloud.resource_types import REGISTRY_TYPE, WEBHOOK_TYPE
from helpers.localcloud.store import Resource

SERVER = "acmerockets.azurecr.io"
CHART = "application/vnd.cncf.helm.config.v1+json"
TITLE = "org.opencontainers.image.title"


def manifest(cloud: Cloud, mark: str, **more: Any) -> bytes:
    """A manifest that differs by its mark; its configuration is stored."""
    config = json.dumps({"mark": mark}).encode()
    digest = cloud.content.put(config)
    descriptor = {"mediaType": CHART, "digest": digest, "size": len(config)}
    return json.dumps({"schemaVersion": 2, "config": descriptor, "layers": [], **more}).encode()


def told(cloud: Cloud, kind: str) -> list[dict[str, Any]]:
    rows = cloud.store.query("SELECT payload FROM outbox WHERE kind=? ORDER BY sequence", (kind,))
    return [json.loads(row["payload"]) for row in rows]


def test_every_put_is_told_with_what_is_known(cloud: Cloud) -> None:
    catalog = Catalog(cloud)
    content = manifest(cloud, "a", annotations={TITLE: "chart", "other": "x" * 1000})
    catalog.put(SERVER, "charts/a", "0.9", content, OCI_MANIFEST)
    assert told(cloud, "ManifestPut") == []  # nobody wants to know
    cloud.store.put(Resource("/w", WEBHOOK_TYPE, "w", "", {}))
    digest = catalog.put(SERVER, "charts/a", "1.0", content, OCI_MANIFEST)
    catalog.put(SERVER, "charts/a", "1.0", content, OCI_MANIFEST)
    catalog.put(SERVER, "charts/a", digest, content, OCI_MANIFEST)
    catalog.put(SERVER, "charts/a", "2.0", content, OCI_MANIFEST, operation=Operation.CACHE)
    first, again, by_digest = told(cloud, "ManifestPut")
    assert first["manifest"] == {
        "digest": digest,
        "mediaType": OCI_MANIFEST,
        "tags": ["1.0"],
        "size": len(content),
        "configMediaType": CHART,
        "annotations": {TITLE: "chart"},
    }
    assert first["actions"] == ["quarantine", "push"]
    assert again["manifest"] == first["manifest"]
    assert by_digest["manifest"] == {**first["manifest"], "tags": []}
    assert first["request"]["id"] != again["request"]["id"]
    assert {**first["request"], "id": ""} == {
        "id": "",
        "host": SERVER,
        "method": "PUT",
        "useragent": "",
    }


def test_a_deletion_names_all_that_goes(cloud: Cloud) -> None:
    catalog = Catalog(cloud)
    content = manifest(cloud, "image")
    digest = catalog.put(SERVER, "app", "v1", content, OCI_MANIFEST)
    catalog.put(SERVER, "app", "v2", content, OCI_MANIFEST)
    subject = {"digest": digest, "mediaType": OCI_MANIFEST, "size": len(content)}
    attached = manifest(cloud, "attached", subject=subject)
    referrer = catalog.put(SERVER, "app", "sbom", attached, OCI_MANIFEST)
    other = catalog.put(SERVER, "app", "other", manifest(cloud, "other"), OCI_MANIFEST)
    catalog.put(SERVER, "unheard", "v1", content, OCI_MANIFEST)
    catalog.delete_repository(SERVER, "unheard")
    assert [one["manifests"] for one in told(cloud, "ManifestsDeleted")] == [[]]
    cloud.store.execute("DELETE FROM outbox")
    cloud.store.put(Resource("/w", WEBHOOK_TYPE, "w", "", {}))
    assert catalog.delete_tag(SERVER, "app", "v2")
    assert told(cloud, "ManifestsDeleted") == []
    assert catalog.delete_manifest(SERVER, "app", digest)
    [event] = told(cloud, "ManifestsDeleted")
    assert {one["digest"]: one["tags"] for one in event["manifests"]} == {
        digest: ["v1"],
        referrer: ["sbom"],
    }
    assert event["request"]["method"] == "DELETE"
    catalog.delete_repository(SERVER, "app")
    _, last = told(cloud, "ManifestsDeleted")
    assert [(one["digest"], one["tags"]) for one in last["manifests"]] == [(other, ["other"])]
    with pytest.raises(CloudError):
        catalog.delete_repository(SERVER, "app")


def test_a_tag_moves_for_triggers_when_its_image_has_passed(cloud: Cloud) -> None:
    name = SERVER.removesuffix(".azurecr.io")
    properties = {"policies": {"quarantinePolicy": {"status": "enabled"}}}
    cloud.store.put(Resource("/r", REGISTRY_TYPE, name, "g", {"properties": properties}))
    catalog = Catalog(cloud)
    content = manifest(cloud, "waits")
    digest = catalog.put(SERVER, "app", "v1", content, OCI_MANIFEST)
    assert told(cloud, "ManifestPushed") == []
    entry = catalog.manifest(SERVER, "app", digest)
    assert entry is not None
    with cloud.store.transaction():
        catalog.mark(entry, {"quarantineState": "Failed"})
    assert told(cloud, "ManifestPushed") == []
    with cloud.store.transaction():
        catalog.mark(entry, {"quarantineState": "Passed"})
    [moved] = told(cloud, "ManifestPushed")
    assert (moved["tag"], moved["digest"], moved["previous"]) == ("v1", digest, None)
    assert told(cloud, "ManifestPut") == []  # nobody wants to know
