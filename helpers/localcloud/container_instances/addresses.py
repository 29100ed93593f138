"""Which loopback address and ports a container group gets: the public address of the local cloud."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from ..cloud import Cloud
from ..resource_types import CONTAINER_GROUP_TYPE
from ..store import Resource

UNSECURE = "Unsecure"

_UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_FQDN = "CASE WHEN json_valid(private) THEN json_extract(private, '$.fqdn') END"
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


def fqdn_of(label: str, location: str, reuse: str, by: str) -> str:
    """The name of a group with a DNS name label.

    ``reuse`` is the scope in which the label may be used again: "Unsecure" is anybody's, else the name
    has a hash of ``by``, the scope's id. Source: learn.microsoft.com, "Deploy an Azure Container
    Instances (ACI) container group with DNS name reuse policy".
    """
    if reuse == UNSECURE:
        return f"{label}.{location}.azurecontainer.io"
    hashed = hashlib.sha256(f"{reuse}/{by}/{label}".lower().encode()).digest()
    letters = base64.b32encode(hashed).decode().lower()[:16]
    return f"{label}.{letters}.{location}.azurecontainer.io"


def named(cloud: Cloud, fqdn: str) -> Resource | None:
    """The group of a name, which is one group's alone."""
    condition = f"type=? COLLATE NOCASE AND {_FQDN}=?"
    return next(iter(cloud.store.select(condition, (CONTAINER_GROUP_TYPE, fqdn))), None)


def place(cloud: Cloud, host: str, port: int) -> tuple[str, int] | None:
    """Where the group of a name has a port of its containers: address and port of this machine."""
    group = named(cloud, host)
    if group is not None:
        for mapped in group.private.get("ports", []):
            if mapped["container"] == port:
                return str(group.private["address"]), int(mapped["host"])
    return None


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
