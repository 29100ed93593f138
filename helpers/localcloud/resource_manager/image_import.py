"""Microsoft.ContainerRegistry/registries/importImage: copy an image into a registry."""

from __future__ import annotations

from dataclasses import asdict

from ..cloud import Cloud
from ..errors import CloudError
from ..operations import Operation
from ..reference import InvalidReferenceError, Reference
from ..registry.client import Credential, RegistryClient
from ..registry.tokens import exchange_credential
from ..resource_types import REGISTRY_TYPE
from .models import Model
from .operations import accepted, carries_out
from .registries import REGISTRY, of
from .routing import Call, Reply, Router, authorize, invalid, not_found


class ImportSourceCredentials(Model):
    """What the source's registry is logged in to with; a user name may be missing (a token)."""

    username: str | None = None
    password: str | None = None


class ImportSource(Model):
    """The image, and its registry: one of this cloud by its id, or any by its address."""

    resource_id: str | None = None
    registry_uri: str | None = None
    source_image: str | None = None
    credentials: ImportSourceCredentials | None = None


class ImportImageParameters(Model):
    """Registries_ImportImage's body."""

    source: ImportSource | None = None
    target_tags: list[str] | None = None
    untagged_target_repositories: list[str] | None = None
    mode: str | None = None


_KIND = "importImage"
router = Router()


@router.operation(
    "POST",
    REGISTRY + "/importImage",
    f"{REGISTRY_TYPE}/importImage/action",
    ImportImageParameters,
    outside="registries are logged in to before it is recorded",
)
def import_image(call: Call, parameters: ImportImageParameters) -> Reply:
    """Registries_ImportImage: copy a manifest, with its layers, into this registry.

    What can be told at once is; the rest is an operation, since the image may have to be assembled.
    """
    registry = of(call)
    source = parameters.source or ImportSource()
    image = source.source_image or ""
    if not image:
        raise invalid("The parameter source.sourceImage is required.", "InvalidSourceImage")
    targets = parameters.target_tags or []
    if parameters.untagged_target_repositories:
        raise CloudError.not_implemented("importImage with untaggedTargetRepositories")
    reference, credential, as_caller = _import_source(call, source, image)
    server = registry.properties["loginServer"]
    goals = [_reference(f"{server}/{target}") for target in targets or [_familiar(image)]]
    client = RegistryClient(call.cloud)
    force = parameters.mode == "Force"
    if not force:
        own = exchange_credential(call.cloud, server, call.principal)
        for goal in goals:
            if client.resolve(goal, own) is not None:
                raise _exists(goal)
    if as_caller:
        credential = exchange_credential(call.cloud, reference.registry, call.principal)
    client.check(reference, credential, platform=None)
    request = {
        "source": str(reference),
        "credential": asdict(credential) if credential and not as_caller else None,
        "asCaller": as_caller,
        "goals": [str(goal) for goal in goals],
        "force": force,
        "principal": call.principal.object_id,
    }
    operation = call.cloud.operations.begin(_KIND, registry.id, request)
    return accepted(call, operation, Reply(202), Reply(200))


@carries_out(_KIND)
def copy(cloud: Cloud, operation: Operation) -> None:
    """Copy the image, with the rights that its caller has by now."""
    request = operation.request
    registry = cloud.store.get(operation.resource_id)
    if registry is None:
        raise not_found(REGISTRY_TYPE, operation.resource_id)
    principal = cloud.principals.find(object_id=request["principal"])
    if principal is None:
        raise CloudError(403, "AuthorizationFailed", "Who asked for the import is there no more.")
    reference = Reference.parse(request["source"])
    credential = Credential(**request["credential"]) if request["credential"] else None
    if request["asCaller"]:
        credential = exchange_credential(cloud, reference.registry, principal)
    own = exchange_credential(cloud, registry.properties["loginServer"], principal)
    client = RegistryClient(cloud)
    digest = client.pull(reference, credential, platform=None)
    for goal in map(Reference.parse, request["goals"]):
        with cloud.store.transaction():
            there = None if request["force"] else client.resolve(goal, own)
            if there not in (None, digest):  # the same: before the daemon was killed
                raise _exists(goal)
            client.push(goal, digest, own)


def _exists(goal: Reference) -> CloudError:
    return CloudError(
        409,
        "Conflict",
        f"Tag {goal.repository}:{goal.tag} already exists in target registry. Choose another tag, "
        "or overwrite it with mode Force (az acr import --force).",
    )


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except InvalidReferenceError as error:
        raise invalid(f"{error}", "InvalidImageReference") from None


def _familiar(image: str) -> str:
    return image.removeprefix("library/").split("@", 1)[0]


def _import_source(
    call: Call, source: ImportSource, image: str
) -> tuple[Reference, Credential | None, bool]:
    """The image, the credential that was given for it, and whether it is read as the caller."""
    given = source.credentials or ImportSourceCredentials()
    credential = Credential(given.username or "", given.password) if given.password else None
    if source.resource_id:
        other = call.get(REGISTRY_TYPE, source.resource_id)
        authorize(call.cloud, call.principal, f"{REGISTRY_TYPE}/importImage/action", other.id)
        server = str(other.properties["loginServer"])
        return _reference(f"{server}/{image}"), credential, credential is None
    if not source.registry_uri:
        raise invalid("One of source.registryUri and source.resourceId is required.")
    return _reference(f"{source.registry_uri}/{image}"), credential, False
