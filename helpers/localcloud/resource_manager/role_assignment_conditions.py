"""What a condition of a role, or of a role assignment, must be."""

from __future__ import annotations

from ..errors import CloudError
from ..role_conditions import ConditionError, parse_condition
from .routing import invalid

CONDITION_VERSION = "2.0"


def check_condition(condition: str | None, version: str | None) -> None:
    """Raise 400 for what is no condition, 501 that names what the local cloud lacks in one."""
    if version not in (None, "", CONDITION_VERSION):
        raise invalid(
            f"The condition version '{version}' is not supported: it is {CONDITION_VERSION}."
        )
    if version and not condition:
        raise invalid("A condition version was given, and no condition.")
    if not condition:
        return
    try:
        parse_condition(condition)
    except ConditionError as error:
        if error.lacking:
            raise CloudError.not_implemented(error.lacking) from None
        raise invalid(f"The given role assignment condition is invalid. {error}") from None
