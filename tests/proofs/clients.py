"""Which program a request came from, by what it sends: ``User-Agent``, and ``SdkVersion`` of Graph's."""

from __future__ import annotations

import re

AZ = "az"  # its name, and whom it signs in to the proxy as
_PYTHON_SDK = re.compile(r"azsdk-python-(?:azure-)?(?P<name>[\w-]+)/")
_NODE_SDK = re.compile(r"azsdk-js-(?P<name>[\w-]+)/")
_PROGRAMS = {  # the beginning of what it sends, and its name
    "containers/": "skopeo, buildah, podman",
    "skopeo/": "skopeo",
    "Buildah/": "buildah",
    "buildah/": "buildah",
    "libpod/": "podman",
    "docker/": "docker",
    "Docker-Client/": "docker",
    "git/": "git",
    "Helm/": "Helm",
    "oras-py": "oras-py",
    "octokit-rest.js/": "@octokit/rest",
    "curl/": "curl",
    "Mozilla/": "a browser",
}


def client(agent: str, sdk: str = "", user: str = "") -> str | None:
    """The name of a client that is not ours: az, a package of an SDK, a program; None for others.

    Plain HTTP of a test (``python-requests``) is none: it proves nothing of a client's behaviour. What az
    asks of registries is as plain: tests have it sign in to the proxy, as the ``user`` of its name.
    """
    if "AZURECLI/" in agent:  # what it asks of Graph begins with its Python
        return AZ
    if sdk.startswith("graph-js/"):
        return "@microsoft/microsoft-graph-client"
    if match := _PYTHON_SDK.search(agent):
        return f"azure-{match['name']}"
    if match := _NODE_SDK.search(agent):
        return f"@azure/{match['name']}"
    for beginning, name in _PROGRAMS.items():
        if agent.startswith(beginning):
            return name
    return AZ if user == AZ else None
