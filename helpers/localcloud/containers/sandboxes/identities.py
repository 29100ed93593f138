"""Which ids the containers of this process may have."""

from __future__ import annotations

from ...user_namespace import NoIdentitiesError, UserNamespace, current
from ..errors import SandboxError
from . import launcher
from .account import Account
from .capabilities import BECOMING


def several_users() -> tuple[UserNamespace | None, str]:
    """The ids that containers may have here, or why only one."""
    if not launcher.supported():
        return None, "this kind of machine is not known well enough"
    try:
        return current(), ""
    except NoIdentitiesError as error:
        return None, str(error)


def whom(
    users: UserNamespace | None, account: Account, gid: int, dropped: frozenset[str]
) -> launcher.Become | None:
    """Whom a command becomes in a container of group ``gid``; None where it is that one already.

    Without the capabilities that becoming somebody takes, which may be ``dropped``, it begins as
    root in no other group. Raises :class:`SandboxError` where the image's root has others.
    """
    if users is None:
        return None
    if account.uid == 0 and dropped & BECOMING:
        if account.gid != 0 or set(account.groups) - {0}:
            raise SandboxError(
                "without CAP_SETUID and CAP_SETGID, root of a container can be in no other group "
                "than its own here"
            )
        return None
    groups = users.identities.groups_of_container(gid, account.groups)
    return launcher.Become(account.uid, account.gid, groups)
