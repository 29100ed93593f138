"""Who may do what in a registry: scopes, and the tokens that hold them."""

from __future__ import annotations

import uuid

from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.registry.places import Place


def test_scopes_are_enforced_action_by_action(place: Place) -> None:
    pushed = place.push("hello-world", "v1")
    place.push("node", "15")
    puller = place.as_user(place.token("puller", "repositories/hello-world/content/read"))
    assert puller.get(place.url("hello-world/manifests/v1")).status_code == 200
    assert puller.get(place.url("node/manifests/15")).status_code == 401
    assert puller.post(place.url("hello-world/blobs/uploads/")).status_code == 401
    assert puller.delete(place.url(f"hello-world/manifests/{pushed}")).status_code == 401
    assert puller.get(place.url("_catalog")).status_code == 401
    metadata = f"https://{place.server}/acr/v1/hello-world/_tags"
    assert puller.get(metadata).status_code == 401
    pusher = place.as_user(
        place.token(
            "pusher",
            "repositories/hello-world/content/read",
            "repositories/hello-world/content/write",
            "repositories/hello-world/metadata/read",
        )
    )
    assert pusher.post(place.url("hello-world/blobs/uploads/")).status_code == 202
    assert pusher.get(metadata).json()["tags"][0]["name"] == "v1"
    assert pusher.delete(place.url(f"hello-world/manifests/{pushed}")).status_code == 401
    user, password = place.token("disabled", "repositories/*/content/read", status="disabled")
    assert place.as_user((user, password)).get(place.url("")).status_code == 401
    assert place.as_user(("puller", "wrong")).get(place.url("")).status_code == 401


def test_an_access_token_holds_only_what_is_allowed(place: Place) -> None:
    place.push("hello-world", "v1")
    user = place.token("narrow-token", "repositories/hello-world/content/read")
    answer = place.as_user(user).get(
        f"https://{place.server}/oauth2/token",
        params={"service": place.server, "scope": "repository:hello-world:pull,push"},
    )
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    http = place.cloud.http()
    assert http.get(place.url("hello-world/manifests/v1"), headers=bearer).status_code == 200
    refused = http.post(place.url("hello-world/blobs/uploads/"), headers=bearer)
    assert refused.status_code == 401
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    other = Place(place.cloud)
    assert http.get(other.url(""), headers=bearer).status_code == 401


def test_to_list_a_registry_is_no_right_in_a_repository_called_catalog(place: Place) -> None:
    place.push("catalog", "v1")
    http = place.cloud.http()

    def bearer(scope: str) -> dict[str, str]:
        answer = place.http.get(
            f"https://{place.server}/oauth2/token", params={"service": place.server, "scope": scope}
        )
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    lists = bearer("registry:catalog:*,pull,push")
    assert "catalog" in http.get(place.url("_catalog"), headers=lists).json()["repositories"]
    assert http.get(place.url("catalog/manifests/v1"), headers=lists).status_code == 401
    assert http.post(place.url("catalog/blobs/uploads/"), headers=lists).status_code == 401
    pulls = bearer("repository:catalog:*")
    assert http.get(place.url("catalog/manifests/v1"), headers=pulls).status_code == 200
    assert http.get(place.url("_catalog"), headers=pulls).status_code == 401


def refreshed(place: Place, token: str) -> int:
    form = {"grant_type": "refresh_token", "service": place.server, "refresh_token": token}
    return place.cloud.http().post(f"https://{place.server}/oauth2/token", data=form).status_code


def test_who_was_switched_off_gets_no_more_tokens(place: Place) -> None:
    client = place.cloud.client(ContainerRegistryManagementClient)
    where = (place.group, place.name)
    client.registries.begin_update(*where, {"properties": {"adminUserEnabled": True}}).result()
    admin = client.registries.list_credentials(*where)
    token = place.token("switched", "repositories/a/content/read")
    query = {"service": place.server, "offline_token": "true"}
    refresh = [
        place.as_user(user).get(f"https://{place.server}/oauth2/token", params=query).json()
        for user in (token, (admin.username, admin.passwords[0].value))
    ]
    assert [refreshed(place, one["refresh_token"]) for one in refresh] == [200, 200]
    client.tokens.begin_update(*where, "switched", {"properties": {"status": "disabled"}}).result()
    client.registries.begin_update(*where, {"properties": {"adminUserEnabled": False}}).result()
    assert [refreshed(place, one["refresh_token"]) for one in refresh] == [401, 401]


def test_a_principal_without_a_role_cannot_log_in(place: Place) -> None:
    store = Store(place.cloud.home / "state.db")
    key = place.cloud.home / "signing-key.pem"
    one = Principals(store, place.cloud.account.tenant_id, key).add("no-role", secret="secret-1")
    http = place.as_user((one.app_id, "secret-1"))
    token = f"https://{place.server}/oauth2/token"
    assert http.get(place.url("")).status_code == 401
    assert http.get(token, params={"service": place.server}).status_code == 401
    authorization = place.cloud.client(AuthorizationManagementClient)
    scope = f"{place.cloud.subscription}/resourceGroups/{place.group}"
    [role] = authorization.role_definitions.list(scope, filter="roleName eq 'AcrPull'")
    body = {"properties": {"roleDefinitionId": role.id, "principalId": one.object_id}}
    authorization.role_assignments.create(scope, str(uuid.uuid4()), body)
    assert http.get(place.url("")).status_code == 200
    assert http.get(token, params={"service": place.server}).status_code == 200
    store.close()
