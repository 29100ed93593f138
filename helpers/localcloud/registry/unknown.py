"""What a registry answers to who names what it does not hold, in ACR's words."""

from __future__ import annotations

from ..errors import CloudError


def unknown_repository(name: str) -> CloudError:
    """404 for a repository that the registry does not hold."""
    return CloudError(
        404, "NAME_UNKNOWN", f'repository "{name}" is not found', detail={"name": name}
    )


def unknown_manifest(repository: str, reference: str) -> CloudError:
    """404 for a manifest that the repository does not hold, by its digest or by a tag."""
    by_digest = ":" in reference
    return CloudError(
        404,
        "MANIFEST_UNKNOWN",
        f"manifest {reference} is not found"
        if by_digest
        else f'manifest tagged by "{reference}" is not found',
        detail={"Name": repository, "Revision" if by_digest else "Tag": reference},
    )


def unknown_tag(repository: str, tag: str) -> CloudError:
    """404 for a tag that the repository does not hold, of ACR's own API."""
    return CloudError(
        404,
        "TAG_UNKNOWN",
        f"the specified tag {tag} does not exist",
        detail={"Name": repository, "Tag": tag},
    )
