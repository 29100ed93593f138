"""What a client logs in to a registry with."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credential:
    """What ``docker login`` is given."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ProvenCredential(Credential):
    """Who a service of this cloud has already shown to be there: nothing to send, nothing to check.

    ``kind`` and ``name`` are those of the registry's caller; good at ``server`` alone.
    """

    server: str
    kind: str
    name: str
