"""Who may do what in a registry: every kind of caller, and what takes the right away again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.cloud import Cloud
from helpers.localcloud.errors import CloudError
from helpers.localcloud.principals import Principal, Principals
from helpers.localcloud.registry.access import IDENTITY_USER
from helpers.localcloud.registry.client import Credential, RegistryClient
from helpers.localcloud.registry.tokens import ACCESS_LIFETIME, exchange_credential
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.registry.places import Place, digest

HUB = "https://registry-1.docker.io/v2/"


@pytest.fixture(scope="module")
def place(local_cloud: LocalCloud) -> Place:
    made = Place(local_cloud)
    made.push("node", "15")
    return made


@pytest.fixture
def principals(local_cloud: LocalCloud) -> Iterator[Principals]:
    store = Store(local_cloud.home / "state.db")
    yield Principals(store, local_cloud.account.tenant_id, local_cloud.home / "signing-key.pem")
    store.close()


def registries(place: Place) -> ContainerRegistryManagementClient:
    client: ContainerRegistryManagementClient = place.cloud.client(
        ContainerRegistryManagementClient
    )
    return client


def attempts(place: Place, http: requests.Session, **options: object) -> list[int]:
    """The answers to: log in, pull, push, list the repositories, delete."""
    calls = [
        ("GET", ""),
        ("GET", "node/manifests/15"),
        ("POST", "node/blobs/uploads/"),
        ("GET", "_catalog"),
        ("DELETE", f"node/manifests/{digest(b'no such manifest')}"),
    ]
    return [
        http.request(method, place.url(path), timeout=30, **options).status_code  # type: ignore[arg-type]
        for method, path in calls
    ]


EVERYTHING = [200, 200, 202, 200, 404]
NOTHING = [401] * 5


def assign(place: Place, role: str, principal: Principal) -> None:
    client = place.cloud.client(AuthorizationManagementClient)
    scope = registries(place).registries.get(place.group, place.name).id
    [definition] = client.role_definitions.list(scope, filter=f"roleName eq '{role}'")
    body = {"roleDefinitionId": definition.id, "principalId": principal.object_id}
    client.role_assignments.create(scope, str(uuid.uuid4()), {"properties": body})


@pytest.mark.parametrize(
    ("role", "answers"),
    [
        ("AcrPull", [200, 200, 401, 200, 401]),
        ("AcrPush", [200, 200, 202, 200, 401]),
        ("AcrDelete", [200, 401, 401, 401, 404]),
        ("Reader", [200, 200, 401, 200, 401]),  # */read holds registries/pull/read
        ("Key Vault Secrets User", NOTHING),
    ],
)
def test_a_service_principal_may_do_what_its_role_says(
    place: Place, principals: Principals, role: str, answers: list[int]
) -> None:
    one = principals.add(f"with {role}", secret=f"secret for {role}")
    assign(place, role, one)
    assert attempts(place, place.as_user((one.app_id, f"secret for {role}"))) == answers
    assert attempts(place, place.as_user((one.app_id, "wrong"))) == NOTHING


def test_a_task_logs_in_with_a_role_only(place: Place, principals: Principals) -> None:
    one = principals.add("logging in", secret="secret of one")
    credential = Credential(one.app_id, "secret of one")
    cloud = Cloud(place.cloud.home)
    try:
        client = RegistryClient(cloud)
        with pytest.raises(CloudError, match=f"'{one.app_id}' has no role at {place.server}"):
            client.login(place.server, credential)
        assign(place, "AcrPull", one)
        client.login(place.server, credential)
        with pytest.raises(CloudError, match="the user name or password .* is wrong"):
            client.login(place.server, Credential(one.app_id, "wrong"))
    finally:
        cloud.close()


def test_an_identity_has_a_credential_with_a_role_only(
    place: Place, principals: Principals
) -> None:
    """What a task's identity and an import log in with, without a password."""
    one = principals.add("an identity")
    cloud = Cloud(place.cloud.home)
    try:
        with pytest.raises(CloudError, match="authentication required") as caught:
            exchange_credential(cloud, place.server, one)
        assert caught.value.status == 401
        assign(place, "AcrPull", one)
        credential = exchange_credential(cloud, place.server, one)
        client = RegistryClient(cloud)
        client.login(place.server, credential)
        with pytest.raises(CloudError, match="no registry nowhere123"):
            exchange_credential(cloud, "nowhere123.azurecr.io", one)
    finally:
        cloud.close()


