"""What the daemon tells an agent to do."""

from __future__ import annotations

from dataclasses import dataclass, field

MESSAGE = 65536  # bytes of what the two tell each other, at most


@dataclass(frozen=True)
class Order:
    """The run of that key is to be executed, in that folder of the state folder.

    ``name`` is what ``ps`` shows; ``namespaces`` is whether containers are known to have them on
    this machine; ``token`` is what the run's own registry knows its agent by.
    """

    run: str
    name: str
    folder: str
    proxy_url: str
    namespaces: bool | None
    token: str = field(default="", repr=False)
