"""Which ids the containers of this process may have."""

from __future__ import annotations

from ...user_namespace import NoIdentitiesError, UserNamespace, current
from . import launcher
from .account import Account


def several_users() -> tuple[UserNamespace | None, str]:
    """The ids that containers may have here, or why only one."""
    if not launcher.supported():
        return None, "this kind of machine is not known well enough"
    try:
        return current(), ""
    except NoIdentitiesError as error:
        return None, str(error)


def whom(users: UserNamespace | None, account: Account, gid: int) -> launcher.Become | None:
    """Whom a command becomes in a container of group ``gid``; None where there is only one user."""
    if users is None:
        return None
    groups = users.identities.groups_of_container(gid, account.groups)
    return launcher.Become(account.uid, account.gid, groups)
