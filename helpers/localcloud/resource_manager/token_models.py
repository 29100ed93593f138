"""What scope maps and tokens of a registry can be.

Source: REST reference of Microsoft.ContainerRegistry, "Scope Maps", "Tokens", 2025-11-01.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from .models import Choice, Model, ResourceModel, Unused


class ScopeMapProperties(Model):
    """What a token with this scope map may do."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("type",)
    description: str | None = None
    actions: list[str] | None = None


class ScopeMap(ResourceModel):
    """The body of ScopeMaps_Create and ScopeMaps_Update."""

    properties: ScopeMapProperties | None = None


class TokenPassword(Model):
    """A password that a token has and keeps: as a read shows it."""

    READ_ONLY: ClassVar[tuple[str, ...]] = ("creationTime", "value")
    name: str | None = None
    expiry: str | None = None


class TokenCredentials(Model):
    """What a token logs in with."""

    passwords: list[TokenPassword] | None = None
    certificates: Annotated[list[dict[str, Any]] | None, Unused([])] = None


class TokenProperties(Model):
    """Whether a token is good, and what for."""

    scope_map_id: str | None = None
    status: Annotated[str | None, Choice("enabled", "disabled")] = None
    credentials: TokenCredentials | None = None


class Token(ResourceModel):
    """The body of Tokens_Create and Tokens_Update."""

    properties: TokenProperties | None = None


class GenerateCredentials(Model):
    """The body of Registries_GenerateCredentials; ``expiry`` is an ISO 8601 time."""

    token_id: str | None = None
    name: str | None = None
    expiry: str | None = None
