"""Policies of registries as Azure Resource Manager takes them: what they can be, and what stays."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerregistry.models import (
    Policies,
    RegistryPropertiesUpdateParameters,
    RegistryUpdateParameters,
    RetentionPolicy,
    Sku,
)

from tests.conftest import LocalCloud
from tests.resource_manager.refusing import Place, assert_refused
from tests.resource_manager.test_requests import REGISTRIES, send
from tests.resource_manager.test_resource_manager import make_group, make_registry

KEPT, UNTAGGED = "softDeletePolicy", "retentionPolicy"


def policies(**given: Any) -> dict[str, Any]:
    return {"properties": {"policies": given}}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({KEPT: {"retentionDays": 0}}, f"{KEPT}.retentionDays' must be between 1 and 90"),
        ({KEPT: {"retentionDays": 91, "status": "disabled"}}, "between 1 and 90"),
        ({UNTAGGED: {"days": -1}}, f"{UNTAGGED}.days' must be between 0 and 365"),
        ({UNTAGGED: {"days": 366}}, "between 0 and 365"),
        ({UNTAGGED: {"days": "7"}}, f"{UNTAGGED}.days' must be an integer"),
        ({KEPT: {"status": "on"}}, f"{KEPT}.status' must be one of enabled, disabled"),
        ({KEPT: []}, f"'properties.policies.{KEPT}' must be an object"),
        ({KEPT: {"status": "enabled"}, UNTAGGED: {"status": "enabled"}}, "cannot have both"),
    ],
)
def test_what_a_policy_cannot_be_is_refused_and_changes_nothing(
    place: Place, policy: dict[str, Any], said: str
) -> None:
    before = place.send("GET", "{r}").json()["properties"]["policies"]
    answer = place.send("PATCH", "{r}", policies(**policy))
    assert_refused(answer, 400, "InvalidRequestContent", said)
    assert place.send("GET", "{r}").json()["properties"]["policies"] == before


def test_days_of_a_version_that_is_to_come_are_named(place: Place) -> None:
    answer = place.send("PATCH", "{r}", policies(**{KEPT: {"purgeAt": 1}}))
    assert_refused(answer, 501, "NotImplemented", f"properties.policies.{KEPT}.purgeAt")


def test_a_policy_stays_until_it_is_changed_and_a_new_body_has_none(place: Place) -> None:
    def shown(answer: Any) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["properties"]["policies"]
        return found

    was = shown(place.send("GET", "{r}"))[KEPT]
    on = shown(place.send("PATCH", "{r}", policies(**{KEPT: {"status": "Enabled"}})))[KEPT]
    assert (on["status"], on["retentionDays"]) == ("enabled", 7)
    assert on["lastUpdatedTime"] > was["lastUpdatedTime"]
    days = shown(place.send("PATCH", "{r}", policies(**{KEPT: {**on, "retentionDays": 90}})))[KEPT]
    assert (days["status"], days["retentionDays"]) == ("enabled", 90)
    same = shown(place.send("PATCH", "{r}", {"tags": {"a": "b"}, **policies(**{KEPT: days})}))
    assert same[KEPT] == days
    both = place.send("PATCH", "{r}", policies(**{UNTAGGED: {"status": "enabled"}}))
    assert_refused(both, 400, "InvalidRequestContent", "cannot have both")
    swapped = {KEPT: {"status": "disabled"}, UNTAGGED: {"status": "enabled", "days": 0}}
    held = shown(place.send("PATCH", "{r}", policies(**swapped)))
    assert (held[KEPT]["status"], held[UNTAGGED]["status"], held[UNTAGGED]["days"]) == (
        *("disabled", "enabled"),
        0,
    )
    body = {"location": "eastus", "sku": {"name": "Premium"}}
    anew = shown(place.send("PUT", "{r}", body))
    assert (anew[UNTAGGED]["status"], anew[UNTAGGED]["days"]) == ("disabled", 7)
    made = shown(place.send("PUT", "{r}", {**body, **policies(**swapped)}))
    assert (made[UNTAGGED]["status"], made[UNTAGGED]["days"]) == ("enabled", 0)
    assert shown(place.send("PUT", "{r}", body))[UNTAGGED]["status"] == "disabled"


@pytest.mark.parametrize("sku", ["Basic", "Standard"])
def test_retention_is_of_the_premium_sku_and_soft_delete_of_all(
    local_cloud: LocalCloud, sku: str
) -> None:
    group = make_group(local_cloud)
    path = f"resourceGroups/{group}/{REGISTRIES}/{make_registry(local_cloud, group, sku)}"
    refusal = send(local_cloud, "PATCH", path, policies(**{UNTAGGED: {"status": "enabled"}}))
    said = f"The SKU {sku} is not supported. Enabled policies.retentionPolicy needs Premium"
    assert_refused(refusal, 400, "SkuNotSupported", said)
    kept = send(local_cloud, "PATCH", path, policies(**{KEPT: {"status": "enabled"}}))
    assert kept.status_code == 200, kept.text
    both = {"sku": {"name": "Premium"}, **policies(**{KEPT: {"status": "disabled"}})}
    both["properties"]["policies"][UNTAGGED] = {"status": "enabled"}
    assert send(local_cloud, "PATCH", path, both).status_code == 200
    down = send(local_cloud, "PATCH", path, {"sku": {"name": sku}})
    assert_refused(down, 400, "SkuNotSupported", said)
    assert send(local_cloud, "GET", path, None).json()["sku"]["name"] == "Premium"


def test_the_sdk_sets_policies_by_its_models(local_cloud: LocalCloud) -> None:
    group = make_group(local_cloud)
    name = make_registry(local_cloud, group)
    client = local_cloud.client(ContainerRegistryManagementClient).registries

    def update(policy: Policies, **more: Any) -> Policies:
        given = RegistryPropertiesUpdateParameters(policies=policy)
        body = RegistryUpdateParameters(properties=given, **more)
        found: Policies = client.begin_update(group, name, body).result().properties.policies
        return found

    retained = update(Policies(retention_policy=RetentionPolicy(days=14, status="enabled")))
    assert retained.retention_policy is not None
    assert (retained.retention_policy.days, retained.retention_policy.status) == (14, "enabled")
    with pytest.raises(HttpResponseError, match=r"policies\.retentionPolicy needs Premium"):
        update(Policies(), sku=Sku(name="Basic"))
    update(Policies(retention_policy=RetentionPolicy(status="disabled")))
    # Of the soft delete policy the SDK's version has no model: it keeps what the service says.
    kept = update(Policies({"softDeletePolicy": {"status": "enabled", "retentionDays": 30}}))
    assert kept["softDeletePolicy"]["retentionDays"] == 30
