"""What a region gives container groups: usages, capabilities, images; and the quota that holds."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError

from helpers.localcloud.errors import CloudError
from helpers.localcloud.resource_manager import container_locations

from .groups import Azure
from .running_groups import Groups


def test_usages_count_what_is_there(groups: Groups) -> None:
    def used() -> dict[str, int]:
        return {
            one.name.value: one.current_value for one in groups.client.location.list_usage("westus")
        }

    assert used() == {"ContainerGroups": 0, "StandardCores": 0}
    groups.create(
        "far",
        "true",
        location="westus",
        container={"resources": {"requests": {"cpu": 2, "memoryInGB": 1}}},
    )
    assert used() == {"ContainerGroups": 1, "StandardCores": 2}
    [groups_of_it, cores] = groups.client.location.list_usage("West US")
    assert (groups_of_it.limit, groups_of_it.unit) == (100, "Count")
    assert (cores.limit, cores.name.localized_value) == (100, "Standard Cores")


def test_capabilities_are_what_is_enforced(groups: Groups) -> None:
    [found] = groups.client.location.list_capabilities("eastus")
    assert (found.os_type, found.ip_address_type, found.gpu) == ("Linux", "Public", "None")
    assert (found.capabilities.max_cpu, found.capabilities.max_memory_in_gb) == (4, 16)


def test_cached_images_are_those_that_nobody_needs_to_push(groups: Groups) -> None:
    found = {one.image: one.os_type for one in groups.client.location.list_cached_images("eastus")}
    assert found["node:15-alpine"] == "Linux"


def test_a_region_that_there_is_not(groups: Groups) -> None:
    with pytest.raises(HttpResponseError, match="LocationNotAvailable") as refused:
        list(groups.client.location.list_usage("moon"))
    assert refused.value.status_code == 400


@pytest.mark.parametrize(("name", "limit"), [("ContainerGroups", 1), ("StandardCores", 1)])
def test_more_than_the_quota(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    azure.put("first")
    monkeypatch.setitem(container_locations.QUOTAS, name, limit)
    with pytest.raises(CloudError) as refused:
        azure.put("second")
    assert (refused.value.status, refused.value.code) == (409, "ContainerGroupQuotaReached")
    assert refused.value.message == (
        f"Resource type 'Microsoft.ContainerInstance/containerGroups' container group quota '{name}' "
        "exceeded in region 'eastus'. Limit: '1', Usage: '1' Requested: '1'."
    )
    azure.put("first")  # it is counted once
