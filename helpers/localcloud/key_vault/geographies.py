"""Azure geographies: the parts of the world that regions belong to.

Source: "Azure regions list": geography of each region.
"""

from __future__ import annotations

_GEOGRAPHIES = {
    "Asia Pacific": "eastasia southeastasia",
    "Australia": "australiacentral australiaeast australiasoutheast",
    "Brazil": "brazilsouth",
    "Canada": "canadacentral canadaeast",
    "Europe": "northeurope westeurope",
    "France": "francecentral",
    "Germany": "germanywestcentral",
    "India": "centralindia southindia westindia",
    "Italy": "italynorth",
    "Japan": "japaneast japanwest",
    "Korea": "koreacentral",
    "Norway": "norwayeast",
    "Poland": "polandcentral",
    "South Africa": "southafricanorth",
    "Spain": "spaincentral",
    "Sweden": "swedencentral",
    "Switzerland": "switzerlandnorth",
    "United Arab Emirates": "uaenorth",
    "United Kingdom": "uksouth ukwest",
    "United States": "centralus eastus eastus2 northcentralus southcentralus westcentralus westus"
    " westus2 westus3",
}
_BY_REGION = {
    region: geography for geography, names in _GEOGRAPHIES.items() for region in names.split()
}


def geography_of(region: str) -> str:
    """The geography of a region by its normalized name (``eastus``)."""
    return _BY_REGION[region]
