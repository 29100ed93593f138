"""Requests about applications: what is refused or filtered, pages, and what is found beside a damaged one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.damage import glance
from helpers.localcloud.directory import Directory
from helpers.localcloud.store import Store
from tests.az import Az
from tests.conftest import LocalCloud
from tests.identity.graph_requests import NOBODY, graph, names_of, told
from tests.identity.test_identity import directory


@pytest.fixture(scope="module")
def known(local_cloud: LocalCloud) -> Iterator[str]:
    """The object id of an application."""
    made = graph(local_cloud, "POST", "applications", {"displayName": "known"}).json()
    yield str(made["id"])
    assert graph(local_cloud, "DELETE", f"applications/{made['id']}").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "applications", {}, 400, "property 'displayName'"),
        ("POST", "applications", {"displayName": 5}, 400, "'displayName' must be a string"),
        ("POST", "applications", {"displayName": "a" * 257}, 400, "over 256"),
        ("POST", "applications", [], 400, "it is not an object"),
        ("POST", "applications", {"displayName": "a", "id": "b"}, 400, "'id' is read-only"),
        ("POST", "applications", {"displayName": "a", "tags": "b"}, 400, "'tags' must be"),
        ("POST", "applications", {"displayName": "a", "colour": "b"}, 501, "'colour'"),
        (
            "POST",
            "applications",
            {"displayName": "a", "keyCredentials": [{"key": "b"}]},
            501,
            "'keyCredentials'",
        ),
        (
            "POST",
            "applications",
            {"displayName": "a", "signInAudience": "PersonalMicrosoftAccount"},
            501,
            "'PersonalMicrosoftAccount'",
        ),
        ("PATCH", "applications/ID", {"web": {"redirectUris": ["x"]}}, 501, "'web'"),
        ("PATCH", "applications/ID", {"appId": "b"}, 400, "'appId' is read-only"),
        ("PATCH", f"applications/{NOBODY}", {}, 404, NOBODY),
        ("DELETE", f"applications/{NOBODY}", None, 404, NOBODY),
        ("POST", f"applications/{NOBODY}/addPassword", {}, 404, NOBODY),
        (
            "POST",
            "applications/ID/addPassword",
            {"passwordCredential": {"endDateTime": "soon"}},
            400,
            "'soon'",
        ),
        ("POST", "applications/ID/addPassword", {"passwordCredential": "x"}, 400, "an object"),
        ("POST", "applications/ID/removePassword", {}, 400, "keyId ''"),
        ("POST", "applications/ID/removePassword", {"keyId": 5}, 400, "'keyId' must be"),
        ("POST", "servicePrincipals", {}, 400, "The appId ''"),
        ("POST", "servicePrincipals", {"appId": 5}, 400, "'appId' must be a string"),
        ("POST", "servicePrincipals", {"appId": NOBODY, "tags": []}, 501, "'tags'"),
        ("POST", "servicePrincipals", {"appId": NOBODY, "accountEnabled": False}, 501, "enabled"),
        ("DELETE", f"servicePrincipals/{NOBODY}", None, 404, NOBODY),
        ("GET", f"servicePrincipals/{NOBODY}/owners", None, 404, NOBODY),
        ("PATCH", f"servicePrincipals/{NOBODY}", {}, 501, "PATCH /v1.0/servicePrincipals"),
        ("POST", "users", {}, 501, "POST /v1.0/users"),
        ("GET", "users/a@b.c", None, 501, "GET /v1.0/users/a@b.c"),
        ("GET", "users?$filter=startswith(displayName,'a')", None, 501, "users?$filter="),
        ("POST", "directoryObjects/getByIds", {"ids": [5]}, 400, "'ids[0]' must be a string"),
    ],
)
def test_a_wrong_request_is_refused(
    local_cloud: LocalCloud,
    known: str,
    method: str,
    path: str,
    body: Any,
    status: int,
    message: str,
) -> None:
    before = graph(local_cloud, "GET", f"applications/{known}").json()
    found = told(graph(local_cloud, method, path.replace("ID", known), body))
    assert (found[0], message in found[2]) == (status, True), found
    assert graph(local_cloud, "GET", f"applications/{known}").json() == before


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"$filter": "displayName eq 'known'"}, 200),
        ({"$filter": "DISPLAYNAME eq 'KNOWN' and startswith(displayName,'kno')"}, 200),
        ({"$filter": "identifierUris/any(s:s eq 'api://x')"}, 200),
        ({"$filter": f"id eq 'ID' and appId eq '{NOBODY}'"}, 200),
        ({"$filter": "id eq 'ID' and displayName eq 'KNOWN'"}, 200),
        ({"$filter": "id eq 'ID' and displayName eq 'other'"}, 200),
        ({"$filter": "startswith(appId,'a')"}, 501),
        ({"$filter": "displayName ne 'known'"}, 501),
        ({"$filter": "displayName eq known"}, 501),
        ({"$filter": "startswith(displayName"}, 501),
        ({"$filter": "colour eq 'red'"}, 501),
        ({"$search": "known"}, 501),
        ({"$top": "1"}, 200),
        ({"$top": "0"}, 400),
        ({"$top": "many"}, 400),
        ({"$skiptoken": "none"}, 400),
    ],
)
def test_a_listing_is_filtered_or_says_that_it_cannot(
    local_cloud: LocalCloud, known: str, query: dict[str, str], status: int
) -> None:
    query = {name: value.replace("ID'", f"{known}'") for name, value in query.items()}
    answer = graph(local_cloud, "GET", "applications", **query)
    assert answer.status_code == status, answer.text
    if status == 200:
        names = [one["displayName"] for one in answer.json()["value"]]
        none = any(one in str(query) for one in ("identifierUris", NOBODY, "'other'"))
        assert names == ([] if none else ["known"] if "$filter" in query else names[:1])


def test_a_listing_comes_in_pages(az: Az, local_cloud: LocalCloud) -> None:
    store = Store(local_cloud.home / "state.db")
    pages = Directory(store, directory(local_cloud))
    secrets = [pages.add_secret("nobody", None, None, None)[1] for _ in range(200)]
    assert all(one[0].isalnum() and len(one) == 40 for one in secrets)
    made = [pages.register(f"page-{number:03}", {}) for number in range(205)]
    store.close()
    query = {"$filter": "startswith(displayName,'page-')", "$top": "2"}
    first = graph(local_cloud, "GET", "applications", **query).json()
    assert [one["displayName"] for one in first["value"]] == ["page-000", "page-001"]
    link = first["@odata.nextLink"].partition("/v1.0/")[2]
    second = graph(local_cloud, "GET", link).json()
    assert [one["displayName"] for one in second["value"]] == ["page-002", "page-003"]
    assert len(az.json("ad", "app", "list", "--display-name", "page-")) == 205
    for kind in ("applications", "servicePrincipals"):
        whole = names_of(local_cloud, kind, **{"$top": "999"})
        assert {size: names_of(local_cloud, kind, **{"$top": str(size)}) for size in (3, 70)} == {
            3: whole,
            70: whole,
        }
    one, other = made[3], made[4]
    only = {"$filter": f"id eq '{one.object_id}'"}
    assert names_of(local_cloud, "applications", **only) == ["page-003"]
    assert names_of(local_cloud, "applications", **only, **{"$skiptoken": one.object_id}) == []
    for wrong in (other.object_id, "", NOBODY):
        answer = graph(local_cloud, "GET", "applications", **only, **{"$skiptoken": wrong})
        assert told(answer)[:2] == (400, "Request_BadRequest")
    for one in made:
        assert graph(local_cloud, "DELETE", f"applications/{one.object_id}").status_code == 204
    assert az.json("ad", "app", "list", "--display-name", "page-") == []


def test_a_damaged_application_is_passed_over_and_named(cloud: Cloud) -> None:
    made, other = (cloud.directory.register(name, {}) for name in ("damaged", "whole"))
    damaged = "UPDATE applications SET properties='[' WHERE object_id=?"
    cloud.store.execute(damaged, (made.object_id,))
    assert list(cloud.directory.applications()) == [other]
    assert cloud.directory.application(object_id=made.object_id) is None
    [finding] = glance(cloud.home)
    assert finding.what == f"application {made.object_id}"


def test_nobody_reads_more_applications_than_are_asked_for(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with cloud.store.transaction():
        made = [cloud.directory.register(f"app-{number}", {}) for number in range(3000)]
    cloud.store.execute(
        "UPDATE applications SET properties='[' WHERE object_id=?", (made[-1].object_id,)
    )
    first = list(itertools.islice(cloud.directory.applications(made[0]), 2))
    assert first == made[1:3]
    assert not caplog.records  # of the last one, which is damaged
    assert list(cloud.directory.applications(made[1])) == made[2:-1]
    assert made[-1].object_id in caplog.text


def test_only_what_is_asked_for_is_found_by_ids(local_cloud: LocalCloud) -> None:
    own = local_cloud.account.object_id
    for types, found in (
        (None, [own]),
        (["servicePrincipal"], [own]),
        (["DirectoryObject", "user"], [own]),
        (["user", "group"], []),
    ):
        body = {"ids": [own], **({"types": types} if types else {})}
        answer = graph(local_cloud, "POST", "directoryObjects/getByIds", body)
        assert [one["id"] for one in answer.json()["value"]] == found, types


@pytest.mark.parametrize("option", ["$select", "$expand", "$orderby", "$count", "$search"])
@pytest.mark.parametrize("path", ["servicePrincipals", "applications", "servicePrincipals/{id}"])
def test_an_option_without_effect_is_refused(
    local_cloud: LocalCloud, path: str, option: str
) -> None:
    asked = path.replace("{id}", local_cloud.account.object_id)
    answer = graph(local_cloud, "GET", asked, **{option: "displayName"})
    assert told(answer)[:2] == (501, "NotImplemented")
    assert option in told(answer)[2]


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
def test_an_object_is_found_by_its_application_id(local_cloud: LocalCloud, kind: str) -> None:
    made = graph(local_cloud, "POST", "applications", {"displayName": "named"}).json()
    other = graph(local_cloud, "POST", "servicePrincipals", {"appId": made["appId"]}).json()
    wanted = {"applications": made, "servicePrincipals": other}[kind]["id"]
    found = graph(local_cloud, "GET", f"{kind}(appId='{made['appId']}')")
    assert (found.status_code, found.json()["id"]) == (200, wanted)
    owners = graph(local_cloud, "GET", f"{kind}(appId='{made['appId']}')/owners")
    assert (owners.status_code, owners.json()["value"]) == (200, [])
    missing = told(graph(local_cloud, "GET", f"{kind}(appId='{NOBODY}')"))
    assert missing[:2] == (404, "Request_ResourceNotFound")
    assert f"Resource '{NOBODY}' does not exist" in missing[2]
    assert graph(local_cloud, "DELETE", f"applications(appId='{made['appId']}')").ok
    assert graph(local_cloud, "GET", f"{kind}/{wanted}").status_code == 404
