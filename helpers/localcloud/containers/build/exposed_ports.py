"""What EXPOSE takes: 80, 80/udp, 8000-8010, also what ``docker run -p`` would take.

Source: package nat of docker/go-connections (ParsePortSpec), which Docker reads it with.
"""

from __future__ import annotations

import ipaddress
import re

from .variables import VariableError

_RANGE = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")
_HIGHEST = 65535


def exposed(word: str) -> list[str]:
    """Ports of the container, like 80/tcp. Raises :class:`VariableError` in Docker's words."""
    ports, slash, rest = word.partition("/")
    protocol = rest.partition("/")[0]
    if not ports:
        raise VariableError(f"No port specified: {word}<empty>" if slash else "No port specified")
    protocol = protocol.lower() if protocol else "tcp"
    address, host, container = _split(ports)
    if not container:
        raise VariableError(f"No port specified: {ports}<empty>")
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise VariableError(f"Invalid ip address: {address}") from None
    first, last = _range(container, f"Invalid containerPort: {container}")
    if host:
        start, end = _range(host, f"Invalid hostPort: {host}")
        if end - start != last - first and first != last:
            raise VariableError(
                f"Invalid ranges specified for container and host Ports: {container} and {host}"
            )
    if protocol not in ("tcp", "udp", "sctp"):
        raise VariableError(f"Invalid proto: {protocol}")
    return [f"{number}/{protocol}" for number in range(first, last + 1)]


def _split(text: str) -> tuple[str, str, str]:
    """Address, port of the host and port of the container."""
    parts = text.split(":")
    container = parts.pop()
    host = parts.pop() if parts else ""
    return ":".join(parts).removeprefix("[").removesuffix("]"), host, container


def _range(text: str, message: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise VariableError(message)
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= _HIGHEST:
        raise VariableError(message)
    return first, last