def test_the_admin_user_exists_only_while_it_is_enabled(place: Place) -> None:
    client = registries(place).registries
    with pytest.raises(HttpResponseError):
        client.list_credentials(place.group, place.name)
    client.begin_update(
        place.group, place.name, {"properties": {"adminUserEnabled": True}}
    ).result()
    shown = client.list_credentials(place.group, place.name)
    passwords = [one.value or "" for one in shown.passwords or []]
    assert shown.username == place.name
    assert len(set(passwords)) == 2
    for password in passwords:
        assert attempts(place, place.as_user((place.name, password))) == EVERYTHING
    assert attempts(place, place.as_user((place.name, "wrong"))) == NOTHING
    client.begin_update(
        place.group, place.name, {"properties": {"adminUserEnabled": False}}
    ).result()
    assert attempts(place, place.as_user((place.name, passwords[0]))) == NOTHING


def test_a_password_is_good_until_it_expires_and_while_its_token_is_enabled(place: Place) -> None:
    client = registries(place)
    name, first = place.token("lasting", "repositories/node/content/read")
    token = client.tokens.get(place.group, place.name, name)
    tomorrow = (datetime.now(timezone.utc) + timedelta(days=1)).isoformat()
    made = client.registries.begin_generate_credentials(
        place.group,
        place.name,
        {"tokenId": token.id, "name": "password2", "expiry": tomorrow},
    ).result()
    [second] = [one.value or "" for one in made.passwords or [] if one.name == "password2"]
    pull_only = [200, 200, 401, 401, 401]
    for password in (first, second):
        assert attempts(place, place.as_user((name, password))) == pull_only
    client.tokens.begin_update(
        place.group, place.name, name, {"properties": {"status": "disabled"}}
    ).result()
    assert attempts(place, place.as_user((name, second))) == NOTHING
    client.tokens.begin_update(
        place.group, place.name, name, {"properties": {"status": "enabled"}}
    ).result()
    assert attempts(place, place.as_user((name, second))) == pull_only


def test_an_expired_password_is_none(place: Place) -> None:
    client = registries(place)
    name, lasting = place.token("expiring", "repositories/node/content/read")
    token = client.tokens.get(place.group, place.name, name)
    soon = datetime.now(timezone.utc) + timedelta(seconds=3)
    made = client.registries.begin_generate_credentials(
        place.group,
        place.name,
        {"tokenId": token.id, "name": "password2", "expiry": soon.isoformat()},
    ).result()
    [short] = [one.value or "" for one in made.passwords or [] if one.name == "password2"]
    while datetime.now(timezone.utc) <= soon:
        time.sleep(0.1)
    assert attempts(place, place.as_user((name, short))) == NOTHING
    query = {"service": place.server, "scope": "repository:node:pull"}
    answer = place.as_user((name, short)).get(f"https://{place.server}/oauth2/token", params=query)
    assert answer.status_code == 401
    assert attempts(place, place.as_user((name, lasting))) == [200, 200, 401, 401, 401]


def bearer(place: Place, *scopes: str) -> requests.Session:
    """A client that has nothing but an access token for these scopes."""
    query = [("service", place.server), *(("scope", scope) for scope in scopes)]
    answer = place.http.get(f"https://{place.server}/oauth2/token", params=query, timeout=30)
    http = place.cloud.http()
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return http


def test_an_access_token_is_for_its_repositories_and_its_actions_alone(place: Place) -> None:
    place.push("other", "1")
    http = bearer(place, "repository:node:pull,delete", "repository:third:push")
    assert attempts(place, http) == [200, 200, 401, 401, 404]
    assert http.get(place.url("other/manifests/1")).status_code == 401
    assert http.delete(place.url("other/manifests/1")).status_code == 401
    assert http.post(place.url("third/blobs/uploads/")).status_code == 202
    assert http.get(place.url("third/tags/list")).status_code == 401
    assert http.get(place.url("nod/tags/list")).status_code == 401
    assert http.get(place.url("node/more/tags/list")).status_code == 401


