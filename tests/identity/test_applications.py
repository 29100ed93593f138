"""Applications, service principals and client secrets: az ad, logins with them, and who may."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.damage import glance
from helpers.localcloud.directory import Directory
from helpers.localcloud.store import Store
from tests.az import Az
from tests.conftest import LocalCloud
from tests.identity.test_identity import directory, subscriptions

GRAPH = "https://graph.microsoft.com/v1.0"
NOBODY = "00000000-0000-0000-0000-000000000001"


def token(cloud: LocalCloud, app_id: str, secret: str) -> str:
    credential = ClientSecretCredential(cloud.account.tenant_id, app_id, secret, **cloud.options)
    return str(credential.get_token("https://management.azure.com/.default").token)


def refused(cloud: LocalCloud, app_id: str, secret: str) -> str:
    """What a login is refused with; the secret is not in it."""
    with pytest.raises(ClientAuthenticationError) as caught:
        token(cloud, app_id, secret)
    assert secret not in str(caught.value)
    return str(caught.value)


def graph(cloud: LocalCloud, method: str, path: str, body: Any = None, **query: str) -> Any:
    return cloud.http().request(
        method,
        f"{GRAPH}/{path}",
        json=body,
        params=query,
        headers={"Authorization": f"Bearer {cloud.token('https://graph.microsoft.com')}"},
    )


def told(answer: requests.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


@pytest.fixture
def name() -> str:
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def group(az: Az, local_cloud: LocalCloud) -> str:
    made = f"group-{uuid.uuid4().hex[:8]}"
    az.ok("group", "create", "-n", made, "-l", "eastus")
    return f"{local_cloud.subscription}/resourceGroups/{made}"


def test_az_creates_a_principal_with_a_role_that_logs_in(
    az: Az, local_cloud: LocalCloud, group: str, name: str, tmp_path: Path
) -> None:
    rbac = ("ad", "sp", "create-for-rbac", "-n", name, "--role", "Reader", "--scopes", group)
    made = az.json(*rbac)
    assert (made["displayName"], made["tenant"]) == (name, local_cloud.account.tenant_id)
    other = Az(local_cloud, tmp_path / "other")
    who = ("-u", made["appId"], "-p", made["password"], "-t", made["tenant"])
    [account] = other.json("login", "--service-principal", *who)
    assert account["user"]["name"] == made["appId"]
    group_name = group.rpartition("/")[2]
    assert other.json("group", "show", "-n", group_name)["id"] == group
    assert "AuthorizationFailed" in other.refused("group", "delete", "-n", group_name, "-y")
    [assigned] = az.json(
        "role", "assignment", "list", "--scope", group, "--assignee", made["appId"]
    )
    assert (assigned["roleDefinitionName"], assigned["principalName"]) == ("Reader", made["appId"])
    # Again: the same application, another secret, and the first one is worth nothing.
    again = az.json(*rbac)
    assert again["appId"] == made["appId"]
    assert "AADSTS7000215" in refused(local_cloud, made["appId"], made["password"])
    token(local_cloud, again["appId"], again["password"])
    # Deleted with its application; what it had in its hands ends, too.
    held = token(local_cloud, again["appId"], again["password"])
    az.ok("ad", "app", "delete", "--id", made["appId"])
    assert "AADSTS700016" in refused(local_cloud, again["appId"], again["password"])
    assert subscriptions(local_cloud, held) == (401, "InvalidAuthenticationToken")
    assert az.json("ad", "sp", "list", "--display-name", name) == []
    assert az.json("ad", "app", "list", "--display-name", name) == []


def test_a_secret_is_shown_once_and_kept_as_a_hash(
    az: Az, local_cloud: LocalCloud, name: str
) -> None:
    made = az.json("ad", "sp", "create-for-rbac", "-n", name)
    assert len(made["password"]) == 40
    shown = az.ok("ad", "app", "show", "--id", made["appId"])
    assert made["password"] not in shown
    for line in az.ok("ad", "app", "credential", "list", "--id", made["appId"]).split("\n"):
        assert made["password"] not in line
    for file in local_cloud.home.rglob("*"):
        if file.is_file():
            assert made["password"].encode() not in file.read_bytes(), file


def test_az_manages_applications(az: Az, name: str) -> None:
    made = az.json(
        "ad",
        "app",
        "create",
        "--display-name",
        name,
        "--sign-in-audience",
        "AzureADMyOrg",
        "--service-management-reference",
        "a ticket",
    )
    assert (made["displayName"], made["signInAudience"]) == (name, "AzureADMyOrg")
    assert (made["serviceManagementReference"], made["identifierUris"]) == ("a ticket", [])
    for identifier in (made["appId"], made["id"]):
        assert az.json("ad", "app", "show", "--id", identifier)["id"] == made["id"]
    listed = az.json("ad", "app", "list", "--display-name", name[:-1])
    assert made["appId"] in [one["appId"] for one in listed]
    assert az.json("ad", "app", "list", "--app-id", made["appId"])[0]["id"] == made["id"]
    assert az.json("ad", "app", "owner", "list", "--id", made["appId"]) == []
    az.ok("ad", "app", "update", "--id", made["appId"], "--display-name", f"{name}-b")
    assert az.json("ad", "app", "show", "--id", made["id"])["displayName"] == f"{name}-b"
    assert az.json("ad", "app", "create", "--display-name", f"{name}-b")["id"] == made["id"]
    az.ok("ad", "app", "delete", "--id", made["id"])
    assert "does not exist" in az.refused("ad", "app", "show", "--id", made["appId"])
    assert "does not exist" in az.refused("ad", "app", "delete", "--id", made["appId"])


def test_az_manages_service_principals(az: Az, local_cloud: LocalCloud, name: str) -> None:
    made = az.json("ad", "app", "create", "--display-name", name)
    app_id = made["appId"]
    secret = az.json("ad", "app", "credential", "reset", "--id", app_id)["password"]
    assert "AADSTS7000229" in refused(local_cloud, app_id, secret)
    principal = az.json("ad", "sp", "create", "--id", app_id)
    assert (principal["appId"], principal["displayName"]) == (app_id, name)
    assert principal["servicePrincipalType"] == "Application"
    token(local_cloud, app_id, secret)
    assert "already in use" in az.refused("ad", "sp", "create", "--id", app_id)
    for identifier in (app_id, principal["id"]):
        assert az.json("ad", "sp", "show", "--id", identifier)["id"] == principal["id"]
    for words in (("--display-name", name), ("--spn", app_id), ("--all",)):
        assert principal["id"] in [one["id"] for one in az.json("ad", "sp", "list", *words)]
    assert az.json("ad", "sp", "owner", "list", "--id", app_id) == []
    az.ok("ad", "app", "update", "--id", app_id, "--display-name", f"{name}-b")
    assert az.json("ad", "sp", "show", "--id", app_id)["displayName"] == f"{name}-b"
    az.ok("ad", "sp", "delete", "--id", app_id)
    assert "AADSTS7000229" in refused(local_cloud, app_id, secret)
    assert "does not exist" in az.refused("ad", "sp", "show", "--id", app_id)
    assert "does not reference a valid application" in az.refused(
        "ad", "sp", "create", "--id", NOBODY
    )
    az.ok("ad", "app", "delete", "--id", app_id)


def test_az_resets_lists_and_deletes_credentials(
    az: Az, local_cloud: LocalCloud, name: str
) -> None:
    first = az.json("ad", "sp", "create-for-rbac", "-n", name)
    app_id = first["appId"]
    credential = ("ad", "sp", "credential")
    second = az.json(*credential, "reset", "--id", app_id, "--append", "--display-name", "two")
    third = az.json(*credential, "reset", "--id", app_id, "--append", "--years", "3")
    for one in (first, second, third):
        token(local_cloud, app_id, one["password"])
    listed = az.json(*credential, "list", "--id", app_id)
    assert [one["displayName"] for one in listed] == ["two", None]
    assert [one["hint"] for one in listed] == [one["password"][:3] for one in (second, third)]
    assert {one["secretText"] for one in listed} == {None}
    years = datetime.fromisoformat(listed[1]["endDateTime"][:-1]) - datetime.fromisoformat(
        listed[1]["startDateTime"][:-1]
    )
    assert years.days in (1095, 1096)
    az.ok(*credential, "delete", "--id", app_id, "--key-id", listed[0]["keyId"])
    assert "AADSTS7000215" in refused(local_cloud, app_id, second["password"])
    assert "No credentials found to be removed with keyId" in az.refused(
        *credential, "delete", "--id", app_id, "--key-id", listed[0]["keyId"]
    )
    fourth = az.json(*credential, "reset", "--id", app_id)
    assert "AADSTS7000215" in refused(local_cloud, app_id, third["password"])
    for one in (first, fourth):  # the application's own is another
        token(local_cloud, app_id, one["password"])


def test_a_secret_ends(local_cloud: LocalCloud, az: Az, name: str) -> None:
    app_id = az.json("ad", "sp", "create-for-rbac", "-n", name, "--create-password", "false")[
        "appId"
    ]
    [made] = graph(
        local_cloud, "GET", "applications", **{"$filter": f"appId eq '{app_id}'"}
    ).json()["value"]
    now = datetime.now(timezone.utc)

    def secret(starts: timedelta, ends: timedelta) -> Any:
        dates = {
            "startDateTime": (now + starts).isoformat(),
            "endDateTime": (now + ends).isoformat(),
        }
        body = {"passwordCredential": dates}
        return graph(local_cloud, "POST", f"applications/{made['id']}/addPassword", body)

    over = secret(-timedelta(days=2), -timedelta(days=1)).json()["secretText"]
    told_of = refused(local_cloud, app_id, over)
    assert (
        f"AADSTS7000222: The provided client secret keys for app '{app_id}' are expired" in told_of
    )
    later = secret(timedelta(days=1), timedelta(days=2)).json()["secretText"]
    assert "AADSTS7000215" in refused(local_cloud, app_id, later)
    good = secret(-timedelta(days=1), timedelta(seconds=3600)).json()["secretText"]
    token(local_cloud, app_id, good)
    store = Store(local_cloud.home / "state.db")
    store.execute("UPDATE client_secrets SET ends=? WHERE hint=?", (time.time(), good[:3]))
    store.close()
    assert "AADSTS7000222" in refused(local_cloud, app_id, good)
    assert told(secret(timedelta(days=2), timedelta(days=1)))[:2] == (400, "Request_BadRequest")


def test_a_login_with_a_certificate_says_that_it_is_missing(local_cloud: LocalCloud) -> None:
    answer = local_cloud.http().post(
        f"https://login.microsoftonline.com/{local_cloud.account.tenant_id}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "client_id": "a", "client_assertion": "b"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    assert "with client secrets (--password)" in answer.json()["error_description"]


def test_what_is_no_user_says_so(az: Az, local_cloud: LocalCloud) -> None:
    shown = az.refused("ad", "signed-in-user", "show")
    assert "/me request is only valid with delegated authentication flow" in shown
    assert "/v1.0/users of Microsoft Graph" in az.refused("ad", "user", "list")
    assert "/v1.0/groups of Microsoft Graph" in az.refused("ad", "group", "list")
    assert az.json("ad", "user", "list", "--upn", "a@b.c") == []
    who = ("--assignee", "a@b.c", "--role", "Reader", "--scope", local_cloud.subscription)
    assert "Cannot find user or service principal in graph database for 'a@b.c'" in az.refused(
        "role", "assignment", "create", *who
    )
    mine = az.refused("ad", "app", "list", "--show-mine")
    assert "only valid with delegated authentication" in mine


def test_only_an_administrator_manages_applications(
    az: Az, local_cloud: LocalCloud, name: str, tmp_path: Path
) -> None:
    made = az.json("ad", "sp", "create-for-rbac", "-n", name)
    account = local_cloud.account
    credential = ClientSecretCredential(
        account.tenant_id, made["appId"], made["password"], **local_cloud.options
    )
    held = credential.get_token("https://graph.microsoft.com/.default").token
    http = local_cloud.http()
    http.headers["Authorization"] = f"Bearer {held}"
    [own] = az.json("ad", "sp", "list", "--spn", made["appId"])
    for method, path in (
        ("GET", "applications"),
        ("POST", "applications"),
        ("POST", "servicePrincipals"),
        ("DELETE", f"servicePrincipals/{own['id']}"),
        ("POST", f"servicePrincipals/{own['id']}/addPassword"),
    ):
        body: dict[str, Any] | None = {} if method == "POST" else None
        answer = http.request(method, f"{GRAPH}/{path}", json=body)
        assert told(answer) == (
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    assert http.get(f"{GRAPH}/servicePrincipals/{own['id']}").status_code == 200


def test_the_tutorials_own_and_managed_identities_stay(local_cloud: LocalCloud) -> None:
    managed = directory(local_cloud).add("task", resource_id="/subscriptions/x/tasks/kept")
    for object_id in (local_cloud.account.object_id, managed.object_id):
        for method, path in (("DELETE", ""), ("POST", "/addPassword"), ("POST", "/removePassword")):
            answer = graph(local_cloud, method, f"servicePrincipals/{object_id}{path}")
            assert told(answer)[:2] == (403, "Authorization_RequestDenied")
        assert graph(local_cloud, "GET", f"servicePrincipals/{object_id}").status_code == 200


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


def names_of(cloud: LocalCloud, kind: str, **query: str) -> list[str]:
    """The names of all pages of a listing."""
    found: list[str] = []
    page = graph(cloud, "GET", kind, **query)
    while True:
        assert page.status_code == 200, page.text
        found += [one["displayName"] for one in page.json()["value"]]
        link = page.json().get("@odata.nextLink")
        if link is None:
            return found
        page = graph(cloud, "GET", link.removeprefix(f"{GRAPH}/"))


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
