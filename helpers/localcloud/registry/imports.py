"""Images that the service itself copies from one repository to others (Registries_ImportImage).

All registries of a local cloud share one content store: a copy is rows, and moves no bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..cloud import Cloud
from ..content import MissingContentError
from ..errors import CloudError
from ..media_types import INDEXES
from ..reference import Reference
from .catalog import Catalog
from .client import RegistryClient
from .credentials import Credential
from .entries import Entry
from .locks import Operation
from .manifest_format import each_once, references

MANIFESTS = 50  # that an imported image may have (docs: "Import container images", limitations)


class TargetExistsError(Exception):
    """An import without force would move the tag ``target``."""

    def __init__(self, target: Reference) -> None:
        super().__init__(str(target))
        self.target = target


class SourceRefusedError(Exception):
    """The source's registry does not give the image out; ``error`` is what it answers."""

    def __init__(self, error: CloudError) -> None:
        super().__init__(error.message)
        self.error = error


class SourceUnknownError(Exception):
    """The source's registry has no such manifest."""


class SourceIncompleteError(Exception):
    """The source's registry lacks some of the image's content; the text says which."""


class TooManyManifestsError(Exception):
    """The image has ``count`` manifests, which are more than an import copies."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} manifests")
        self.count = count


class Importer:
    """Copies images with all their platforms, and never what refers to them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._catalog = Catalog(cloud)
        self._client = RegistryClient(cloud)

    def find(self, source: Reference, credential: Credential | None) -> str:
        """The digest of ``source``, whose content is then in this cloud. May take long.

        Raises :class:`SourceUnknownError`, :class:`SourceRefusedError`,
        :class:`SourceIncompleteError`.
        """
        try:
            digest = self._client.resolve(source, credential)
        except CloudError as error:
            raise SourceRefusedError(error) from None
        if digest is not None:
            self._pull(source, credential)
            return digest
        try:  # a cache rule may bring it
            return self._client.pull(source, credential, platform=None)
        except CloudError as error:
            if error.status == 404:
                raise SourceUnknownError(str(source)) from None
            raise SourceRefusedError(error) from None

    def check(self, targets: Iterable[Reference]) -> None:
        """Raise :class:`TargetExistsError` for the first of ``targets`` that is a tag by now."""
        for target in targets:
            if target.tag and self._catalog.tag(target.registry, target.repository, target.tag):
                raise TargetExistsError(target)

    def copy(
        self,
        source: Reference,
        credential: Credential | None,
        digest: str,
        targets: Sequence[Reference],
        *,
        force: bool,
    ) -> None:
        """Put the manifest ``digest`` of ``source`` under every target, or under none.

        Needs no right to push. A target without a tag gets the manifest alone. ``force`` moves tags
        that are there, also those whose lock forbids to write; the lock stays. Raises the errors of
        this module, and :class:`CloudError` for a repository that lets nothing in.
        """
        with self._cloud.store.transaction():
            if not force:
                self.check(targets)
            self._pull(replace(source, digest=digest), credential)
            manifests = self._manifests(source, digest)
            operation = Operation.IMPORT_WITH_FORCE if force else Operation.PUSH
            count = len(manifests) - (manifests[digest].media_type in INDEXES)
            if count > MANIFESTS:
                raise TooManyManifestsError(count)
            image = manifests.pop(digest)
            for registry, repository in {(one.registry, one.repository) for one in targets}:
                for child in manifests.values():
                    self._put(registry, repository, child.digest, child, operation)
            for target in targets:
                version = target.tag or digest
                self._put(target.registry, target.repository, version, image, operation)

    def _put(
        self, registry: str, repository: str, version: str, manifest: Entry, operation: Operation
    ) -> None:
        content = self._cloud.content.read(manifest.digest)
        self._catalog.put(
            registry,
            repository,
            version,
            content,
            manifest.media_type,
            digest=manifest.digest,
            operation=operation,
        )

    def _pull(self, source: Reference, credential: Credential | None) -> None:
        try:
            self._client.pull(source, credential, platform=None)
        except CloudError as error:
            if error.status == 404:
                raise SourceIncompleteError(error.message) from None
            raise SourceRefusedError(error) from None

    def _manifests(self, source: Reference, digest: str) -> dict[str, Entry]:
        """The manifests of an image as its repository holds them: what an index names, then itself."""
        found: dict[str, Entry] = {}

        def needs(one: str) -> list[str]:
            entry = self._catalog.manifest(source.registry, source.repository, one)
            try:
                content = self._cloud.content.read(one)
            except MissingContentError as error:
                raise SourceIncompleteError(str(error)) from None
            if entry is None:
                raise SourceIncompleteError(f"{source.repository} does not hold the manifest {one}")
            found[one] = entry
            return references(json.loads(content)) if entry.media_type in INDEXES else []

        return {one: found[one] for one in each_once(digest, needs)}
