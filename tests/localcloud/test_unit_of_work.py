"""What an operation has read still holds when it writes: each is one transaction, from its first look.

A writer of the tests' own holds the state while a request is on its way; what it changes meanwhile,
the request must see. One that looks first and waits to write later would act on what was.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.resource_manager.composition import all_operations
from tests.conftest import LocalCloud
from tests.registry.places import Place

LOCKED = json.dumps({"deleteEnabled": False, "writeEnabled": False})


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    return Place(local_cloud)


@contextmanager
def changed_meanwhile(
    cloud: LocalCloud, send: Callable[[], requests.Response]
) -> Iterator[tuple[sqlite3.Connection, list[requests.Response]]]:
    """Send a request while the state is held; commit what the block has changed; then its answer."""
    answers: list[requests.Response] = []
    sending = threading.Thread(target=lambda: answers.append(send()))
    with closing(sqlite3.connect(cloud.home / "state.db", isolation_level=None)) as state:
        state.execute("BEGIN IMMEDIATE")
        sending.start()
        time.sleep(0.5)  # it has come as far as it comes
        yield state, answers
        state.execute("COMMIT")
    sending.join(30)


@pytest.mark.parametrize("what", ["tag", "acr tag", "manifest", "tag of the manifest"])
def test_what_is_locked_before_it_is_deleted_stays(place: Place, what: str) -> None:
    repository = f"locked-{what.replace(' ', '-')}"
    digest = place.push(repository, "1")
    url = {
        "tag": place.url(f"{repository}/manifests/1"),
        "acr tag": f"https://{place.server}/acr/v1/{repository}/_tags/1",
    }.get(what, place.url(f"{repository}/manifests/{digest}"))
    table = "registry_manifests" if what == "manifest" else "registry_tags"
    with changed_meanwhile(place.cloud, lambda: place.http.delete(url)) as (state, answers):
        state.execute(
            f"UPDATE {table} SET attributes=? WHERE registry=? AND repository=?",
            (LOCKED, place.server, repository),
        )
    assert [answer.status_code for answer in answers] == [405], answers[0].text
    assert place.http.get(place.url(f"{repository}/manifests/1")).status_code == 200


def test_a_repository_that_is_locked_before_it_is_deleted_stays(place: Place) -> None:
    place.push("locked", "1")
    url = f"https://{place.server}/acr/v1/locked"
    with changed_meanwhile(place.cloud, lambda: place.http.delete(url)) as (state, answers):
        state.execute(
            "UPDATE registry_tags SET attributes=? WHERE registry=? AND repository='locked'",
            (LOCKED, place.server),
        )
    assert answers[0].status_code == 405
    assert place.http.get(place.url("locked/manifests/1")).status_code == 200


def test_a_manifest_whose_blob_goes_before_it_is_stored_is_refused(place: Place) -> None:
    manifest = place.manifest("blobs")
    with changed_meanwhile(place.cloud, lambda: place.put("blobs", "1", manifest)) as (
        state,
        answers,
    ):
        state.execute(
            "DELETE FROM registry_blobs WHERE registry=? AND repository='blobs'", (place.server,)
        )
    assert answers[0].status_code == 404
    assert place.http.get(place.url("blobs/manifests/1")).status_code == 404


def test_a_scope_map_that_a_token_begins_to_use_is_not_deleted(place: Place) -> None:
    cloud = place.cloud
    client = cloud.client(ContainerRegistryManagementClient)
    where = (place.group, place.name)
    body: Any = {"properties": {"actions": ["repositories/a/content/read"]}}
    made = client.scope_maps.begin_create(*where, "spare-map", body).result()
    other = client.scope_maps.begin_create(*where, "other-map", body).result()
    token: Any = {"properties": {"scopeMapId": other.id}}
    token = client.tokens.begin_create(*where, "moves", token).result()
    bearer = {"Authorization": f"Bearer {cloud.token()}"}
    http = cloud.http()

    def delete() -> requests.Response:
        url = f"https://management.azure.com{made.id}"
        return http.delete(url, params={"api-version": "2023-07-01"}, headers=bearer)

    with changed_meanwhile(cloud, delete) as (state, answers):
        state.execute(
            "UPDATE resources SET body=replace(body, 'other-map', 'spare-map') WHERE key=?",
            (token.id.lower(),),
        )
    assert answers[0].status_code == 409, answers[0].text
    assert client.scope_maps.get(*where, "spare-map").name == "spare-map"


def test_a_name_that_is_taken_before_a_git_repository_is_made_is_taken(
    local_cloud: LocalCloud,
) -> None:
    http, owner = local_cloud.http(), local_cloud.account.github_owner

    def create() -> requests.Response:
        return http.post(
            "https://api.github.com/user/repos",
            json={"name": "taken"},
            headers={"Authorization": f"token {local_cloud.account.github_token}"},
        )

    git = local_cloud.home / "git"
    before = set(git.iterdir())
    with changed_meanwhile(local_cloud, create) as (state, answers):
        state.execute(
            "INSERT INTO git_repositories (owner, name, private, description, created)"
            " VALUES (?,'taken',0,'',0)",
            (owner,),
        )
    assert answers[0].status_code == 422
    assert set(git.iterdir()) == before
    with closing(sqlite3.connect(local_cloud.home / "state.db")) as state:
        state.execute("DELETE FROM git_repositories WHERE name='taken'")
        state.commit()


def test_a_secret_that_is_deleted_before_it_is_changed_is_not_changed(
    local_cloud: LocalCloud,
) -> None:
    from tests.resource_manager.test_resource_manager import make_group

    group = make_group(local_cloud)
    name = f"kv{group[-8:]}"
    http = local_cloud.http()
    vault = (
        f"https://management.azure.com{local_cloud.subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.KeyVault/vaults/{name}"
    )
    account = local_cloud.account
    rights = {
        "tenantId": account.tenant_id,
        "objectId": account.object_id,
        "permissions": {"secrets": ["all"]},
    }
    properties = {
        "tenantId": account.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": False,
        "accessPolicies": [rights],
    }
    http.put(
        vault,
        params={"api-version": "2023-07-01"},
        json={"location": "eastus", "properties": properties},
        headers={"Authorization": f"Bearer {local_cloud.token()}"},
    ).raise_for_status()
    http.headers["Authorization"] = f"Bearer {local_cloud.token('https://vault.azure.net')}"
    http.params = {"api-version": "7.4"}
    url = f"https://{name}.vault.azure.net/secrets/fleeting"
    http.put(url, json={"value": "1"}).raise_for_status()
    with changed_meanwhile(local_cloud, lambda: http.patch(url, json={"tags": {"a": "b"}})) as (
        state,
        answers,
    ):
        state.execute("INSERT INTO deleted_secrets VALUES (?, 'fleeting', 0, 0)", (name,))
    assert answers[0].status_code == 404
    with closing(sqlite3.connect(local_cloud.home / "state.db")) as state:
        rows = state.execute("SELECT tags FROM secrets WHERE vault=?", (name,)).fetchall()
    assert rows == [("{}",)]


def test_an_operation_without_a_transaction_says_why() -> None:
    """In the router, and where a service calls what writes outside of one."""
    outside = [one for one in all_operations().routes if one.outside]
    assert all(one.method not in ("GET", "HEAD") and len(one.outside) > 10 for one in outside)
    assert {one.template.rpartition("/")[2] for one in outside} <= {
        "{name}",  # of a container group
        "stop",
        "start",
        "restart",
        "validate",
        "whatIf",
    }
    sources = Path(__file__).parents[2] / "helpers" / "localcloud"
    calls = sum(path.read_text().count("threads.outside(") for path in sources.rglob("*.py"))
    assert calls >= 4
