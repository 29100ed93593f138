"""Long listings come in pages, and the token of one listing is good for no other."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.api_versions import newest
from helpers.localcloud.cloud import Cloud
from helpers.localcloud.resource_manager.composition import all_operations
from helpers.localcloud.tasks.runs import Runs
from tests.conftest import LocalCloud

from .refusing import READ, Place, assert_refused
from .test_resource_manager import make_group, make_registry

MANY = 103  # scope maps; with the built-in ones two pages
BUILT_IN = 5


@pytest.fixture(scope="module")
def long(local_cloud: LocalCloud) -> Place:
    """A registry with many scope maps."""
    group = make_group(local_cloud)
    place = Place(local_cloud, group, make_registry(local_cloud, group), "")

    def make(number: int) -> int:
        body = {"properties": {"actions": READ}}
        return place.send("PUT", f"{{r}}/scopeMaps/map-{number:03}", body).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(make, range(MANY))) == {201}
    return place


def follow(place: Place, link: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {place.cloud.token()}"}
    return place.cloud.http().get(link, headers=headers)


def test_the_sdk_follows_the_pages_to_the_end(long: Place) -> None:
    client = long.cloud.client(ContainerRegistryManagementClient)
    pages = list(client.scope_maps.list(long.group, long.registry).by_page())
    sizes = [len(list(page)) for page in pages]
    assert sizes == [100, MANY + BUILT_IN - 100]
    names = [one.name for one in client.scope_maps.list(long.group, long.registry)]
    assert len(set(names)) == len(names) == MANY + BUILT_IN


def test_a_page_goes_on_where_the_last_one_ended(long: Place) -> None:
    first = long.send("GET", "{r}/scopeMaps").json()
    for one in first["value"][-2:]:
        assert long.send("DELETE", f"{{r}}/scopeMaps/{one['name']}").status_code == 200
        body = {"properties": {"actions": READ}}
        assert long.send("PUT", f"{{r}}/scopeMaps/{one['name']}", body).status_code == 201
    second = follow(long, first["nextLink"]).json()
    assert "nextLink" not in second
    names = [one["name"] for page in (first, second) for one in page["value"]]
    assert len(set(names)) == MANY + BUILT_IN


def test_the_token_of_another_listing_is_refused(long: Place) -> None:
    link = long.send("GET", "{r}/scopeMaps").json()["nextLink"]
    token = dict(parse_qsl(urlsplit(link).query))["$skipToken"]
    assert follow(long, link).status_code == 200
    assert follow(long, link.replace("%24skipToken", "%24skiptoken")).status_code == 200
    base = f"https://management.azure.com{long.id('{r}')}"
    group = f"https://management.azure.com{long.id('{g}')}"
    for url, given in (
        *((f"{base}/{kind}", token) for kind in ("tokens", "tasks", "runs", "webhooks")),
        *((f"{base}/{kind}", token) for kind in ("cacheRules", "credentialSets", "taskRuns")),
        *((f"{group}/{kind}", token) for kind in ("resources",)),
        (base.rpartition("/")[0], token),
        (group.rpartition("/")[0], token),
        (f"{base}/scopeMaps", token[:-2]),
        (f"{base}/scopeMaps", "nonsense"),
        (f"{base}/scopeMaps", "ü"),
    ):
        query = {"api-version": newest(url), "$skipToken": given}
        headers = {"Authorization": f"Bearer {long.cloud.token()}"}
        answer = long.cloud.http().get(url, params=query, headers=headers)
        assert_refused(answer, 400, "InvalidSkipToken", "is not one of this listing")


@pytest.mark.parametrize("place", ["Infinity", "NaN", "-1e999", "1" + "0" * 400, "null", "[]"])
def test_a_token_that_names_no_place_is_refused(long: Place, place: str) -> None:
    link = long.send("GET", "{r}/scopeMaps").json()["nextLink"]
    token = dict(parse_qsl(urlsplit(link).query))["$skipToken"]
    listing, _, key = json.loads(base64.urlsafe_b64decode(token + "=="))
    changed = base64.urlsafe_b64encode(f'["{listing}", {place}, "{key}"]'.encode()).decode()
    answer = follow(long, link.replace(token, changed.rstrip("=")))
    assert_refused(answer, 400, "InvalidSkipToken", "is not one of this listing")


def test_arms_own_listings_have_as_many_as_are_asked_for(local_cloud: LocalCloud) -> None:
    for _ in range(3):
        make_registry(local_cloud, make_group(local_cloud))
    client = local_cloud.client(ResourceManagementClient)
    where = "resourceType eq 'Microsoft.ContainerRegistry/registries'"
    for listed, whole in (
        (client.resource_groups.list(top=2), client.resource_groups.list()),
        (client.resources.list(filter=where, top=2), client.resources.list(filter=where)),
    ):
        pages = [[one.id for one in page] for page in listed.by_page()]
        assert {len(page) for page in pages[:-1]} == {2}
        assert [one for page in pages for one in page] == [one.id for one in whole]
    for path in ("resourceGroups", "resources"):
        for given in ("0", "-1", "1001", "x", ""):
            url = f"https://management.azure.com{local_cloud.subscription}/{path}"
            answer = local_cloud.http().get(
                url,
                params={"api-version": "2025-04-01", "$top": given},
                headers={"Authorization": f"Bearer {local_cloud.token()}"},
            )
            assert_refused(answer, 400, "InvalidTop", "must be a number from 1 to 1000")


def test_runs_come_in_pages_where_nobody_says_how_many(cloud: Cloud) -> None:
    operations = all_operations()

    def call(method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        asked: Mapping[str, str] = {"api-version": newest(path), **query}
        found = operations.find(method, path, asked)
        content = b"" if body is None else json.dumps(body).encode()
        reply = operations.handle(cloud, found, path, asked, content, cloud.owner)
        assert isinstance(reply.body, dict)
        return reply.body

    group = f"{cloud.subscription}/resourceGroups/runs"
    registry = f"{group}/providers/Microsoft.ContainerRegistry/registries/longruns"
    call("PUT", group, {"location": "eastus"})
    call("PUT", registry, {"location": "eastus", "sku": {"name": "Basic"}})
    stored = cloud.store.get(registry)
    assert stored is not None
    request = {"type": "EncodedTaskRunRequest", "encodedTaskContent": "c3RlcHM6IFtdCg=="}
    made = [Runs(cloud).queue(stored, request, None).run_id for _ in range(205)]
    found: list[str] = []
    sizes: list[int] = []
    query: dict[str, str] = {}
    while True:
        page = call("GET", f"{registry}/runs", **query)
        sizes.append(len(page["value"]))
        found += [one["name"] for one in page["value"]]
        if "nextLink" not in page:
            break
        query = dict(parse_qsl(urlsplit(page["nextLink"]).query))
    assert sizes == [100, 100, 5]
    assert found == made[::-1]
    asked = call("GET", f"{registry}/runs", **{"$top": "150"})
    assert len(asked["value"]) == 150
    assert "nextLink" not in asked
