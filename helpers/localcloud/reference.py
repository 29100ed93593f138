"""Names of images: registry/repository:tag@digest, as Docker reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass

AZURE = ".azurecr.io"  # the host names of Azure's registries end with it
DOCKER_HUB = "docker.io"
DOCKER_HUB_SCANNED = "registry.hub.docker.com"  # as the scan of a build's dependencies names it
DOCKER_HUB_NAMES = frozenset(
    {DOCKER_HUB, "index.docker.io", "registry-1.docker.io", DOCKER_HUB_SCANNED}
)
DOCKER_HUB_HOSTS = DOCKER_HUB_NAMES | {"auth.docker.io"}  # the last one gives tokens
# Patterns of the reference grammar of distribution; none takes one text apart in several ways.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
_REPOSITORY = re.compile(PATH)
_TAG = re.compile(TAG)
# OCI image spec 1.1, descriptor.md, "Registered algorithms"; in hex digits of lower case.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def login_server(registry: str) -> str:
    """The host name of the Azure registry ``registry``."""
    return f"{registry.lower()}{AZURE}"


class InvalidReferenceError(ValueError):
    """A text that names no image; in Docker's words."""


@dataclass(frozen=True)
class Reference:
    """One image name; ``tag`` or ``digest`` is set, or both (then the digest counts)."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``node:15-alpine`` as docker.io/library/node:15-alpine (docker reference grammar).

        Without tag and digest the tag is ``latest``. Raises :class:`InvalidReferenceError`.
        """
        rest, at, digest = text.strip().partition("@")
        if at and not valid_digest(digest):
            raise InvalidReferenceError(f"invalid reference format: digest of {text!r}")
        first, slash, after = rest.partition("/")
        is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
        registry, path = (first, after) if is_host else (DOCKER_HUB, rest)
        name, colon, tag = (
            path.rpartition(":") if ":" in path.rsplit("/", 1)[-1] else (path, "", "")
        )
        if registry.lower() in DOCKER_HUB_NAMES:
            registry = DOCKER_HUB
            name = name if "/" in name else f"library/{name}"
        if name != name.lower():
            raise InvalidReferenceError(
                f"invalid reference format: repository name ({name}) must be lowercase"
            )
        if not _REPOSITORY.fullmatch(name) or (colon and not _TAG.fullmatch(tag)):
            raise InvalidReferenceError(f"invalid reference format: {text!r}")
        return cls(registry.lower(), name, tag or ("" if digest else "latest"), digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"

    @property
    def version(self) -> str:
        """What names the manifest in the repository: the digest when there is one, else the tag."""
        return self.digest or self.tag

    @property
    def familiar(self) -> str:
        """As Docker shows it: without docker.io/library/."""
        text = str(self)
        if self.registry == DOCKER_HUB:
            return text.removeprefix("docker.io/").removeprefix("library/")
        return text


def valid_repository(name: str) -> bool:
    """Whether ``name`` may name a repository (OCI distribution spec, "Pulling manifests")."""
    return len(name) <= 255 and bool(_REPOSITORY.fullmatch(name))


def valid_tag(tag: str) -> bool:
    """Whether ``tag`` may name a manifest (OCI distribution spec)."""
    return bool(_TAG.fullmatch(tag))


def valid_digest(digest: str) -> bool:
    """Whether ``digest`` is one of sha256 or of sha512."""
    return bool(_DIGEST.fullmatch(digest))
