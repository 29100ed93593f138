"""Artifact Cache: a tag that a repository lacks comes from its upstream at its first pull, and stays.

Whoever may pull gets it, without a right to push. It is kept by its digest with every platform; when
the tag moves upstream, or goes, the cached one stays. No event tells of it: whether Azure fires
base-image triggers for what a cache brings is not documented.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Protocol

from ..cloud import Cloud
from ..errors import CloudError
from ..reference import Reference
from . import credential_sets, supply
from .access import Registry, check_there
from .cache_rules import CacheRule, rule_for
from .catalog import Catalog
from .credentials import Credential
from .tokens import exchange_credential

_MISSING = ("MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN")
_chain = threading.local()  # the registries that this thread asks one after the other


class Upstreams(Protocol):
    """Whoever pulls from any registry (:class:`.client.RegistryClient`)."""

    def pull(
        self,
        reference: Reference,
        credential: Credential | None = None,
        platform: tuple[str, str] | None = None,
    ) -> str:
        """The digest of an image whose blobs are then all in the content store."""


def begin(
    cloud: Cloud, registry: Registry, repository: str, tag: str, upstreams: Upstreams
) -> Future[str] | None:
    """The digest of a tag once it is cached; None when no rule is for that repository."""
    rule = rule_for(cloud, registry, repository)
    if rule is None:
        return None
    work = functools.partial(_fetch, cloud, registry, rule, repository, tag, upstreams)
    return supply.once((cloud.home, registry.server, repository, tag), work)


def fetch(
    cloud: Cloud, registry: Registry, repository: str, tag: str, upstreams: Upstreams
) -> str | None:
    """:func:`begin` for a thread that may wait. Raises :class:`CloudError` as a pull of it does."""
    rule = rule_for(cloud, registry, repository)
    return _fetch(cloud, registry, rule, repository, tag, upstreams) if rule else None


def _fetch(
    cloud: Cloud,
    registry: Registry,
    rule: CacheRule,
    repository: str,
    tag: str,
    upstreams: Upstreams,
) -> str:
    upstream = rule.upstream(repository, tag)
    with _once_in_a_chain(registry.server, rule):
        if not supply.answers_for(upstream):
            raise CloudError(
                501,
                "UNSUPPORTED",
                f"the cache rule '{rule.name}' takes {repository}:{tag} from {upstream}: the local "
                f"cloud does not answer for {upstream.registry}, and nothing leaves this machine. "
                "It answers for docker.io and for its own registries (*.azurecr.io).",
            )
        try:
            digest = upstreams.pull(upstream, _credential(cloud, rule, upstream), None)
        except CloudError as error:
            raise _told(rule, tag, upstream, error) from None
    with cloud.store.transaction():
        check_there(cloud, registry)
        catalog = Catalog(cloud)
        there = catalog.resolve(registry.server, repository, tag)  # somebody was quicker
        return there or catalog.adopt(registry.server, repository, tag, digest)


def _credential(cloud: Cloud, rule: CacheRule, upstream: Reference) -> Credential | None:
    if rule.principal_id:
        principal = cloud.principals.find(object_id=rule.principal_id)
        if principal is None:
            raise CloudError(403, "DENIED", "its identity does not exist any more")
        return exchange_credential(cloud, upstream.registry, principal)
    if not rule.credential_set_id:
        return None
    found = cloud.store.get(rule.credential_set_id)
    name = rule.credential_set_id.rpartition("/")[2]
    if found is None:
        raise CloudError(403, "DENIED", f"its credential set '{name}' does not exist any more")
    try:
        return credential_sets.credential(cloud, found)
    except CloudError as error:
        raise CloudError(
            403, "DENIED", f"its credential set '{name}' is unhealthy: {error.message}"
        ) from None


def _told(rule: CacheRule, tag: str, upstream: Reference, error: CloudError) -> CloudError:
    """What the puller is told: of its own right to pull nothing is wrong, so it is no 401."""
    why = f"the cache rule '{rule.name}' takes it from {upstream}: {error.message}"
    if error.code in _MISSING:
        return CloudError(
            404, "MANIFEST_UNKNOWN", f'manifest tagged by "{tag}" is not found: {why}'
        )
    if error.status in (401, 403, 405):
        return CloudError(403, "DENIED", f"requested access to the resource is denied: {why}")
    return error


@contextmanager
def _once_in_a_chain(server: str, rule: CacheRule) -> Iterator[None]:
    """Raise 404 where registries that cache one another come back to the first."""
    asked: list[str] = getattr(_chain, "asked", [])
    if server in asked:
        raise CloudError(
            404,
            "MANIFEST_UNKNOWN",
            f"the cache rule '{rule.name}' of {server} leads back to {server}",
        )
    _chain.asked = [*asked, server]
    try:
        yield
    finally:
        _chain.asked = asked
