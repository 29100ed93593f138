"""The api-version that every request to Azure Resource Manager names: which ones it takes.

Error texts: what users of azure-cli and of the SDKs have reported of each code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api_versions import versions_of
from ..cloud import Cloud
from ..errors import CloudError, shortened
from ..regions import LOCATIONS

_PARAMETER = "api-version"


def check_given(query: Mapping[str, str]) -> None:
    """Raise 400 MissingApiVersionParameter unless a request names an api-version."""
    if not query.get(_PARAMETER):
        raise CloudError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )


def check(
    cloud: Cloud,
    type: str,
    params: Mapping[str, str],
    path: str,
    query: Mapping[str, str],
    body: Mapping[str, Any],
) -> None:
    """Raise 400 with the supported versions unless ``type`` has the one that a request names.

    ARM's own operations say InvalidApiVersionParameter. Those of a provider say
    NoRegisteredProviderFound where the location is known, of the resource or from ``body``, else
    InvalidResourceType.
    """
    given = query[_PARAMETER]
    namespace, _, kind = type.partition("/")
    namespace = params.get(namespace.strip("{}"), namespace)  # an operation of any provider
    versions = versions_of(f"{namespace}/{kind}")
    if given.lower() in versions or not versions:
        return
    shown = shortened(given, 40)
    if namespace.lower() == "microsoft.resources":
        raise CloudError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{shown}' is invalid. The supported versions are "
            f"'{','.join(sorted(versions, reverse=True))}'.",
        )
    supported = f"The supported api-versions are '{', '.join(versions)}'."
    location = _location(cloud, path, body)
    if location is None:
        raise CloudError(
            400,
            "InvalidResourceType",
            f"The resource type '{kind}' could not be found in the namespace '{namespace}' for api "
            f"version '{shown}'. {supported}",
        )
    raise CloudError(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '{location}' and API version "
        f"'{shown}' for type '{kind}'. {supported} The supported locations are "
        f"'{', '.join(LOCATIONS)}'.",
    )


def _location(cloud: Cloud, path: str, body: Mapping[str, Any]) -> str | None:
    """Where the resource is, or what it belongs to, or where a request wants it to be."""
    given = next((value for name, value in body.items() if name.lower() == "location"), None)
    if isinstance(given, str) and given:
        return given.replace(" ", "").lower()
    head, provider, rest = path.rpartition("/providers/")
    while rest.count("/") >= 2:
        found = cloud.store.get(head + provider + rest)
        if found is not None and "location" in found.body:
            return str(found.body["location"])
        rest = rest.rpartition("/")[0]
    return None
