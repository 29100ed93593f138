"""To set the policies of a registry, to let days pass for it, and to ask for what was soft-deleted."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

from helpers.localcloud.api_versions import newest
from tests.conftest import LocalCloud
from tests.registry.places import Place
from tests.registry.test_acr import acr

DAY = 24 * 3600.0  # seconds
UNKNOWN = "sha256:" + "0" * 64


def manage(place: Place, method: str, body: Any = None) -> requests.Response:
    """A request to Azure Resource Manager about the registry."""
    return place.cloud.http().request(
        method,
        f"https://management.azure.com{place.id}",
        params={"api-version": newest(place.id)},
        json=body,
        headers={"Authorization": f"Bearer {place.cloud.token()}"},
        timeout=60,
    )


def set_policies(place: Place, **policies: Any) -> dict[str, Any]:
    """Change policies; what the registry shows of them then."""
    answer = manage(place, "PATCH", {"properties": {"policies": policies}})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["properties"]["policies"]
    return shown


def soft_delete(place: Place, status: str = "enabled", days: int = 7) -> None:
    """Set the soft delete policy."""
    set_policies(place, softDeletePolicy={"status": status, "retentionDays": days})


def retention(place: Place, status: str = "enabled", days: int = 7) -> None:
    """Set the retention policy."""
    set_policies(place, retentionPolicy={"status": status, "days": days})


def execute(place: Place, sql: str, *values: object) -> None:
    """Change the state of the cloud."""
    with closing(sqlite3.connect(place.cloud.home / "state.db", timeout=30)) as state:
        state.execute(sql, values)
        state.commit()


def queued(place: Place) -> int:
    """How many untagged manifests of the registry are to be deleted some day."""
    with closing(sqlite3.connect(place.cloud.home / "state.db", timeout=30)) as state:
        sql = "SELECT count(*) FROM registry_untagged WHERE registry=?"
        return int(state.execute(sql, (place.server,)).fetchone()[0])


def pass_days(place: Place, days: float) -> None:
    """Have everything that goes by time in the registry be that much older."""
    for table, column in (("registry_deleted", "deleted"), ("registry_untagged", "due")):
        sql = f"UPDATE {table} SET {column}={column}-? WHERE registry=?"
        execute(place, sql, days * DAY, place.server)


def wake(place: Place) -> None:
    """Have the daemon look for what is over, as it does by itself within the hour."""
    place.push("waking", "tag", str(time.time()).encode())
    assert acr(place, "DELETE", "waking").status_code == 202


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the daemon does by itself."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def deleted(place: Place, what: str, **params: str) -> list[dict[str, Any]]:
    """What of the registry is soft-deleted: ``_catalog``, ``app/_manifests``, ``app/_tags``."""
    answer = acr(place, "GET", f"_deleted/{what}", params=params)
    assert answer.status_code == 200, answer.text
    name = {"_catalog": "repositories"}.get(what, what.rpartition("/_")[2])
    found: list[dict[str, Any]] = answer.json()[name]
    return found


def restore(
    place: Place, repository: str, digest: str, tag: str | None = None, force: object = False
) -> requests.Response:
    """Restore a manifest as az does."""
    return acr(
        place,
        "POST",
        f"_deleted/{repository}/_manifests/{digest}",
        params={"force": str(force)},
        json={"tag": tag},
    )


def live(place: Place, repository: str, reference: str) -> bool:
    """Whether a manifest can be pulled."""
    answer = place.http.get(place.url(f"{repository}/manifests/{reference}"))
    assert answer.status_code in (200, 404), answer.text
    return answer.status_code == 200


def delete(place: Place, repository: str, reference: str) -> None:
    """Delete a manifest or a tag's."""
    answer = place.http.delete(place.url(f"{repository}/manifests/{reference}"))
    assert answer.status_code == 202, answer.text


def stored(cloud: LocalCloud, text: bytes) -> Path:
    """Where a blob is; two hours old from now on, so that it may be collected."""
    name = hashlib.sha256(text).hexdigest()
    path = cloud.home / "content" / "sha256" / name[:2] / name
    past = time.time() - 7200
    os.utime(path, (past, past))
    return path
