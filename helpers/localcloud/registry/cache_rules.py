"""Cache rules: which repository of a registry comes from which upstream, and which rules overlap.

Source: learn.microsoft.com, "Optimize image pulls with artifact cache in Azure Container Registry",
"Wildcard support for artifact cache in Azure Container Registry".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..cloud import Cloud
from ..reference import AZURE, Reference
from ..resource_types import CACHE_RULE_TYPE
from ..store import Resource
from .access import Registry

LIMIT = 1000  # rules of a registry
UPSTREAMS = (  # "Upstream support"; all but Docker Hub may be pulled from without credentials
    "docker.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "ghcr.io",
    "quay.io",
    "registry.k8s.io",
    "gcr.io",
    "*.gcr.io",
    "*-docker.pkg.dev",
    "nvcr.io",
    "registry.redhat.io",
    "dhi.io",
    f"*{AZURE}",
)
_ALL = "*"
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")


@dataclass(frozen=True)
class RepositoryPattern:
    """One repository (``library/node``), all below a path (``library/*``), or all (``*``)."""

    text: str

    @property
    def wild(self) -> bool:
        """Whether it is of more than one repository."""
        return self.text == _ALL or self.text.endswith(f"/{_ALL}")

    @property
    def fixed(self) -> str:
        """What all that it names begin with; the whole name of a single repository."""
        return self.text.removesuffix(_ALL)

    def rest(self, repository: str) -> str | None:
        """What ``*`` stands for in a repository's name, '' without one; None: it is not named."""
        if not self.wild:
            return "" if repository == self.text else None
        rest = repository.removeprefix(self.fixed)
        return rest if repository.startswith(self.fixed) and rest else None

    def overlaps(self, other: RepositoryPattern) -> bool:
        """Whether there may not be rules for both: a single repository may lie below a wildcard."""
        if self.wild != other.wild:
            return False
        if not self.wild:
            return self.text == other.text
        return self.fixed.startswith(other.fixed) or other.fixed.startswith(self.fixed)


@dataclass(frozen=True)
class CacheRule:
    """One rule of a registry; it logs in to the upstream with a set, as an identity, or not at all.

    ``principal_id`` is that of the identity.
    """

    name: str
    source: RepositoryPattern  # begins with the upstream's host
    target: RepositoryPattern
    credential_set_id: str
    principal_id: str = ""

    @classmethod
    def of(cls, resource: Resource) -> CacheRule:
        """The rule that an ARM resource holds."""
        properties = resource.properties
        identity = resource.body.get("identity") or {}
        assigned = list((identity.get("userAssignedIdentities") or {}).values())
        return cls(
            resource.name,
            RepositoryPattern(properties["sourceRepository"]),
            RepositoryPattern(properties["targetRepository"]),
            properties.get("credentialSetResourceId") or "",
            assigned[0]["principalId"] if assigned else "",
        )

    @property
    def upstream_host(self) -> str:
        """The host of the upstream's registry."""
        return self.source.text.partition("/")[0]

    def upstream(self, repository: str, tag: str) -> Reference:
        """The upstream's image for one of this registry; on Docker Hub with ``library/``."""
        return Reference.parse(f"{self.source.fixed}{self.target.rest(repository) or ''}:{tag}")


def known_upstream(host: str) -> bool:
    """Whether Artifact Cache knows that registry."""
    if _HOST.fullmatch(host.lower()) is None:  # "*.azurecr.io" is a pattern, and no registry
        return False
    return any(fnmatchcase(host.lower(), pattern) for pattern in UPSTREAMS)


def rule_for(cloud: Cloud, registry: Registry, repository: str) -> CacheRule | None:
    """The rule of a repository: one for it alone goes before one with a wildcard."""
    if registry.resource is None:
        return None
    found = cloud.store.find(type=CACHE_RULE_TYPE, parent=registry.resource.key)
    rules = sorted(map(CacheRule.of, found), key=lambda rule: rule.target.wild)
    return next((rule for rule in rules if rule.target.rest(repository) is not None), None)
