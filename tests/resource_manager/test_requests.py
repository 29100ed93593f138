"""What every request to the resource manager goes through: types, rights, and who comes first."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers.localcloud.api_versions import newest
from helpers.localcloud.principals import Principals
from helpers.localcloud.shapes import ShapeError, check_shape
from helpers.localcloud.store import Store
from tests.conftest import LocalCloud
from tests.resource_manager.test_resource_manager import make_group, make_registry

REGISTRIES = "providers/Microsoft.ContainerRegistry/registries"
VAULTS = "providers/Microsoft.KeyVault/vaults"
CONTAINERS = "providers/Microsoft.ContainerInstance/containerGroups"


def send(
    cloud: LocalCloud, method: str, path: str, body: Any, version: str | None = None
) -> requests.Response:
    url = f"https://management.azure.com{cloud.subscription}/{path}"
    return cloud.http().request(
        method,
        url,
        params={"api-version": newest(url) if version is None else version},
        json=body,
        headers={"Authorization": f"Bearer {cloud.token()}"},
    )


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("", {"location": "eastus", "tags": ["a"]}, "'tags' must be an object"),
        ("", {"location": "eastus", "tags": {"a": 1}}, "'tags.a' must be a string"),
        ("", {"location": ["eastus"]}, "'location' must be a string"),
        (f"{REGISTRIES}/somename1", {"location": "eastus", "sku": "Basic"}, "'sku' must be"),
        (
            f"{REGISTRIES}/somename1",
            {"location": "eastus", "properties": {"adminUserEnabled": "false"}},
            "'properties.adminUserEnabled' must be true or false",
        ),
        (
            f"{VAULTS}/somevault",
            {"properties": {"accessPolicies": [{"permissions": {"secrets": "get"}}]}},
            "'properties.accessPolicies[0].permissions.secrets' must be a list",
        ),
        (
            f"{VAULTS}/somevault",
            {"properties": {"softDeleteRetentionInDays": "7"}},
            "'properties.softDeleteRetentionInDays' must be an integer",
        ),
        (
            f"{CONTAINERS}/somegroup",
            {"properties": {"containers": [None]}},
            "'properties.containers[0]' must be an object",
        ),
        (
            f"{CONTAINERS}/somegroup",
            {"properties": {"ipAddress": {"ports": [{"port": "80"}]}}},
            "'properties.ipAddress.ports[0].port' must be an integer",
        ),
    ],
)
def test_a_field_of_another_type_is_refused_and_named(
    local_cloud: LocalCloud, path: str, body: Any, field: str
) -> None:
    group = make_group(local_cloud)
    answer = send(local_cloud, "PUT", f"resourceGroups/{group}/{path}".rstrip("/"), body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidRequestContent"
    assert field in answer.json()["error"]["message"]
    shown = local_cloud.client(ResourceManagementClient).resource_groups.get(group)
    assert not shown.tags


@pytest.mark.parametrize(
    ("value", "shape"),
    [(True, int), (1.5, int), (2**60, int), (True, float), (math.inf, float), ("", [str]), (1, {})],
)
def test_what_is_no_such_thing(value: Any, shape: Any) -> None:
    with pytest.raises(ShapeError, match="must be"):
        check_shape({"a": value}, {"a": shape})
    check_shape({"a": None, "b": value}, {"a": shape})


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"networkRuleSet": {"defaultAction": "Deny"}}, "networkRuleSet.defaultAction=Deny"),
        ({"policies": {"trustPolicy": {"status": "enabled"}}}, "policies.trustPolicy.status"),
        ({"anonymousPullEnabled": True}, "anonymousPullEnabled=true"),
    ],
)
def test_a_setting_that_is_missing_is_not_accepted_in_silence(
    local_cloud: LocalCloud, properties: dict[str, Any], named: str
) -> None:
    group = make_group(local_cloud)
    path = f"resourceGroups/{group}/{REGISTRIES}/{make_registry(local_cloud, group)}"
    answer = send(local_cloud, "PATCH", path, {"properties": properties})
    assert answer.status_code == 501
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNzd29yZA=="])
def test_without_a_bearer_token_nothing_is_answered(local_cloud: LocalCloud, header: str) -> None:
    answer = local_cloud.http().get(
        "https://management.azure.com/subscriptions", headers={"Authorization": header}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")
    assert local_cloud.account.tenant_id in answer.headers["WWW-Authenticate"]


def test_role_assignments_of_what_is_not_there_are_not_found(local_cloud: LocalCloud) -> None:
    group, guid = make_group(local_cloud), "providers/Microsoft.Authorization/roleAssignments/"
    guid += "00000000-0000-0000-0000-000000000001"
    gone = f"resourceGroups/{group}/{REGISTRIES}/nothere"
    owner = local_cloud.account.object_id
    acr_pull = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    body = {"properties": {"roleDefinitionId": acr_pull, "principalId": owner}}
    for method, path, code in (
        ("GET", f"resourceGroups/{group}/{guid}", "RoleAssignmentNotFound"),
        ("GET", f"{gone}/{guid}", "ResourceNotFound"),
        ("PUT", f"{gone}/{guid}", "ResourceNotFound"),
    ):
        answer = send(local_cloud, method, path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
    assert send(local_cloud, "DELETE", f"resourceGroups/{group}/{guid}", None).status_code == 204
    body["properties"]["condition"] = "@Resource[name] StringEquals 'a'"
    answer = send(local_cloud, "PUT", f"resourceGroups/{group}/{guid}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")


def test_another_subscription_is_not_found(local_cloud: LocalCloud) -> None:
    other = "/subscriptions/00000000-0000-0000-0000-000000000000"
    for method, path in (("GET", ""), ("GET", "/resourceGroups/a"), ("PUT", "/resourceGroups/a")):
        answer = local_cloud.http().request(
            method,
            f"https://management.azure.com{other}{path}",
            json={"location": "eastus"},
            headers={"Authorization": f"Bearer {local_cloud.token()}"},
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")
    assert send(local_cloud, "GET", "resourceGroups/a", None).status_code == 404


def test_of_many_that_create_one_name_at_once_one_gets_it(local_cloud: LocalCloud) -> None:
    groups = [make_group(local_cloud) for _ in range(8)]
    body = {"location": "eastus", "sku": {"name": "Basic"}}
    headers = {"Authorization": f"Bearer {local_cloud.token()}"}
    together = Barrier(len(groups))

    def create(group: str) -> list[int]:
        http, answers = local_cloud.http(), []
        base = f"https://management.azure.com{local_cloud.subscription}/resourceGroups/{group}"
        http.get(base, headers=headers)  # the connection is there before it begins
        for number in range(5):
            url = f"{base}/{REGISTRIES}/{name}{number}"
            together.wait(30)
            answers.append(http.put(url, json=body, headers=headers).status_code)
        return answers

    name = f"race{uuid.uuid4().hex[:8]}x"
    with ThreadPoolExecutor(len(groups)) as pool:
        rounds = zip(*pool.map(create, groups), strict=True)
        assert [sorted(answers) for answers in rounds] == [[201, *[409] * 7]] * 5


@pytest.fixture
def reader(local_cloud: LocalCloud) -> Iterator[tuple[str, ClientSecretCredential]]:
    """A service principal that may read one resource group; returns the group, too."""
    group = make_group(local_cloud)
    store = Store(local_cloud.home / "state.db")
    tenant = local_cloud.account.tenant_id
    one = Principals(store, tenant, local_cloud.home / "signing-key.pem").add("r", secret="its")
    authorization = local_cloud.client(AuthorizationManagementClient)
    scope = f"{local_cloud.subscription}/resourceGroups/{group}"
    [role] = authorization.role_definitions.list(scope, filter="roleName eq 'Reader'")
    body = {"properties": {"roleDefinitionId": role.id, "principalId": one.object_id}}
    authorization.role_assignments.create(scope, str(uuid.uuid4()), body)
    yield group, ClientSecretCredential(tenant, one.app_id, "its", **local_cloud.options)
    store.close()


def test_a_subscription_lists_to_a_caller_what_it_may_read(
    local_cloud: LocalCloud, reader: tuple[str, ClientSecretCredential]
) -> None:
    group, credential = reader
    own, other = (
        make_registry(local_cloud, group),
        make_registry(local_cloud, make_group(local_cloud)),
    )
    arguments = (credential, local_cloud.account.subscription_id)
    resources = ResourceManagementClient(*arguments, **local_cloud.options)
    registries = ContainerRegistryManagementClient(*arguments, **local_cloud.options)
    assert [one.name for one in resources.resource_groups.list()] == [group]
    kind = "Microsoft.ContainerRegistry/registries"
    found = resources.resources.list(filter=f"resourceType eq '{kind}'")
    assert [one.name for one in found] == [own]
    assert [one.name for one in registries.registries.list()] == [own]
    everything = local_cloud.client(ContainerRegistryManagementClient).registries.list()
    assert {own, other} <= {one.name for one in everything}


def test_a_refusal_names_the_resource_not_its_action(
    local_cloud: LocalCloud, reader: tuple[str, ClientSecretCredential]
) -> None:
    group, credential = reader
    name = make_registry(local_cloud, group)
    theirs = ContainerRegistryManagementClient(
        credential, local_cloud.account.subscription_id, **local_cloud.options
    )
    with pytest.raises(HttpResponseError) as caught:
        theirs.registries.list_credentials(group, name)
    scope = f"{local_cloud.subscription}/resourceGroups/{group}/{REGISTRIES}/{name}"
    assert (
        f"perform action 'Microsoft.ContainerRegistry/registries/listCredentials/action' over scope "
        f"'{scope}' or the scope is invalid"
    ) in caught.value.message


@pytest.mark.parametrize("image", ["library/NODE:1", "library/node:", "a//b:1", "a:b:c"])
def test_an_import_of_what_is_no_image_is_refused(local_cloud: LocalCloud, image: str) -> None:
    group = make_group(local_cloud)
    path = f"resourceGroups/{group}/{REGISTRIES}/{make_registry(local_cloud, group)}/importImage"
    source = {"registryUri": "docker.io", "sourceImage": image}
    answer = send(local_cloud, "POST", path, {"source": source, "targetTags": ["a:1"]})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidImageReference"
    source["sourceImage"] = "library/node:15-alpine"
    answer = send(local_cloud, "POST", path, {"source": source, "targetTags": [image]})
    assert answer.status_code == 400
    assert "invalid reference format" in answer.json()["error"]["message"]


def test_repeated_slashes_are_one(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    kind = "providers/Microsoft.ContainerRegistry//registries"  # az container export sends such
    answer = send(local_cloud, "GET", f"resourceGroups/{group}/{kind}/{name}", None)
    assert answer.json()["name"] == name


def test_listings_are_filtered_by_tag(local_cloud: LocalCloud) -> None:
    client = local_cloud.client(ResourceManagementClient)
    mark, group, other = uuid.uuid4().hex, make_group(local_cloud), make_group(local_cloud)
    name = make_registry(local_cloud, group)
    client.resource_groups.create_or_update(group, {"location": "eastus", "tags": {mark: "1"}})
    client.resource_groups.create_or_update(other, {"location": "eastus", "tags": {mark: "2"}})
    registry = f"resourceGroups/{group}/{REGISTRIES}/{name}"
    assert send(local_cloud, "PATCH", registry, {"tags": {mark: "3"}}).status_code == 200

    def groups(text: str) -> list[str]:
        return [one.name for one in client.resource_groups.list(filter=text)]

    assert groups(f"tagName eq '{mark.upper()}'") == [group, other]
    assert groups(f"tagName eq '{mark}' and tagValue eq '2'") == [other]
    assert groups(f"tagName eq '{mark}' and tagValue eq '3'") == []
    found = client.resources.list(filter=f"tagname eq '{mark}' and tagvalue eq '3'")
    assert [one.name for one in found] == [name]
    text = f"resourceGroup eq '{group}'"
    [shown] = client.resources.list(filter=text, expand="createdTime,changedTime,provisioningState")
    assert shown.created_time <= shown.changed_time
    assert shown.provisioning_state == "Succeeded"
    [shown] = client.resources.list(filter=text)
    assert (shown.created_time, shown.provisioning_state) == (None, None)
    with pytest.raises(HttpResponseError, match="InvalidFilterInQueryString"):
        groups("name eq 'a'")


def test_every_type_names_the_version_that_generic_clients_ask_for(local_cloud: LocalCloud) -> None:
    client = local_cloud.client(ResourceManagementClient)
    for provider in client.providers.list():
        assert all(one.api_versions for one in provider.resource_types), provider.namespace
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    place = f"{local_cloud.subscription}/resourceGroups/{group}/{REGISTRIES}/{name}"
    [versions] = [
        one.api_versions
        for one in client.providers.get("Microsoft.ContainerRegistry").resource_types
        if one.resource_type == "registries"
    ]
    assert client.resources.get_by_id(place, api_version=versions[0]).name == name
