"""What an import leaves in the store: rows of its targets, and what is told of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.media_types import OCI_INDEX, OCI_MANIFEST
from helpers.localcloud.reference import Reference
from helpers.localcloud.registry.catalog import Catalog
from helpers.localcloud.registry.client import RegistryClient
from helpers.localcloud.registry.credentials import ProvenCredential
from helpers.localcloud.registry.imports import Importer, TargetExistsError
from helpers.localcloud.registry.manifest_format import each_once

HUB, SERVER = "docker.io", "target.azurecr.io"


def image(cloud: Cloud, tag: str, text: bytes) -> Reference:
    """An image on Docker Hub, where everybody may read."""
    layer = {"digest": cloud.content.put(text), "size": len(text), "mediaType": "text/plain"}
    config = {"digest": cloud.content.put(b"{}"), "size": 2, "mediaType": "text/plain"}
    manifest = {"schemaVersion": 2, "config": config, "layers": [layer]}
    Catalog(cloud).put(HUB, "team/app", tag, json.dumps(manifest).encode(), OCI_MANIFEST)
    return Reference(HUB, "team/app", tag)


def told(cloud: Cloud) -> list[tuple[str, str, str]]:
    """Repository, tag and digest of what was told since the last call."""
    rows = cloud.store.query("SELECT kind, payload FROM outbox ORDER BY rowid")
    cloud.store.execute("DELETE FROM outbox")
    assert {row["kind"] for row in rows} <= {"ManifestPushed", "ManifestPut"}
    found = [json.loads(row["payload"]) for row in rows if row["kind"] == "ManifestPushed"]
    return [(one["repository"], one["tag"], one["digest"]) for one in found]


def test_a_tag_that_is_imported_is_told_as_one_that_is_pushed(cloud: Cloud) -> None:
    importer = Importer(cloud)
    first = image(cloud, "1", b"first")
    [(_, _, digest)] = told(cloud)
    assert importer.find(first, None) == digest
    targets = [Reference(SERVER, "app", "1"), Reference(SERVER, "app", "2")]
    importer.copy(first, None, digest, [*targets, Reference(SERVER, "bare")], force=False)
    assert told(cloud) == [("app", "1", digest), ("app", "2", digest)]
    importer.copy(first, None, digest, targets, force=True)
    assert told(cloud) == []  # the same digest is no update
    second = image(cloud, "2", b"second")
    [(_, _, other)] = told(cloud)
    importer.copy(second, None, other, targets[:1], force=True)
    assert told(cloud) == [("app", "1", other)]


def test_all_targets_or_none(cloud: Cloud) -> None:
    importer, catalog = Importer(cloud), Catalog(cloud)
    source = image(cloud, "1", b"first")
    digest = importer.find(source, None)
    importer.copy(source, None, digest, [Reference(SERVER, "app", "2")], force=False)
    told(cloud)
    targets = [Reference(SERVER, name, "2") for name in ("other", "app", "more")]
    with pytest.raises(TargetExistsError) as caught:
        importer.copy(source, None, digest, targets, force=False)
    assert caught.value.target == targets[1]
    assert [catalog.repository(SERVER, one) for one in ("other", "more")] == [None, None]
    assert told(cloud) == []


def level(cloud: Cloud, below: str, tag: str, times: int) -> str:
    """An index on Docker Hub that names the manifest ``below`` so many times; returns its digest."""
    entry = Catalog(cloud).manifest(HUB, "team/app", below)
    assert entry is not None
    child = {"mediaType": entry.media_type, "digest": below, "size": entry.size}
    index = {"schemaVersion": 2, "manifests": [child] * times, "annotations": {"tag": tag}}
    data = json.dumps(index).encode()
    return Catalog(cloud).put(HUB, "team/app", tag, data, OCI_INDEX)


def test_indexes_that_name_the_same_twice_are_gone_through_once(cloud: Cloud) -> None:
    depth = 40  # levels: 2 to the power of 40 paths
    catalog, client = Catalog(cloud), RegistryClient(cloud)
    source = image(cloud, "1", b"first")
    top = catalog.resolve(HUB, "team/app", "1")
    for _ in range(depth):
        assert top is not None
        top = level(cloud, top, "top", 2)
    assert top is not None
    source = replace(source, tag="top")
    assert client.pull(source, platform=None) == top
    catalog.adopt(SERVER, "adopted", "1", top)
    assert catalog.listings.counts(SERVER, "adopted") == (depth + 1, 1)
    client.push(
        Reference(HUB, "team/pushed", "1"), top, ProvenCredential("", "", HUB, "account", "")
    )
    assert catalog.listings.counts(HUB, "team/pushed") == (depth + 1, 1)
    importer = Importer(cloud)
    importer.copy(source, None, top, [Reference(SERVER, "app", "1")], force=False)
    assert catalog.listings.counts(SERVER, "app") == (depth + 1, 1)


def test_manifests_are_gone_through_however_deep_they_are() -> None:
    deep = 10_000
    order = list(each_once("0", lambda one: [str(int(one) + 1)] if int(one) < deep else []))
    assert order == [str(number) for number in range(deep, -1, -1)]
    assert list(each_once("a", {"a": "bcb", "b": "d", "c": "d", "d": ""}.__getitem__)) == [*"dbca"]
