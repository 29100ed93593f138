"""What the root of a container may do: Docker's default, as far as a user namespace can (moby, oci/caps)."""

from __future__ import annotations

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
ALL = sum(1 << number for number in CAPABILITIES.values())  # a bit for each, as the kernel has them
BECOMING = frozenset({"CAP_SETUID", "CAP_SETGID"})  # what becoming another user takes


def kept(dropped: frozenset[str]) -> int:
    """A bit for each that is left when some are dropped, by name."""
    return sum(1 << number for name, number in CAPABILITIES.items() if name not in dropped)


def full_name(name: str) -> str:
    """The kernel's name of a capability: chown, CHOWN and CAP_CHOWN are the same."""
    upper = name.upper()
    return upper if upper.startswith("CAP_") else f"CAP_{upper}"
