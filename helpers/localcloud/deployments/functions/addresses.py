"""CIDR functions: parseCidr, cidrSubnet, cidrHost.

Source: Azure documentation, "CIDR functions for ARM templates", with its examples.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from .function import Functions, check, refuse

FUNCTIONS = Functions()
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(name: str, given: Any) -> _Network:
    text = check(name, 1, given, "String")
    try:
        if "/" not in text:
            raise ValueError
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise refuse(name, f"'{text[:100]}' is no range of addresses in CIDR notation") from None


@FUNCTIONS.add("parseCidr", 1)
def parse_cidr(arguments: list[Any]) -> dict[str, Any]:
    """A range of addresses by its parts; of IPv6, which has no broadcast, every address is usable."""
    found = _network("parseCidr", arguments[0])
    first, last = found.network_address, found.broadcast_address
    shown = {"network": str(first), "netmask": str(found.netmask)}
    if isinstance(found, ipaddress.IPv6Network):
        usable = {"firstUsable": str(first), "lastUsable": str(last)}
    elif found.num_addresses <= 2:  # RFC 3021
        usable = {"broadcast": str(last), "firstUsable": str(first), "lastUsable": str(last)}
    else:
        usable = {
            "broadcast": str(last),
            "firstUsable": str(first + 1),
            "lastUsable": str(last - 1),
        }
    return {**shown, **usable, "cidr": found.prefixlen}


@FUNCTIONS.add("cidrSubnet", 3)
def cidr_subnet(arguments: list[Any]) -> str:
    """The range of that index among those of a length into which a range can be split."""
    found = _network("cidrSubnet", arguments[0])
    length, index = (check("cidrSubnet", n, arguments[n - 1], "Integer") for n in (2, 3))
    if not found.prefixlen <= length <= found.max_prefixlen:
        raise refuse("cidrSubnet", f"'{found}' cannot be split into ranges of /{length}")
    if not 0 <= index < 1 << (length - found.prefixlen):
        raise refuse("cidrSubnet", f"'{found}' has no range of /{length} with the index {index}")
    return f"{found.network_address + (index << (found.max_prefixlen - length))}/{length}"


@FUNCTIONS.add("cidrHost", 2)
def cidr_host(arguments: list[Any]) -> str:
    """The address of that index among those that hosts of a range may have."""
    found = _network("cidrHost", arguments[0])
    index = check("cidrHost", 2, arguments[1], "Integer")
    reserved = 2 if isinstance(found, ipaddress.IPv4Network) else 1  # network and broadcast
    if not 0 <= index < found.num_addresses - reserved:
        raise refuse("cidrHost", f"'{found}' has no host with the index {index}")
    return str(found.network_address + index + 1)
