"""Which host name is answered by which service of the local cloud."""

from __future__ import annotations

import re

from ..reference import AZURE, DOCKER_HUB_HOSTS

METADATA_HOST = "169.254.169.254"  # instance metadata: link-local, plain HTTP
IDENTITY_PATH = "/msi/token"  # App Service's form of it

_EXACT = {
    "login.microsoftonline.com": "identity",
    "login.windows.net": "identity",
    "graph.microsoft.com": "identity",
    "management.azure.com": "resource_manager",
    **dict.fromkeys(sorted(DOCKER_HUB_HOSTS), "registry"),
    "github.com": "git_host",
    "api.github.com": "git_host",
    "raw.githubusercontent.com": "git_host",
}
_SUFFIX = {
    AZURE: "registry",
    ".vault.azure.net": "key_vault",
    ".managedhsm.azure.net": "key_vault",  # which says that there are none
    ".blob.core.windows.net": "blobs",
}
# Where exec and attach lead to, in each region.
_BRIDGE = re.compile(r"bridge-linux-[0-9]{2}\.[a-z0-9]{2,30}\.management\.azurecontainer\.io")
_LABELS = ".azurecontainer.io"
# Services that speak WebSocket, too.
WEBSOCKETS = frozenset({"container_instances"})
# Hosts that clients contact on their own, and do without: refused, but with no need to log it.
EXPECTED_REFUSALS = frozenset({"azcliprod.blob.core.windows.net", "app.aladdin.microsoft.com"})

CERTIFICATE_NAMES = (*_EXACT, *(f"*{suffix}" for suffix in _SUFFIX))


def service_for(host: str) -> str | None:
    """Name of the service that answers for ``host``, or None: then the front door refuses it."""
    name = host.lower().rstrip(".")
    if name in EXPECTED_REFUSALS:
        return None
    if name in _EXACT:
        return _EXACT[name]
    if is_bridge(name):
        return "container_instances"
    for suffix, service in _SUFFIX.items():
        label = name.removesuffix(suffix)
        if label != name and label and "." not in label:
            return service
    return None


def is_bridge(host: str) -> bool:
    """Whether a host is one of those that exec and attach of container instances lead to."""
    return _BRIDGE.fullmatch(host.lower()) is not None


def is_label(host: str) -> bool:
    """Whether a host is one that a container group may have by its DNS name label."""
    name = host.lower()
    return name.endswith(_LABELS) and not name.endswith(f".management{_LABELS}")


# The first line of a refusal: pip, apt, wget and npm show that line, and not what follows.
REFUSED = "Forbidden by the local cloud: nothing leaves this machine"


def refusal(host: str) -> str:
    """What a client that asked for a foreign host is told."""
    return (
        f"The local cloud refuses {host}: it answers for Azure, GitHub and Docker Hub only, and "
        "nothing leaves this machine. To reach the real network, use a shell without its "
        "HTTPS_PROXY variable.\n"
    )
