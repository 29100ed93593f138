"""Whose files ``--chown`` makes them, as the classic builder reads it."""

from __future__ import annotations

import re

from .build_context import ContextError

_FAILED = "unable to convert uid/gid chown string to host mapping"
_IDENTITIES = 1 << 32  # what the kernel makes of a user or group


def chosen_owner(text: str, users: str, groups: str) -> tuple[int, int]:
    """User and group, with the image's /etc/passwd and /etc/group. Raises :class:`ContextError`.

    Without a group it is named, or numbered, as the user.
    """
    user, colon, group = text.partition(":")
    if ":" in group:
        raise ContextError(f"{_FAILED}: invalid chown string format: {text}")
    group = group if colon else user
    return _identity(user, users, "user", "uid"), _identity(group, groups, "group", "gid")


def kernel_identity(number: int) -> int:
    """What chown(2) makes of a number: 32 bits of it, and -1 leaves what was made as it was, root's."""
    number %= _IDENTITIES
    return 0 if number == _IDENTITIES - 1 else number


def _identity(name: str, file: str, kind: str, called: str) -> int:
    if re.fullmatch(r"[+-]?[0-9]+", name):
        return kernel_identity(int(name[:20]))
    for row in (line.split(":") for line in file.splitlines()):
        if len(row) > 2 and row[0] == name and row[2].isascii() and row[2].isdigit():
            return kernel_identity(int(row[2][:20]))
    raise ContextError(f"{_FAILED}: can't find {called} for {kind} {name}: no such {kind}: {name}")
