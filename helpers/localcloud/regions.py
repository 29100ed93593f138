"""The regions of Azure, with the names that people read.

Source: what `az account list-locations` shows.
"""

from __future__ import annotations

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
_GROUPS = {  # by geography group, the regions of it
    "Africa": ["southafricanorth"],
    "Asia Pacific": [
        *("australiaeast", "australiasoutheast", "centralindia", "eastasia", "japaneast"),
        *("japanwest", "koreacentral", "southeastasia", "southindia", "westindia"),
    ],
    "Canada": ["canadacentral", "canadaeast"],
    "Europe": [
        *("francecentral", "germanywestcentral", "italynorth", "northeurope", "norwayeast"),
        *("polandcentral", "spaincentral", "swedencentral", "switzerlandnorth", "uksouth"),
        *("ukwest", "westeurope"),
    ],
    "Middle East": ["uaenorth"],
    "South America": ["brazilsouth"],
    "US": [
        *("centralus", "eastus", "eastus2", "northcentralus", "southcentralus", "westcentralus"),
        *("westus", "westus2", "westus3"),
    ],
}
GEOGRAPHY_GROUPS = {region: group for group, regions in _GROUPS.items() for region in regions}
# Those that have no availability zones and stand behind another one of their geography.
_OTHER = {
    *("australiasoutheast", "canadaeast", "japanwest", "northcentralus", "southindia", "ukwest"),
    *("westcentralus", "westindia", "westus"),
}


def category(region: str) -> str:
    """Whether Azure recommends a region."""
    return "Other" if region in _OTHER else "Recommended"
