"""What the root of a container may do: Docker's default, as far as a user namespace can (moby, oci/caps)."""

from __future__ import annotations

from collections.abc import Iterable

# By their numbers (linux/capability.h).
CAPABILITIES = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_FOWNER": 3,
    "CAP_FSETID": 4,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_SETPCAP": 8,
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_SYS_CHROOT": 18,
    "CAP_SETFCAP": 31,
}
BECOMING = frozenset({"CAP_SETUID", "CAP_SETGID"})  # what becoming another user takes


def bits(names: Iterable[str]) -> int:
    """A bit for each, as the kernel has them."""
    return sum(1 << CAPABILITIES[name] for name in names)


ALL = bits(CAPABILITIES)


def begun_with(uid: int, dropped: frozenset[str], *, several: bool) -> list[str]:
    """Those that the command of a user begins with, but for those that are ``dropped``.

    With ``several`` users it begins as the container's root, and becomes that user by itself.
    """
    if uid != 0 and not several:
        return []
    if uid != 0:
        dropped -= BECOMING  # who becomes another user loses them with all others
    return [name for name in CAPABILITIES if name not in dropped]


def full_name(name: str) -> str:
    """The kernel's name of a capability: chown, CHOWN and CAP_CHOWN are the same."""
    upper = name.upper()
    return upper if upper.startswith("CAP_") else f"CAP_{upper}"
