"""The regions that resources may be in."""

from __future__ import annotations

from ..errors import CloudError
from ..regions import LOCATIONS
from ..store import Resource
from .routing import invalid


def location_of(named: str | None, default: str | None = None) -> str:
    """The location that a request names, normalized: 'East US' and 'eastus' are the same.

    Raises 400 LocationRequired or LocationNotAvailableForResourceType (ARM's codes).
    """
    given = named or default
    if not given:
        raise invalid("The location property is required for this definition.", "LocationRequired")
    location = given.replace(" ", "").lower()
    if location not in LOCATIONS:
        raise invalid(
            f"The provided location '{given}' is not available. List of available regions is "
            f"'{','.join(LOCATIONS)}'.",
            "LocationNotAvailableForResourceType",
        )
    return location


def keep_location(existing: Resource, named: str | None) -> None:
    """Raise 409 InvalidResourceLocation when a request would move a resource to another region.

    Raises what :func:`location_of` raises; a PATCH that names no location moves nothing.
    """
    if named is None:
        return
    location = location_of(named)
    if existing.body["location"] != location:
        raise CloudError(
            409,
            "InvalidResourceLocation",
            f"The resource '{existing.name}' already exists in location "
            f"'{existing.body['location']}' in resource group '{existing.resource_group}'. A "
            f"resource with the same name cannot be created in location '{location}'. Please "
            "select a new resource name.",
        )
