"""Microsoft.ContainerRegistry/registries/cacheRules: which repository is a cache of which upstream.

Rules: learn.microsoft.com, "Optimize image pulls with artifact cache in Azure Container Registry",
"Wildcard support for artifact cache in Azure Container Registry".
"""

from __future__ import annotations

import msgspec

from ..errors import CloudError
from ..reference import (
    AZURE,
    DOCKER_HUB,
    DOCKER_HUB_NAMES,
    InvalidReferenceError,
    Reference,
    valid_repository,
)
from ..registry.cache_rules import LIMIT, UPSTREAMS, CacheRule, RepositoryPattern, known_upstream
from ..registry.catalog import Catalog
from ..resource_types import CACHE_RULE_TYPE, CREDENTIAL_SET_TYPE
from ..store import Resource
from . import registry_children as children
from .identity import ResourceIdentity, assign
from .models import Lacking, Model, ResourceModel
from .pages import below
from .registries import REGISTRY, of
from .routing import Call, Reply, Router, invalid

_RULES = REGISTRY + "/cacheRules"
_RULE = _RULES + "/{name}"
router = Router()


class CacheRuleProperties(Model):
    """``credential_set_resource_id`` null takes the credentials away; missing, it leaves them."""

    source_repository: str | None = None
    target_repository: str | None = None
    credential_set_resource_id: str | msgspec.UnsetType | None = msgspec.UNSET
    additional_authentication_properties: Lacking | None = None


class CacheRuleParameters(ResourceModel):
    """The body of CacheRules_Create and CacheRules_Update."""

    identity: ResourceIdentity | None = None  # for an upstream that is an ACR: user-assigned
    properties: CacheRuleProperties | None = None


@router.operation("PUT", _RULE, f"{CACHE_RULE_TYPE}/write", CacheRuleParameters)
def create(call: Call, given: CacheRuleParameters) -> Reply:
    """CacheRules_Create: of a rule that is there, the credentials can be changed alone."""
    registry = of(call)
    name = call.params["name"]
    children.check_name("cache rule", name)
    properties = given.properties or CacheRuleProperties()
    source = _source(properties.source_repository)
    target = _target(properties.target_repository)
    if source.wild != target.wild:
        raise invalid(
            f"The source repository '{source.text}' and the target repository '{target.text}' must "
            "both end with a wildcard, or neither."
        )
    resource = children.begun(call, CACHE_RULE_TYPE)
    new = "sourceRepository" not in resource.properties
    if new:
        _check_place(call, registry, target)
        resource.properties["sourceRepository"] = source.text
        resource.properties["targetRepository"] = target.text
    else:
        _keep_place(CacheRule.of(resource), source, target)
    _log_in(call, registry, resource, properties.credential_set_resource_id or None)
    _identify(call, resource, given.identity)
    call.cloud.store.put(resource)
    return children.written(call, resource, resource.body, "Creating" if new else "Updating")


@router.operation("PATCH", _RULE, f"{CACHE_RULE_TYPE}/write", CacheRuleParameters)
def update(call: Call, given: CacheRuleParameters) -> Reply:
    """CacheRules_Update: the credential set, or none."""
    registry = of(call)
    resource = call.get(CACHE_RULE_TYPE)
    properties = given.properties or CacheRuleProperties()
    rule = CacheRule.of(resource)
    source, target = properties.source_repository, properties.target_repository
    _keep_place(
        rule,
        rule.source if source is None else _source(source),
        rule.target if target is None else _target(target),
    )
    wanted = properties.credential_set_resource_id
    if not isinstance(wanted, msgspec.UnsetType):
        _log_in(call, registry, resource, wanted or None)
    if given.identity is not None:
        _identify(call, resource, given.identity)
    call.cloud.store.put(resource)
    return children.written(call, resource, resource.body, "Updating")


@router.operation("GET", _RULE, f"{CACHE_RULE_TYPE}/read")
def get(call: Call) -> Reply:
    """CacheRules_Get."""
    return Reply(200, call.get(CACHE_RULE_TYPE).body)


@router.operation("GET", _RULES, f"{CACHE_RULE_TYPE}/read")
def list_rules(call: Call) -> Reply:
    """CacheRules_List."""
    return below(call, of(call), CACHE_RULE_TYPE)


@router.operation("DELETE", _RULE, f"{CACHE_RULE_TYPE}/delete")
def remove(call: Call) -> Reply:
    """CacheRules_Delete: what has been cached stays."""
    return children.deleted(call)


router.operation(
    "GET", _RULE + "/operationStatuses/{operation}", f"{CACHE_RULE_TYPE}/operationStatuses/read"
)(children.status)