def test_a_blob_is_mounted_only_from_where_the_caller_may_pull(place: Place) -> None:
    blob = place.push_blob("hidden", b"not for everybody")["digest"]
    user = place.token(
        "mounting", "repositories/mine/content/write", "repositories/mine/content/read"
    )
    for http in (
        place.as_user(user),
        bearer(place, "repository:mine:pull,push"),
        bearer(place, "repository:mine:pull,push", "repository:hidden:push"),
    ):
        answer = http.post(
            place.url("mine/blobs/uploads/"), params={"mount": blob, "from": "hidden"}
        )
        assert answer.status_code == 202  # an upload, as if there were no such blob
        assert http.head(place.url(f"mine/blobs/{blob}")).status_code == 404
    both = bearer(place, "repository:mine:pull,push", "repository:hidden:pull")
    answer = both.post(place.url("mine/blobs/uploads/"), params={"mount": blob, "from": "hidden"})
    assert answer.status_code == 201


def test_a_refresh_token_gives_no_more_than_its_owner_may_now(place: Place) -> None:
    client = registries(place)
    user = place.token("refreshed", "repositories/node/content/read")
    endpoint = f"https://{place.server}/oauth2/token"
    query = {"service": place.server, "scope": "repository:node:pull,push"}
    answer = place.as_user(user).get(endpoint, params={**query, "offline_token": "true"})
    refresh = answer.json()["refresh_token"]

    def ask() -> requests.Response:
        form = {**query, "grant_type": "refresh_token", "refresh_token": refresh}
        return place.cloud.http().post(endpoint, data=form, timeout=30)

    given = ask()
    assert given.status_code == 200, given.text
    bearer = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert attempts(place, place.cloud.http(), headers=bearer) == [200, 200, 401, 401, 401]
    client.tokens.begin_update(
        place.group, place.name, user[0], {"properties": {"status": "disabled"}}
    ).result()
    assert ask().status_code == 401
    client.tokens.begin_delete(place.group, place.name, user[0]).result()
    assert ask().status_code == 401


def test_wrong_credentials_get_no_access_token(place: Place) -> None:
    name, password = place.token("asking", "repositories/node/content/read")
    endpoint = f"https://{place.server}/oauth2/token"
    query = {"service": place.server, "scope": "repository:node:pull"}
    assert place.as_user((name, "wrong")).get(endpoint, params=query).status_code == 401
    assert place.cloud.http().get(endpoint, params=query).status_code == 401
    for given, status in ((password, 200), ("wrong", 401)):
        form = {**query, "grant_type": "password", "username": name, "password": given}
        assert place.cloud.http().post(endpoint, data=form).status_code == status


def test_an_access_token_as_the_password_of_an_identity_gives_a_part_of_itself(
    place: Place,
) -> None:
    """What az acr artifact-streaming create sends, and what a registry of Azure answered it."""
    name, password = place.token(
        "narrowing", "repositories/node/content/read", "repositories/node/content/write"
    )
    endpoint = f"https://{place.server}/oauth2/token"

    def ask(user: str, secret: str, *scopes: str, url: str = endpoint) -> requests.Response:
        form = {"service": place.server, "grant_type": "password", "username": user}
        body = {**form, "password": secret, "scope": " ".join(scopes)}
        return place.cloud.http().post(url, data=body, timeout=30)

    def claims(token: str) -> dict[str, Any]:
        return jwt.decode(token, options={"verify_signature": False})

    given = ask(name, password, "repository:node:push,delete").json()["access_token"]
    answer = ask(IDENTITY_USER, given, "repository:node:pull,push", "repository:other:pull")
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert [one["actions"] for one in claims(token)["access"]] == [["push"], []]
    assert claims(given)["exp"] - 5 < claims(token)["exp"] <= claims(given)["exp"]
    assert 0 < answer.json()["expires_in"] <= ACCESS_LIFETIME
    assert "refresh_token" not in answer.json()
    again = ask(IDENTITY_USER, token, "repository:node:*").json()["access_token"]
    assert [one["actions"] for one in claims(again)["access"]] == [["push"]]
    elsewhere = Place(place.cloud)
    wrong = (
        (IDENTITY_USER, "nothing"),
        (name, given),
        (IDENTITY_USER, bearer(elsewhere, "repository:node:pull").headers["Authorization"][7:]),
    )
    assert [ask(*one, "repository:node:pull").status_code for one in wrong] == [401] * 3
    assert ask(IDENTITY_USER, given, url="https://auth.docker.io/token").status_code == 401
    registries(place).tokens.begin_update(
        place.group, place.name, name, {"properties": {"status": "disabled"}}
    ).result()
    assert ask(IDENTITY_USER, given, "repository:node:push").status_code == 401


