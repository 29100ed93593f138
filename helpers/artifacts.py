"""What is attached to an image: OCI referrers, for which the Azure SDK has no call.

Source: OCI distribution specification 1.1, "Listing Referrers"; OCI image specification 1.1,
"Guidelines for Artifact Usage". The tokens: Azure/acr, docs/AAD-OAuth.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import requests

from .clouds import MANAGEMENT, Connection
from .errors import HelpersError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"  # of the configuration of what is no image
_ACCEPTED = ", ".join(
    (
        OCI_MANIFEST,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_WITHIN = 30  # seconds for one answer


@dataclass(frozen=True)
class Descriptor:
    """What a manifest is named by: its type, its digest, its size in bytes."""

    media_type: str
    digest: str
    size: int

    def as_oci(self) -> dict[str, Any]:
        """The JSON that a manifest names it by."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def descriptor(
    connection: Connection, login_server: str, repository: str, reference: str
) -> Descriptor:
    """The descriptor of a manifest, by its tag or digest. Raises :class:`HelpersError`."""
    answer = _ask(connection, "HEAD", login_server, repository, f"manifests/{reference}")
    return Descriptor(
        answer.headers["Content-Type"],
        answer.headers["Docker-Content-Digest"],
        int(answer.headers["Content-Length"]),
    )


def referrers(
    connection: Connection, login_server: str, repository: str, digest: str
) -> list[dict[str, Any]]:
    """The descriptors of all manifests whose subject is ``digest``. Raises :class:`HelpersError`."""
    answer = _ask(connection, "GET", login_server, repository, f"referrers/{digest}")
    found: list[dict[str, Any]] = answer.json()["manifests"]
    return found


def attach(
    connection: Connection,
    login_server: str,
    repository: str,
    reference: str,
    artifact_type: str,
    content: bytes,
) -> str:
    """Attach ``content`` to an image, as an artifact of that type; the artifact's digest.

    The same content is the same artifact: attaching it twice is attaching it once.
    Raises :class:`HelpersError` for an image that there is not.
    """
    subject = descriptor(connection, login_server, repository, reference)
    registry = connection.clients.registry(login_server)
    layer, size = registry.upload_blob(repository, BytesIO(content))
    config, config_size = registry.upload_blob(repository, BytesIO(b"{}"))
    return registry.set_manifest(
        repository,
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": Descriptor(EMPTY, config, config_size).as_oci(),
            "layers": [Descriptor(artifact_type, layer, size).as_oci()],
            "subject": subject.as_oci(),
        },
    )


def _ask(
    connection: Connection, method: str, login_server: str, repository: str, path: str
) -> requests.Response:
    token = _access_token(connection, login_server, repository)
    answer = requests.request(
        method,
        f"https://{login_server}/v2/{repository}/{path}",
        headers={"Authorization": f"Bearer {token}", "Accept": _ACCEPTED},
        timeout=_WITHIN,
    )
    if not answer.ok:
        raise HelpersError(
            f"{login_server} answers {answer.status_code} to {method} {repository}/{path}. "
            "Check the names of repository and tag."
        )
    return answer


def _access_token(connection: Connection, login_server: str, repository: str) -> str:
    """A token to pull from one repository, for who is signed in."""
    entra = connection.credential.get_token(f"{MANAGEMENT}/.default").token
    given = {"grant_type": "access_token", "service": login_server, "access_token": entra}
    refresh = _token(login_server, "exchange", given)["refresh_token"]
    scope = f"repository:{repository}:pull"
    given = {"grant_type": "refresh_token", "service": login_server, "refresh_token": refresh}
    return str(_token(login_server, "token", {**given, "scope": scope})["access_token"])


def _token(login_server: str, path: str, given: dict[str, str]) -> dict[str, Any]:
    answer = requests.post(f"https://{login_server}/oauth2/{path}", data=given, timeout=_WITHIN)
    if not answer.ok:
        raise HelpersError(
            f"{login_server} gives no token ({answer.status_code}): who is signed in has no role "
            "there, or there is no such registry."
        )
    tokens: dict[str, Any] = answer.json()
    return tokens
