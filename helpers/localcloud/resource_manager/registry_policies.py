"""The policies of a registry that act on its content: quarantine, soft delete, retention of the untagged.

Source: learn.microsoft.com, "Recover deleted artifacts with soft delete policy in Azure Container
Registry", "Set a retention policy for untagged manifests"; REST reference, Registries - Update. How Azure
words other refusals than that of the SKU is not documented.
"""

from __future__ import annotations

from typing import Any

from .. import timestamps
from ..store import Resource
from .models import understood
from .registry_models import Policies
from .routing import invalid

_DAYS = {"retentionPolicy": ("days", 0, 365), "softDeletePolicy": ("retentionDays", 1, 90)}
_PREMIUM = ("quarantinePolicy", "retentionPolicy")


def set_policies(registry: Resource, given: Policies | None) -> None:
    """Change the policies that are given, each where it is, in the body of a registry.

    Raises 400 for days that a policy does not have, for a policy that the SKU does not have, and for
    retention and soft delete at once. The text of the second: Azure/bicep-registry-modules issue 1316;
    that an SKU is not given up while a policy is on that it alone has, is our reading of it.
    """
    held: dict[str, dict[str, Any]] = registry.properties["policies"]
    changes = understood(given) if given is not None else {}
    held["quarantinePolicy"] = {**held["quarantinePolicy"], **changes.get("quarantinePolicy", {})}
    for name, (setting, least, most) in _DAYS.items():
        wanted = {**held[name], **changes.get(name, {})}
        if not least <= wanted[setting] <= most:
            raise invalid(
                f"'properties.policies.{name}.{setting}' must be between {least} and {most}."
            )
        if wanted != held[name]:
            held[name] = {**wanted, "lastUpdatedTime": timestamps.microseconds()}
    sku = registry.body["sku"]["name"]
    for name in _PREMIUM:
        if held[name]["status"] == "enabled" and sku != "Premium":
            raise invalid(
                f"The SKU {sku} is not supported. Enabled policies.{name} needs Premium: choose that "
                "SKU, or disable the policy.",
                "SkuNotSupported",
            )
    if all(held[name]["status"] == "enabled" for name in _DAYS):
        raise invalid(
            f"The registry '{registry.name}' cannot have both a retention policy and a soft delete "
            "policy. Set the status of one of them to disabled."
        )