def test_the_name_of_a_token_gives_it_no_rights(place: Place) -> None:
    """A token may be named like the owner of the subscription, by object id."""
    user = place.token(place.cloud.account.object_id, "repositories/node/content/read")
    assert attempts(place, place.as_user(user)) == [200, 200, 401, 401, 401]


def test_docker_hub_lets_everybody_pull_and_its_account_alone_push(local_cloud: LocalCloud) -> None:
    account = local_cloud.account
    repository = f"{HUB}{account.github_owner}/mine"

    def status(method: str, url: str, user: tuple[str, str] | None) -> int:
        http = local_cloud.http()
        query = {"scope": "repository:library/node:pull"}
        if user is None and method == "GET":
            given = http.get("https://auth.docker.io/token", params=query)
            http.headers["Authorization"] = f"Bearer {given.json()['token']}"
        http.auth = user
        return http.request(method, url, timeout=30).status_code

    good = (account.github_owner, account.github_token)
    assert status("GET", f"{HUB}library/node/manifests/15-alpine", None) == 200
    assert status("POST", f"{repository}/blobs/uploads/", None) == 401
    assert status("POST", f"{repository}/blobs/uploads/", good) == 202
    assert status("POST", f"{repository}/blobs/uploads/", (good[0], "wrong")) == 401
    assert status("POST", f"{repository}/blobs/uploads/", ("somebody", good[1])) == 401
    assert status("GET", f"{HUB}_catalog", None) == 401
    assert status("GET", f"{HUB}_catalog", good) == 200


def exchanged(place: Place, token: str) -> requests.Response:
    form = {"grant_type": "access_token", "service": place.server, "access_token": token}
    return place.cloud.http().post(f"https://{place.server}/oauth2/exchange", data=form, timeout=30)


def test_only_the_token_of_somebody_with_a_role_is_exchanged(
    place: Place, principals: Principals
) -> None:
    nobody = principals.add("without a role", secret="nothing")
    credential = ClientSecretCredential(
        place.cloud.account.tenant_id, nobody.app_id, "nothing", **place.cloud.options
    )
    theirs = credential.get_token("https://management.azure.com/.default").token
    assert exchanged(place, place.cloud.token()).status_code == 200
    for token in (theirs, "", "no token", place.cloud.token("https://vault.azure.net")):
        assert exchanged(place, token).status_code == 401


def test_an_access_token_names_every_action_for_a_star_and_the_catalog_for_who_may_list(
    place: Place,
) -> None:
    endpoint = f"https://{place.server}/oauth2/token"
    scopes = ("repository:node:*", "registry:catalog:*")

    def granted(user: tuple[str, str]) -> list[list[str]]:
        query = [("service", place.server), *(("scope", scope) for scope in scopes)]
        answer = place.as_user(user).get(endpoint, params=query, timeout=30)
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        assert [one["name"] for one in claims["access"]] == ["node", "catalog"]
        return [one["actions"] for one in claims["access"]]

    account = place.cloud.account
    every = ["delete", "deleted_read", "deleted_restore", "metadata_read", "metadata_write", "pull"]
    every += ["push", "quarantine_read", "quarantine_write"]
    assert granted((account.client_id, account.client_secret)) == [every, ["*"]]
    token = place.token("starred", "repositories/node/content/read")
    assert granted(token) == [["pull"], []]
