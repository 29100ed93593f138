"""What the resource manager refuses, and the small operations beside the large ones."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from tests.conftest import LocalCloud
from tests.resource_manager.test_requests import REGISTRIES, VAULTS, send
from tests.resource_manager.test_resource_manager import make_group, make_registry

from .refusing import ROLES, Place, assert_refused, vault_body

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
NOWHERE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/nowhere"
)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "message"),
    [
        (
            "PUT",
            "{r}",
            {"location": "westus", "sku": {"name": "Premium"}},
            409,
            "InvalidResourceLocation",
            "eastus",
        ),
        ("PUT", "{r}", {"sku": {"name": "Premium"}}, 400, "LocationRequired", "location property"),
        ("PATCH", "{r}", {"sku": {"name": "Gold"}}, 400, "InvalidSku", "SKU name 'Gold'"),
        (
            "PUT",
            "resourceGroups/dot.",
            {"location": "eastus"},
            400,
            "InvalidResourceGroupName",
            "'dot.' is not valid",
        ),
        (
            "PUT",
            "{g}",
            {"location": "westus"},
            409,
            "InvalidResourceGroupLocation",
            "already exists in location 'eastus'",
        ),
        (
            "GET",
            "providers/Microsoft.Nothing",
            None,
            404,
            "InvalidResourceNamespace",
            "Microsoft.Nothing",
        ),
        (
            "PUT",
            "{g}/" + VAULTS + "/two--hyphens",
            {"location": "eastus"},
            400,
            "VaultNameNotValid",
            "The vault name 'two--hyphens' is invalid",
        ),
        (
            "PUT",
            "{v}/accessPolicies/swap",
            {"properties": {"accessPolicies": []}},
            400,
            "InvalidRequestContent",
            "'swap' is add, replace or remove",
        ),
        ("POST", "{r}/importImage", {"source": {}}, 400, "InvalidSourceImage", "sourceImage"),
        (
            "POST",
            "{r}/importImage",
            {"source": {"sourceImage": "node:15"}},
            400,
            "InvalidRequestContent",
            "One of source.registryUri and source.resourceId",
        ),
        (
            "POST",
            "{r}/importImage",
            {"source": {"sourceImage": "node:15", "resourceId": NOWHERE}},
            403,
            "LinkedAuthorizationFailed",
            "nowhere",
        ),
        (
            "PUT",
            "{g}/" + ROLES + "/roleAssignments/guid",
            {"properties": {"roleDefinitionId": ACR_PULL, "principalId": "a"}},
            400,
            "InvalidRoleAssignmentId",
            "'guid' must be a GUID",
        ),
        (
            "PUT",
            "{g}/" + ROLES + "/roleAssignments/00000000-0000-0000-0000-0000000000a1",
            {"properties": {"roleDefinitionId": "no-role", "principalId": "a"}},
            404,
            "RoleDefinitionDoesNotExist",
            "ID 'norole' does not exist",
        ),
        (
            "PUT",
            "{g}/" + ROLES + "/roleAssignments/00000000-0000-0000-0000-0000000000a1",
            {"properties": {"roleDefinitionId": ACR_PULL, "principalId": "no-one"}},
            400,
            "PrincipalNotFound",
            "Principal noone does not exist",
        ),
        (
            "GET",
            ROLES + "/roleDefinitions/no-role",
            None,
            404,
            "RoleDefinitionDoesNotExist",
            "'norole' does not exist",
        ),
    ],
)
def test_a_refusal_says_why(
    place: Place, method: str, path: str, body: Any, status: int, code: str, message: str
) -> None:
    answer = place.send(method, path, body)
    assert_refused(answer, status, code, message)


def test_the_two_admin_passwords_are_renewed_one_by_one(place: Place) -> None:
    path = "{r}/regenerateCredential"
    assert place.send("POST", path, {"name": "password"}).status_code == 400
    place.send("PATCH", "{r}", {"properties": {"adminUserEnabled": True}})

    def passwords(answer: requests.Response) -> dict[str, str]:
        assert answer.status_code == 200
        assert answer.json()["username"] == place.registry
        return {one["name"]: one["value"] for one in answer.json()["passwords"]}

    before = passwords(place.send("POST", "{r}/listCredentials"))
    refused = place.send("POST", path, {"name": "password3"})
    assert refused.status_code == 400
    assert "must be 'password' or 'password2'" in refused.json()["error"]["message"]
    first = passwords(place.send("POST", path, {"name": "password"}))
    assert first["password"] != before["password"]
    assert first["password2"] == before["password2"]
    second = passwords(place.send("POST", path, {"name": "password2"}))
    assert second["password"] == first["password"]
    assert second["password2"] != first["password2"]
    assert passwords(place.send("POST", "{r}/listCredentials")) == second


def test_a_name_that_is_taken_is_not_available(place: Place) -> None:
    for kind, name, reason in (
        ("ContainerRegistry", place.registry, "AlreadyExists"),
        ("ContainerRegistry", "no-hyphens", "Invalid"),
        ("KeyVault", place.vault, "AlreadyExists"),
        ("KeyVault", "a", "AccountNameInvalid"),
    ):
        path = f"providers/Microsoft.{kind}/checkNameAvailability"
        answer = place.send("POST", path, {"name": name}).json()
        assert (answer["nameAvailable"], answer["reason"]) == (False, reason)
        assert name in answer["message"]
        assert place.send("POST", path, {"name": uuid.uuid4().hex[:9] + "x"}).status_code == 200


def test_the_name_of_a_registry_is_asked_for_with_what_its_login_server_is_to_be(
    place: Place,
) -> None:
    """What az acr check-name sends since 2.74."""
    path = "providers/Microsoft.ContainerRegistry/checkNameAvailability"
    body = {"name": "Available1", "type": "Microsoft.ContainerRegistry/registries"}
    scope = "autoGeneratedDomainNameLabelScope"
    assert place.send("POST", path, {**body, scope: "Unsecure"}).json() == {
        "availableLoginServerName": "available1.azurecr.io",
        "nameAvailable": True,
    }
    answer = place.send("POST", path, {**body, scope: "NoReuse", "resourceGroupName": "g"})
    assert answer.status_code == 501
    assert scope in answer.json()["error"]["message"]


def test_a_vault_name_belongs_to_one_vault(place: Place, local_cloud: LocalCloud) -> None:
    other = make_group(local_cloud)
    path = f"resourceGroups/{other}/{VAULTS}/{place.vault}"
    answer = place.send("PUT", path, vault_body(local_cloud))
    assert answer.status_code == 409
    assert place.vault in answer.json()["error"]["message"]
    assert place.send("GET", path).status_code == 404
    assert place.send("DELETE", path).status_code == 204


def test_a_permission_is_taken_away_alone(place: Place, local_cloud: LocalCloud) -> None:
    owner = local_cloud.account.object_id
    identity = {"tenantId": local_cloud.account.tenant_id, "objectId": owner}

    def change(kind: str, secrets: list[str]) -> Any:
        policy = {**identity, "permissions": {"secrets": secrets}}
        body = {"properties": {"accessPolicies": [policy]}}
        answer = place.send("PUT", f"{{v}}/accessPolicies/{kind}", body)
        assert answer.status_code in (200, 201)
        [shown] = place.send("GET", "{v}").json()["properties"]["accessPolicies"]
        return shown["permissions"]["secrets"]

    assert change("add", ["get", "list"]) == ["get", "list"]
    assert change("add", ["list", "set"]) == ["get", "list", "set"]
    assert change("remove", ["list"]) == ["get", "set"]


def test_tags_are_replaced_where_they_are_named(place: Place) -> None:
    for path in ("{g}", "{r}", "{v}"):
        changed = place.send("PATCH", path, {"tags": {"a": "1"}})
        assert changed.status_code in (200, 201)
        assert place.send("GET", path).json()["tags"] == {"a": "1"}
        place.send("PATCH", path, {})
        assert place.send("GET", path).json()["tags"] == {"a": "1"}
        place.send("PATCH", path, {"tags": None})
        assert not place.send("GET", path).json().get("tags")


def test_the_sku_changes_and_the_group_lists_its_registries(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    names = sorted(make_registry(local_cloud, group) for _ in range(2))
    path = f"resourceGroups/{group}/{REGISTRIES}"
    changed = send(local_cloud, "PATCH", f"{path}/{names[0]}", {"sku": {"name": "basic"}})
    assert changed.json()["sku"] == {"name": "Basic", "tier": "Basic"}
    found = send(local_cloud, "GET", path, None).json()["value"]
    assert {one["name"]: one["sku"]["name"] for one in found} == {
        names[0]: "Basic",
        names[1]: "Premium",
    }


def test_role_definitions_by_id_and_by_filter(place: Place) -> None:
    path = ROLES + "/roleDefinitions"
    shown = place.send("GET", f"{path}/{ACR_PULL}")
    assert shown.status_code == 200
    assert shown.json()["properties"]["roleName"] == "AcrPull"
    http = place.cloud.http()
    http.headers["Authorization"] = f"Bearer {place.cloud.token()}"
    query = "api-version=2022-04-01"
    root = f"https://management.azure.com/{path}/{ACR_PULL}?{query}"
    assert http.get(root).json() == shown.json()
    listed = f"https://management.azure.com{place.cloud.subscription}/{path}?{query}&$filter="
    assert http.get(listed + "type eq 'CustomRole'").json() == {"value": []}
    [found] = http.get(listed + "type eq 'BuiltInRole' and roleName eq 'acrpull'").json()["value"]
    assert found["name"] == ACR_PULL


def test_a_role_assignment_keeps_its_scope(place: Place, local_cloud: LocalCloud) -> None:
    name = str(uuid.uuid4())
    owner = local_cloud.account.object_id
    body = {"properties": {"roleDefinitionId": ACR_PULL, "principalId": owner}}
    path = f"{ROLES}/roleAssignments/"
    made = place.send("PUT", f"{{g}}/{path}{name}", body)
    assert (made.status_code, made.json()["properties"]["scope"]) == (201, place.id("{g}"))
    moved = place.send("PUT", f"{{r}}/{path}{name}", body)
    assert_refused(moved, 400, "RoleAssignmentUpdateNotPermitted", "not allowed to be updated")
    again = place.send("PUT", f"{{g}}/{path}{uuid.uuid4()}", body)
    assert_refused(again, 409, "RoleAssignmentExists", name.replace("-", ""))
    gone = place.send("DELETE", f"{{g}}/{path}{name}")
    assert (gone.status_code, gone.json()) == (200, made.json())


def test_a_provider_is_registered_already(place: Place) -> None:
    answer = place.send("POST", "providers/microsoft.keyvault/register")
    assert answer.status_code == 200
    assert answer.json()["namespace"] == "Microsoft.KeyVault"
    assert answer.json()["registrationState"] == "Registered"
