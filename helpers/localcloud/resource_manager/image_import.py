"""Microsoft.ContainerRegistry/registries/importImage: copy an image into a registry."""

from __future__ import annotations

from typing import Any

from ..errors import CloudError
from ..reference import InvalidReferenceError, Reference
from ..registry.client import Credential, RegistryClient
from ..registry.tokens import exchange_credential
from ..resource_types import REGISTRY_TYPE
from ..shapes import Shape
from .registries import REGISTRY, of
from .routing import Call, Reply, Router, authorize, invalid

_IMPORT: Shape = {
    "source": {
        "resourceId": str,
        "registryUri": str,
        "sourceImage": str,
        "credentials": {"username": str, "password": str},
    },
    "targetTags": [str],
    "untaggedTargetRepositories": [str],
    "mode": str,
}
router = Router()


@router.operation(
    "POST",
    REGISTRY + "/importImage",
    f"{REGISTRY_TYPE}/importImage/action",
    _IMPORT,
    outside="copies from one registry to the other",
)
def import_image(call: Call) -> Reply:
    """Registries_ImportImage: copy a manifest, with its layers, into this registry."""
    registry = of(call)
    source = call.body.get("source") or {}
    image = str(source.get("sourceImage") or "")
    if not image:
        raise invalid("The parameter source.sourceImage is required.", "InvalidSourceImage")
    targets = call.body.get("targetTags") or []
    if call.body.get("untaggedTargetRepositories"):
        raise CloudError.not_implemented("importImage with untaggedTargetRepositories")
    reference, credential = _import_source(call, source, image)
    client = RegistryClient(call.cloud)
    server = registry.properties["loginServer"]
    goals = [_reference(f"{server}/{target}") for target in targets or [_familiar(image)]]
    own = exchange_credential(call.cloud, server, call.principal)
    if call.body.get("mode", "NoForce") != "Force":
        for goal in goals:
            if client.resolve(goal, own) is not None:
                raise CloudError(
                    409,
                    "Conflict",
                    f"Tag {goal.repository}:{goal.tag} already exists in target registry. Choose "
                    "another tag, or overwrite it with mode Force (az acr import --force).",
                )
    digest = client.pull(reference, credential, platform=None)
    for goal in goals:
        client.push(goal, digest, own)
    return Reply(200)


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except InvalidReferenceError as error:
        raise invalid(f"{error}", "InvalidImageReference") from None


def _familiar(image: str) -> str:
    return image.removeprefix("library/").split("@", 1)[0]


def _import_source(
    call: Call, source: dict[str, Any], image: str
) -> tuple[Reference, Credential | None]:
    given = source.get("credentials") or {}
    credential = (
        Credential(str(given.get("username") or ""), str(given["password"]))
        if given.get("password")
        else None
    )
    if source.get("resourceId"):
        other = call.get(REGISTRY_TYPE, str(source["resourceId"]))
        authorize(call.cloud, call.principal, f"{REGISTRY_TYPE}/importImage/action", other.id)
        server = str(other.properties["loginServer"])
        mine = credential or exchange_credential(call.cloud, server, call.principal)
        return _reference(f"{server}/{image}"), mine
    server = str(source.get("registryUri") or "")
    if not server:
        raise invalid("One of source.registryUri and source.resourceId is required.")
    return _reference(f"{server}/{image}"), credential
