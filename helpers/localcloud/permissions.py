"""Role-based access control: the built-in roles, and whether a principal may do an action."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .resource_types import ASSIGNMENT_TYPE, REGISTRY_TYPE, VAULT_TYPE
from .store import Store


@dataclass(frozen=True)
class Role:
    """A built-in role: its name, its well-known GUID, and what it allows.

    Source: learn.microsoft.com, "Azure built-in roles".
    """

    name: str
    guid: str
    description: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = field(default=())

    def allows(self, action: str, *, data: bool) -> bool:
        """Whether the role allows the control-plane (or data-plane) ``action``."""
        name = action.lower()

        def matches(patterns: tuple[str, ...]) -> bool:
            return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)

        if data:
            return matches(self.data_actions)
        return matches(self.actions) and not matches(self.not_actions)


_SECRETS = f"{VAULT_TYPE}/secrets"

ROLES: tuple[Role, ...] = (
    Role(
        "Owner",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "Grants full access to manage all resources, including the ability to assign roles.",
        ("*",),
    ),
    Role(
        "Contributor",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Grants full access to manage all resources, but does not allow you to assign roles.",
        ("*",),
        ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"),
    ),
    Role(
        "Reader",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "View all resources, but does not allow you to make any changes.",
        ("*/read",),
    ),
    Role(
        "AcrPull",
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "acr pull",
        (f"{REGISTRY_TYPE}/pull/read",),
    ),
    Role(
        "AcrPush",
        "8311e382-0749-4cb8-b61a-304f252e45ec",
        "acr push",
        (f"{REGISTRY_TYPE}/pull/read", f"{REGISTRY_TYPE}/push/write"),
    ),
    Role(
        "AcrDelete",
        "c2f4ef07-c644-48eb-af81-4b1b4947fb11",
        "acr delete",
        (f"{REGISTRY_TYPE}/artifacts/delete",),
    ),
    Role(
        "Key Vault Secrets User",
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Read secret contents.",
        (),
        (),
        (f"{_SECRETS}/getSecret/action", f"{_SECRETS}/readMetadata/action"),
    ),
    Role(
        "Key Vault Secrets Officer",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Perform any action on the secrets of a key vault, except manage permissions.",
        ("Microsoft.KeyVault/vaults/read",),
        (),
        (f"{_SECRETS}/*",),
    ),
)


def role(name_or_guid: str) -> Role | None:
    """The built-in role of that name (any case) or GUID, or None."""
    wanted = name_or_guid.lower()
    return next((r for r in ROLES if wanted in (r.name.lower(), r.guid)), None)


class Permissions:
    """Answers whether a principal may do an action at a scope, from the stored assignments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def roles_at(self, object_id: str, scope: str) -> list[Role]:
        """The roles that ``object_id`` holds at ``scope`` or above it."""
        path = scope.lower().rstrip("/")
        held: list[Role] = []
        for assignment in self._store.find(type=ASSIGNMENT_TYPE):
            properties = assignment.properties
            if properties["principalId"].lower() != object_id.lower():
                continue
            granted = properties["scope"].lower().rstrip("/")
            if path == granted or path.startswith(granted + "/") or granted == "":
                found = role(properties["roleDefinitionId"].rsplit("/", 1)[-1])
                if found is not None:
                    held.append(found)
        return held

    def any_role(self, object_id: str) -> bool:
        """Whether ``object_id`` holds any role, anywhere in the subscription."""
        return any(
            assignment.properties["principalId"].lower() == object_id.lower()
            for assignment in self._store.find(type=ASSIGNMENT_TYPE)
        )

    def allowed(self, object_id: str, action: str, scope: str, *, data: bool = False) -> bool:
        """Whether ``object_id`` may do ``action`` at ``scope``; ``data``: a data-plane action."""
        return any(held.allows(action, data=data) for held in self.roles_at(object_id, scope))
