"""One row of what a registry holds, a repository, a manifest or a tag: its times and its locks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..store import decoded, readable

ATTRIBUTES = ("deleteEnabled", "listEnabled", "readEnabled", "writeEnabled")
Attributes: TypeAlias = dict[str, bool | str]
Kind = Literal["repository", "manifest", "tag"]
PLACES: dict[Kind, tuple[str, str]] = {  # the table of each kind, and the column that names one
    "repository": ("registry_repositories", "repository"),
    "manifest": ("registry_manifests", "digest"),
    "tag": ("registry_tags", "tag"),
}
_KINDS: dict[str, Kind] = {column: kind for kind, (_, column) in PLACES.items()}


@dataclass(frozen=True)
class Entry:
    """A row that can be locked: a repository, a manifest (``name`` is its digest) or a tag."""

    kind: Kind
    registry: str
    repository: str
    name: str
    digest: str
    created: float
    updated: float
    attributes: Attributes  # a manifest has the marks of a quarantine, too, once it was marked
    media_type: str = ""
    size: int = 0
    subject: str = ""

    @property
    def path(self) -> str:
        """As clients name it: ``app``, ``app:v1`` or ``app@sha256:…``."""
        if self.kind == "repository":
            return self.repository
        return f"{self.repository}{'@' if self.kind == 'manifest' else ':'}{self.name}"


def entries_of(rows: Iterable[sqlite3.Row], column: str) -> list[Entry]:
    """What the rows of a table hold; ``column`` is the one that names them."""
    key = dict.fromkeys(("registry", "repository", column))
    return readable("image of registry", tuple(key), rows, lambda row: _entry(row, column))


def _entry(row: sqlite3.Row, column: str) -> Entry:
    keys = row.keys()
    return Entry(
        _KINDS[column],
        row["registry"],
        row["repository"],
        row[column],
        row["digest"] if "digest" in keys else "",
        row["created"],
        row["updated"],
        {**dict.fromkeys(ATTRIBUTES, True), **decoded(row, "attributes")},
        row["media_type"] if "media_type" in keys else "",
        row["size"] if "size" in keys else 0,
        row["subject"] if "subject" in keys else "",
    )
