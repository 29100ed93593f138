"""Steps with ``cache: enabled`` keep their layers beside the image, and take them from there."""

from __future__ import annotations

import json
import shutil

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.containers.build.registry_cache import CONFIG
from helpers.localcloud.media_types import OCI_LAYER, OCI_MANIFEST
from helpers.localcloud.registry.catalog import Catalog
from tests.tasks.running import BASE, HEAD, Registry

DOCKERFILE = (
    f"FROM {BASE} AS first\nRUN date +%s%N > /made\nFROM {BASE}\nCOPY --from=first /made /copied\n"
)
TAG = "cache_quickrun_acb_step_0"
STEP = f"{HEAD}  - build: -t {{{{.Run.Registry}}}}/{{name}}:1 .\n    cache: enabled\n"


@pytest.fixture
def cloud(registry: Registry) -> Cloud:
    return Cloud(registry.cloud.home, provision=False)


def log_of(registry: Registry, name: str, dockerfile: str = DOCKERFILE) -> str:
    task = STEP.replace("{{{{", "{{").replace("}}}}", "}}").replace("{name}", name)
    ended = registry.wait(registry.files({"task.yaml": task, "Dockerfile": dockerfile}))
    assert ended.status == "Succeeded", ended.log
    return ended.log


def test_layers_of_all_stages_are_kept_in_the_registry_and_used_again(
    registry: Registry, cloud: Cloud
) -> None:
    place = f"{registry.server}/kept:{TAG}"
    log = log_of(registry, "kept")
    assert f"importing cache manifest from {place}" in log
    assert f"ERROR: {place}: not found" in log
    catalog = Catalog(cloud)
    digest = catalog.resolve(registry.server, "kept", TAG)
    assert digest is not None
    manifest = json.loads(cloud.content.read(digest))
    assert (manifest["mediaType"], manifest["config"]["mediaType"]) == (OCI_MANIFEST, CONFIG)
    assert {one["mediaType"] for one in manifest["layers"]} == {OCI_LAYER}
    assert len(manifest["layers"]) == 2  # that of the first stage, too
    assert f"writing manifest {digest} done" in log
    shutil.rmtree(cloud.home / "build-cache")  # as on another agent
    log = log_of(registry, "kept")
    assert "ERROR" not in log
    assert log.count("CACHED") == 2
    assert catalog.resolve(registry.server, "kept", TAG) == digest
    assert "CACHED" not in log_of(registry, "other", DOCKERFILE.replace("made", "once"))


@pytest.mark.parametrize("damage", ["another image", "no JSON", "another shape", "no such layer"])
def test_a_cache_that_cannot_be_read_is_told_and_the_build_goes_on(
    registry: Registry, cloud: Cloud, damage: str
) -> None:
    name = damage.replace(" ", "-").lower()
    log_of(registry, name)
    catalog = Catalog(cloud)
    digest = catalog.resolve(registry.server, name, TAG)
    assert digest is not None
    manifest = json.loads(cloud.content.read(digest))
    texts = {
        "another image": b"{}",
        "no JSON": b"{",
        "another shape": b'{"layers": 5}',
        "no such layer": json.dumps(
            {"layers": [], "records": [{"digest": "sha256:" + "0" * 64, "layers": [{"layer": 7}]}]}
        ).encode(),
    }
    config = cloud.content.put(texts[damage])
    kind = CONFIG if damage != "another image" else "application/vnd.oci.image.config.v1+json"
    manifest["config"] = {"mediaType": kind, "digest": config, "size": len(texts[damage])}
    text = json.dumps(manifest).encode()
    with cloud.store.transaction():
        catalog.put(registry.server, name, TAG, text, OCI_MANIFEST)
    assert f"{name}:{TAG}: it is no cache that this builder can read" in log_of(registry, name)


def test_a_cache_that_cannot_be_written_ends_the_build(registry: Registry) -> None:
    task = f"{HEAD}  - build: -t nowhere0.azurecr.io/app:1 .\n    cache: enabled\n"
    ended = registry.wait(registry.files({"task.yaml": task, "Dockerfile": DOCKERFILE}))
    assert ended.status == "Failed"
    assert f"failed to solve: failed to push nowhere0.azurecr.io/app:{TAG}: " in ended.log


def test_without_a_layer_and_without_a_name_nothing_is_kept(registry: Registry) -> None:
    assert "writing manifest" not in log_of(registry, "bare", f"FROM {BASE}\n")
    task = f"{HEAD}  - build: .\n    cache: enabled\n"
    ended = registry.wait(registry.files({"task.yaml": task, "Dockerfile": DOCKERFILE}))
    assert ended.status == "Succeeded"
    assert "cache manifest" not in ended.log
