"""Actions of Azure Resource Manager that several built-in roles allow."""

from __future__ import annotations


def below(type: str, names: str) -> tuple[str, ...]:
    """Actions of a type, by what follows its name."""
    return tuple(f"{type}/{name}" for name in names.split())


AUTHORIZATION = "Microsoft.Authorization"
READ_ROLES = f"{AUTHORIZATION}/*/read"
DEPLOYMENTS = "Microsoft.Resources/deployments/*"
GROUPS = "Microsoft.Resources/subscriptions/resourceGroups/read"
ALERTS = "Microsoft.Insights/alertRules/*"
SUPPORT = "Microsoft.Support/*"
