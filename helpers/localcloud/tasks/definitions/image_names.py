"""Names of images as the dependency scan of ACR Tasks reads and shows them.

Source: acr-builder, scan/dependencies.go; docker/distribution, reference/regexp.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...reference import (
    DOCKER_HUB,
    DOCKER_HUB_SCANNED,
    PATH,
    TAG,
    InvalidReferenceError,
    Reference,
)

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
# Of several parts it takes the first one for the registry, whatever it is.
DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?"
DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_NAME = re.compile(rf"(?:({DOMAIN})/)?({PATH})")
_REFERENCE = re.compile(rf"((?:{DOMAIN}/)?{PATH})(?::({TAG}))?(?:@({DIGEST}))?")
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_LONGEST_NAME = 255
SCRATCH = "scratch:latest"  # what FROM scratch is to the scan: no image that there is


class ImageNameError(ValueError):
    """A text that the scan takes for no image; in the engine's words."""


@dataclass(frozen=True)
class ImageName:
    """An image as the dependency scan names it; ``reference`` is what Docker is asked for."""

    registry: str
    repository: str
    tag: str
    digest: str
    reference: str = ""

    @classmethod
    def of(cls, text: str, digest: str = "") -> ImageName:
        """The parts of an image name as written; one without a registry is Docker Hub's.

        A registry is what stands before the first slash and has a dot; ``docker.io/node`` stays
        without ``library/``. Only a name with neither ``:`` nor ``@`` gets the tag ``latest``.
        Raises :class:`ImageNameError`.
        """
        name, tag, written = _parse(normalized(text))
        found = _NAME.fullmatch(name)
        domain, path = (found[1] or "", found[2]) if found else ("", name)
        if "." in domain:
            registry, repository = domain, path
        else:
            registry, repository = DOCKER_HUB_SCANNED, f"{domain or 'library'}/{path}"
        reference = name + (f":{tag}" if tag else "") + (f"@{written}" if written else "")
        return cls(registry, repository, tag, written or digest, reference)

    @property
    def key(self) -> tuple[str, str, str]:
        """Registry, repository and tag in one spelling: two names of one image are equal."""
        hub = self.registry in (DOCKER_HUB_SCANNED, DOCKER_HUB)
        text = f"{DOCKER_HUB if hub else self.registry}/{self.repository}"
        try:
            found = Reference.parse(text)
        except InvalidReferenceError:  # the scan takes for Hub's what has another registry's port
            return self.registry, self.repository, self.tag
        return found.registry, found.repository, self.tag

    def describe(self, *, reference: bool = False) -> dict[str, str]:
        """Names and values, without those that are empty; ``reference`` as the scan prints them."""
        parts = {
            "registry": self.registry,
            "repository": self.repository,
            "tag": self.tag,
            "digest": self.digest,
            "reference": self.reference if reference else "",
        }
        return {name: value for name, value in parts.items() if value}


def normalized(text: str) -> str:
    """``text`` with the tag ``latest``, unless it has a colon or a digest anywhere."""
    return text if "@" in text or ":" in text else f"{text}:latest"


def _parse(text: str) -> tuple[str, str, str]:
    """Name, tag and digest of a reference. Raises :class:`ImageNameError`."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        if not text:
            reason = "repository name must have at least one component"
        elif _REFERENCE.fullmatch(text.lower()):
            reason = "repository name must be lowercase"
        else:
            reason = "invalid reference format"
    elif len(found[1]) > _LONGEST_NAME:
        reason = f"repository name must not be more than {_LONGEST_NAME} characters"
    else:
        reason = _wrong_digest(found[3] or "")
    if found is None or reason:
        raise ImageNameError(
            f"Failed to parse image reference, ensure tags have a valid format: {text}: {reason}"
        )
    return found[1], found[2] or "", found[3] or ""


def _wrong_digest(digest: str) -> str:
    if not digest:
        return ""
    algorithm, _, encoded = digest.partition(":")
    if algorithm not in _DIGEST_LENGTHS:
        return "unsupported digest algorithm"
    if len(encoded) != _DIGEST_LENGTHS[algorithm]:
        return "invalid checksum digest length"
    return "" if encoded == encoded.lower() else "invalid checksum digest format"
