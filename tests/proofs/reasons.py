"""Operations that no client of Azure's can show, and why: tests call them by plain HTTP alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .operations import GRAPH, LOGIN, REGISTRY, Operation
from .recording import Proofs

_UPLOADS = "/v2/{name}/blobs/uploads/{upload}"
_UPLOAD = "No client of Azure's has it: what was not finished is left to the registry."
_CHECKS = "Who checks tokens asks for it: services, no client of Azure's."
_USER = (
    "Graph refuses it to every application, as az and its own client show: only users are somebody."
)
REASONS = {
    Operation(REGISTRY, "DELETE", _UPLOADS): _UPLOAD,
    Operation(REGISTRY, "GET", _UPLOADS): _UPLOAD,
    Operation(REGISTRY, "HEAD", "/v2"): "Every client asks with GET.",
    Operation(LOGIN, "GET", "/{tenant}/.well-known/openid-configuration"): (
        "Of the endpoint of version 1, which no client that is still supported asks for."
    ),
    Operation(LOGIN, "GET", "/{tenant}/discovery/keys"): _CHECKS,
    Operation(LOGIN, "GET", "/{tenant}/discovery/v2.0/keys"): _CHECKS,
    Operation(LOGIN, "POST", "/{tenant}/oauth2/token"): (
        "Of the endpoint of version 1, which ADAL asked for until its support ended."
    ),
    Operation(GRAPH, "GET", "/v1.0/me"): _USER,
    Operation(GRAPH, "GET", "/v1.0/me/ownedObjects"): _USER,
}


def unexplained(operations: Iterable[Operation], proofs: Proofs) -> Iterator[Operation]:
    """The operations that neither a client has called nor a reason excuses."""
    return (one for one in operations if not proofs.get(one) and one not in REASONS)
