"""Applications, service principals and client secrets: az ad, logins with them, and who may."""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from helpers.localcloud.store import Store
from tests.az import Az
from tests.conftest import LocalCloud
from tests.identity.graph_requests import GRAPH, NOBODY, graph, told
from tests.identity.test_identity import directory, subscriptions


def token(cloud: LocalCloud, app_id: str, secret: str) -> str:
    credential = ClientSecretCredential(cloud.account.tenant_id, app_id, secret, **cloud.options)
    return str(credential.get_token("https://management.azure.com/.default").token)


def refused(cloud: LocalCloud, app_id: str, secret: str) -> str:
    """What a login is refused with; the secret is not in it."""
    with pytest.raises(ClientAuthenticationError) as caught:
        token(cloud, app_id, secret)
    assert secret not in str(caught.value)
    return str(caught.value)


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
