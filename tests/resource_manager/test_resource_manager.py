"""Groups, registries, tokens and roles through the Azure SDK."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.principals import Principals
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud


def groups(cloud: LocalCloud) -> Any:
    return cloud.client(ResourceManagementClient).resource_groups


def registries(cloud: LocalCloud) -> Any:
    return cloud.client(ContainerRegistryManagementClient)


def make_group(cloud: LocalCloud) -> str:
    name = f"group-{uuid.uuid4().hex[:8]}"
    groups(cloud).create_or_update(name, {"location": "East US"})
    return name


def make_registry(cloud: LocalCloud, group: str, sku: str = "Premium") -> str:
    name = f"registry{uuid.uuid4().hex[:8]}"
    parameters = {"location": "eastus", "sku": {"name": sku}}
    created = registries(cloud).registries.begin_create(group, name, parameters).result()
    assert created.login_server == f"{name}.azurecr.io"
    assert created.provisioning_state == "Succeeded"
    return name


def error(caught: Any) -> str:
    return str(caught.value.error.code)


def test_group_create_get_list_delete(local_cloud: LocalCloud) -> None:
    name = make_group(local_cloud)
    assert groups(local_cloud).get(name.upper()).name == name
    assert name in [one.name for one in groups(local_cloud).list()]
    assert groups(local_cloud).check_existence(name)
    groups(local_cloud).begin_delete(name).result()
    with pytest.raises(ResourceNotFoundError) as caught:
        groups(local_cloud).get(name)
    assert error(caught) == "ResourceGroupNotFound"
    assert not groups(local_cloud).check_existence(name)


def test_deleting_a_group_deletes_what_is_inside(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    registry = make_registry(local_cloud, group)
    groups(local_cloud).begin_delete(group).result()
    answer = registries(local_cloud).registries.check_name_availability(
        {"name": registry, "type": "Microsoft.ContainerRegistry/registries"}
    )
    assert answer.name_available


@pytest.mark.parametrize("name", ["four", "with-hyphen", "x" * 51])
def test_registry_names_follow_azures_rule(local_cloud: LocalCloud, name: str) -> None:
    group = make_group(local_cloud)
    parameters = {"location": "eastus", "sku": {"name": "Basic"}}
    with pytest.raises(HttpResponseError) as caught:
        registries(local_cloud).registries.begin_create(group, name, parameters)
    assert error(caught) == "InvalidResourceName"
    answer = registries(local_cloud).registries.check_name_availability(
        {"name": name, "type": "Microsoft.ContainerRegistry/registries"}
    )
    assert (answer.name_available, answer.reason) == (False, "Invalid")


def test_a_registry_name_is_taken_in_every_group(local_cloud: LocalCloud) -> None:
    first, second = make_group(local_cloud), make_group(local_cloud)
    name = make_registry(local_cloud, first)
    parameters = {"location": "eastus", "sku": {"name": "Basic"}}
    with pytest.raises(ResourceExistsError) as caught:
        registries(local_cloud).registries.begin_create(second, name, parameters)
    assert error(caught) == "AlreadyInUse"


def test_an_unknown_group_location_or_sku_is_refused(local_cloud: LocalCloud) -> None:
    create = registries(local_cloud).registries.begin_create
    group = make_group(local_cloud)
    for place, parameters, code in (
        ("nowhere", {"location": "eastus", "sku": {"name": "Basic"}}, "ResourceGroupNotFound"),
        (group, {"location": "moon", "sku": {"name": "Basic"}}, "LocationNotAvailable"),
        (group, {"location": "eastus", "sku": {"name": "Gold"}}, "InvalidSku"),
    ):
        with pytest.raises(HttpResponseError) as caught:
            create(place, "somename1", parameters)
        assert error(caught).startswith(code)


def test_the_resources_filter_of_the_cli(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    resources = local_cloud.client(ResourceManagementClient).resources
    wanted = "resourceType eq 'Microsoft.ContainerRegistry/registries'"
    assert name in [one.name for one in resources.list(filter=wanted)]
    [found] = resources.list(filter=f"{wanted} and name eq '{name}'")
    assert found.id.endswith(f"/resourceGroups/{group}/providers/{found.type}/{name}")


def test_tokens_and_scope_maps(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    client = registries(local_cloud)
    built_in = client.scope_maps.get(group, name, "_repositories_pull")
    assert built_in.actions == ["repositories/*/content/read"]
    scope_map = client.scope_maps.begin_create(
        group, name, "hello-read", {"properties": {"actions": ["repositories/hello/content/read"]}}
    ).result()
    token = client.tokens.begin_create(
        group, name, "hello-token", {"properties": {"scopeMapId": scope_map.id}}
    ).result()
    made = client.registries.begin_generate_credentials(group, name, {"tokenId": token.id}).result()
    assert made.username == "hello-token"
    assert [one.name for one in made.passwords] == ["password1", "password2"]
    again = client.registries.begin_generate_credentials(
        group, name, {"tokenId": token.id, "name": "password1"}
    ).result()
    assert [one.name for one in again.passwords] == ["password1"]
    assert again.passwords[0].value != made.passwords[0].value
    shown = client.tokens.get(group, name, "hello-token")
    assert all(one.value is None for one in shown.credentials.passwords)
    state = (local_cloud.home / "state.db").read_bytes()
    assert made.passwords[0].value.encode() not in state
    with pytest.raises(HttpResponseError, match="is used by the token"):
        client.scope_maps.begin_delete(group, name, "hello-read").result()
    with pytest.raises(HttpResponseError, match="system-defined"):
        client.scope_maps.begin_delete(group, name, "_repositories_pull").result()
    with pytest.raises(HttpResponseError, match="content/execute"):
        client.scope_maps.begin_create(
            group, name, "wrong", {"properties": {"actions": ["repositories/a/content/execute"]}}
        )
    with pytest.raises(HttpResponseError, match="expiry"):
        client.registries.begin_generate_credentials(
            group, name, {"tokenId": token.id, "expiry": "2020-01-01T00:00:00Z"}
        ).result()


def test_a_password_that_is_deleted_opens_nothing(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    client = registries(local_cloud)
    scope_map = client.scope_maps.get(group, name, "_repositories_pull")
    token = client.tokens.begin_create(
        group, name, "some-token", {"properties": {"scopeMapId": scope_map.id}}
    ).result()
    made = client.registries.begin_generate_credentials(group, name, {"tokenId": token.id}).result()

    def statuses() -> list[int]:
        http = local_cloud.http()
        url = f"https://{name}.azurecr.io/v2/"
        return [
            http.get(url, auth=("some-token", str(one.value))).status_code for one in made.passwords
        ]

    assert statuses() == [200, 200]
    client.tokens.begin_update(group, name, "some-token", {"properties": {"status": "enabled"}})
    assert statuses() == [200, 200]
    kept = {"properties": {"credentials": {"passwords": [{"name": "password2"}]}}}
    changed = client.tokens.begin_update(group, name, "some-token", kept).result()
    assert [one.name for one in changed.credentials.passwords] == ["password2"]
    assert statuses() == [401, 200]


def test_a_password_is_never_taken_for_an_option(local_cloud: LocalCloud) -> None:
    from helpers.localcloud.passwords import new_password

    made = {new_password() for _ in range(500)}
    assert len(made) == 500
    assert all(one.isalnum() and one.isascii() and len(one) == 52 for one in made)
    assert local_cloud.account.client_secret.isalnum()


def test_a_registry_made_again_is_empty_and_keeps_what_is_pushed(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    client = registries(local_cloud)
    image = {
        "source": {"registryUri": "docker.io", "sourceImage": "library/node:15-alpine"},
        "targetTags": ["node:1"],
    }
    parameters = {"location": "eastus", "sku": {"name": "Basic"}}
    store = Store(local_cloud.home / "state.db")
    query = "SELECT tag FROM registry_tags WHERE registry=?"
    for _ in range(3):
        client.registries.begin_import_image(group, name, image).result()
        client.registries.begin_delete(group, name).result()
        assert store.query(query, (f"{name}.azurecr.io",)) == []
        client.registries.begin_create(group, name, parameters).result()
    store.close()


def test_without_a_role_nothing_is_allowed(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    store = Store(local_cloud.home / "state.db")
    principals = Principals(
        store, local_cloud.account.tenant_id, local_cloud.home / "signing-key.pem"
    )
    one = principals.add("somebody", secret="secret-of-somebody")
    credential = ClientSecretCredential(
        local_cloud.account.tenant_id, one.app_id, "secret-of-somebody", **local_cloud.options
    )
    theirs = ResourceManagementClient(
        credential, local_cloud.account.subscription_id, **local_cloud.options
    ).resource_groups
    with pytest.raises(HttpResponseError) as caught:
        theirs.get(group)
    assert (caught.value.status_code, error(caught)) == (403, "AuthorizationFailed")
    assert one.object_id in caught.value.message
    assignments = local_cloud.client(AuthorizationManagementClient).role_assignments
    scope = f"{local_cloud.subscription}/resourceGroups/{group}"
    definitions = local_cloud.client(AuthorizationManagementClient).role_definitions
    [reader] = definitions.list(scope, filter="roleName eq 'reader'")
    body = {"properties": {"roleDefinitionId": reader.id, "principalId": one.object_id}}
    made = assignments.create(scope, str(uuid.uuid4()), body)
    assert theirs.get(group).name == group
    with pytest.raises(HttpResponseError, match="resourceGroups/write"):
        theirs.create_or_update(group, {"location": "eastus"})
    with pytest.raises(ResourceExistsError) as caught:
        assignments.create(scope, str(uuid.uuid4()), body)
    assert error(caught) == "RoleAssignmentExists"
    assert made.id in [each.id for each in assignments.list_for_scope(scope)]
    mine = assignments.list_for_scope(scope, filter=f"assignedTo('{one.object_id}')")
    assert [each.id for each in mine] == [made.id]
    with pytest.raises(HttpResponseError, match="not supported at 'createdBy'"):
        list(assignments.list_for_scope(scope, filter="createdBy eq 'a'"))
    assignments.delete_by_id(made.id)
    with pytest.raises(HttpResponseError):
        theirs.get(group)
    unknown = {"properties": {**body["properties"], "principalId": str(uuid.uuid4())}}
    with pytest.raises(HttpResponseError, match="does not exist in the directory"):
        assignments.create(scope, str(uuid.uuid4()), unknown)
    store.close()


def test_what_is_missing_says_so(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    with pytest.raises(HttpResponseError) as caught:
        list(registries(local_cloud).replications.list(group, name))
    assert caught.value.status_code == 501
    assert "registries/replications" in caught.value.message


def test_a_body_that_is_not_json_is_refused(local_cloud: LocalCloud) -> None:
    answer = local_cloud.http().put(
        f"https://management.azure.com{local_cloud.subscription}/resourceGroups/some-group",
        data=b"{not json",
        headers={"Authorization": f"Bearer {local_cloud.token()}"},
    )
    assert answer.json()["error"]["code"] == "InvalidRequestContent"
    assert answer.status_code == 400