def _source(given: str | None) -> RepositoryPattern:
    host, _, path = (given or "").partition("/")
    host = host.lower()
    host = DOCKER_HUB if host in DOCKER_HUB_NAMES else host
    source = RepositoryPattern(f"{host}/{path}")
    if not path or not _is_repository(RepositoryPattern(path), host):
        raise invalid(
            f"The source repository '{given or ''}' is invalid. It is the upstream's login server "
            "and a repository (docker.io/library/node), or a wildcard at their end "
            "(mcr.microsoft.com/*, mcr.microsoft.com/dotnet/*)."
        )
    if not known_upstream(host):
        raise invalid(
            f"The upstream '{host}' of the source repository '{given}' is not supported by Artifact "
            f"Cache. Supported are {', '.join(UPSTREAMS)}."
        )
    return source


def _target(given: str | None) -> RepositoryPattern:
    target = RepositoryPattern(given or "")
    if not _is_repository(target, DOCKER_HUB):
        raise invalid(
            f"The target repository '{given or ''}' is invalid. It is the name of a repository "
            "(node), or a wildcard (*, dotnet/*)."
        )
    return target


def _is_repository(pattern: RepositoryPattern, host: str) -> bool:
    """Whether one repository that the pattern names could be pulled from."""
    example = pattern.fixed + "a" if pattern.wild else pattern.text
    try:
        named = Reference.parse(f"{host}/{example}") == Reference.parse(f"{host}/{example}:latest")
    except InvalidReferenceError:
        return False
    return named and valid_repository(example)


def _check_place(call: Call, registry: Resource, target: RepositoryPattern) -> None:
    """A new rule needs a place of its own. Raises 400, and 409 for what is there already."""
    rules = call.cloud.store.find(type=CACHE_RULE_TYPE, parent=registry.key)
    if len(rules) >= LIMIT:
        raise invalid(
            f"The registry '{registry.name}' has {LIMIT} cache rules, and cannot have more. Delete "
            "those that are no longer needed.",
            "CacheRuleLimitExceeded",
        )
    for rule in map(CacheRule.of, rules):
        if target.overlaps(rule.target):
            kind = "with a wildcard " if rule.target.wild else ""
            raise CloudError(
                409,
                "Conflict",
                f"There is already a cache rule {kind}for the target repository "
                f"'{target.text}': '{rule.name}' for '{rule.target.text}'.",
            )
    server = str(registry.properties["loginServer"])
    if not target.wild and Catalog(call.cloud).repository(server, target.text) is not None:
        raise CloudError(
            409,
            "Conflict",
            f"The target repository '{target.text}' already exists in the registry "
            f"'{registry.name}'. A cache rule needs one that does not.",
        )


def _keep_place(rule: CacheRule, source: RepositoryPattern, target: RepositoryPattern) -> None:
    """Raise 400 where a request would have a rule map something else."""
    if (rule.source, rule.target) != (source, target):
        raise invalid(
            f"The cache rule '{rule.name}' maps {rule.target.text} to {rule.source.text}, which "
            "cannot be changed. Delete it, and create another one."
        )


def _log_in(call: Call, registry: Resource, resource: Resource, wanted: str | None) -> None:
    """Give a rule its credential set, or none. Raises 400 for one that it cannot use."""
    host = CacheRule.of(resource).upstream_host
    if wanted is None:
        if host == DOCKER_HUB:
            raise invalid(
                f"The cache rule '{resource.name}' needs a credential set: from Docker Hub, "
                "Artifact Cache supports authenticated pulls only."
            )
        resource.properties["credentialSetResourceId"] = None
        return
    found = call.cloud.store.get(wanted)
    if found is None or found.type != CREDENTIAL_SET_TYPE or found.parent.lower() != registry.key:
        raise invalid(
            f"The credential set '{wanted}' of the cache rule does not exist in the registry "
            f"'{registry.name}'. Create it first (az acr credential-set create)."
        )
    server = found.properties["loginServer"]
    if (DOCKER_HUB if server in DOCKER_HUB_NAMES else server) != host:
        raise invalid(
            f"The credential set '{found.name}' is for {server}, and the source repository of the "
            f"cache rule '{resource.name}' is at {host}."
        )
    resource.properties["credentialSetResourceId"] = found.id


def _identify(call: Call, resource: Resource, given: ResourceIdentity | None) -> None:
    """Give a rule the identity that it pulls with, or none. Raises 400 for one that it cannot use.

    Source: "Optimize image pulls with artifact cache", user-assigned identities for an upstream that
    is a container registry of Azure.
    """
    if "systemassigned" in (given.type if given is not None and given.type else "").lower():
        raise invalid(
            f"The identity type '{given.type if given else ''}' of a cache rule is invalid: it is "
            "UserAssigned or None.",
            "IdentityTypeNotSupported",
        )
    assign(call, resource, given, "")
    held = (resource.body.get("identity") or {}).get("userAssignedIdentities") or {}
    if not held:
        return
    host = CacheRule.of(resource).upstream_host
    if not host.endswith(AZURE):
        raise invalid(
            f"The cache rule '{resource.name}' cannot use an identity: its upstream {host} is no "
            f"container registry of Azure (*{AZURE}). Use a credential set."
        )
    if len(held) > 1 or resource.properties.get("credentialSetResourceId"):
        raise invalid(
            f"The cache rule '{resource.name}' logs in to its upstream in one way: with one identity, "
            "or with a credential set."
        )
