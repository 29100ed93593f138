"""Manifests of images and indexes: their media types, what one must have, what it refers to."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import CloudError
from ..media_types import INDEXES, MANIFEST_TYPES, OCI_INDEX, OCI_MANIFEST
from ..reference import valid_digest
from ..request_body import parse_json
from ..shapes import Shape, check_shape

_LARGEST_SIZE = 2**63 - 1  # bytes, as in Go
_DESCRIPTOR: dict[str, Shape] = {"mediaType": str, "digest": str, "size": int, "urls": [str]}
_MANIFEST: Shape = {  # OCI image spec 1.1, manifest and index
    "mediaType": str,
    "config": _DESCRIPTOR,
    "layers": [_DESCRIPTOR],
    "manifests": [{**_DESCRIPTOR, "platform": {"os": str, "architecture": str}}],
    "subject": _DESCRIPTOR,
    "artifactType": str,
    "annotations": {str: str},
}


def parse_manifest(data: bytes, media_type: str) -> dict[str, Any]:
    """The manifest as JSON. Raises 400 MANIFEST_INVALID, naming what is wrong."""
    parsed = _json(data)
    if media_type not in MANIFEST_TYPES:
        raise CloudError(
            415,
            "MANIFEST_INVALID",
            f"media type {media_type!r} is not supported; supported: {', '.join(MANIFEST_TYPES)}",
        )
    version = parsed.get("schemaVersion") if isinstance(parsed, dict) else None
    if not isinstance(parsed, dict) or type(version) is not int or version != 2:
        raise CloudError(400, "MANIFEST_INVALID", "manifest must have schemaVersion 2")
    if (parsed.get("mediaType") or media_type) != media_type:
        raise CloudError(
            400,
            "MANIFEST_INVALID",
            f"manifest says mediaType {parsed['mediaType']}, the request {media_type}",
        )
    if ("manifests" in parsed) != (media_type in INDEXES):
        raise CloudError(
            400,
            "MANIFEST_INVALID",
            f"a manifest of media type {media_type} has "
            f"{'manifests' if media_type in INDEXES else 'config and layers'}",
        )
    try:
        check_shape(parsed, _MANIFEST)
        for name in ("manifests",) if media_type in INDEXES else ("config", "layers"):
            if parsed.get(name) is None:  # null is as good as nothing, in Go
                raise KeyError(name)
        named = _digests(parsed)
    except KeyError as error:
        raise CloudError(400, "MANIFEST_INVALID", f"manifest lacks {error}") from None
    except (TypeError, ValueError) as error:
        raise CloudError(400, "MANIFEST_INVALID", f"manifest is malformed: {error}") from None
    for digest in named:
        if not valid_digest(digest):
            raise CloudError(400, "MANIFEST_INVALID", f"manifest has the invalid digest {digest!r}")
    return parsed


def _json(data: bytes) -> Any:
    try:
        if data.startswith(codecs.BOM_UTF8):  # RFC 8259, section 8.1: no client would read it
            raise ValueError("it begins with a byte order mark")
        return parse_json(data)
    except ValueError as error:
        raise CloudError(400, "MANIFEST_INVALID", f"manifest is not JSON: {error}") from None


def _digests(manifest: dict[str, Any]) -> list[str]:
    """All digests in a manifest, also of what it does not need."""
    found = [*references(manifest)] if "manifests" in manifest else []
    found += [] if "manifests" in manifest else [str(d["digest"]) for d in descriptors(manifest)]
    return found + ([str(manifest["subject"]["digest"])] if manifest.get("subject") else [])


def references(manifest: dict[str, Any]) -> list[str]:
    """Digests that a manifest needs: its configuration and layers, or its manifests."""
    if "manifests" in manifest:
        return [str(one["digest"]) for one in manifest["manifests"]]
    found = [str(manifest["config"]["digest"])]
    return found + [str(one["digest"]) for one in manifest["layers"] if not one.get("urls")]


def each_once(digest: str, needs: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """A manifest and all that are below it, those that an index ``needs`` before the index itself.

    However deep they are, and however often one is named: indexes that name the same one twice, level
    upon level, have more paths than anybody could go.
    """
    seen = {digest}
    ahead = [(digest, iter(needs(digest)))]
    while ahead:
        current, left = ahead[-1]
        child = next((one for one in left if one not in seen), None)
        if child is None:
            ahead.pop()
            yield current
        else:
            seen.add(child)
            ahead.append((child, iter(needs(child))))


def image_size(manifest: dict[str, Any], own: int) -> int:
    """Bytes of an image: configuration and layers; of an index its own."""
    if "manifests" in manifest:
        return own
    total = sum(max(int(one.get("size") or 0), 0) for one in descriptors(manifest))
    return min(total, _LARGEST_SIZE)


def descriptors(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The descriptors of an image's configuration and layers."""
    return [manifest["config"], *manifest["layers"]]


def media_type_of(manifest: dict[str, Any]) -> str:
    """What kind of manifest it is; ``mediaType`` is optional (OCI image spec 1.1, manifest.md)."""
    return str(
        manifest.get("mediaType") or (OCI_INDEX if "manifests" in manifest else OCI_MANIFEST)
    )
