"""Clients delete and restore under the soft delete policy: skopeo, az, and imports."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud import timestamps
from tests.az import Az
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_registry

from .places import Place, digest, skopeo
from .policies import (
    DAY,
    UNKNOWN,
    delete,
    live,
    restore,
    retention,
)

POLICIES = {"softDeletePolicy": {"status": "enabled", "retentionDays": 7}}


def test_skopeo_pulls_what_the_sdk_has_deleted_and_was_restored(
    place: Place, app: str, tmp_path: Path
) -> None:
    one = place.push(app, "v1")
    with place.sdk() as client:
        client.delete_manifest(app, one)
    who = f"{place.cloud.account.client_id}:{place.cloud.account.client_secret}"
    pulling = ("inspect", "--raw", "--creds", who, f"docker://{place.server}/{app}:v1")
    gone = skopeo(place.cloud, *pulling)
    assert gone.returncode != 0
    assert "is not found" in gone.stderr
    assert restore(place, app, one, "v1").status_code == 200
    assert digest(skopeo(place.cloud, *pulling).stdout.encode()) == one


def test_az_lists_and_restores(az: Az, local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    of = ("--registry", place.name)
    shown = az.json("acr", "config", "soft-delete", "show", *of)
    assert (shown["status"], shown["retentionDays"]) == ("disabled", 7)
    changing = ("acr", "config", "soft-delete", "update", *of)
    set_to = az.json(*changing, "--status", "enabled", "--days", "30")
    assert (set_to["status"], set_to["retentionDays"]) == ("enabled", 30)
    assert set_to["lastUpdatedTime"] > shown["lastUpdatedTime"]
    one, two = place.push("app", "v1", b"one"), place.push("app", "v1", b"two")
    az.ok("acr", "repository", "delete", "--name", place.name, "--image", "app:v1", "--yes")
    [manifest] = az.json("acr", "manifest", "list-deleted", *of, "--name", "app")
    assert manifest["digest"] == two
    day = timestamps.parse(manifest["deletedAt"]).timestamp() + 30 * DAY
    assert timestamps.parse(manifest["expiresAfter"]).timestamp() == pytest.approx(day, abs=1)
    listing = ("acr", "manifest", "list-deleted-tags", *of, "--name")
    assert [found["digest"] for found in az.json(*listing, "app:v1")] == [one, two]
    assert az.json(*listing, "app:v2") == []
    restoring = ("acr", "manifest", "restore", *of, "--name")
    assert az.json(*restoring, "app:v1", "--yes") == {"digest": two, "tag": "v1"}
    conflict = az.refused(*restoring, "app:v1", "--digest", one)
    assert f"The tag app:v1 exists, and names {two}" in conflict
    forced = az.json(*restoring, "app:v1", "--digest", one, "--force")
    assert forced == {"digest": one, "tag": "v1"}
    unknown = az.refused(*restoring, "app:v1", "--digest", UNKNOWN)
    assert f"manifest {UNKNOWN} is not found" in unknown
    az.ok("acr", "repository", "delete", "--name", place.name, "--repository", "app", "--yes")
    [gone] = az.json("acr", "repository", "list-deleted", "--name", place.name)
    assert gone["repository"] == "app"
    table = az.ok("acr", "manifest", "list-deleted", *of, "--name", "app", "--output", "table")
    assert one in table


def test_az_says_what_policies_cannot_be(az: Az, local_cloud: LocalCloud) -> None:
    place = Place(local_cloud)
    of = ("--registry", place.name)
    retaining = ("acr", "config", "retention", "update", *of, "--type", "UntaggedManifests")
    set_to = az.json(*retaining, "--status", "enabled", "--days", "30")
    assert (set_to["status"], set_to["days"]) == ("enabled", 30)
    both = az.refused("acr", "config", "soft-delete", "update", *of, "--status", "enabled")
    assert "cannot have both a retention policy and a soft delete policy" in both
    far = az.refused("acr", "config", "soft-delete", "update", *of, "--days", "91")
    assert "retentionDays' must be between 1 and 90" in far
    basic = make_registry(local_cloud, place.group, "Basic")
    keeping = az.json(
        *("acr", "config", "soft-delete", "update", "--registry", basic, "--status", "enabled")
    )
    assert keeping["status"] == "enabled"


# -- imports -------------------------------------------------------------------------------------


def test_nothing_that_is_deleted_is_imported_from_here_or_to_here(place: Place, app: str) -> None:
    other = Place(place.cloud)
    data = place.manifest(app, b"imported")
    assert place.put(app, "v1", data).status_code == 201
    one = digest(data)

    def imported(source: Place, target: Place, image: str) -> str:
        body = {
            "source": {"resourceId": source.id, "sourceImage": image},
            "targetTags": [f"{app}:copy"],
            "mode": "Force",
        }
        return _imported(target, body)

    assert imported(place, other, f"{app}:v1") == ""
    delete(place, app, one)
    for image in (f"{app}:v1", f"{app}@{one}"):
        assert "Unable to find manifest" in imported(place, other, image)
    assert f"{app}@{one} is soft-deleted" in imported(other, place, f"{app}:copy")
    assert not live(place, app, "copy")
    retention(other, days=7)
    assert imported(other, other, f"{app}:copy") == ""


def _imported(place: Place, body: dict[str, Any]) -> str:
    """What is said of an import that fails; "" of one that does not."""
    http = place.cloud.http()
    http.headers["Authorization"] = f"Bearer {place.cloud.token()}"
    answer = http.post(
        f"https://management.azure.com{place.id}/importImage",
        params={"api-version": "2023-07-01"},
        json=body,
    )
    while answer.status_code == 202:
        time.sleep(0.1)
        answer = http.get(answer.headers["Location"])
    return "" if answer.ok else str(answer.json()["error"]["message"])
