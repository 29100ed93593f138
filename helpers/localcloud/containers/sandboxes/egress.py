"""What a program says when it wanted out of its container, and what the log adds then."""

from __future__ import annotations

import re
from collections.abc import Callable

# Of curl, git, wget, apt, pip, npm, node, Go and the C library: a proxy's refusal, an unknown name.
_REFUSED = re.compile(
    r"CONNECT tunnel failed, response 403|HTTP code 403 from proxy|Proxy tunneling failed"
    r"|Tunnel connection failed: 403|Forbidden by the local cloud|proxyconnect tcp: "
    r"|Could not resolve|Couldn't resolve host|Temporary failure (?:resolving|in name resolution)"
    r"|Name or service not known|unable to resolve host address|bad address '"
    r"|EAI_AGAIN|ENOTFOUND|no such host|Network is unreachable|server misbehaving"
)
EXPLANATION = (
    "localcloud: this looks like a host outside. That is the local cloud's limit, not Azure's: from "
    "containers only Azure, GitHub and Docker Hub as it has them are reached, by HTTPS, and nothing "
    "leaves this machine. Put what is needed into the build context, or into a base image of your own"
)


class EgressWatch:
    """Passes lines on, and remembers whether one tells of a host that was not reached."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._refused = False

    def __call__(self, line: str) -> None:
        self._refused = self._refused or _REFUSED.search(line) is not None
        self._log(line)

    def explain(self, status: int) -> None:
        """After a program that failed: say whose limit it was, if it was that."""
        if status and self._refused:
            self._log(EXPLANATION)
