"""Content of any kind in a registry, and what is attached to it: OCI artifacts and referrers.

The Azure SDK has no call for referrers: those are asked for by plain HTTP, as the same caller.

Source: OCI distribution specification 1.1, "Listing Referrers"; OCI image specification 1.1,
"Guidelines for Artifact Usage". The tokens: Azure/acr, docs/AAD-OAuth.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast
from urllib.parse import quote, urljoin

import requests

from .clouds import MANAGEMENT, Connection
from .errors import HelpersError
from .localcloud import media_types

OCI_MANIFEST = media_types.OCI_MANIFEST
TITLE = "org.opencontainers.image.title"  # annotation of a layer: the name of its file
EMPTY = "application/vnd.oci.empty.v1+json"  # of the configuration of what is no image
_ACCEPTED = ", ".join(media_types.MANIFEST_TYPES)
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


@dataclass(frozen=True)
class Artifact:
    """What was pulled: its manifest, the digest of that, and the files by the name in their title."""

    digest: str
    manifest: dict[str, Any]
    files: dict[str, bytes]

    @property
    def artifact_type(self) -> str:
        """What it is: ``artifactType``, or the media type of its configuration."""
        return str(self.manifest.get("artifactType") or self.manifest["config"]["mediaType"])


def pull(connection: Connection, login_server: str, repository: str, reference: str) -> Artifact:
    """An artifact by tag or digest; the SDK checks each file against its digest.

    Raises :class:`HelpersError` when it is not there, or has two files of one name.
    """
    from azure.core.exceptions import ResourceNotFoundError

    registry = connection.clients.registry(login_server)
    named = f"{login_server}/{repository}{'@' if ':' in reference else ':'}{reference}"
    try:
        found = registry.get_manifest(repository, reference)
    except ResourceNotFoundError as error:
        if error.response is not None:
            error.response.close()  # type: ignore[attr-defined]  # the SDK streams it
        raise HelpersError(f"{named} is not there.") from None
    manifest = cast("dict[str, Any]", found.manifest)
    files: dict[str, bytes] = {}
    for number, layer in enumerate(manifest.get("layers") or []):
        name = (layer.get("annotations") or {}).get(TITLE) or f"layer-{number}"
        if name in files:
            raise HelpersError(f"{named} has two files of the name {name!r}.")
        files[name] = b"".join(registry.download_blob(repository, layer["digest"]))
    return Artifact(str(found.digest), manifest, files)


def referrers(
    connection: Connection,
    login_server: str,
    repository: str,
    digest: str,
    artifact_type: str = "",
) -> list[dict[str, Any]]:
    """The descriptors of all manifests whose subject is ``digest``, of one type if it is given.

    Raises :class:`HelpersError`.
    """
    path = f"referrers/{digest}"
    if artifact_type:
        path += f"?artifactType={quote(artifact_type, safe='')}"
    found: list[dict[str, Any]] = []
    while path:
        answer = _ask(connection, "GET", login_server, repository, path)
        found += answer.json()["manifests"]
        path = answer.links.get("next", {}).get("url", "")
    # A registry may leave the filter out (a header tells whether it has applied it).
    return [one for one in found if artifact_type in ("", one.get("artifactType"))]


def attach(
    connection: Connection,
    login_server: str,
    repository: str,
    reference: str,
    artifact_type: str,
    content: bytes,
    *,
    media_type: str = "",
    annotations: Mapping[str, str] | None = None,
) -> str:
    """Attach ``content`` to an image, as an artifact of that type; the artifact's digest.

    ``media_type``: of the content, where it is not that of the artifact. The same content is the
    same artifact: attaching it twice is attaching it once.
    Raises :class:`HelpersError` for an image that there is not.
    """
    subject = descriptor(connection, login_server, repository, reference)
    registry = connection.clients.registry(login_server)
    layer, size = registry.upload_blob(repository, BytesIO(content))
    config, config_size = registry.upload_blob(repository, BytesIO(b"{}"))
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": Descriptor(EMPTY, config, config_size).as_oci(),
        "layers": [Descriptor(media_type or artifact_type, layer, size).as_oci()],
        "subject": subject.as_oci(),
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return registry.set_manifest(repository, manifest)


def _ask(
    connection: Connection, method: str, login_server: str, repository: str, path: str
) -> requests.Response:
    token = _access_token(connection, login_server, repository)
    answer = requests.request(
        method,
        urljoin(f"https://{login_server}/v2/{repository}/", path),
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
