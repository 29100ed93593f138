"""Garbage collection: what nothing refers to goes; what is on its way, or in use, never does."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from helpers.localcloud import user_namespace
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.collector import Collector
from helpers.localcloud.containers.build.build_cache import BuildCache
from helpers.localcloud.content import digest_of
from helpers.localcloud.media_types import OCI_INDEX, OCI_MANIFEST
from helpers.localcloud.registry.catalog import Catalog, forget_registry
from helpers.localcloud.registry.expiry import Expiry
from helpers.localcloud.registry.policies import DAY
from helpers.localcloud.registry.restoration import restore
from helpers.localcloud.resource_types import REGISTRY_TYPE
from helpers.localcloud.store import Resource
from tests.conftest import LocalCloud
from tests.registry.places import Place

SERVER = "team.azurecr.io"


class Bench:
    """A cloud without a daemon: what clients do is done to its catalog."""

    def __init__(self, home: Path) -> None:
        self.cloud = Cloud(home)
        self.catalog = Catalog(self.cloud)
        self.collector = Collector(self.cloud)

    def blob(self, text: str, repository: str = "app") -> str:
        """Upload a blob."""
        digest = self.cloud.content.put(text.encode())
        self.catalog.link_blob(SERVER, repository, digest)
        return digest

    def push(self, tag: str, *blobs: str, repository: str = "app") -> str:
        """Put a manifest of blobs that were uploaded: the configuration, then layers."""
        config, *layers = blobs
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"digest": config, "size": 1},
            "layers": [{"digest": one, "size": 1} for one in layers],
        }
        data = json.dumps(manifest).encode()
        return self.catalog.put(SERVER, repository, tag, data, OCI_MANIFEST)

    def later(self) -> None:
        """Two hours pass: longer than anybody waits for a push to go on."""
        past = time.time() - 7200
        for digest in self.cloud.content.digests():
            with suppress(FileNotFoundError):  # collected just now
                os.utime(self.cloud.content.path(digest), (past, past))
        self.cloud.store.execute("UPDATE registry_blobs SET linked=?", (past,))

    def collect(self) -> set[str]:
        """What one collection removes."""
        before = set(self.cloud.content.digests())
        done = self.collector.collect()
        gone = before - set(self.cloud.content.digests())
        assert done.blobs == len(gone)
        return gone

    def linked(self) -> set[str]:
        return {row["digest"] for row in self.cloud.store.query("SELECT * FROM registry_blobs")}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "home")
    yield bench
    bench.cloud.close()


def test_what_a_deleted_manifest_alone_referred_to_goes(bench: Bench) -> None:
    shared, own = bench.blob("shared"), bench.blob("own")
    kept = bench.push("1", shared)
    gone = bench.push("2", shared, own)
    bench.later()
    assert bench.collect() == set()
    bench.catalog.delete_manifest(SERVER, "app", gone)
    assert bench.collect() == {gone, own}
    assert bench.linked() == {shared}
    assert bench.cloud.content.has(kept)
    forget_registry(bench.cloud.store, SERVER)
    assert bench.collect() == {kept, shared}


def test_an_index_keeps_what_its_manifests_refer_to(bench: Bench) -> None:
    layer = bench.blob("layer")
    child = bench.push("child", layer)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{"digest": child}]}
    bench.catalog.put(SERVER, "app", "all", json.dumps(index).encode(), OCI_INDEX)
    bench.catalog.delete_tag(SERVER, "app", "child")
    bench.later()
    assert bench.collect() == set()


def test_a_push_that_is_on_its_way_loses_nothing(bench: Bench) -> None:
    fresh = bench.blob("fresh")
    assert bench.collect() == set()
    old = bench.blob("old")
    bench.later()
    assert bench.cloud.content.touch(fresh)  # a client asks whether it must upload it
    bench.blob("old")  # another uploads what is there
    assert bench.collect() == set()
    assert bench.linked() == {fresh, old}
    bench.later()
    assert bench.collect() == {fresh, old}
    assert bench.linked() == set()
    assert not bench.cloud.content.touch(fresh)


def test_another_repository_keeps_its_own(bench: Bench) -> None:
    layer = bench.blob("layer", "one")
    bench.blob("layer", "two")
    bench.push("1", layer, repository="two")
    bench.later()
    assert bench.collect() == set()
    assert not bench.catalog.has_blob(SERVER, "one", layer)
    assert bench.catalog.has_blob(SERVER, "two", layer)


def test_a_run_that_goes_on_keeps_everything(bench: Bench) -> None:
    spare = bench.cloud.content.put(b"an image that only a run knows")
    bench.later()
    bench.cloud.store.execute(
        "INSERT INTO runs VALUES ('k', 'r', 1, 'ca1', 'Running', '', 0, '{}', '{}')"
    )
    assert bench.collect() == set()
    bench.cloud.store.execute("UPDATE runs SET status='Failed'")
    assert bench.collect() == {spare}


def test_what_a_build_may_use_again_stays_while_it_is_used(bench: Bench) -> None:
    cache = BuildCache(bench.cloud)
    layer = bench.cloud.content.put(b"layer")
    cache.put("key", {"digest": layer})
    bench.later()
    assert bench.collect() == set()
    entry = bench.cloud.home / "build-cache" / "key"
    month = time.time() - 31 * 24 * 3600
    os.utime(entry, (month, month))
    assert cache.get("key") == (True, {"digest": layer})  # used: it is remembered for longer
    assert bench.collect() == set()
    os.utime(entry, (month, month))
    assert bench.collect() == {layer}
    assert not entry.exists()


def test_a_repository_with_a_manifest_that_cannot_be_read_keeps_all_it_has(bench: Bench) -> None:
    layer, other = bench.blob("layer"), bench.blob("other", "other")
    manifest = bench.push("1", layer)
    bench.cloud.content.path(manifest).write_bytes(b"{")
    bench.later()
    assert bench.collect() == {other}
    assert bench.linked() == {layer}


def test_pushes_and_collections_at_the_same_time(bench: Bench) -> None:
    """Whatever was old and spare a moment ago: who stores it again can rely on it."""
    ended = threading.Event()

    def collect() -> None:
        while not ended.is_set():
            bench.collector.collect()

    collecting = threading.Thread(target=collect)
    collecting.start()
    try:
        for number in range(60):
            bench.later()
            blobs = [bench.blob(f"layer {number % 7}"), bench.blob(f"config {number % 3}")]
            digest = bench.push("latest", *blobs)
            assert all(bench.cloud.content.has(one) for one in (digest, *blobs))
            bench.catalog.delete_manifest(SERVER, "app", digest)
    finally:
        ended.set()
        collecting.join(30)


def test_unpacked_layers_go_with_their_blobs(bench: Bench) -> None:
    folder = bench.cloud.folder("layers")
    kept = bench.cloud.content.put(b"kept")
    gone = digest_of(b"gone")
    names = {one: one.removeprefix("sha256:") for one in (kept, gone)}
    for name in (*names.values(), "a.flat", "b.flat", "c.flat", "d.new"):
        (folder / name).mkdir()
    (folder / f"{names[gone]}.owners").write_text("{}")
    (folder / "a.parts").write_text(json.dumps([kept]))
    (folder / "b.parts").write_text(json.dumps([kept, gone]))
    (folder / ".lock-a").touch()
    bench.collector.sweep_layers()
    bench.collector.remove_leftovers()
    assert {path.name for path in folder.iterdir()} == {
        names[kept],
        "a.flat",
        "a.parts",
        ".lock-a",
    }


def test_copies_of_layers_for_containers_go_when_nobody_can_use_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those with true owners when others are granted, those for one id when several are there."""
    identities = user_namespace.Identities(
        (user_namespace.Range(0, 0, 10),), (user_namespace.Range(0, 0, 10),)
    )
    several = user_namespace.UserNamespace(identities, -1)
    folder = bench.cloud.folder("layers")
    name = bench.cloud.content.put(b"kept").removeprefix("sha256:")
    now, before = f"{name}.owned-{identities.key}", f"{name}.owned-0123456789ab"
    for users, left in ((several, now), ("none are granted", f"{name}.as-0123456789ab")):
        monkeypatch.setitem(user_namespace._known, os.getpid(), users)
        for path in (name, now, before, f"{name}.as-0123456789ab", f"{now}.new"):
            (folder / path).mkdir(exist_ok=True)
        (folder / f"{name}.owners").write_text("{}")
        bench.collector.sweep_layers()
        bench.collector.remove_leftovers()
        assert {path.name for path in folder.iterdir()} == {name, f"{name}.owners", left}


