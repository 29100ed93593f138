"""The regions that resources may be in."""

from __future__ import annotations

from typing import Any

from ..errors import CloudError
from ..store import Resource
from .routing import invalid

LOCATIONS = {
    "australiaeast": "Australia East",
    "australiasoutheast": "Australia Southeast",
    "brazilsouth": "Brazil South",
    "canadacentral": "Canada Central",
    "canadaeast": "Canada East",
    "centralindia": "Central India",
    "centralus": "Central US",
    "eastasia": "East Asia",
    "eastus": "East US",
    "eastus2": "East US 2",
    "francecentral": "France Central",
    "germanywestcentral": "Germany West Central",
    "italynorth": "Italy North",
    "japaneast": "Japan East",
    "japanwest": "Japan West",
    "koreacentral": "Korea Central",
    "northcentralus": "North Central US",
    "northeurope": "North Europe",
    "norwayeast": "Norway East",
    "polandcentral": "Poland Central",
    "southafricanorth": "South Africa North",
    "southcentralus": "South Central US",
    "southindia": "South India",
    "southeastasia": "Southeast Asia",
    "spaincentral": "Spain Central",
    "swedencentral": "Sweden Central",
    "switzerlandnorth": "Switzerland North",
    "uaenorth": "UAE North",
    "uksouth": "UK South",
    "ukwest": "UK West",
    "westcentralus": "West Central US",
    "westeurope": "West Europe",
    "westindia": "West India",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
}


def location_of(body: dict[str, Any], default: str | None = None) -> str:
    """The normalized location of a request body: 'East US' and 'eastus' are the same.

    Raises 400 LocationRequired or LocationNotAvailableForResourceType (ARM's codes).
    """
    given = body.get("location") or default
    if not given:
        raise invalid("The location property is required for this definition.", "LocationRequired")
    location = str(given).replace(" ", "").lower()
    if location not in LOCATIONS:
        raise invalid(
            f"The provided location '{given}' is not available. List of available regions is "
            f"'{','.join(LOCATIONS)}'.",
            "LocationNotAvailableForResourceType",
        )
    return location


def keep_location(existing: Resource, location: str) -> None:
    """Raise 409 InvalidResourceLocation when a resource would move to another region."""
    if existing.body["location"] != location:
        raise CloudError(
            409,
            "InvalidResourceLocation",
            f"The resource '{existing.name}' already exists in location "
            f"'{existing.body['location']}' in resource group '{existing.resource_group}'. A "
            f"resource with the same name cannot be created in location '{location}'. Please "
            "select a new resource name.",
        )
