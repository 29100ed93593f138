"""Microsoft.ContainerRegistry/registries/importImage: copy an image into a registry.

Source: azure-cli's recordings of ``az acr import`` (the answer, its ``Location``); docs, "Import
container images to a container registry" (rights, limits); what users have reported (error texts).
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from ..cloud import Cloud
from ..errors import CloudError, status_name
from ..operations import Operation
from ..principals import Principal
from ..reference import DOCKER_HUB, InvalidReferenceError, Reference, login_server, valid_repository
from ..registry.client import Credential
from ..registry.imports import (
    MANIFESTS,
    Importer,
    SourceIncompleteError,
    SourceRefusedError,
    SourceUnknownError,
    TargetExistsError,
    TooManyManifestsError,
)
from ..registry.tokens import entra_credential, exchange_credential
from ..resource_types import REGISTRY_TYPE
from ..store import Resource
from .models import Model
from .operations import RETRY, carries_out
from .registries import REGISTRY, of
from .registry_children import outcome
from .routing import Call, Reply, Router, invalid, not_found

log = logging.getLogger(__name__)

_KIND = "importImage"
_ACTION = f"{REGISTRY_TYPE}/{_KIND}/action"
_MODES = ("NoForce", "Force")
_TARGETS = 100  # of one import: all are one transaction, and nobody else writes meanwhile
_REGISTRY_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry"
    r"/registries/[^/]+",
    re.IGNORECASE,
)
router = Router()


class ImportSourceCredentials(Model):
    """What the source's registry is logged in to with; without a user name by an Entra token."""

    username: str | None = None
    password: str | None = None


class ImportSource(Model):
    """The image, and its registry: one of Azure by its id, or any by its address."""

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


@router.operation("POST", REGISTRY + "/importImage", _ACTION, ImportImageParameters)
def import_image(call: Call, parameters: ImportImageParameters) -> Reply:
    """Registries_ImportImage: copy an image with all its platforms into this registry.

    Refuses a body that says nothing that can be done, and a source that its caller may not read.
    Everything else is told at the address of the operation's outcome.
    """
    registry = of(call)
    source = parameters.source or ImportSource()
    modes = {one.lower(): one for one in _MODES}
    mode = modes.get((parameters.mode or _MODES[0]).lower())
    if mode is None:
        raise invalid(f"The mode '{parameters.mode}' is not one of {', '.join(_MODES)}.")
    if not source.source_image:
        raise invalid("The parameter source.sourceImage is required.", "InvalidSourceImage")
    image = f"{_source_server(call, source, registry.id)}/{source.source_image}"
    given = source.credentials or ImportSourceCredentials()
    if given.username and not given.password:
        raise invalid("The parameter source.credentials.password is required with a username.")
    server = str(registry.properties["loginServer"])
    tags, untagged = _tags(server, parameters, _source(image)), _untagged(parameters)
    if len(tags) + len(untagged) > _TARGETS:
        raise invalid(
            f"The local cloud imports to at most {_TARGETS} targets at once, and this request names "
            f"{len(tags) + len(untagged)}: send several."
        )
    request = {
        "source": image,
        "credential": asdict(Credential(given.username or "", given.password))
        if given.password
        else None,
        "asCaller": bool(source.resource_id and not given.password),
        "sourceId": source.resource_id,
        "goals": [str(one) for one in tags],
        "untagged": untagged,
        "force": mode == "Force",
        "principal": call.principal.object_id,
    }
    operation = call.cloud.operations.begin(_KIND, registry.id, request)
    place = outcome(call, registry, _name(operation))
    return Reply(202, None, {"Location": place, **RETRY})


def _source_server(call: Call, source: ImportSource, target: str) -> str:
    """The address of the source's registry. Raises what Azure Resource Manager itself checks."""
    if source.resource_id is not None and source.registry_uri:
        raise invalid(
            "The parameters source.resourceId and source.registryUri both name a registry: give one."
        )
    if source.resource_id is None:
        if not source.registry_uri:
            raise invalid("One of source.registryUri and source.resourceId is required.")
        if not re.fullmatch(r"[^/@]+\.[^/@]+", source.registry_uri):
            raise invalid(
                f"The parameter source.registryUri is not the address of a registry, like "
                f"myregistry.azurecr.io or docker.io: '{source.registry_uri}'."
            )
        return source.registry_uri
    if not re.match(r"/(subscriptions|providers)/[^/]", source.resource_id, re.IGNORECASE):
        raise invalid(
            f"Property id '{source.resource_id}' at path 'properties.source.resourceId' is invalid. "
            "Expect fully qualified resource Id that start with '/subscriptions/{subscriptionId}' "
            "or '/providers/{resourceProviderNamespace}/'.",
            "LinkedInvalidPropertyId",
        )
    if not _REGISTRY_ID.fullmatch(source.resource_id):
        raise invalid(
            f"The parameter source.resourceId is not the id of a registry: '{source.resource_id}'. "
            "It has the form /subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
            f"/providers/{REGISTRY_TYPE}/{{registryName}}."
        )
    caller = call.principal
    if not call.cloud.permissions.allowed(
        caller.object_id, f"{REGISTRY_TYPE}/read", source.resource_id
    ):
        raise CloudError(
            403,
            "LinkedAuthorizationFailed",
            f"The client '{caller.app_id}' with object id '{caller.object_id}' has permission to "
            f"perform action '{_ACTION}' on scope '{target}'; however, it does not have permission "
            f"to perform action 'read' on the linked scope(s) '{source.resource_id}'.",
        )
    return login_server(source.resource_id.rpartition("/")[2])


