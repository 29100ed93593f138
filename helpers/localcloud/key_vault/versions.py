"""The api-versions of Key Vault's data plane.

Source: azure-rest-api-specs, Microsoft.KeyVault data plane; what it says of another one: what users of
the SDKs have reported.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import CloudError, shortened

VERSIONS = (
    *("2015-06-01", "2016-10-01", "7.0-preview", "7.0", "7.1-preview", "7.1", "7.2-preview", "7.2"),
    *("7.3-preview", "7.3", "7.4-preview.1", "7.4", "7.5-preview.1", "7.5", "7.6-preview.1"),
    *(
        "7.6-preview.2",
        "7.6",
        "2025-06-01-preview",
        "2025-07-01",
        "2026-01-01-preview",
        "2026-04-01",
    ),
)
_NEWEST = VERSIONS[-1]


def check(query: Mapping[str, str]) -> None:
    """Raise 400 BadParameter unless a request names a version that there is."""
    given = query.get("api-version")
    if not given:
        raise CloudError(400, "BadParameter", "api-version must be specified")
    if given not in VERSIONS:
        raise CloudError(
            400,
            "BadParameter",
            f"The specified version ({shortened(given, 40)}) is not recognized. Consider using the "
            f"latest supported version ({_NEWEST}).",
        )
