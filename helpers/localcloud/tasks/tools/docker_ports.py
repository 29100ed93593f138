"""The ports that ``docker run`` publishes: ``--publish``, ``--publish-all`` and ``--expose``."""

from __future__ import annotations

from ...containers.networks import HOST, NONE, Port
from ..definitions.flags import Read
from ..errors import UsageError
from . import ToolContext


def ports(read: Read, image: str, context: ToolContext, network: str) -> list[Port]:
    """What ``--publish`` and ``--publish-all`` say. Raises :class:`UsageError` in Docker's words."""
    wanted = [port for text in read.all("publish") for port in _published(text)]
    exposed = [port for text in read.all("expose") for port in _exposed(text)]
    if read.is_set("publish-all"):
        known = {port.container for port in wanted}
        settings = (context.session.images.inspect(image) or {}).get("Config", {})
        exposed += [
            port for text in settings.get("ExposedPorts") or {} for port in _exposed(str(text))
        ]
        wanted += [port for port in dict.fromkeys(exposed) if port.container not in known]
    if wanted and network == HOST:
        context.log("WARNING: Published ports are discarded when using host network mode")
        return []
    for port in wanted:
        if port.kind != "tcp":
            raise UsageError(
                f"the local cloud does not implement publishing {port.kind} ports "
                f"({port.container}/{port.kind}). It works on Azure"
            )
    return [] if network == NONE or network.startswith("container:") else wanted


def _exposed(text: str) -> list[Port]:
    number, _, kind = text.partition("/")
    first, last = _range(number) or (0, -1)
    if last < first or not first:
        raise UsageError(
            f"docker: invalid range format for --expose: {text}, error: strconv.ParseUint: parsing "
            f'"{number}": invalid syntax.'
        )
    return [Port(0, one, kind or "tcp") for one in range(first, last + 1)]


def _published(text: str) -> list[Port]:
    """``[[address:]host:]container[/kind]``, numbers or ranges (docker/go-connections, nat)."""
    rest, _, kind = text.partition("/")
    front, _, inner = rest.rpartition(":")
    outer = front.rpartition(":")[2]
    container = _range(inner)
    if not inner:
        raise UsageError(f"docker: No port specified: {text}<empty>.")
    if container is None:
        raise UsageError(f"docker: invalid containerPort: {inner}.")
    host = _range(outer) if outer else None
    if outer and host is None:
        raise UsageError(f"docker: invalid hostPort: {outer}.")
    if host is not None and host[1] - host[0] != container[1] - container[0]:
        raise UsageError(f"docker: invalid ranges specified for container and host Ports: {text}.")
    if kind.lower() not in ("", "tcp", "udp", "sctp"):
        raise UsageError(f"docker: invalid proto: {kind}.")
    first = host[0] if host is not None else 0
    return [
        Port(
            first + offset if host is not None else 0, container[0] + offset, kind.lower() or "tcp"
        )
        for offset in range(container[1] - container[0] + 1)
    ]


def _range(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first, first]
    if not all(one.isascii() and one.isdigit() and len(one) < 6 for one in numbers):
        return None
    begin, end = map(int, numbers)
    return (begin, end) if begin <= end <= 65535 else None
