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
