"""A user name and password for a registry."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credential:
    """What ``docker login`` is given."""

    username: str
    password: str = field(repr=False)
