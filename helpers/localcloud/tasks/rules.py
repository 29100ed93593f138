"""The rules that a task and a run request share: their defaults, and what neither may be.

Source: REST reference of Microsoft.ContainerRegistry, "Tasks" and "Registries - Schedule Run".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ..errors import CloudError

TIMEOUT = 3600  # seconds, when none is given (az acr task create, az acr run: --timeout)
SHORTEST, LONGEST = 300, 28800  # seconds
# What each type of step cannot do without.
REQUIRED = {
    "FileTask": "taskFilePath",
    "EncodedTask": "encodedTaskContent",
    "Docker": "dockerFilePath",
}
ENCODED = ("encodedTaskContent", "encodedValuesContent")


def platform_of(given: dict[str, Any]) -> dict[str, Any]:
    """The platform of a task's or request's ``properties``, with the service's defaults."""
    platform = given.get("platform") or {}
    return {
        "os": platform.get("os", "Linux"),  # as it is spelled: ACR echoes it
        "architecture": platform.get("architecture") or "amd64",
    }


def agent_of(given: dict[str, Any]) -> dict[str, Any]:
    """The agent's configuration, with the service's default."""
    return {"cpu": 2, **(given.get("agentConfiguration") or {})}


def check_platform(platform: dict[str, Any], what: str) -> None:
    """Raise 501 naming ``what`` ("tasks", "runs") for agents that only Azure has."""
    if platform["os"].lower() not in ("linux", "windows"):
        raise CloudError(
            400, "InvalidPlatform", f"The os '{platform['os']}' of {what} is Linux or Windows."
        )
    if platform["os"].lower() != "linux":
        raise CloudError.not_implemented(f"{what} on {platform['os'].capitalize()} agents")
    if platform.get("architecture") not in ("amd64", "x86", None):
        raise CloudError.not_implemented(f"{what} on {platform['architecture']} agents")


def check_agent(configuration: Mapping[str, Any]) -> None:
    """Raise 400 for an agent that nobody could have: of no CPU."""
    if configuration["cpu"] < 1:
        raise CloudError(
            400,
            "InvalidAgentConfiguration",
            f"The agent's cpu is {configuration['cpu']}: it must be at least 1.",
        )


def may_last(seconds: float) -> bool:
    """Whether a task or run may have this timeout."""
    return SHORTEST <= seconds <= LONGEST


def is_base64(text: str | None) -> bool:
    """Whether ``text`` is base64, or missing."""
    try:
        base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return False
    return True
