"""Subscriptions, tenants, regions, providers and resource groups with the SDK, in both of its forms."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

from helpers.localcloud.regions import GEOGRAPHY_GROUPS, LOCATIONS
from tests.az import Az
from tests.resource_manager.deploying import Target, target, unique
from tests.resource_manager.test_resource_manager import make_registry
from tests.sdk import Sdk, error_of

__all__ = ["target"]


def test_who_signs_in_finds_subscription_and_tenant(sdk: Sdk) -> None:
    client, account = sdk.client(SubscriptionClient), sdk.cloud.account
    [listed] = client.subscriptions.list()
    found = client.subscriptions.get(account.subscription_id)
    assert found.as_dict() == listed.as_dict()
    assert (found.subscription_id, found.tenant_id) == (account.subscription_id, account.tenant_id)
    assert (found.display_name, found.state) == ("Local cloud", "Enabled")
    assert (found.subscription_policies.spending_limit, found.authorization_source) == (
        *("Off", "RoleBased"),
    )
    [tenant] = client.tenants.list()
    assert (tenant.id, tenant.tenant_id) == (f"/tenants/{account.tenant_id}", account.tenant_id)
    assert (tenant.tenant_category, tenant.tenant_type) == ("Home", "AAD")
    assert tenant.default_domain in tenant.domains
    with pytest.raises(HttpResponseError) as refused:
        client.subscriptions.get("00000000-0000-0000-0000-000000000009")
    assert error_of(refused).code == "SubscriptionNotFound"


def test_regions_are_chosen_by_what_is_told_of_them(sdk: Sdk) -> None:
    client, subscription = sdk.client(SubscriptionClient), sdk.cloud.account.subscription_id
    found = {one.name: one for one in client.subscriptions.list_locations(subscription)}
    assert {name: one.display_name for name, one in found.items()} == LOCATIONS
    assert {one.type for one in found.values()} == {"Region"}
    assert {one.metadata.region_type for one in found.values()} == {"Physical"}
    europe = {name for name, one in found.items() if one.metadata.geography_group == "Europe"}
    assert {"westeurope", "northeurope"} < europe
    assert "eastus" not in europe
    assert found["eastus"].regional_display_name == "(US) East US"
    assert found["westus"].metadata.region_category == "Other"
    assert found["eastus"].metadata.region_category == "Recommended"
    assert set(GEOGRAPHY_GROUPS) == set(LOCATIONS)


def test_az_chooses_regions_by_their_group(az: Az) -> None:
    query = "[?metadata.geographyGroup=='Canada'].name"
    found = az.json("account", "list-locations", "--query", query)
    assert found == ["canadacentral", "canadaeast"]
    table = az.ok("account", "list-locations", "-o", "table")
    assert "(Asia Pacific) Japan East" in table


def test_a_group_is_changed_and_deleted(sdk: Sdk, target: Target) -> None:
    """The poller waits until it is gone, with what was in it."""
    manager = sdk.manager(ResourceManagementClient)
    groups, name = manager.resource_groups, unique("g")
    groups.create_or_update(name, {"location": "West US 2", "tags": {"a": "1"}})
    registry = make_registry(sdk.cloud, name)
    changed = groups.update(name, {"tags": {"b": "2"}})
    assert (changed.location, changed.tags) == ("westus2", {"b": "2"})
    assert groups.get(name).as_dict() == changed.as_dict()
    assert groups.update(name, {}).tags == {"b": "2"}
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        groups.update("nowhere", {"tags": {}})
    going_on = groups.begin_delete(name)
    going_on.result()
    assert (going_on.done(), going_on.status()) == (True, "Succeeded")
    assert not groups.check_existence(name)
    everywhere = manager.resources.list(filter=f"name eq '{registry}'")
    assert list(everywhere) == []


def test_providers_are_registered(sdk: Sdk) -> None:
    """The SDK registers what a subscription lacks; here all that there are have been."""
    providers = sdk.manager(ResourceManagementClient).providers
    name = "Microsoft.ContainerRegistry"
    assert providers.register(name).registration_state == "Registered"
    shown = providers.get(name)
    assert shown.registration_policy == "RegistrationRequired"
    kinds = {one.resource_type for one in shown.resource_types}
    assert {"registries", "registries/tasks", "registries/webhooks"} <= kinds
    assert name in {one.namespace for one in providers.list()}
    with pytest.raises(HttpResponseError, match="Microsoft.Nothing"):
        providers.register("Microsoft.Nothing")
