"""The regions that resources may be in."""

from __future__ import annotations

from typing import Any

from ..errors import CloudError
from ..regions import LOCATIONS
from ..store import Resource
from .routing import invalid


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
