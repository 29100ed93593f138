"""``--add-host`` of ``docker run`` and ``docker build``: names that a container knows besides others.

Source: docker/cli, opts/hosts.go (ValidateExtraHost).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ..errors import UsageError

_GATEWAY = "host-gateway"


def extra_hosts(texts: Iterable[str], command: str) -> list[tuple[str, str]]:
    """Addresses and names. Raises :class:`UsageError` in Docker's words."""
    return [_extra_host(text, command) for text in texts]


def _extra_host(text: str, command: str) -> tuple[str, str]:
    name, colon, address = text.partition(":")
    if not colon or not name:
        raise _invalid(text, f'bad format for add-host: "{text}"')
    if address == _GATEWAY:
        raise UsageError(
            f"the local cloud does not implement docker {command} --add-host with {_GATEWAY}: a "
            "step with 'network: host' reaches what the others publish. It works on Azure"
        )
    if "%" in address or not _is_address(address):  # Go knows no zones here
        raise _invalid(text, f'invalid IP address in add-host: "{address}"')
    return address, name


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _invalid(text: str, why: str) -> UsageError:
    return UsageError(f'invalid argument "{text}" for "--add-host" flag: {why}')
