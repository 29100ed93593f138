"""Which ids the containers of this process may have."""

from __future__ import annotations

from ...user_namespace import NoIdentitiesError, UserNamespace, current
from . import launcher


def several_users() -> tuple[UserNamespace | None, str]:
    """The ids that containers may have here, or why only one."""
    if not launcher.supported():
        return None, "this kind of machine is not known well enough"
    try:
        return current(), ""
    except NoIdentitiesError as error:
        return None, str(error)
