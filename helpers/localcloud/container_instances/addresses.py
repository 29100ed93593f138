"""Which loopback address and ports a container group gets: the public address of the local cloud."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_HIGHER = 8000  # 80 becomes 8080, 443 becomes 8443


def address_of(group_id: str, taken: Collection[str] = ()) -> str:
    """An address in 127.64.0.0/10 for a group: always the same, unless another one has it."""
    attempt = 0
    while True:
        hashed = hashlib.sha256(f"{group_id.lower()}#{attempt}".encode()).digest()
        # Never .0 or .255: some programs take these for a network or a broadcast address.
        address = f"127.{64 + hashed[0] % 64}.{hashed[1]}.{1 + hashed[2] % 254}"
        if address not in taken:
            return address
        attempt += 1


def may_bind(port: int) -> bool:
    """Whether this process may listen on ``port``."""
    try:
        first = int(_UNPRIVILEGED.read_text())
    except (OSError, ValueError):
        first = 1024
    return port >= first or os.geteuid() == 0


def host_port(port: int) -> int:
    """The port on the group's address for a container's ``port``: the same one where allowed."""
    if may_bind(port):
        return port
    return port + _HIGHER
