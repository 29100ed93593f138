"""How the local cloud's own workers pull and push: the server's checks, without copying blobs.

All registries of a local cloud share one content store, so a pull or a push moves no bytes; who
may do it, what is locked and what exists is decided by the same code as over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..cloud import Cloud
from ..content import MissingContentError
from ..errors import CloudError
from ..media_types import INDEXES
from ..reference import AZURE, DOCKER_HUB, Reference
from . import artifact_cache, supply
from .access import (
    ANONYMOUS,
    Caller,
    Registry,
    admitted,
    allowed,
    check_there,
    registry_of,
    still_there,
)
from .authentication import login
from .cache_rules import rule_for
from .catalog import Catalog
from .credentials import Credential, ProvenCredential
from .entries import Entry
from .manifest_format import descriptors, each_once, media_type_of, references
from .quarantine import READ, needed, refused
from .unknown import unknown_manifest

__all__ = ["Credential", "RegistryClient"]
Platform = tuple[str, str]


@dataclass(frozen=True)
class _Client:
    """Who pulls or pushes, and what that caller may do with the repository."""

    registry: Registry
    caller: Caller
    actions: set[str]


class RegistryClient:
    """Pull, push and resolve, under the rights of a credential."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._catalog = Catalog(cloud)

    def resolve(self, reference: Reference, credential: Credential | None = None) -> str | None:
        """The digest that a reference names, or None, also for a tag of what is in quarantine.

        Raises :class:`CloudError` on refusal.
        """
        registry = self._registry(reference)
        puller = self._check(registry, reference, credential, "pull", READ)
        digest = self._digest(registry, reference)
        if digest is None or reference.digest or not registry.has_quarantine:
            return digest
        entry = self._catalog.manifest(registry.server, reference.repository, digest)
        assert entry is not None
        return digest if needed(registry, entry) in puller.actions else None

    def pull(
        self,
        reference: Reference,
        credential: Credential | None = None,
        platform: Platform | None = ("linux", "amd64"),
    ) -> str:
        """The manifest digest of an image whose blobs are then all in the content store.

        An index is resolved to ``platform`` (os, architecture), or kept as it is when that is
        None. Raises :class:`CloudError` that names the image and the reason, in Docker's words.
        """
        registry = self._registry(reference)
        puller = self._check(registry, reference, credential, "pull", READ)
        digest = self._digest(registry, reference)
        place = (reference.repository, reference.tag)
        may_come = self._catalog.quarantined_tags.may_come
        if digest is None and not reference.digest and may_come(registry, puller.actions, *place):
            digest = artifact_cache.fetch(self._cloud, registry, *place, self)
        return self._chosen(puller, reference, digest, platform)

    def check(
        self,
        reference: Reference,
        credential: Credential | None = None,
        platform: Platform | None = ("linux", "amd64"),
    ) -> None:
        """Raise what :meth:`pull` would raise, at once: nothing is assembled or cached for that."""
        registry = self._registry(reference)
        puller = self._check(registry, reference, credential, "pull", READ)
        server, repository = registry.server, reference.repository
        digest = self._catalog.resolve(server, repository, reference.version)
        supplied = registry.is_hub and supply.has(server, repository, reference.tag)
        cached = supplied or rule_for(self._cloud, registry, repository) is not None
        if digest is None and cached and not reference.digest:
            return
        self._chosen(puller, reference, digest, platform)

    def _chosen(
        self,
        puller: _Client,
        reference: Reference,
        digest: str | None,
        platform: Platform | None,
    ) -> str:
        registry = puller.registry
        if digest is None and registry.is_hub:
            raise CloudError(
                404,
                "MANIFEST_UNKNOWN",
                f"manifest for {reference.familiar} not found: manifest unknown: the local cloud "
                f"cannot reach Docker Hub, and nobody has published this image in it. "
                f"{supply.told_of(DOCKER_HUB)}",
            )
        if digest is None:
            raise _missing(reference)
        entry = self._catalog.manifest(registry.server, reference.repository, digest)
        assert entry is not None
        self._check_quarantine(puller, reference, entry, reference.version)
        with _told_of(reference):
            self._catalog.check_pull(entry, reference.version)
            if platform is not None and entry.media_type in INDEXES:
                digest = self._pick(reference, digest, platform)
        self._check_present(puller, reference, digest)
        return digest

    def _check_quarantine(
        self, puller: _Client, reference: Reference, entry: Entry, version: str
    ) -> None:
        """Raise what a pull is told that may not read a manifest: it is in quarantine, or is not."""
        action = needed(puller.registry, entry)
        if action in puller.actions:
            return
        if action != READ:
            raise _refusal(puller.registry, puller.caller, reference, action)
        if version != entry.digest:
            raise _missing(reference)
        with _told_of(reference):
            raise refused(entry, version)

    def _manifest(self, reference: Reference, digest: str) -> dict[str, Any]:
        """A stored manifest. Raises 404 that names image and digest when it is damaged."""
        try:
            parsed: dict[str, Any] = json.loads(self._cloud.content.read(digest))
        except MissingContentError as error:
            raise CloudError(
                404, "MANIFEST_UNKNOWN", f"manifest for {reference.familiar} not found: {error}"
            ) from None
        return parsed

    def _check_present(self, puller: _Client, reference: Reference, digest: str) -> None:
        """Raise 404 that names what an image lacks, or has damaged, of its content; 405 for a lock."""
        for _ in each_once(digest, lambda one: self._check_manifest(puller, reference, one)):
            pass  # what is checked is all that is asked for

    def _check_manifest(self, puller: _Client, reference: Reference, digest: str) -> list[str]:
        """Check one manifest and its blobs; returns the manifests that an index names."""
        entry = self._catalog.manifest(reference.registry, reference.repository, digest)
        if entry is not None:
            self._check_quarantine(puller, reference, entry, digest)
            with _told_of(reference):
                self._catalog.check_pull(entry, digest)
        elif puller.registry.has_quarantine:
            # An index has lost it, whose content may be there still.
            raise _missing(replace(reference, digest=digest))
        manifest = self._manifest(reference, digest)
        if "manifests" in manifest:
            return references(manifest)
        for one in descriptors(manifest):
            if one.get("urls"):
                continue
            try:
                # The right size is enough here: who unpacks a layer, or reads a configuration, sees
                # a wrong byte; to hash all of an image for each pull would take longer than the pull.
                if self._cloud.content.size(one["digest"]) != one.get("size"):
                    self._cloud.content.check(one["digest"])
            except FileNotFoundError as error:
                problem = str(error) if isinstance(error, MissingContentError) else "not stored"
                raise CloudError(
                    404,
                    "BLOB_UNKNOWN",
                    f"{reference.familiar}: blob unknown to registry: {one['digest']}: {problem}",
                ) from None
        return []

    def _pick(self, reference: Reference, index: str, platform: Platform) -> str:
        for one in self._manifest(reference, index)["manifests"]:
            its = one.get("platform") or {}
            if (its.get("os"), its.get("architecture")) == platform:
                return str(one["digest"])
        raise CloudError(
            404,
            "MANIFEST_UNKNOWN",
            f"no matching manifest for {'/'.join(platform)} in the manifest list entries of "
            f"{reference.familiar}",
        )

    def push(self, reference: Reference, digest: str, credential: Credential | None) -> str:
        """Put the stored manifest ``digest`` under a reference; returns the digest.

        Raises :class:`CloudError` that names the image and the reason.
        """
        registry = self._registry(reference)
        self._check(registry, reference, credential, "push")
        media_types: dict[str, str] = {}

        def needs(one: str) -> list[str]:
            parsed = self._manifest(reference, one)
            media_types[one] = self._catalog.media_type(one) or media_type_of(parsed)
            return references(parsed) if media_types[one] in INDEXES else []

        with _told_of(reference):
            for one in each_once(digest, needs):
                content = self._cloud.content.read(one)
                version = reference.version if one == digest else one
                place = (registry.server, reference.repository, version)
                with self._cloud.store.transaction():
                    if registry.resource is not None:
                        check_there(self._cloud, registry)
                    self._catalog.put(*place, content, media_types[one], digest=one)
        return digest

    # -- the server's checks -----------------------------------------------------------------

    def _registry(self, reference: Reference) -> Registry:
        server = reference.registry
        if not supply.answers_for(reference):
            raise CloudError(
                403,
                "DENIED",
                f'Get "https://{server}/v2/": Forbidden: the local cloud cannot reach {server} '
                f"for {reference.familiar}: nothing leaves this machine. {supply.told_of(server)}",
            )
        if server != DOCKER_HUB and not server.endswith(AZURE):
            return Registry(server, None)
        return registry_of(self._cloud, server)

    def _check(
        self,
        registry: Registry,
        reference: Reference,
        credential: Credential | None,
        action: str,
        *others: str,
    ) -> _Client:
        """Who a credential stands for. Raises what it is told unless it may do one of the actions."""
        caller = self._caller(registry, credential)
        actions = allowed(self._cloud, registry, caller, reference.repository)
        if actions.isdisjoint((action, *others)):
            raise _refusal(registry, caller, reference, action)
        return _Client(registry, caller, actions)

    def _caller(self, registry: Registry, credential: Credential | None) -> Caller:
        if credential is None:
            return ANONYMOUS
        found = self._login(registry, credential)
        if found is None:
            raise CloudError(
                401,
                "UNAUTHORIZED",
                f"unauthorized: the user name or password for {registry.server} is wrong (user "
                f"'{credential.username}'): authentication required, visit "
                "https://aka.ms/acr/authorization for more information.",
            )
        return found

    def _login(self, registry: Registry, credential: Credential) -> Caller | None:
        if not isinstance(credential, ProvenCredential):
            return login(self._cloud, registry, credential.username, credential.password)
        caller = Caller(credential.kind, credential.name)
        good = credential.server == registry.server and still_there(self._cloud, registry, caller)
        return caller if good else None

    def login(self, server: str, credential: Credential) -> None:
        """Check a credential as ``docker login`` does. Raises :class:`CloudError`."""
        registry = registry_of(self._cloud, server)
        caller = self._caller(registry, credential)
        if not admitted(self._cloud, registry, caller):
            raise CloudError(
                401,
                "UNAUTHORIZED",
                f"unauthorized: '{credential.username}' has no role at {registry.server}: "
                "authentication required, visit https://aka.ms/acr/authorization for more "
                "information.",
            )

    def _digest(self, registry: Registry, reference: Reference) -> str | None:
        found = self._catalog.resolve(registry.server, reference.repository, reference.version)
        if found is None and registry.is_hub and not reference.digest:
            coming = supply.begin(self._cloud, registry.server, reference.repository, reference.tag)
            return supply.wait(coming) if coming is not None else None
        return found


