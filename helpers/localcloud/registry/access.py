"""Who may do what in a registry: Entra principals by role, tokens by scope map, admin, the agent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..cloud import Cloud
from ..errors import CloudError
from ..reference import AZURE, DOCKER_HUB
from ..resource_types import REGISTRY_TYPE
from ..role_conditions import REPOSITORY
from ..store import Resource
from .modes import is_abac
from .policies import has_quarantine

AGENT = "agent"  # the kind of caller that the agent of a task is at the task's own registry
IDENTITY_USER = "00000000-0000-0000-0000-000000000000"  # the password is a refresh token
CATALOG, DELETED_CATALOG = "catalog", "deleted_catalog"  # the lists of repositories
ACTIONS = (
    *("pull", "push", "delete", "metadata_read", "metadata_write", "deleted_read"),
    "deleted_restore",
)
QUARANTINE_ACTIONS = ("quarantine_read", "quarantine_write")  # of principals alone, by their roles
_ROLE_ACTIONS = {  # Azure/acr docs: which action of ARM an action of the registry needs
    "pull": f"{REGISTRY_TYPE}/pull/read",
    "push": f"{REGISTRY_TYPE}/push/write",
    "delete": f"{REGISTRY_TYPE}/artifacts/delete",
    "metadata_read": f"{REGISTRY_TYPE}/pull/read",
    "metadata_write": f"{REGISTRY_TYPE}/push/write",
    CATALOG: f"{REGISTRY_TYPE}/pull/read",
    "quarantine_read": f"{REGISTRY_TYPE}/quarantine/read",
    "quarantine_write": f"{REGISTRY_TYPE}/quarantine/write",
}
# learn.microsoft.com, "Recover deleted artifacts with soft delete policy …": at the registry, whatever
# its roles are for. There are no data actions for it.
_DELETED_ACTIONS = {
    "deleted_read": f"{REGISTRY_TYPE}/deleted/read",
    "deleted_restore": f"{REGISTRY_TYPE}/deleted/restore/action",
    DELETED_CATALOG: f"{REGISTRY_TYPE}/deleted/read",
}
# learn.microsoft.com, "Azure attribute-based access control repository permissions in Azure Container
# Registry": which data action it needs where roles are for repositories.
_DATA_ACTIONS = {
    "pull": f"{REGISTRY_TYPE}/repositories/content/read",
    "push": f"{REGISTRY_TYPE}/repositories/content/write",
    "delete": f"{REGISTRY_TYPE}/repositories/content/delete",
    "metadata_read": f"{REGISTRY_TYPE}/repositories/metadata/read",
    "metadata_write": f"{REGISTRY_TYPE}/repositories/metadata/write",
    CATALOG: f"{REGISTRY_TYPE}/catalog/read",
    "quarantine_read": f"{REGISTRY_TYPE}/quarantinedArtifacts/read",
    "quarantine_write": f"{REGISTRY_TYPE}/quarantinedArtifacts/write",
}
_NEEDED = {  # by whether roles are for repositories
    abac: {
        name: (action, data)
        for actions, data in (
            (_DATA_ACTIONS if abac else _ROLE_ACTIONS, abac),
            (_DELETED_ACTIONS, False),
        )
        for name, action in actions.items()
    }
    for abac in (False, True)
}
_SCOPE_MAP_ACTIONS = {
    "content/read": "pull",
    "content/write": "push",
    "content/delete": "delete",
    "metadata/read": "metadata_read",
    "metadata/write": "metadata_write",
}
UNAUTHORIZED = (
    "authentication required, visit https://aka.ms/acr/authorization for more information."
)


@dataclass(frozen=True)
class Registry:
    """A registry that answers under a host name; ``resource`` is None for Docker Hub."""

    server: str
    resource: Resource | None

    @property
    def is_hub(self) -> bool:
        """Whether it is Docker Hub."""
        return self.resource is None

    @property
    def is_abac(self) -> bool:
        """Whether its roles are for repositories, with conditions (``rbac-abac``)."""
        return self.resource is not None and is_abac(self.resource)

    @property
    def has_quarantine(self) -> bool:
        """Whether its images wait until they have been scanned."""
        return self.resource is not None and has_quarantine(self.resource)

    @property
    def needed(self) -> dict[str, tuple[str, bool]]:
        """Which action of a role each action of the registry needs, and each list of repositories.

        Of each, whether it is a data action.
        """
        return _NEEDED[self.is_abac]

    @property
    def incarnation(self) -> str:
        """Which registry of that name it is: one that was deleted and made again is another."""
        return f"{self.server} of {self.resource.created if self.resource else 'Docker'}"


@dataclass(frozen=True)
class Caller:
    """An authenticated user of one registry: what its kind is, and who it is."""

    kind: str  # "anonymous" | "principal" | "token" | "admin" | "agent" | "account"
    name: str = ""  # object id, token name, user name
    until: float | None = None  # seconds since 1970: when the password expires that has proven it


ANONYMOUS = Caller("anonymous")


def registry_of(cloud: Cloud, server: str) -> Registry:
    """The registry of a login server. Raises 404 NAME_UNKNOWN when there is none."""
    if server == DOCKER_HUB:
        return Registry(DOCKER_HUB, None)
    name = server.removesuffix(AZURE)
    found = cloud.store.find(type=REGISTRY_TYPE, name=name) if name != server else []
    if not found:
        raise CloudError(
            404,
            "NAME_UNKNOWN",
            f"there is no registry {server}: check its name, or create it (az acr create)",
        )
    return Registry(server, found[0])


def check_there(cloud: Cloud, registry: Registry) -> Registry:
    """The registry as it is now. Raises 404 NAME_UNKNOWN where it was deleted since it was found.

    Whoever writes into a registry asks in the same transaction: what is written after the end of a
    registry would be found in the next one of that name, and its policies may be others.
    """
    found = registry_of(cloud, registry.server)
    if found.incarnation != registry.incarnation:
        raise CloudError(
            404, "NAME_UNKNOWN", f"the registry {registry.server} was deleted meanwhile"
        )
    return found


def allowed(cloud: Cloud, registry: Registry, caller: Caller, repository: str) -> set[str]:
    """The actions that ``caller`` may do with ``repository`` now."""
    if registry.resource is None:
        if caller.kind == "account":
            return set(ACTIONS)
        return {"pull", "metadata_read"}
    if _may_everything(registry, caller):
        return set(ACTIONS)
    if caller.kind == "principal":
        needed = registry.needed
        grants = cloud.permissions.grants(caller.name, registry.resource.id)
        asked = {REPOSITORY: repository}
        return {
            action
            for action in (*ACTIONS, *QUARANTINE_ACTIONS)
            for name, data in (needed[action],)
            if any(one.allows(name, data=data, attributes=asked) for one in grants)
        }
    if caller.kind == "token":
        return set(_scope_map_actions(cloud, registry.resource, caller.name, repository))
    return set()


def _may_everything(registry: Registry, caller: Caller) -> bool:
    """Whether no role is asked for: of the agent where roles are for registries, and of the admin."""
    return caller.kind == "admin" or (caller.kind == AGENT and not registry.is_abac)


def _scope_map_actions(
    cloud: Cloud, registry: Resource, name: str, repository: str
) -> Iterable[str]:
    token = cloud.store.get(f"{registry.id}/tokens/{name}")
    if token is None or token.properties["status"] != "enabled":
        return
    scope_map = cloud.store.get(token.properties["scopeMapId"])
    for rule in scope_map.properties["actions"] if scope_map else []:
        pattern, _, verb = rule.removeprefix("repositories/").rpartition("/")
        pattern, _, area = pattern.rpartition("/")
        if _is_of(repository, pattern):
            yield _SCOPE_MAP_ACTIONS[f"{area}/{verb}"]


def _is_of(repository: str, pattern: str) -> bool:
    """Whether a rule is for a repository: for that one, for all, or for those below a path."""
    if pattern.endswith("*"):
        return repository.startswith(pattern[:-1])
    return repository == pattern


def may_list(cloud: Cloud, registry: Registry, caller: Caller, listing: str = CATALOG) -> bool:
    """Whether the caller may list all repositories; a token with a scope map never may.

    ``listing``: those that are there, or the deleted ones.
    """
    if registry.resource is None:
        return caller.kind == "account"
    if _may_everything(registry, caller):
        return True
    action, data = registry.needed[listing]
    return caller.kind == "principal" and cloud.permissions.allowed(
        caller.name, action, registry.resource.id, data=data
    )


def admitted(cloud: Cloud, registry: Registry, caller: Caller) -> bool:
    """Whether a caller may log in: a principal needs a role that counts at the registry, whichever.

    A role that a condition narrows to some repositories is one.
    """
    if caller.kind != "principal" or registry.resource is None:
        return True
    return any(
        grant.role.allows(action, data=data)
        for grant in cloud.permissions.grants(caller.name, registry.resource.id)
        for action, data in registry.needed.values()
        if data is registry.is_abac
    )


def still_there(cloud: Cloud, registry: Registry, caller: Caller) -> bool:
    """Whether the caller that a token was issued to may still get tokens."""
    if caller.kind == "principal":
        return cloud.principals.find(object_id=caller.name) is not None
    if registry.resource is not None and caller.kind == "admin":
        return bool(registry.resource.properties["adminUserEnabled"])
    if registry.resource is not None and caller.kind == "token":
        token = cloud.store.get(f"{registry.resource.id}/tokens/{caller.name}")
        return token is not None and token.properties["status"] == "enabled"
    return True
