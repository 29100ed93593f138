"""Images of benchmarks, pushed by plain HTTP: manifests of a blob or two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import requests

from helpers.localcloud import daemon
from helpers.localcloud.media_types import OCI_MANIFEST

from .clouds import client

_TIMEOUT = 120.0  # seconds


def descriptor(data: bytes) -> dict[str, Any]:
    """How a manifest names a blob."""
    return {
        "mediaType": "application/octet-stream",
        "digest": "sha256:" + hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }


def pusher(running: daemon.Running, name: str, *scopes: str) -> requests.Session:
    """A client of a registry with one token for all that it asks."""
    http = client(running)
    answer = http.get(
        f"https://{name}.azurecr.io/oauth2/token",
        params=[("service", f"{name}.azurecr.io"), *(("scope", scope) for scope in scopes)],
        auth=(running.account.client_id, running.account.client_secret),
        timeout=_TIMEOUT,
    )
    answer.raise_for_status()
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return http


def push_blob(http: requests.Session, repository: str, data: bytes) -> dict[str, Any]:
    """Push a blob to the repository at that address, in one request; its descriptor."""
    found = descriptor(data)
    url = f"{repository}/blobs/uploads/"
    answer = http.post(url, params={"digest": found["digest"]}, data=data, timeout=_TIMEOUT)
    answer.raise_for_status()
    return found


def manifest_of(
    config: dict[str, Any], layers: Sequence[dict[str, Any]] = (), number: int = 0
) -> bytes:
    """The manifest of an image; ``number`` makes it another one."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config,
        "layers": list(layers),
        "annotations": {"number": str(number)},
    }
    return json.dumps(manifest).encode()


def push_manifest(
    http: requests.Session,
    repository: str,
    tag: str,
    config: dict[str, Any],
    layers: Sequence[dict[str, Any]] = (),
    number: int = 0,
) -> None:
    """Push a manifest of blobs that are there; ``number`` makes it another one."""
    http.put(
        f"{repository}/manifests/{tag}",
        data=manifest_of(config, layers, number),
        headers={"Content-Type": OCI_MANIFEST},
        timeout=_TIMEOUT,
    ).raise_for_status()
