"""What an expression may ask for: parameters, variables, the place of the deployment, its resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import ExpressionError
from .limits import Budget


@dataclass(frozen=True)
class Place:
    """Where a deployment is made: ``group`` is the resource group, None in a subscription."""

    subscription: Mapping[str, Any]
    group: Mapping[str, Any] | None
    tenant_id: str
    deployer: Mapping[str, str]
    deployment: Mapping[str, Any]
    secret: Callable[[str, Any], str] | None = None  # of a parameter, and its reference to a vault
    depth: int = 0  # of deployments around it

    @property
    def link(self) -> str:
        """The URI of the template, '' where it was not linked."""
        link = (self.deployment.get("properties") or {}).get("templateLink") or {}
        return str(link.get("uri") or "")

    @property
    def id(self) -> str:
        """The ARM id of the group, else of the subscription."""
        return str((self.group or self.subscription)["id"])


@dataclass(frozen=True)
class Runtime:
    """What is known only while resources are made: their state, and their list* actions."""

    reference: Callable[[str, str | None, bool], Any]
    invoke: Callable[[str, str, str, Any], Any]  # action, resource, api-version, body


@dataclass(frozen=True)
class Copy:
    """Where a copy loop is now."""

    name: str
    index: int


@dataclass(frozen=True)
class Scope:
    """The names that expressions of one template have."""

    place: Place
    parameter: Callable[[str], Any]
    variable: Callable[[str], Any]
    budget: Budget
    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)  # symbolic names to resource ids
    runtime: Runtime | None = None
    copies: tuple[Copy, ...] = ()
    lambdas: Mapping[str, Any] = field(default_factory=dict)
    defaults: bool = False  # of parameters: newGuid() and utcNow() are known there only

    def looped(self, name: str, index: int) -> Scope:
        """This scope within one turn of a copy loop."""
        return replace(self, copies=(*self.copies, Copy(name, index)))

    def with_values(self, values: Mapping[str, Any]) -> Scope:
        """This scope within a lambda whose variables have those values."""
        return replace(self, lambdas={**self.lambdas, **values})

    def copy_index(self, name: str | None) -> int:
        """The turn of the loop of that name, of the innermost without a name."""
        for copy in reversed(self.copies):
            if name is None or copy.name.lower() == name.lower():
                return copy.index
        raise ExpressionError(
            "The template function 'copyIndex' is not expected at this location. The function can "
            "only be used in a resource with copy specified. Please see "
            "https://aka.ms/arm-copy for usage details"
            if name is None
            else f"The template function 'copyIndex' has an invalid argument: there is no copy loop "
            f"with the name '{name}' here. Please see https://aka.ms/arm-copy for usage details"
        )
