"""What manifests say, kept in the store: listings show it without reading any content."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..content import ContentStore, MissingContentError
from ..reference import valid_digest
from ..request_body import parse_json
from ..store import Store

_LARGEST_CONFIG = 1024 * 1024  # bytes; a larger one is no image's


@dataclass(frozen=True)
class Description:
    """Of a manifest: its configuration's type and platform, or an index's children."""

    config_media_type: str | None
    architecture: str | None
    os: str | None
    children: list[dict[str, Any]] | None  # of an index
    artifact_type: str
    annotations: dict[str, str]
    length: int  # bytes of the manifest


def describe(content: ContentStore, manifest: bytes) -> Description:
    """Read a stored manifest and its configuration; what they do not say is None.

    Nothing obliges a configuration to be that of an image (OCI image spec, "Guidelines for Artifact
    Usage"): it may be empty, another JSON, or none.
    """
    parsed = _object(manifest)
    config = _dict(parsed.get("config"))
    kind = _text(config.get("mediaType"))
    said = _configuration(content, config) if "image" in (kind or "") else {}
    children = parsed.get("manifests")
    return Description(
        kind,
        _text(said.get("architecture")),
        _text(said.get("os")),
        [
            {"digest": _text(_dict(one).get("digest")), **_dict(_dict(one).get("platform"))}
            for one in children
        ]
        if isinstance(children, list)
        else None,
        _text(parsed.get("artifactType")) or kind or "",
        _dict(parsed.get("annotations")),
        len(manifest),
    )


def _configuration(content: ContentStore, config: dict[str, Any]) -> dict[str, Any]:
    digest = str(config.get("digest"))
    try:
        if not valid_digest(digest) or content.size(digest) > _LARGEST_CONFIG:
            return {}
        return _object(content.read(digest))
    except FileNotFoundError:
        return {}


def _object(data: bytes) -> dict[str, Any]:
    try:
        return _dict(parse_json(data))
    except ValueError:
        return {}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


class Descriptions:
    """The descriptions of all manifests, by digest."""

    def __init__(self, store: Store, content: ContentStore) -> None:
        self._store = store
        self._content = content

    def keep(self, found: Mapping[str, Description]) -> None:
        """Remember what stored manifests say."""
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO registry_descriptions VALUES (?,?,?,?,?,?,?,?)",
                [
                    (
                        digest,
                        one.config_media_type,
                        one.architecture,
                        one.os,
                        None if one.children is None else json.dumps(one.children),
                        one.artifact_type,
                        json.dumps(one.annotations),
                        one.length,
                    )
                    for digest, one in found.items()
                ],
            )

    def of(self, digests: Sequence[str]) -> dict[str, Description]:
        """The descriptions of these manifests; one whose content is missing is left out."""
        found: dict[str, Description] = {}
        rows = self._store.query(
            "SELECT * FROM registry_descriptions WHERE digest IN (SELECT value FROM json_each(?))",
            [json.dumps(list(digests))],
        )
        for row in rows:
            children = row["children"]
            found[row["digest"]] = Description(
                row["config_media_type"],
                row["architecture"],
                row["os"],
                None if children is None else json.loads(children),
                row["artifact_type"],
                json.loads(row["annotations"]),
                row["length"],
            )
        fresh = {}
        for digest in set(digests) - set(found):  # an older version has stored it
            with contextlib.suppress(MissingContentError):
                fresh[digest] = describe(self._content, self._content.read(digest))
        if fresh:
            self.keep(fresh)
        return found | fresh

    def children(self, indexes: Sequence[str]) -> set[str]:
        """The digests of the manifests that stored indexes name."""
        said = self.of(indexes).values()
        return {str(child.get("digest")) for one in said for child in one.children or ()}
