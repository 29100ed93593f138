"""Microsoft.ContainerInstance/locations: what a region gives container groups, and what of it is used."""

from __future__ import annotations

from collections.abc import Iterable

from ..cloud import Cloud
from ..container_instances.state import requested
from ..errors import CloudError
from ..reference import DOCKER_HUB
from ..registry import supply
from ..resource_types import CONTAINER_GROUP_TYPE
from ..store import Resource
from .container_group_rules import MAXIMUM_CPU, MAXIMUM_MEMORY_IN_GB
from .locations import location_of
from .routing import Call, Reply, Router

_PROVIDER = "Microsoft.ContainerInstance/locations"
_LOCATION = f"/subscriptions/{{subscription}}/providers/{_PROVIDER}/{{location}}"
# learn.microsoft.com, "Resource availability & quota limits for ACI": an Enterprise Agreement's
QUOTAS = {"ContainerGroups": 100, "StandardCores": 100}
_WORDS = {"ContainerGroups": "Container Groups", "StandardCores": "Standard Cores"}
router = Router()


@router.operation("GET", _LOCATION + "/usages", f"{_PROVIDER}/usages/read")
def list_usage(call: Call) -> Reply:
    """Location_ListUsage: container groups and their CPUs, and how many there may be."""
    location = _location(call)
    used = _used(call.cloud.store.find(type=CONTAINER_GROUP_TYPE), location)
    found = [
        {
            "id": f"{call.cloud.subscription}/providers/{_PROVIDER}/{location}/usages/{name}",
            "unit": "Count",
            "currentValue": int(used[name]),
            "limit": limit,
            "name": {"value": name, "localizedValue": _WORDS[name]},
        }
        for name, limit in QUOTAS.items()
    ]
    return Reply(200, {"value": found})


@router.operation("GET", _LOCATION + "/capabilities", f"{_PROVIDER}/capabilities/read")
def list_capabilities(call: Call) -> Reply:
    """Location_ListCapabilities: the largest group that there can be."""
    capabilities = {
        "maxMemoryInGB": MAXIMUM_MEMORY_IN_GB,
        "maxCpu": MAXIMUM_CPU,
        "maxGpuCount": 0.0,
    }
    found = {
        "resourceType": "containerGroups",
        "osType": "Linux",
        "location": _location(call),
        "ipAddressType": "Public",
        "gpu": "None",
        "capabilities": capabilities,
    }
    return Reply(200, {"value": [found]})


@router.operation("GET", _LOCATION + "/cachedImages", f"{_PROVIDER}/cachedImages/read")
def list_cached_images(call: Call) -> Reply:
    """Location_ListCachedImages: the public images that are here without anybody's push."""
    _location(call)
    names = supply.names(DOCKER_HUB)
    return Reply(200, {"value": [{"osType": "Linux", "image": name} for name in names]})


def _location(call: Call) -> str:
    return location_of(call.params["location"])


def _used(groups: Iterable[Resource], location: str) -> dict[str, float]:
    here = [one for one in groups if one.body["location"] == location]
    cores = sum(requested(one.private["properties"])[0] for one in here)
    return {"ContainerGroups": len(here), "StandardCores": cores}


def check_quota(cloud: Cloud, group_id: str, location: str, cores: float) -> None:
    """Raise 409 where a new group would be more than a region gives a subscription."""
    others = (
        one for one in cloud.store.find(type=CONTAINER_GROUP_TYPE) if one.key != group_id.lower()
    )
    used = _used(others, location)
    for name, asked in (("ContainerGroups", 1), ("StandardCores", cores)):
        if used[name] + asked > QUOTAS[name]:
            raise CloudError(
                409,
                "ContainerGroupQuotaReached",
                f"Resource type '{CONTAINER_GROUP_TYPE}' container group quota '{name}' exceeded in "
                f"region '{location}'. Limit: '{QUOTAS[name]}', Usage: '{used[name]:g}' Requested: "
                f"'{asked:g}'.",
            )