def _refusal(registry: Registry, caller: Caller, reference: Reference, action: str) -> CloudError:
    if registry.is_hub:
        return CloudError(403, "DENIED", "denied: requested access to the resource is denied")
    what = f"{'pull from' if action == 'pull' else 'push to'} {reference.familiar}"
    if caller is ANONYMOUS:
        return CloudError(
            401,
            "UNAUTHORIZED",
            f"unauthorized: cannot {what} without credentials of {registry.server}: "
            "authentication required, visit https://aka.ms/acr/authorization for more "
            "information.",
        )
    return CloudError(
        401,
        "UNAUTHORIZED",
        f"unauthorized: '{caller.name}' may not {what}: authentication required, visit "
        "https://aka.ms/acr/authorization for more information.",
    )


def _missing(reference: Reference) -> CloudError:
    missing = unknown_manifest(reference.repository, reference.version)
    return CloudError(
        missing.status,
        missing.code,
        f"manifest for {reference.familiar} not found: manifest unknown: {missing.message}",
        detail=missing.detail,
    )


@contextmanager
def _told_of(reference: Reference) -> Iterator[None]:
    """A refusal that has a sentence as its detail names the image, and says that sentence first."""
    try:
        yield
    except CloudError as error:
        if not isinstance(error.detail, str):
            raise
        raise CloudError(
            error.status,
            error.code,
            f"{reference.familiar}: {error.detail} ({error.message})",
            detail=error.detail,
        ) from None