def _source(image: str) -> Reference:
    """The image as its registry names it: Docker Hub's registry knows no node, but library/node."""
    found = _reference(image)
    path = image.partition("/")[2]
    if found.registry == DOCKER_HUB and "/" not in path:
        return Reference(DOCKER_HUB, found.repository.rpartition("/")[2], found.tag, found.digest)
    return found


def _tags(server: str, parameters: ImportImageParameters, source: Reference) -> list[Reference]:
    """The targets with a tag; one that names none gets the source's, else ``latest``."""
    names = parameters.target_tags or []
    if not names and not parameters.untagged_target_repositories:
        names = [source.repository]  # as az does, when nothing else is asked for
    found = []
    for name in names:
        target = _reference(f"{server}/{name}")
        if target.digest:
            raise invalid(
                f"The target '{name}' names a digest: a target is a repository with a tag. Name the "
                "repository in untaggedTargetRepositories for a copy without a tag.",
                "InvalidImageReference",
            )
        if not valid_repository(target.repository):
            raise invalid(
                f"The target '{name[:50]}…' is longer than the name of a repository may be: 255 "
                "characters.",
                "InvalidImageReference",
            )
        tagged = ":" in name.rpartition("/")[2]
        tag = target.tag if tagged else source.tag or "latest"
        found.append(Reference(target.registry, target.repository, tag))
    return found


def _untagged(parameters: ImportImageParameters) -> list[str]:
    names = parameters.untagged_target_repositories or []
    for name in names:
        if not valid_repository(name):
            raise invalid(
                f"The untagged target '{name}' is not the name of a repository, like team/node.",
                "InvalidImageReference",
            )
    return names


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except InvalidReferenceError as error:
        raise invalid(f"{error}", "InvalidImageReference") from None


# -- the operation -----------------------------------------------------------------------------


def _name(operation: Operation) -> str:
    return f"registries-{operation.id}"


@carries_out(_KIND)
def copy(cloud: Cloud, operation: Operation) -> None:
    """Copy the image to all targets in the transaction that ends the operation, or to none."""
    request = operation.request
    with _failures(operation, source := _source(request["source"])):
        registry = _registry(cloud, operation.resource_id)
        if request.get("sourceId"):
            _registry(cloud, request["sourceId"])
        server = str(registry.properties["loginServer"])
        targets = [Reference.parse(one) for one in request["goals"]]
        targets += [Reference(server, one) for one in request.get("untagged", ())]
        importer = Importer(cloud)
        if not request["force"]:
            importer.check(targets)
        credential = _credential(cloud, operation, source)
        digest = importer.find(source, credential)
        with cloud.store.transaction():
            there = _registry(cloud, operation.resource_id)
            if there.created != registry.created:
                raise not_found(REGISTRY_TYPE, operation.resource_id)
            importer.copy(source, credential, digest, targets, force=request["force"])
            cloud.operations.end(operation.id)


def _registry(cloud: Cloud, resource_id: str) -> Resource:
    found = cloud.store.get(resource_id)
    if found is None:
        raise not_found(REGISTRY_TYPE, resource_id)
    return found


def _credential(cloud: Cloud, operation: Operation, source: Reference) -> Credential | None:
    """What the source is pulled with: what was given, or the rights that the caller has by now."""
    given = operation.request["credential"]
    try:
        if operation.request["asCaller"]:
            return exchange_credential(cloud, source.registry, _caller(cloud, operation))
        if given and not given["username"] and source.registry != DOCKER_HUB:
            return entra_credential(cloud, source.registry, given["password"])
    except CloudError as error:
        raise SourceRefusedError(error) from None
    return Credential(**given) if given else None


def _caller(cloud: Cloud, operation: Operation) -> Principal:
    found = cloud.principals.find(object_id=operation.request["principal"])
    if found is None:
        raise CloudError(403, "AuthorizationFailed", "Who asked for the import is there no more.")
    return found


@contextlib.contextmanager
def _failures(operation: Operation, source: Reference) -> Iterator[None]:
    """Say in Azure's words why an image is not imported."""
    try:
        yield
    except TargetExistsError as error:
        tag = f"{error.target.repository}:{error.target.tag}"
        code, message = "Conflict", f"Tag {tag} already exists in target registry."
    except SourceUnknownError:
        code = "InvalidParameters"
        message = (
            f"Unable to find manifest digest  Repo: {source.repository} "
            f"Tag: {'' if source.digest else source.tag} Manifest: {source.digest}"
        )
    except SourceIncompleteError as error:
        log.info("import of %s: %s", source, error)
        code, message = "InvalidParameters", "Error copying blobs"
    except SourceRefusedError as error:
        code, message = "InvalidParameters", _refusal(error.error)
    except TooManyManifestsError as error:
        code = "InvalidParameters"
        message = (
            f"The image {source} has {error.count} manifests; at most {MANIFESTS} can be imported."
        )
    except CloudError as error:
        code = error.code
        told = f" {error.detail}" if isinstance(error.detail, str) else ""
        message = f"{error.message}{told}"
    else:
        return
    status = 409 if code == "Conflict" else 400
    raise CloudError(
        status,
        code,
        f"Operation {_name(operation)} failed. Resource {operation.resource_id} {message}",
    )


def _refusal(error: CloudError) -> str:
    """What is said of a registry's answer, as of any that is no success."""
    if error.status not in (401, 405):
        return error.message
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    told |= {"detail": error.detail} if error.detail else {}
    answer = json.dumps({"errors": [told]})
    phrase = HTTPStatus(error.status).phrase
    return f"Invalid message {status_name(error.status)} {phrase} {answer}"
