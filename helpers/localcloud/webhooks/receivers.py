"""Where webhooks may be delivered to: nothing leaves this machine."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ..cloud import Cloud
from ..container_instances.addresses import place as group_place

LONGEST = 2048  # characters of a service URI
_PORTS = {"http": 80, "https": 443}
_LOCALHOST = "localhost"


class InvalidUriError(ValueError):
    """A service URI that is none; the text says why, and never repeats it: it may have a password."""


class RefusedError(Exception):
    """A host that is neither this machine's loopback nor one of this cloud."""


@dataclass(frozen=True)
class Receiver:
    """A service URI in its parts; ``credentials`` are those in it, for the header Authorization."""

    secure: bool
    host: str
    port: int
    authority: str  # host and port, as they stand in the URI
    target: str  # path and query
    credentials: str = field(repr=False)

    @property
    def uri(self) -> str:
        """The service URI without its credentials."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.target}"

    @classmethod
    def parse(cls, uri: str) -> Receiver:
        """Take a service URI apart. Raises :class:`InvalidUriError`.

        A user name and a password may be in it: the webhook that App Service gives for continuous
        deployment has both.
        """
        if len(uri) > LONGEST:
            raise InvalidUriError(f"it is longer than {LONGEST} characters")
        if not re.fullmatch(r"[!-\[\]^-~]*", uri):
            raise InvalidUriError(
                "it contains a character that a URI cannot have unless it is percent-encoded"
            )
        try:
            parts = urlsplit(uri)
            port = parts.port
        except ValueError:
            raise InvalidUriError("its host or port is malformed") from None
        if parts.scheme not in _PORTS:
            raise InvalidUriError("it must begin with http:// or https://")
        if not parts.hostname or port == 0:
            raise InvalidUriError("it names no host")
        user, at, authority = parts.netloc.rpartition("@")
        login = base64.b64encode(unquote(user).encode()).decode() if at else ""
        return cls(
            parts.scheme == "https",
            parts.hostname,
            port or _PORTS[parts.scheme],
            authority,
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            f"Basic {login}" if login else "",
        )


def places(cloud: Cloud, host: str, port: int) -> list[tuple[str, int]]:
    """Addresses and ports of a receiver, without asking anybody. Raises :class:`RefusedError`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == _LOCALHOST or host.endswith(f".{_LOCALHOST}"):  # RFC 6761, section 6.3
            return [("127.0.0.1", port), ("::1", port)]
        found = group_place(cloud, host, port)
        if found is None:
            raise _refused(f"{host}:{port}") from None
        return [found]
    mapped = getattr(address, "ipv4_mapped", None)
    if not (mapped or address).is_loopback:
        raise _refused(host)
    return [(str(mapped or address), port)]


def _refused(host: str) -> RefusedError:
    return RefusedError(
        f"The local cloud does not call {host}: nothing leaves this machine. A receiver is on "
        "loopback (127.0.0.1, ::1, localhost) or in a container group of this cloud, at its address "
        "or its name."
    )