def test_stored_content_that_a_disk_has_damaged_is_mended_by_a_push(
    local_cloud: LocalCloud,
) -> None:
    place = Place(local_cloud)
    data = b"content that a disk will damage"
    place.push("damaged", "1", data)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    name = digest.removeprefix("sha256:")
    stored = local_cloud.home / "content" / "sha256" / name[:2] / name
    for damage in (data[:10], b"X" * len(data), b""):
        stored.write_bytes(damage)
        place.push_blob("damaged", data)
        assert stored.read_bytes() == data


def test_a_daemon_collects_what_deletions_leave(local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    data = os.urandom(64)
    digest = place.push("short-lived", "1", data)
    name = hashlib.sha256(data).hexdigest()
    stored = local_cloud.home / "content" / "sha256" / name[:2] / name
    past = time.time() - 7200
    os.utime(stored, (past, past))
    with closing(sqlite3.connect(local_cloud.home / "state.db")) as state:
        state.execute("UPDATE registry_blobs SET linked=? WHERE digest LIKE ?", (past, f"%{name}"))
        state.commit()
    manifest = place.url(f"short-lived/manifests/{digest}")
    assert place.http.delete(manifest).status_code == 202
    deadline = time.monotonic() + 60
    while stored.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def keeping(bench: Bench) -> Bench:
    """A bench whose registry has the soft delete policy."""
    cloud = bench.cloud
    path = f"{cloud.subscription}/resourceGroups/team/providers/{REGISTRY_TYPE}/team"
    kept = {"softDeletePolicy": {"status": "enabled", "retentionDays": 7}}
    body = {"properties": {"loginServer": SERVER, "policies": kept}}
    cloud.store.put(Resource(path, REGISTRY_TYPE, "team", "team", body))
    return bench


def test_what_is_soft_deleted_keeps_its_blobs_until_it_is_over(keeping: Bench) -> None:
    layer = keeping.blob("layer")
    gone = keeping.push("1", layer)
    keeping.catalog.delete_repository(SERVER, "app")
    keeping.later()
    assert keeping.collect() == set()
    expiry = Expiry(keeping.cloud)
    now = time.time()
    removed, over = expiry.run(now)
    assert not removed
    assert over is not None
    assert over == pytest.approx(now + 7 * DAY, abs=60)
    assert keeping.collect() == set()
    assert expiry.run(over + 1) == (True, None)
    assert keeping.collect() == {gone, layer}


def test_what_was_restored_is_not_over(keeping: Bench) -> None:
    layer = keeping.blob("layer")
    pushed = keeping.push("1", layer)
    keeping.catalog.delete_repository(SERVER, "app")
    restore(keeping.cloud, keeping.catalog, SERVER, "app", pushed, "1", force=False)
    assert Expiry(keeping.cloud).run(time.time() + 8 * DAY) == (False, None)
    keeping.later()
    assert keeping.collect() == set()
    assert keeping.catalog.resolve(SERVER, "app", "1") == pushed
    assert keeping.catalog.has_blob(SERVER, "app", layer)
