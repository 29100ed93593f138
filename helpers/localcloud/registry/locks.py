"""May this be done to that object: the four attributes of repositories, tags and manifests.

Each object has its own. Source: learn.microsoft.com, "Lock a container image in an Azure container
registry".
"""

from __future__ import annotations

from enum import Enum, auto

from ..errors import CloudError
from ..reference import AZURE
from .entries import Entry, Kind

_MESSAGE = (
    "The operation is disallowed on this registry, repository or image. View troubleshooting steps at "
    "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation-"
)
_READ, _WRITE, _DELETE = ("readEnabled",), ("writeEnabled",), ("deleteEnabled", "writeEnabled")


class Operation(Enum):
    """What somebody wants to do."""

    PULL = auto()
    PUSH = auto()
    CACHE = auto()  # what comes from an upstream, which is told to nobody
    IMPORT_WITH_FORCE = auto()  # moves a locked tag, whose attributes stay as they are
    DELETE = auto()  # a tag or a manifest
    DELETE_REPOSITORY = auto()


# Which attributes of which object an operation needs. To delete needs that of writing as well; a
# repository whose deleteEnabled is false is not deleted itself, what is in it may be.
_RULES: dict[Operation, dict[Kind, tuple[str, ...]]] = {
    Operation.PULL: {"repository": _READ, "tag": _READ, "manifest": _READ},
    Operation.PUSH: {"repository": _WRITE, "tag": _WRITE},
    Operation.CACHE: {"repository": _WRITE, "tag": _WRITE},
    Operation.IMPORT_WITH_FORCE: {"repository": _WRITE},
    Operation.DELETE: {"repository": _WRITE, "tag": _DELETE, "manifest": _DELETE},
    Operation.DELETE_REPOSITORY: {"repository": _DELETE, "tag": _DELETE, "manifest": _DELETE},
}


def check(operation: Operation, *objects: Entry | None) -> None:
    """Raise 405 unless the attributes of all ``objects`` allow the operation; None is not there yet.

    The error's detail names the object, what of it is false, and how that is changed.
    """
    for one in objects:
        if one is None:
            continue
        needed = _RULES[operation].get(one.kind, ())
        missing = [attribute for attribute in needed if not one.attributes[attribute]]
        if missing:
            raise disallowed(_why(one, missing))


def disallowed(detail: str) -> CloudError:
    """405 in ACR's words; az prints the ``detail`` below them."""
    return CloudError(405, "REGISTRY_DISALLOWED_OPERATION", _MESSAGE, detail=detail)


def _why(entry: Entry, missing: list[str]) -> str:
    flags = [f"--{one.removesuffix('Enabled')}-enabled true" for one in missing]
    where = f"--repository {entry.path}" if entry.kind == "repository" else f"--image {entry.path}"
    return (
        f"The {entry.kind} {entry.path} is locked: {' and '.join(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} false. To unlock it: az acr repository update --name "
        f"{entry.registry.removesuffix(AZURE)} {where} {' '.join(flags)}"
    )
