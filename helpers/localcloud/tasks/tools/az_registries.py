"""``az acr show``, ``login`` and ``import`` in the az stand-in.

Source of checks and texts: azure-cli 2.84, command_modules/acr/import.py.
"""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Any

from ...reference import AZURE
from ...registry.credentials import Credential
from ...resource_types import REGISTRY_TYPE
from .az_account import ARM, AzError, Session
from .az_registration import FLAG, REPEATED, command, flat
from .az_registry_access import find_registry, refresh_token

REGISTRY = ("--name", "-n", "--registry", "-r", "!")
GROUP = ("--resource-group", "-g")
_RESOURCE_ID = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/.+/.+/.+", re.I)


@command("acr show", REGISTRY, GROUP)
def _show(az: Session, options: Namespace) -> Any:
    return flat(find_registry(az, options.name, options.resource_group))


@command("acr login", REGISTRY, expose_token=FLAG)
def _login(az: Session, options: Namespace) -> Any:
    server = find_registry(az, options.name)["properties"]["loginServer"]
    token = refresh_token(az, server)
    if options.expose_token:
        return {"accessToken": token, "loginServer": server}
    user = "00000000-0000-0000-0000-000000000000"
    az.context.session.login(server, Credential(user, token))
    az.context.log("Login Succeeded")
    return None


@command(
    "acr import",
    ("--name", "-n", "!"),
    GROUP,
    ("--source", "!"),
    ("--registry", "-r"),
    ("--username", "-u"),
    ("--password", "-p"),
    repository=REPEATED,
    force=FLAG,
    no_wait=FLAG,
    image={**REPEATED, "short": "-t"},
)
def _import(az: Session, options: Namespace) -> Any:
    if options.username and not options.password:
        raise AzError("Authentication failed. Please provide password.")
    registry = find_registry(az, options.name, options.resource_group)
    source = _source(az, options)
    body: dict[str, Any] = {"source": source, "mode": "Force" if options.force else "NoForce"}
    if options.image or not options.repository:
        body["targetTags"] = options.image or [_without_digest(source["sourceImage"])]
    if options.repository:
        body["untaggedTargetRepositories"] = options.repository
    if options.no_wait:
        az.warn("Import has started. Due to no-wait option, failures will not be reflected.")
    answer = az.request("POST", f"{ARM}{registry['id']}/importImage", body)
    if not options.no_wait:
        az.awaited(answer)


def _source(az: Session, options: Namespace) -> dict[str, Any]:
    """Where the image comes from: a registry that the login sees, or any other address."""
    if options.registry:
        return _of_registry(az, options.registry, options.source)
    slash = options.source.find("/")
    if slash <= 0:
        raise AzError(
            "Source cannot be found. Please provide a valid image and source registry or a fully "
            "qualified source."
        )
    server, image = options.source[:slash], options.source[slash + 1 :]
    if "." not in server:
        raise AzError(
            "Login server of the registry is not valid because it is not a fully qualified domain "
            "name."
        )
    if options.password:
        given = {"username": options.username, "password": options.password}
        credentials = {name: value for name, value in given.items() if value}
        return {"registryUri": server, "sourceImage": image, "credentials": credentials}
    known = _known(az, server) if server.endswith(AZURE) else None
    if known is not None:
        return {"resourceId": known["id"], "sourceImage": image}
    return {"registryUri": server, "sourceImage": image}


def _of_registry(az: Session, given: str, image: str) -> dict[str, Any]:
    if _RESOURCE_ID.fullmatch(given):
        return {"resourceId": given, "sourceImage": image}
    known = _known(az, given)
    if known is None:
        raise AzError(
            "The source container registry can not be found in the current subscription. Please "
            "provide a valid address and/or credentials."
        )
    server = known["properties"]["loginServer"]
    if image.lower().startswith(f"{server}/".lower()):
        az.warn(
            f'The login server name of "{server}" in the "--source" argument will be ignored as '
            '"--registry" already supplies the same information'
        )
        image = image[len(server) + 1 :]
    return {"resourceId": known["id"], "sourceImage": image}


def _known(az: Session, given: str) -> dict[str, Any] | None:
    """The registry with that name or login server, among those that the login may see."""
    for one in az.listed(f"/providers/{REGISTRY_TYPE}"):
        server = str(one["properties"]["loginServer"])
        if given.lower() in (server.lower(), one["name"].lower()):
            return one
    return None


def _without_digest(image: str) -> str:
    return image.split("@", 1)[0] if image.find("@") > 0 else image
